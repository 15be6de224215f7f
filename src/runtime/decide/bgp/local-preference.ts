/**
 * Whether two advertisements of a pool contradict each other: one route has one local preference for a peer. Pure.
 */
import type { BgpAdvertisement } from '../../model/config.ts';
import type { IpFamily } from '../../model/ip.ts';

/** Prefix length of the advertisement's routes of the family. */
export function aggregationLengthOf(
  { aggregationLength, aggregationLengthV6 }: BgpAdvertisement,
  family: IpFamily,
): number {
  return family === 'ipv4' ? aggregationLength : aggregationLengthV6;
}

/** Whether both announce an address of one of these families by one route, to one peer, with different preferences. */
export function localPrefsConflict(a: BgpAdvertisement, b: BgpAdvertisement, families: readonly IpFamily[]): boolean {
  if (a.localPref === b.localPref) return false;
  if (families.every((family) => aggregationLengthOf(a, family) !== aggregationLengthOf(b, family))) return false;
  return a.peers.length === 0 || b.peers.length === 0 || a.peers.some((peer) => b.peers.includes(peer));
}
