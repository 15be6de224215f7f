/**
 * What a node advertises by BGP, and to whom: its sessions, the routes on each, and for every address that it does not
 * advertise the reason. Every node that may advertises (there is no election): routers spread the traffic.
 *
 *     Service's address ─▶ pool ─▶ advertisements for the Service ─▶ on this node ─▶ node fit? endpoints? ─▶ prefixes
 *                                                                                            peer ─▶ its routes
 *
 * Source of the rules: MetalLB's published behaviour (a Service is announced by its own advertisements; policy Local needs
 * an endpoint on the node; the exclusion label and NetworkUnavailable), and what layer 2 leaves out besides (nodes that are
 * said to be off). Deviation: of Services that share an address one that may be announced is enough, as with MetalLB; but
 * each of them is given its own reason.
 */
import type { PlannedSession } from '../../model/bgp-plan.ts';
import type { BgpAdvertisement, BgpPeer, Config } from '../../model/config.ts';
import { type Ip, type IpFamily, ipFamily } from '../../model/ip.ts';
import type { IpPrefix } from '../../model/ip-prefix.ts';
import { isSelected } from '../../model/labels.ts';
import type { NodeView } from '../../model/node.ts';
import type { Sha256Hex } from '../../model/platform.ts';
import { formatKey, type ServiceView } from '../../model/service.ts';
import { type AdvertisementList, AdvertisementLists } from '../announcing/advertisement-lists.ts';
import { type CarriedAddress, carriedAddresses, type ServiceFacts } from '../announcing/carried-addresses.ts';
import { isInOrder, type NodeUnfitness, nodeUnfitness } from '../announcing/node-fitness.ts';
import { type EndpointsByService, servedFrom } from '../announcing/serving-endpoints.ts';
import { indexPools, type PoolIndex, poolOf } from '../pool-index.ts';
import { localPrefsConflict } from './local-preference.ts';
import { communitiesLeftOut, prefixFor, RouteMerger } from './merge-routes.ts';
import type { BgpRefusal, PeerRefusal } from './refusals.ts';
import { carriesFamily } from './session-families.ts';
import { identifierOf } from './session-identifier.ts';

/** What the routes of an address depend on. */
export interface RouteFacts {
  readonly config: Config;
  readonly endpoints: EndpointsByService;
  /** The node that is planned for. */
  readonly node: NodeView;
  readonly excludedNodes: 'skip' | 'use';
}

export interface BgpFacts extends ServiceFacts, RouteFacts {
  readonly node: NodeView & { readonly internalIps: readonly Ip[] };
}

export interface NodeBgpPlan {
  /** Ordered by the peer's name. */
  readonly sessions: readonly PlannedSession[];
  /** As in BgpPlan. */
  readonly gracefulWithdrawal?: true;
  /** Every address that Services carry, ordered by address. */
  readonly addresses: readonly PlannedAddress[];
}

export interface PlannedAddress {
  readonly ip: Ip;
  /** "namespace/name" each, ordered. */
  readonly services: readonly string[];
  /** Those by which this node announces it: of thousands of addresses a few lists. Or why it announces nothing of it. */
  readonly verdict: readonly BgpAdvertisement[] | BgpRefusal;
}

export interface AddressRoutes {
  readonly ip: Ip;
  /** "namespace/name" each, ordered. */
  readonly services: readonly string[];
  /** Why this node advertises nothing of it. Absent: it does, to those peers below that have no reason. */
  readonly reason?: BgpRefusal;
  /** Of every session of this node. Empty where there is a reason, and where the node has no session. */
  readonly peers: readonly PeerRoutes[];
}

export interface PeerRoutes {
  readonly peer: string;
  readonly prefixes: readonly IpPrefix[];
  /** How many communities one of them has no room for. Absent: it has room for all. */
  readonly communitiesLeftOut?: number;
  /** Why there are none. */
  readonly reason?: PeerRefusal;
}

/** Sessions and routes of one node, and what is to be said of every address. */
export function planBgp(facts: BgpFacts, sha256Hex: Sha256Hex): NodeBgpPlan {
  const peers = peersOf(facts);
  const context = contextOf(facts);
  const addresses = carriedAddresses(facts).map((carried) => assessAddress(carried, context));
  const announced = addresses.flatMap(({ ip, verdict }) =>
    typeof verdict === 'string' ? [] : [{ ip, advertisements: verdict }],
  );
  return {
    sessions: sessionsOf(peers, announced, facts, sha256Hex),
    ...(context.unfit !== undefined && isInOrder(context.unfit) ? { gracefulWithdrawal: true } : {}),
    addresses,
  };
}

/** What routers are told of one address after the other, for those who ask for few of them. */
export function routePlanner(facts: RouteFacts): (carried: CarriedAddress) => AddressRoutes {
  const peers = peersOf(facts);
  const context = contextOf(facts);
  return (carried) => addressRoutes(assessAddress(carried, context), peers);
}

/** Whether the node is to tell anybody of one address after the other. */
export function hearingPlanner(facts: RouteFacts): (carried: CarriedAddress) => boolean {
  const isHeard = areHeard(peersOf(facts));
  const context = contextOf(facts);
  return (carried) => isHeard(assessAddress(carried, context));
}

/** `peers`: those that the node has a session with. */
export function addressRoutes({ ip, services, verdict }: PlannedAddress, peers: readonly BgpPeer[]): AddressRoutes {
  if (typeof verdict === 'string') return { ip, services, reason: verdict, peers: [] };
  return { ip, services, peers: peers.map((peer) => routesTo(peer, ip, verdict)) };
}

/** Of which addresses a plan has routes for the peer. */
export function hears(peer: BgpPeer): (address: PlannedAddress) => boolean {
  const known = new Map<PlannedAddress['verdict'], boolean>();
  const carries = { ipv4: carriesFamily(peer, 'ipv4'), ipv6: carriesFamily(peer, 'ipv6') };
  return ({ ip, verdict }) => {
    if (!carries[ipFamily(ip)]) return false;
    const isKnown = known.get(verdict);
    if (isKnown !== undefined) return isKnown;
    const isHeard = typeof verdict !== 'string' && verdict.some((advertisement) => isTold(peer, advertisement));
    known.set(verdict, isHeard);
    return isHeard;
  };
}

/** Of which addresses a plan has routes for one of the peers at least. */
export function areHeard(peers: readonly BgpPeer[]): (address: PlannedAddress) => boolean {
  const hearers = peers.map(hears);
  return (address) => typeof address.verdict !== 'string' && hearers.some((isHeard) => isHeard(address));
}

/** Whether BGP has anything to do with it: an advertisement covers it, on some node. */
export function isToBeAdvertised({ verdict }: PlannedAddress): boolean {
  return verdict !== 'address-not-in-any-pool' && verdict !== 'no-advertisement-for-pool';
}

/** Those that the node has a session with. */
function peersOf({ config, node }: RouteFacts): readonly BgpPeer[] {
  return config.bgpPeers.filter(({ nodeSelectors }) => isSelected(nodeSelectors, node.labels));
}

function assessAddress({ ip, services }: CarriedAddress, context: Context): PlannedAddress {
  return { ip, services: services.map(formatKey), verdict: assess(ip, services, context) };
}

function contextOf(facts: RouteFacts): Context {
  const { config, node, excludedNodes } = facts;
  return {
    facts,
    index: indexPools(config),
    lists: new AdvertisementLists(config.bgpAdvertisements),
    unfit: nodeUnfitness(node, excludedNodes),
    onNode: { ipv4: new Map(), ipv6: new Map() },
  };
}

interface Context {
  readonly facts: RouteFacts;
  readonly index: PoolIndex;
  readonly lists: AdvertisementLists<BgpAdvertisement>;
  readonly unfit: NodeUnfitness | undefined;
  /** What of a list of advertisements counts on the node for addresses of a family. */
  readonly onNode: Readonly<
    Record<IpFamily, Map<AdvertisementList<BgpAdvertisement>, readonly BgpAdvertisement[] | BgpRefusal>>
  >;
}

/** The advertisements by which the node announces the address; or why it does not. */
function assess(ip: Ip, services: readonly ServiceView[], context: Context): readonly BgpAdvertisement[] | BgpRefusal {
  const pool = poolOf(context.index, ip);
  if (pool === undefined) return 'address-not-in-any-pool';
  const [first, ...others] = services.map((service) => assessService(ip, service, pool.name, context));
  if (first === undefined || others.length === 0) return first ?? 'no-advertisement-for-pool';
  const all = [first, ...others].flatMap((verdict) => (typeof verdict === 'string' ? [] : verdict));
  return all.length > 0 ? [...new Set(all)] : first;
}

function assessService(
  ip: Ip,
  service: ServiceView,
  pool: string,
  context: Context,
): readonly BgpAdvertisement[] | BgpRefusal {
  const { facts, lists, unfit } = context;
  const covering = coveringOnNode(lists.listFor(service, pool), ipFamily(ip), context);
  if (typeof covering === 'string') return covering;
  if (unfit !== undefined) return unfit;
  const place = servedFrom(facts.node.name, service, facts.endpoints);
  if (place === 'elsewhere' && service.externalTrafficPolicy === 'Local') return 'no-serving-endpoint-on-node';
  if (place !== 'nowhere') return covering;
  // Whoever wants it announced without endpoints wants that of every node: there is none to prefer.
  const counting = covering.filter(({ withoutEndpoints }) => withoutEndpoints === 'Announce');
  return counting.length === 0 ? 'no-serving-endpoint' : counting;
}

function coveringOnNode(
  list: AdvertisementList<BgpAdvertisement>,
  family: IpFamily,
  { facts, onNode }: Context,
): readonly BgpAdvertisement[] | BgpRefusal {
  const known = onNode[family].get(list);
  if (known !== undefined) return known;
  const covering = advertisementsOnNode(list.advertisements, family, facts.node);
  onNode[family].set(list, covering);
  return covering;
}

function advertisementsOnNode(
  advertisements: readonly BgpAdvertisement[],
  family: IpFamily,
  node: NodeView,
): readonly BgpAdvertisement[] | BgpRefusal {
  if (advertisements.length === 0) return 'no-advertisement-for-pool';
  const covering = advertisements.filter(({ nodeSelectors }) => isSelected(nodeSelectors, node.labels));
  if (covering.length === 0) return 'no-advertisement-for-node';
  // What does not depend on Services was refused when the configuration was read.
  const isConflict = covering.some((a, index) =>
    covering.slice(index + 1).some((b) => localPrefsConflict(a, b, [family])),
  );
  return isConflict ? 'conflicting-local-preferences' : covering;
}

interface Announced {
  readonly ip: Ip;
  /** Of thousands of addresses a few lists. */
  readonly advertisements: readonly BgpAdvertisement[];
}

/** Peers that hear the same share one list of routes. */
function sessionsOf(
  peers: readonly BgpPeer[],
  announced: readonly Announced[],
  { config, node }: BgpFacts,
  sha256Hex: Sha256Hex,
): readonly PlannedSession[] {
  const merger = new RouteMerger();
  const profiles = new Map(config.bfdProfiles.map((profile) => [profile.name, profile]));
  const known = new Map<string, PlannedSession['routes']>();
  return peers.map((peer) => {
    const heard = config.bgpAdvertisements.filter((advertisement) => isTold(peer, advertisement));
    const families = (['ipv4', 'ipv6'] as const).filter((family) => carriesFamily(peer, family));
    const key = `${families} ${heard.map(({ name }) => name).join(' ')}`;
    const routes = known.get(key) ?? merger.merge(announced, { families, advertisements: new Set(heard) });
    known.set(key, routes);
    const bfd = peer.bfdProfile === undefined ? undefined : profiles.get(peer.bfdProfile);
    return {
      peer,
      ...(bfd === undefined ? {} : { bfd }),
      identifier: identifierOf(peer, node, sha256Hex),
      routes,
    };
  });
}

function isTold({ name }: BgpPeer, { peers }: BgpAdvertisement): boolean {
  return peers.length === 0 || peers.includes(name);
}

function routesTo(peer: BgpPeer, ip: Ip, advertisements: readonly BgpAdvertisement[]): PeerRoutes {
  const { name } = peer;
  if (!carriesFamily(peer, ipFamily(ip))) return { peer: name, prefixes: [], reason: 'family-not-carried' };
  const told = advertisements.filter((advertisement) => isTold(peer, advertisement));
  if (told.length === 0) return { peer: name, prefixes: [], reason: 'no-advertisement-for-peer' };
  const byPrefix = Map.groupBy(told, (advertisement) => prefixFor(ip, advertisement));
  const leftOut = Math.max(...Array.from(byPrefix.values(), communitiesLeftOut));
  return { peer: name, prefixes: [...byPrefix.keys()], ...(leftOut === 0 ? {} : { communitiesLeftOut: leftOut }) };
}
