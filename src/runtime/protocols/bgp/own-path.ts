/**
 * What a route looks like on one connection: next hop and path attributes. Routes that look alike share one object, which
 * is what the packing of UPDATEs goes by.
 *
 * Implements: RFC 4271 §5.1.1–§5.1.5, RFC 2545 §3, RFC 8950 §3, RFC 8326 §4.1, §4.2
 */
import type { BgpCommunity } from '../../model/bgp-community.ts';
import { formatCommunity } from '../../model/bgp-community.ts';
import type { AdvertisedRoute } from '../../model/bgp-plan.ts';
import type { IpFamily } from '../../model/ip.ts';
import type { Agreement } from './agreement.ts';
import { type Family, formatFamily, IPV4_UNICAST, ipFamilyOf, isSameFamily } from './codec/family.ts';
import type { NextHop } from './codec/mp-nlri.ts';
import type { RoutePath } from './codec/pack-updates.ts';
import type { LargeCommunity, PathAttributes, StandardCommunity } from './codec/path-attributes.ts';
import { COMMUNITY_GRACEFUL_SHUTDOWN, WELL_KNOWN_COMMUNITY_HIGH } from './iana.ts';
import type { NextHops } from './interface.ts';

/** What others take for the preference of a route that names none, within an AS. */
const DEFAULT_LOCAL_PREF = 100;
/** RFC 8326 §4.2 */
const LEAST_LOCAL_PREF = 0;
/**
 * A router of another AS that does not heed GRACEFUL_SHUTDOWN prefers a shorter path all the same: the number is put in
 * front so many times more than it is otherwise.
 */
const SHUTDOWN_PREPEND = 3;
const GRACEFUL_SHUTDOWN: StandardCommunity = {
  kind: 'standard',
  high: WELL_KNOWN_COMMUNITY_HIGH,
  low: COMMUNITY_GRACEFUL_SHUTDOWN,
};

export interface PathContext {
  readonly localAsn: number;
  readonly agreement: Pick<Agreement, 'peerKind' | 'ipv4NextHops' | 'families'>;
  readonly nextHops: NextHops;
  /** 'on': the routes are about to go. */
  readonly gracefulShutdown: 'on' | 'off';
}

/** The next hop of a family's routes, or why there is none, in words. */
export function nextHopFor(family: Family, { agreement, nextHops }: PathContext): NextHop | string {
  if (!agreement.families.some((spoken) => isSameFamily(spoken, family))) return 'the router does not speak it';
  const { ipv4, ipv6, linkLocal } = nextHops;
  const isIpv4 = isSameFamily(family, IPV4_UNICAST);
  if (isIpv4 && agreement.ipv4NextHops === 'ipv4') {
    if (ipv4 !== undefined) return { address: ipv4 };
    return 'the router takes no IPv6 next hops, and the interface has no IPv4 address';
  }
  // Of a neighbour known by its link-local address alone, both halves are that one.
  const address = ipv6 ?? linkLocal;
  if (address !== undefined) return { address, ...(linkLocal === undefined ? {} : { linkLocal }) };
  if (isIpv4 && ipv4 !== undefined) return { address: ipv4 };
  return `the interface has no ${ipFamilyOf(family) === 'ipv4' ? 'IPv4' : 'IPv6'} address`;
}

/** A path, and the route it was made for. */
interface MadePath {
  readonly family: Family;
  readonly route: AdvertisedRoute;
  readonly path: RoutePath;
}

/** Makes the paths of one connection. */
export class OwnPaths {
  readonly #context: PathContext;
  readonly #byText = new Map<string, MadePath[]>();
  readonly #nextHops = new Map<Family, NextHop | string>();
  /** Many routes share one list of communities: of those seen before nothing is spelled again. */
  readonly #byCommunities = new WeakMap<readonly BgpCommunity[], MadePath[]>();
  /** The next route is like it as a rule. */
  #last: MadePath | undefined;

  constructor(context: PathContext) {
    this.#context = context;
  }

  /** Why routes of a family cannot be sent, in words, by family; of those in `families` alone. */
  obstacles(families: readonly Family[]): readonly string[] {
    return families.flatMap((family) => {
      const nextHop = this.#nextHop(family);
      return typeof nextHop === 'string' ? [`${formatFamily(family)}: ${nextHop}`] : [];
    });
  }

  /** Those of the families whose routes can be sent. */
  carried(families: readonly Family[]): readonly IpFamily[] {
    return families.flatMap((family) => (typeof this.#nextHop(family) === 'string' ? [] : (ipFamilyOf(family) ?? [])));
  }

  /** The same object for all routes that look alike; undefined where the family has an obstacle. */
  of(route: AdvertisedRoute, family: Family): RoutePath | undefined {
    const last = this.#last;
    if (last?.route.communities === route.communities && isFor(last, route, family)) return last.path;
    const nextHop = this.#nextHop(family);
    if (typeof nextHop === 'string') return undefined;
    const alike = this.#madeWith(route.communities);
    let made = alike.find((one) => isFor(one, route, family));
    if (made === undefined) {
      made = { family, route, path: { nextHop, attributes: this.#attributes(route) } };
      alike.push(made);
    }
    this.#last = made;
    return made.path;
  }

  /** The paths with these communities, to be added to. Equal lists share one. */
  #madeWith(communities: readonly BgpCommunity[]): MadePath[] {
    const known = this.#byCommunities.get(communities);
    if (known !== undefined) return known;
    const text = communities.map(formatCommunity).join(' ');
    const made = this.#byText.get(text) ?? [];
    this.#byText.set(text, made);
    this.#byCommunities.set(communities, made);
    return made;
  }

  #attributes({ localPref, multiExitDisc, asPathPrepend, communities }: AdvertisedRoute): PathAttributes {
    const { localAsn, agreement, gracefulShutdown } = this.#context;
    const isInternal = agreement.peerKind === 'internal';
    const isGoing = gracefulShutdown === 'on';
    const standard = communities.filter((community): community is StandardCommunity => community.kind === 'standard');
    const large = communities.filter((community): community is LargeCommunity => community.kind === 'large');
    const isNamed = standard.some(({ high, low }) => high === GRACEFUL_SHUTDOWN.high && low === GRACEFUL_SHUTDOWN.low);
    const told = isGoing && !isNamed ? [GRACEFUL_SHUTDOWN, ...standard] : standard;
    // RFC 4271 §5.1.2: within the AS the path of a route made here is empty.
    const repeats = isInternal ? 0 : 1 + (asPathPrepend ?? 0) + (isGoing ? SHUTDOWN_PREPEND : 0);
    const preference = isGoing ? LEAST_LOCAL_PREF : (localPref ?? DEFAULT_LOCAL_PREF);
    return {
      origin: 'igp',
      asPath: repeats === 0 ? [] : [{ kind: 'as-sequence', asns: new Array<number>(repeats).fill(localAsn) }],
      ...(multiExitDisc === undefined ? {} : { multiExitDisc }),
      // RFC 4271 §5.1.5: within the AS always, to another never.
      ...(isInternal ? { localPref: preference } : {}),
      ...(told.length === 0 ? {} : { communities: told }),
      ...(large.length === 0 ? {} : { largeCommunities: large }),
    };
  }

  #nextHop(family: Family): NextHop | string {
    const known = this.#nextHops.get(family);
    if (known !== undefined) return known;
    const nextHop = nextHopFor(family, this.#context);
    this.#nextHops.set(family, nextHop);
    return nextHop;
  }
}

/** Whether the path is that of the route, whose communities are the same. */
function isFor(made: MadePath, route: AdvertisedRoute, family: Family): boolean {
  return (
    made.family === family &&
    made.route.localPref === route.localPref &&
    made.route.multiExitDisc === route.multiExitDisc &&
    made.route.asPathPrepend === route.asPathPrepend
  );
}
