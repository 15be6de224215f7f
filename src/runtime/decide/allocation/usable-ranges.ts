/**
 * What of the pools can be given out: their ranges without the addresses that are somebody's already (a node's, a
 * gateway's, the pod network's, …). Cutting them out once is what lets the search for a free address stay a walk over
 * whole ranges, however large an excluded network is.
 */
import type { Pool } from '../../model/config.ts';
import type { Exclusion } from '../../model/exclusion.ts';
import { type Ip, type IpFamily, ipFamily, ipValue } from '../../model/ip.ts';
import { type AddressRange, rangeSize } from '../../model/range.ts';

/** A part of a pool that is skipped, and why. */
export interface SkippedRange extends Exclusion {}

/** The exclusions by first address, so that those of one range are found without walking through all. */
export class ExclusionIndex {
  readonly #byFamily: Readonly<Record<IpFamily, readonly Exclusion[]>>;
  /** Of each exclusion, the largest last address of it and all before it: where a search backwards may stop. */
  readonly #reach: Readonly<Record<IpFamily, readonly bigint[]>>;

  constructor(exclusions: readonly Exclusion[]) {
    const of = (family: IpFamily): Exclusion[] =>
      exclusions.filter(({ range }) => range.family === family).sort((a, b) => compare(a.range.first, b.range.first));
    this.#byFamily = { ipv4: of('ipv4'), ipv6: of('ipv6') };
    this.#reach = { ipv4: reachOf(this.#byFamily.ipv4), ipv6: reachOf(this.#byFamily.ipv6) };
  }

  /** The exclusions that share an address with the range, by first address. */
  within(range: AddressRange): Exclusion[] {
    const exclusions = this.#byFamily[range.family];
    const reach = this.#reach[range.family];
    const found: Exclusion[] = [];
    for (let i = countUpTo(exclusions, range.last) - 1; i >= 0 && (reach[i] ?? -1n) >= range.first; i--) {
      const exclusion = exclusions[i];
      if (exclusion !== undefined && exclusion.range.last >= range.first) found.unshift(exclusion);
    }
    return found;
  }

  /** The first exclusion that holds the address. */
  of(ip: Ip): Exclusion | undefined {
    const value = ipValue(ip);
    return this.within({ family: ipFamily(ip), first: value, last: value })[0];
  }
}

/** The pool's exclusions, its own list and everybody's, cut to its ranges; ordered by range, then by address. */
export function skippedIn(pool: Pool, everywhere: ExclusionIndex): readonly SkippedRange[] {
  const own = new ExclusionIndex(
    (pool.excludeAddresses ?? []).map((range) => ({ range, reason: 'Listed', detail: '' })),
  );
  return pool.ranges.flatMap((range) =>
    [...own.within(range), ...everywhere.within(range)]
      .map((exclusion) => ({ ...exclusion, range: intersection(range, exclusion.range) }))
      .sort((a, b) => compare(a.range.first, b.range.first)),
  );
}

/** The pool's ranges without the skipped parts, in the pool's order. */
export function usableRanges(pool: Pool, skipped: readonly SkippedRange[]): readonly AddressRange[] {
  if (skipped.length === 0) return pool.ranges;
  return pool.ranges.flatMap((range) => {
    const parts: AddressRange[] = [];
    let next = range.first;
    for (const { range: gap } of skipped) {
      if (gap.family !== range.family || gap.first > range.last || gap.last < range.first) continue;
      if (gap.first > next) parts.push({ ...range, first: next, last: gap.first - 1n });
      if (gap.last >= next) next = gap.last + 1n;
    }
    if (next <= range.last) parts.push({ ...range, first: next });
    return parts;
  });
}

/** How many different addresses of a family the usable ranges hold, those that avoidBuggyIPs leaves out not counted. */
export function capacityOf(pool: Pool, usable: readonly AddressRange[], family: IpFamily): bigint {
  return usable
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

function intersection(a: AddressRange, b: AddressRange): AddressRange {
  return { family: a.family, first: a.first > b.first ? a.first : b.first, last: a.last < b.last ? a.last : b.last };
}

function reachOf(exclusions: readonly Exclusion[]): bigint[] {
  let reach = -1n;
  return exclusions.map(({ range }) => (reach = range.last > reach ? range.last : reach));
}

function countUpTo(exclusions: readonly Exclusion[], value: bigint): number {
  let low = 0;
  let high = exclusions.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((exclusions[middle]?.range.first ?? 0n) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
