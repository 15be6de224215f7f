/** What IPAddressPool status.released says, read back: the memory that all controllers share. */
import { parseIp } from '../../model/ip.ts';
import type { Release } from '../../model/release.ts';
import type { RawResource } from '../../model/resource.ts';

/** `parseTime` gives milliseconds since the Unix epoch, NaN for what is no time. Whatever is malformed is left out. */
export function storedReleases(pool: RawResource, parseTime: (text: string) => number): readonly Release[] {
  const { released } = (pool.status ?? {}) as { readonly released?: unknown };
  if (!Array.isArray(released)) return [];
  return released.flatMap((entry: unknown): Release[] => {
    const { address, service, releasedAt, cause } = (entry ?? {}) as Readonly<Record<string, unknown>>;
    const ip = parseIp(typeof address === 'string' ? address : '');
    const releasedAtMs = typeof releasedAt === 'string' ? parseTime(releasedAt) : Number.NaN;
    if (!ip.ok || typeof service !== 'string' || !Number.isFinite(releasedAtMs)) return [];
    if (cause !== 'Deleted' && cause !== 'Moved') return [];
    return [{ ip: ip.value, pool: pool.name, owner: service, releasedAtMs, cause }];
  });
}
