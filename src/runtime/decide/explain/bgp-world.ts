/**
 * What the explanation of BGP is made from: what the speakers say in the API that they told routers, and how their sessions
 * fare, beside the plan that they make, made again for the nodes and addresses that are asked for and no others.
 */
import type { BgpSessionStatus } from '../../model/bgp-session-status.ts';
import type { BgpAdvertisement, Config } from '../../model/config.ts';
import { type Ip, ipFamily } from '../../model/ip.ts';
import type { NodeView } from '../../model/node.ts';
import { formatKey, type ServiceView } from '../../model/service.ts';
import type { ServiceBgpStatusView } from '../../model/service-status.ts';
import { compareText } from '../../model/text-order.ts';
import { AdvertisementLists } from '../announcing/advertisement-lists.ts';
import { type CarriedAddress, carriedAddresses } from '../announcing/carried-addresses.ts';
import type { EndpointsByService } from '../announcing/serving-endpoints.ts';
import { AdvertiserSearch } from '../bgp/advertiser-search.ts';
import type { AddressRoutes } from '../bgp/plan-bgp.ts';
import type { UnadvertisedReason } from '../bgp/refusals.ts';
import { carriesFamily } from '../bgp/session-families.ts';
import { indexPools, poolOf } from '../pool-index.ts';
import { ListedPrefixes } from './listed-prefixes.ts';
import { listSessions, type SessionRow, type SessionWorld } from './session-list.ts';

export interface BgpWorld {
  /** To which routers the nodes say that they have advertised each Service. */
  readonly statuses: readonly ServiceBgpStatusView[];
  readonly sessions: SessionWorld['statuses'];
  readonly faultyPeers: SessionWorld['faultyPeers'];
  /** When it was read: wall clock, milliseconds since the Unix epoch. */
  readonly nowMs: number;
}

export interface BgpInput {
  readonly config: Config;
  readonly services: readonly ServiceView[];
  readonly loadBalancerClass: string | undefined;
  readonly nodes: readonly NodeView[];
  readonly endpoints: EndpointsByService;
  readonly speakers: SessionWorld['speakers'];
  readonly excludedNodes: 'skip' | 'use';
  readonly bgp: BgpWorld;
}

/** A node whose speaker lives and says that it told routers of an address. */
export interface ToldNode {
  readonly node: string;
  /** Names of BGPPeers, ordered. Never empty. */
  readonly peers: readonly string[];
}

export interface PlannedBgp {
  /** Those that cover the address for a Service that carries it, on whichever node. Empty: BGP has nothing to do with it. */
  readonly advertisementsFor: (ip: Ip) => readonly BgpAdvertisement[];
  /** What is said of an address of the Service, by node. */
  readonly told: (service: ServiceView, ip: Ip) => readonly ToldNode[];
  /** What the node is to advertise of an address that Services carry. */
  readonly routes: (node: NodeView, ip: Ip) => AddressRoutes;
  /** Why no node whose speaker lives is to advertise an address that an advertisement covers. Undefined: one is. */
  readonly obstacle: (ip: Ip) => UnadvertisedReason | undefined;
  /** Undefined: there is none, and none is to be. */
  readonly session: (node: string, peer: string) => SessionRow | undefined;
}

export function planBgpWorld(input: BgpInput): PlannedBgp {
  const { config, bgp } = input;
  const carried = new Map(carriedAddresses(input).map(({ ip, services }) => [ip, services]));
  const carrying = (ip: Ip): CarriedAddress => ({ ip, services: carried.get(ip) ?? [] });
  const index = indexPools(config);
  const lists = new AdvertisementLists(config.bgpAdvertisements);
  const sessions = new Map(sessionsOf(input).map((row) => [sessionKey(row.node, row.peer), row]));
  const session = (node: string, peer: string): SessionRow | undefined => sessions.get(sessionKey(node, peer));
  const alive = new Set(input.speakers.filter((speaker) => speaker.alive).map(({ nodeName }) => nodeName));
  const search = new AdvertiserSearch({ ...input, alive });
  const peers = new Map(config.bgpPeers.map((peer) => [peer.name, peer]));
  /** As far as it is known. */
  const carries = (name: string, ip: Ip): boolean => {
    const peer = peers.get(name);
    return peer === undefined || carriesFamily(peer, ipFamily(ip));
  };
  const listedBy = listReader();
  const said = Map.groupBy(
    bgp.statuses.filter(({ node }) => alive.has(node)),
    ({ service }) => service,
  );
  return {
    session,
    advertisementsFor: (ip) => {
      const pool = poolOf(index, ip)?.name;
      if (pool === undefined) return [];
      return Array.from(
        new Set(carrying(ip).services.flatMap((service) => lists.listFor(service, pool).advertisements)),
      );
    },
    told: (service, ip) =>
      (said.get(formatKey(service)) ?? [])
        .filter(({ addresses }) => addresses === '' || addresses.split(',').includes(ip))
        .map(({ node, peers }) => ({
          node,
          peers: peers.filter(
            (peer) => carries(peer, ip) && isToldOf({ ip, service, status: session(node, peer)?.status }, listedBy),
          ),
        }))
        .filter(({ peers }) => peers.length > 0)
        .sort((a, b) => compareText(a.node, b.node)),
    routes: (node, ip) => search.routes(node, carrying(ip)),
    obstacle: (ip) => search.reasonOf(carrying(ip)),
  };
}

function sessionsOf({ config, nodes, speakers, bgp }: BgpInput): readonly SessionRow[] {
  const { sessions: statuses, faultyPeers, nowMs } = bgp;
  return listSessions({ peers: config.bgpPeers, nodes, speakers, statuses, faultyPeers, faults: [], nowMs }).sessions;
}

function sessionKey(node: string, peer: string): string {
  return `${node}/${peer}`;
}

interface Asked {
  readonly ip: Ip;
  readonly service: ServiceView;
  /** Undefined: nothing is said of the session. */
  readonly status: BgpSessionStatus | undefined;
}

/**
 * Whether a peer that was told of the Service was told of this address. What the speaker says of its sessions is newer than
 * what it says of thousands of Services; and of a Service with several addresses a peer may know one alone.
 */
function isToldOf({ ip, service, status }: Asked, listedBy: (status: BgpSessionStatus) => ListedPrefixes): boolean {
  if (status === undefined) return true;
  if (status.state !== 'established') return false;
  if (service.ingress.length < 2) return true;
  const listed = listedBy(status);
  return !listed.isWhole || listed.cover(ip);
}

/** Each read once. */
function listReader(): (status: BgpSessionStatus) => ListedPrefixes {
  const known = new Map<BgpSessionStatus, ListedPrefixes>();
  return (status) => {
    const listed = known.get(status) ?? new ListedPrefixes(status);
    known.set(status, listed);
    return listed;
  };
}
