/** How many addresses the Services of a namespace may hold, of all pools together: an annotation of the namespace. */
import type { NamespaceView } from '../../model/cluster.ts';
import type { ConfigError } from '../../model/config.ts';
import { compareText } from '../../model/text-order.ts';

export const MAX_ADDRESSES_ANNOTATION = 'metallb.io/max-addresses';

export interface NamespaceLimits {
  /** By name; a namespace that is not among them has no limit. 0: it gets no address. */
  readonly limits: ReadonlyMap<string, number>;
  /** Ordered by namespace. */
  readonly errors: readonly ConfigError[];
}

/** An annotation that cannot be read lets no new address in: whoever wrote it meant to limit something. */
export function namespaceLimits(namespaces: readonly NamespaceView[]): NamespaceLimits {
  const limits = new Map<string, number>();
  const errors: ConfigError[] = [];
  for (const { name, annotations } of [...namespaces].sort((a, b) => compareText(a.name, b.name))) {
    const text = annotations?.[MAX_ADDRESSES_ANNOTATION]?.trim();
    if (text === undefined) continue;
    const isLimit = /^[0-9]{1,9}$/.test(text);
    limits.set(name, isLimit ? Number(text) : 0);
    if (isLimit) continue;
    const path = `Namespace ${name} metadata.annotations[${MAX_ADDRESSES_ANNOTATION}]`;
    const message = `"${text}" is not a number of addresses: write one like "10"; until then Services of ${name} get no new address`;
    errors.push({ path, message, kind: 'invalid' });
  }
  return { limits, errors };
}
