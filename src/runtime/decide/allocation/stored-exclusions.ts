/**
 * What IPAddressPool status.skipped says, read back: the controller's own knowledge of whose addresses are whose, for
 * those who cannot gather it themselves. The pool's own list is left out: its spec is the newer word on that.
 */
import type { Exclusion, ExclusionReason } from '../../model/exclusion.ts';
import { parseRangeOrAddress } from '../../model/range.ts';
import type { RawResource } from '../../model/resource.ts';

const REASONS: Readonly<Record<Exclude<ExclusionReason, 'Listed'>, true>> = {
  NodeAddress: true,
  Gateway: true,
  PodNetwork: true,
  ServiceNetwork: true,
  InUseOnLan: true,
};

/** Whatever is malformed is left out. */
export function storedExclusions(pool: RawResource): readonly Exclusion[] {
  const { skipped } = (pool.status ?? {}) as { readonly skipped?: unknown };
  if (!Array.isArray(skipped)) return [];
  return skipped.flatMap((entry: unknown): Exclusion[] => {
    const { addresses, reason, detail } = (entry ?? {}) as Readonly<Record<string, unknown>>;
    const range = parseRangeOrAddress(typeof addresses === 'string' ? addresses : '');
    if (!range.ok || typeof reason !== 'string' || !isGathered(reason)) return [];
    return [{ range: range.value, reason, detail: typeof detail === 'string' ? detail : '' }];
  });
}

function isGathered(reason: string): reason is Exclude<ExclusionReason, 'Listed'> {
  return Object.hasOwn(REASONS, reason);
}
