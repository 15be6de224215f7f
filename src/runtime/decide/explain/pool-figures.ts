/** How a pool's addresses of one family are spent. */
import type { Pool } from '../../model/config.ts';
import { type IpFamily, ipFamily } from '../../model/ip.ts';
import { type AddressRange, formatRange, rangeSize } from '../../model/range.ts';
import type { AddressClaim } from '../allocation/address-standing.ts';
import { capacityOf } from '../allocation/usable-ranges.ts';
import { addressesOf, type Case, familyNames, holdersOf } from './case.ts';
import { toldList } from './told-list.ts';

export interface PoolFigures {
  /** What the pool holds, avoided addresses not counted. */
  readonly total: bigint;
  /** Different addresses that Services hold. */
  readonly inUse: number;
  /** "namespace/name" of those Services, by name. */
  readonly holders: readonly string[];
  /** Addresses that wait for a Service other than this one, or rest; the first to be free first. */
  readonly claims: readonly AddressClaim[];
  readonly retained: number;
  readonly quarantined: number;
  /** Addresses that are somebody else's. */
  readonly skipped: bigint;
  /** "10.0.0.1/32 (NodeAddress, node a)" */
  readonly skippedParts: readonly string[];
}

export function poolFigures(of: Case, pool: Pool, family: IpFamily): PoolFigures {
  const holders = holdersOf(of, pool.name).filter(({ ips }) => ips.some((ip) => ipFamily(ip) === family));
  const total = capacityOf(pool, pool.ranges, family);
  const usage = of.usage.get(pool.name);
  const claims = claimsOf(of, pool, family);
  const skipped = (usage?.skipped ?? []).filter(({ range }) => range.family === family);
  return {
    total,
    inUse: addressesOf(holders, family).length,
    holders: holders.map(({ service }) => `${service.namespace}/${service.name}`),
    claims,
    retained: claims.filter(({ kind }) => kind === 'retained').length,
    quarantined: claims.filter(({ kind }) => kind === 'quarantined').length,
    skipped: total - (usage?.capacity[family] ?? 0n),
    skippedParts: skipped.map(({ range, reason, detail }) => skippedPart(range, reason, detail)),
  };
}

/** One an address: the one that ends last. */
function claimsOf({ usage, allocator, key }: Case, pool: Pool, family: IpFamily): AddressClaim[] {
  const released = (usage.get(pool.name)?.released ?? []).filter(({ ip }) => ipFamily(ip) === family);
  const ips = new Set(released.map(({ ip }) => ip));
  const last = Array.from(ips, (ip) => {
    const { claims, holders } = allocator.standing(ip);
    if (holders.length > 0 || claims.some(({ release }) => release.owner === key)) return undefined;
    return [...claims].sort((a, b) => b.endMs - a.endMs)[0];
  });
  return last.filter((claim) => claim !== undefined).sort((a, b) => a.endMs - b.endMs);
}

function skippedPart(range: AddressRange, reason: string, detail: string): string {
  const text = rangeSize(range) === 1n ? formatRange(range).replace(/\/\d+$/, '') : formatRange(range);
  return `${text} (${detail === '' ? reason : `${reason}, ${detail}`})`;
}

/** "2 of 4 IPv4 addresses in use (web/a, web/b), 1 kept for web/c until …, 1 skipped: 10.0.0.1 (Gateway)" */
export function formatFigures(of: Case, pool: Pool, family: IpFamily): string {
  const { total, inUse, holders, claims, retained, quarantined, skipped, skippedParts } = poolFigures(of, pool, family);
  const parts = [
    `${inUse} of ${total} ${familyNames([family])} in use${inUse === 0 ? '' : ` (by ${toldList(holders)})`}`,
  ];
  const [next] = claims;
  if (next !== undefined) {
    const counts = [retained > 0 ? `${retained} retained` : '', quarantined > 0 ? `${quarantined} in quarantine` : ''];
    const text = counts.filter((count) => count !== '').join(' and ');
    parts.push(
      `${text} (${next.release.ip}, given up by ${next.release.owner}, until ${of.world.formatTime(next.endMs)})`,
    );
  }
  if (skipped > 0n) parts.push(`${skipped} skipped: ${toldList(skippedParts)}`);
  return parts.join('; ');
}
