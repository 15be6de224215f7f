/** What would get an address advertised by BGP, to all routers that are to hear of it: the most useful first. */
import type { Ip } from '../../model/ip.ts';
import type { ServiceView } from '../../model/service.ts';
import type { BgpNodeRefusal, PeerRefusal } from '../bgp/refusals.ts';
import type { BgpPeerStanding, BgpStanding } from './announcement.ts';
import { bgpRefusalAdvice, peerRefusalAdvice, untoldWords } from './bgp-words.ts';
import { bgpRefusedCase } from './explain-bgp.ts';
import type { PlannedWorld } from './layer2-world.ts';
import { toldList } from './told-list.ts';

export interface BgpCase {
  readonly service: ServiceView;
  readonly ip: Ip;
  readonly standings: readonly BgpStanding[];
}

/** Sessions that are missing count always; what keeps nodes from advertising only where none does. */
export function bgpAdvice(planned: PlannedWorld, asked: BgpCase): readonly string[] {
  const isAdvertised = asked.standings.some(({ standing }) => standing === 'advertises');
  const isMeant = asked.standings.some(({ standing }) => standing === 'is-to');
  return [...untoldAdvice(planned, asked), ...(isAdvertised || isMeant ? [] : refusedAdvice(planned, asked))];
}

interface Untold {
  readonly node: string;
  readonly peer: string;
}

function untoldAdvice(planned: PlannedWorld, { ip, standings }: BgpCase): readonly string[] {
  const untold = pairsOf(standings, ({ standing }) => standing === 'not-told');
  const rowOf = ({ node, peer }: Untold) => planned.bgp.session(node, peer);
  const down = untold.filter((pair) => rowOf(pair)?.problem !== undefined);
  const standing = untold.filter((pair) => rowOf(pair)?.problem === undefined);
  const refusing = standing.filter((pair) => untoldWords(rowOf(pair), ip) !== undefined);
  const late = standing.filter((pair) => !refusing.includes(pair));
  return [
    ...byPeer(down).map(
      ([peer, nodes]) =>
        `bring up the sessions of ${nodes} with ${peer}: ./install bgp --peer ${peer} says since when they are down and why; its router has to have these nodes as neighbours`,
    ),
    ...byPeer(refusing).map(
      ([peer, nodes]) => `let the router of ${peer} take the address family on its sessions with ${nodes}`,
    ),
    ...(late.length === 0
      ? []
      : [
          `look again in some seconds; if it stays, see what the speakers of ${toldList(unique(late.map(({ node }) => node)))} say: kubectl logs -n metallb-system -l component=speaker --prefix`,
        ]),
  ];
}

/** What most nodes lack comes first. */
function refusedAdvice(planned: PlannedWorld, { service, ip, standings }: BgpCase): readonly string[] {
  if (standings.length === 0) return ['the cluster has no nodes: kubectl get nodes'];
  const byReason = Map.groupBy(
    standings.flatMap(({ node, reason }) => (reason === undefined ? [] : [{ node, reason }])),
    ({ reason }): BgpNodeRefusal => reason,
  );
  const ofNodes = Array.from(byReason)
    .sort(([, a], [, b]) => b.length - a.length)
    .flatMap(([reason, refused]) => {
      const names = refused.map(({ node }) => node);
      return bgpRefusalAdvice(reason, toldList(names), bgpRefusedCase(planned, service, ip, names[0] ?? ''));
    });
  return [...ofNodes, ...peerAdvice(planned, { service, ip, standings })];
}

/** Of nodes whose peers are all not to hear of it. */
function peerAdvice(planned: PlannedWorld, { service, ip, standings }: BgpCase): readonly string[] {
  const refused = standings.flatMap(({ peers }) => peers).filter(({ standing }) => standing === 'not-meant');
  const reasons: readonly PeerRefusal[] = ['no-advertisement-for-peer', 'family-not-carried'];
  return reasons.flatMap((reason) => {
    const peers = unique(refused.filter((each) => each.reason === reason).map(({ peer }) => peer));
    return peers.length === 0
      ? []
      : [peerRefusalAdvice(reason, toldList(peers), bgpRefusedCase(planned, service, ip, ''))];
  });
}

function pairsOf(standings: readonly BgpStanding[], isMeant: (peer: BgpPeerStanding) => boolean): readonly Untold[] {
  return standings.flatMap(({ node, peers }) => peers.filter(isMeant).map(({ peer }) => ({ node, peer })));
}

/** [peer, "n1, n2"] */
function byPeer(pairs: readonly Untold[]): readonly (readonly [string, string])[] {
  return Array.from(
    Map.groupBy(pairs, ({ peer }) => peer),
    ([peer, own]) => [peer, toldList(own.map(({ node }) => node))] as const,
  );
}

function unique(names: readonly string[]): readonly string[] {
  return Array.from(new Set(names));
}
