/**
 * Finds the pool that an address belongs to, in logarithmic time: thousands of pools must not slow down ten thousand
 * Services. Relies on the configuration's invariant that no two ranges overlap.
 */
import type { Config, Pool } from '../model/config.ts';
import { type Ip, type IpFamily, ipFamily, ipValue } from '../model/ip.ts';

interface Entry {
  readonly first: bigint;
  readonly last: bigint;
  readonly pool: Pool;
}

export interface PoolIndex {
  readonly ipv4: readonly Entry[];
  readonly ipv6: readonly Entry[];
}

export function indexPools(config: Config): PoolIndex {
  const entries = (family: IpFamily): Entry[] =>
    config.pools
      .flatMap((pool) =>
        pool.ranges.filter((range) => range.family === family).map(({ first, last }) => ({ first, last, pool })),
      )
      .sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  return { ipv4: entries('ipv4'), ipv6: entries('ipv6') };
}

/** The pool one of whose ranges holds the address, if any. */
export function poolOf(index: PoolIndex, ip: Ip): Pool | undefined {
  const entries = index[ipFamily(ip)];
  const value = ipValue(ip);
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((entries[middle]?.first ?? 0n) <= value) low = middle + 1;
    else high = middle;
  }
  const entry = entries[low - 1];
  return entry !== undefined && value <= entry.last ? entry.pool : undefined;
}
