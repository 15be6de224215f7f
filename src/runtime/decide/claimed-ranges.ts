/** Ranges that are spoken for, by whom; finds an overlap in logarithmic time. */
import type { IpFamily } from '../model/ip.ts';
import type { AddressRange } from '../model/range.ts';

export interface Claim {
  readonly range: AddressRange;
  /** For messages: 'pool "a"'. */
  readonly owner: string;
}

export class ClaimedRanges {
  /** Ordered by first address; never two that overlap. */
  readonly #claims: Readonly<Record<IpFamily, Claim[]>> = { ipv4: [], ipv6: [] };

  /** A claim that shares an address with the range, if any does. */
  overlapping(range: AddressRange): Claim | undefined {
    const claims = this.#claims[range.family];
    // Claims do not overlap, so only the last one that begins at or before the range's end can reach into it.
    const candidate = claims[countUpTo(claims, range.last) - 1];
    return candidate !== undefined && candidate.range.last >= range.first ? candidate : undefined;
  }

  /** The range must not overlap any claim. */
  add(claim: Claim): void {
    const claims = this.#claims[claim.range.family];
    claims.splice(countUpTo(claims, claim.range.first), 0, claim);
  }
}

/** How many of the claims begin at or before the value. */
function countUpTo(claims: readonly Claim[], value: bigint): number {
  let low = 0;
  let high = claims.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((claims[middle]?.range.first ?? 0n) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
