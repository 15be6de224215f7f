/** How full the pools are: what IPAddressPool status and the metrics say. */
import type { Pool } from '../model/config.ts';
import { type Ip, type IpFamily, ipFamily } from '../model/ip.ts';
import { type AddressRange, rangeSize } from '../model/range.ts';
import type { Allocation } from './allocate.ts';

export interface PoolUsage {
  readonly pool: string;
  /** Different addresses in use: a shared one counts once. */
  readonly assigned: Readonly<Record<IpFamily, number>>;
  /** Addresses the pool can give, in use or not; up to 2^128. */
  readonly capacity: Readonly<Record<IpFamily, bigint>>;
}

/** Of every pool, in the pools' order. */
export function poolUsage(pools: readonly Pool[], allocations: readonly Allocation[]): readonly PoolUsage[] {
  const inUse = new Map<string, Set<Ip>>(pools.map(({ name }) => [name, new Set()]));
  for (const { pool, ips } of allocations) {
    for (const ip of ips) inUse.get(pool ?? '')?.add(ip);
  }
  return pools.map((pool) => {
    const ips = Array.from(inUse.get(pool.name) ?? []);
    const assigned = (family: IpFamily): number => ips.filter((ip) => ipFamily(ip) === family).length;
    return {
      pool: pool.name,
      assigned: { ipv4: assigned('ipv4'), ipv6: assigned('ipv6') },
      capacity: { ipv4: capacity(pool, 'ipv4'), ipv6: capacity(pool, 'ipv6') },
    };
  });
}

function capacity(pool: Pool, family: IpFamily): bigint {
  return pool.ranges
    .filter((range) => range.family === family)
    .map((range) => rangeSize(range) - (pool.avoidBuggyIps && family === 'ipv4' ? avoidedIn(range) : 0n))
    .reduce((sum, size) => sum + size, 0n);
}

/** How many addresses of an IPv4 range end in .0 or .255. */
function avoidedIn(range: AddressRange): bigint {
  // Up to and including v: one .0 for every block begun, one .255 for every block completed.
  const upTo = (v: bigint): bigint => (v < 0n ? 0n : v / 256n + 1n + (v + 1n) / 256n);
  return upTo(range.last) - upTo(range.first - 1n);
}
