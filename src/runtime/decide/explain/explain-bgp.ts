/**
 * Explains what of an address is advertised by BGP: of every node what it is to tell which of its peers, or why nothing,
 * beside what its speaker says that it told them, and how the session fares. Pure.
 */
import { type Ip, ipBits, ipFamily } from '../../model/ip.ts';
import { ipPrefix } from '../../model/ip-prefix.ts';
import type { NodeView } from '../../model/node.ts';
import type { ServiceView } from '../../model/service.ts';
import { compareText } from '../../model/text-order.ts';
import type { AddressRoutes, PeerRoutes } from '../bgp/plan-bgp.ts';
import { type BgpNodeRefusal, nodeRefusal } from '../bgp/refusals.ts';
import type { BgpPeerStanding, BgpStanding } from './announcement.ts';
import {
  type BgpRefusedCase,
  bgpRefusalWords,
  leftOutWords,
  namesOf,
  peerRefusalWords,
  sessionWords,
  untoldWords,
} from './bgp-words.ts';
import type { ToldNode } from './bgp-world.ts';
import { endpointsOn, unservedWords } from './endpoint-words.ts';
import type { PlannedWorld } from './layer2-world.ts';

/** Every node of the cluster: those that have a peer to tell yet, then the others that advertise, then the rest; by name. */
export function bgpStandings(planned: PlannedWorld, service: ServiceView, ip: Ip): readonly BgpStanding[] {
  const told = new Map(planned.bgp.told(service, ip).map((each) => [each.node, each]));
  return planned.world.nodes
    .map((node) => standingOf({ planned, service, ip, node, told: told.get(node.name) }))
    .sort((a, b) => rankOf(a) - rankOf(b) || compareText(a.node, b.node));
}

export function bgpRefusedCase(planned: PlannedWorld, service: ServiceView, ip: Ip, node: string): BgpRefusedCase {
  return {
    ip,
    node,
    speaker: planned.speakers.get(node),
    advertisements: namesOf(planned.bgp.advertisementsFor(ip)),
    unserved: unservedWords(service, planned.world.endpoints),
  };
}

interface Asked {
  readonly planned: PlannedWorld;
  readonly service: ServiceView;
  readonly ip: Ip;
  readonly node: NodeView;
  /** What its speaker says. Undefined: that it told nobody. */
  readonly told: ToldNode | undefined;
}

function standingOf(asked: Asked): BgpStanding {
  const { planned, service, ip, node, told } = asked;
  const routes = planned.bgp.routes(node, ip);
  const reason = refusalOf(asked, routes);
  const why = reason === undefined ? '' : bgpRefusalWords(reason, bgpRefusedCase(planned, service, ip, node.name));
  // A node that cannot has no plan for its peers, or one that its speaker does not carry out.
  const isInForce = reason !== 'speaker-not-alive';
  const peers = [
    ...(isInForce ? routes.peers.map((peer) => peerStanding(asked, peer)) : []),
    ...unplanned(asked, routes, why),
  ].sort((a, b) => compareText(a.peer, b.peer));
  const common = { node: node.name, peers, ...endpointsOn(node.name, service, planned.world.endpoints) };
  const refusal = reason === undefined ? {} : { reason };
  if (told !== undefined) {
    const message = reason === undefined ? 'advertises it' : `says that it advertises it, although ${why}`;
    return { ...common, ...refusal, standing: 'advertises', message };
  }
  if (reason !== undefined) return { ...common, ...refusal, standing: 'cannot', message: why };
  return { ...common, standing: 'is-to', message: 'is to advertise it, and has told no router' };
}

function refusalOf({ planned, node }: Asked, routes: AddressRoutes): BgpNodeRefusal | undefined {
  if (planned.speakers.get(node.name)?.alive !== true) return 'speaker-not-alive';
  return nodeRefusal(routes);
}

function peerStanding(
  { planned, ip, node, told }: Asked,
  { peer, prefixes, reason, communitiesLeftOut }: PeerRoutes,
): BgpPeerStanding {
  const row = planned.bgp.session(node.name, peer);
  const session = sessionWords(row);
  const isTold = told?.peers.includes(peer) === true;
  const common = { peer, prefixes, session: row?.state ?? 'unknown' } as const;
  const what = `${prefixes.join(', ')}${communitiesLeftOut === undefined ? '' : ` (${leftOutWords(communitiesLeftOut)})`}`;
  if (reason !== undefined) {
    const why = peerRefusalWords(reason, ip, planned.bgp.advertisementsFor(ip));
    if (isTold) return { ...common, reason, standing: 'told-unplanned', message: although(why, session) };
    return { ...common, reason, standing: 'not-meant', message: why };
  }
  if (isTold) return { ...common, standing: 'told', message: `${what}; ${session}` };
  const obstacle =
    row?.problem === undefined ? `; ${untoldWords(row, ip) ?? 'its speaker does not say yet that it was'}` : '';
  return { ...common, standing: 'not-told', message: `is to be told of ${what}; ${session}${obstacle}` };
}

/** Peers that were told, and that the plan knows nothing of. */
function unplanned(
  { planned, ip, node, told }: Asked,
  { peers }: AddressRoutes,
  why: string,
): readonly BgpPeerStanding[] {
  const known = new Set(peers.map(({ peer }) => peer));
  return (told?.peers ?? [])
    .filter((peer) => !known.has(peer))
    .map((peer) => {
      const row = planned.bgp.session(node.name, peer);
      const reason = why === '' ? 'no BGPPeer of that name chooses the node' : why;
      return {
        peer,
        standing: 'told-unplanned',
        prefixes: [ipPrefix(ip, ipBits(ipFamily(ip)))],
        session: row?.state ?? 'unknown',
        message: although(reason, sessionWords(row)),
      };
    });
}

function although(why: string, session: string): string {
  return `was told, although ${why}: a change is under way, or the speaker knows something newer; ${session}`;
}

function rankOf({ standing, peers }: BgpStanding): number {
  if (standing === 'is-to' || peers.some((peer) => peer.standing === 'not-told')) return 0;
  return standing === 'advertises' ? 1 : 2;
}
