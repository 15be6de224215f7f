/** The names of BGP's reasons, and how a session fares, in words: what is the matter, and what a person can do about it. */
import { MOST_COMMUNITIES } from '../../model/bgp-plan.ts';
import type { BgpAdvertisement } from '../../model/config.ts';
import { type Ip, type IpFamily, ipFamily } from '../../model/ip.ts';
import type { BgpNodeRefusal, PeerRefusal } from '../bgp/refusals.ts';
import { refusalAdvice, refusalWords } from './layer2-words.ts';
import type { RefusedCase } from './layer2-world.ts';
import type { SessionRow } from './session-list.ts';
import { toldList } from './told-list.ts';

/** Why a node advertises nothing of an address, and all that is said of it. */
export interface BgpRefusedCase extends RefusedCase {
  /** "the Service has no pods behind it" */
  readonly unserved: string;
}

/** 'BGPAdvertisement "all"' each. */
export function namesOf(advertisements: readonly BgpAdvertisement[]): readonly string[] {
  return advertisements.map(({ name }) => `BGPAdvertisement "${name}"`);
}

/** Why the node advertises nothing of the address. */
export function bgpRefusalWords(reason: BgpNodeRefusal, refused: BgpRefusedCase): string {
  switch (reason) {
    case 'address-not-in-any-pool':
      return 'no IPAddressPool in force contains the address';
    case 'no-advertisement-for-pool':
      return 'no BGPAdvertisement covers the address for this Service';
    case 'no-peer-for-node':
      return 'no BGPPeer in force chooses the node (spec.nodeSelectors)';
    case 'conflicting-local-preferences':
      return `${toldList(refused.advertisements)} give one route to one peer different spec.localPref`;
    case 'no-serving-endpoint':
      return refused.unserved;
    case 'family-not-carried':
    case 'no-advertisement-for-peer':
      return 'none of its peers is to hear of the address';
    default:
      return refusalWords(reason, refused);
  }
}

/** What lets the nodes advertise it; `nodes` are told by name. */
export function bgpRefusalAdvice(reason: BgpNodeRefusal, nodes: string, refused: BgpRefusedCase): readonly string[] {
  switch (reason) {
    case 'address-not-in-any-pool':
    case 'no-advertisement-for-pool':
    case 'no-serving-endpoint':
    case 'family-not-carried':
    case 'no-advertisement-for-peer':
      // What is said of the address, or of the peers, tells it.
      return [];
    case 'no-peer-for-node':
      return [
        `let spec.nodeSelectors of a BGPPeer choose ${nodes}, or create a BGPPeer (metallb_peers in the inventory)`,
      ];
    case 'conflicting-local-preferences':
      return [
        `give ${toldList(refused.advertisements)} one spec.localPref, or let them name different spec.peers, nodes or aggregation lengths`,
      ];
    default:
      return [refusalAdvice(reason, nodes, refused)];
  }
}

/** Why a peer of the node is not to hear of the address. */
export function peerRefusalWords(reason: PeerRefusal, ip: Ip, advertisements: readonly BgpAdvertisement[]): string {
  if (reason === 'family-not-carried') return `the session with it carries no ${familyName(ipFamily(ip))} routes`;
  return `spec.peers of ${toldList(namesOf(advertisements))} do not name it`;
}

/** What lets the peers, told by name, hear of it. */
export function peerRefusalAdvice(
  reason: PeerRefusal,
  peers: string,
  { ip, advertisements }: Pick<BgpRefusedCase, 'ip' | 'advertisements'>,
): string {
  if (reason === 'family-not-carried') {
    return `add a BGPPeer with the router’s ${familyName(ipFamily(ip))} address, or set spec.dualStackAddressFamily of ${peers}`;
  }
  return `name ${peers} in spec.peers of ${toldList(advertisements)}, or leave spec.peers out`;
}

/** "2 of its communities are left out: a route has room for 300" */
export function leftOutWords(communities: number): string {
  return `${communities} of its communities ${communities === 1 ? 'is' : 'are'} left out: a route has room for ${MOST_COMMUNITIES}`;
}

/** "session established", "session active: the router refuses the connection" */
export function sessionWords(row: SessionRow | undefined): string {
  if (row === undefined) return 'no session is known';
  const { state, problem, message, status } = row;
  const bfd = status?.bfd === undefined || status.bfd === 'up' ? '' : `, BFD ${status.bfd}`;
  if (problem === 'not-wanted') return `session ${state}, and about to end`;
  if (problem === undefined) return `session ${state}${bfd}${message === '' ? '' : `; before that: ${message}`}`;
  return `session ${state}${bfd}: ${message}`;
}

/** Why a router with which the session stands was not told: "the router does not speak it". Undefined: that is not said. */
export function untoldWords(row: SessionRow | undefined, ip: Ip): string | undefined {
  return row?.status?.notAdvertised.find((text) => text.startsWith(ipFamily(ip)));
}

function familyName(family: IpFamily): string {
  return family === 'ipv4' ? 'IPv4' : 'IPv6';
}
