/** Out of all claims that were heard of, in any order, the one that counts for each address. */
import type { Claim } from '../../model/claim.ts';
import type { Ip } from '../../model/ip.ts';

export function highestClaims(claims: readonly Claim[]): ReadonlyMap<Ip, Claim> {
  const highest = new Map<Ip, Claim>();
  for (const claim of claims) {
    const known = highest.get(claim.ip);
    if (known === undefined || outranks(claim, known)) highest.set(claim.ip, claim);
  }
  return highest;
}

function outranks(claim: Claim, other: Claim): boolean {
  return claim.epoch > other.epoch || (claim.epoch === other.epoch && claim.node < other.node);
}
