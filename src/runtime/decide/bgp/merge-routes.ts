/**
 * The routes of addresses, by prefix: addresses that fall into one aggregate, and advertisements of one prefix, become one
 * route with the communities of all. Thousands of routes come from a few sets of advertisements, and those of one set
 * share one list of communities.
 *
 * Source: MetalLB's behaviour (communities are united). Deviation: of several local preferences for one prefix, which can
 * only come of different pools, the highest counts; MetalLB's depends on the order of its Services. And where several
 * advertisements have more communities together than a route has room for, some are left out, and explain says so; MetalLB
 * then ends in a fault.
 */
import { type BgpCommunity, formatCommunity } from '../../model/bgp-community.ts';
import { type AdvertisedRoute, MOST_COMMUNITIES } from '../../model/bgp-plan.ts';
import type { BgpAdvertisement } from '../../model/config.ts';
import { type Ip, type IpFamily, ipFamily } from '../../model/ip.ts';
import { type IpPrefix, ipPrefix } from '../../model/ip-prefix.ts';
import { compareText } from '../../model/text-order.ts';
import { aggregationLengthOf } from './local-preference.ts';

/** What one route is announced by. Equal sets are one object, made by adding to a smaller one. */
interface AdvertisementSet {
  readonly advertisements: ReadonlySet<BgpAdvertisement>;
  readonly larger: Map<BgpAdvertisement, AdvertisementSet>;
  /** All of a route but its prefix; made when it is asked for. */
  attributes?: Omit<AdvertisedRoute, 'prefix'>;
}

export function prefixFor(ip: Ip, advertisement: BgpAdvertisement): IpPrefix {
  return ipPrefix(ip, aggregationLengthOf(advertisement, ipFamily(ip)));
}

/** What of the announcements a router hears. */
export interface Hearing {
  readonly families: readonly IpFamily[];
  readonly advertisements: ReadonlySet<BgpAdvertisement>;
}

export class RouteMerger {
  readonly #none: AdvertisementSet = { advertisements: new Set(), larger: new Map() };

  /** Ordered by their first address. Many addresses may share one list of advertisements. */
  merge(
    addresses: readonly { readonly ip: Ip; readonly advertisements: readonly BgpAdvertisement[] }[],
    hearing: Hearing,
  ): readonly AdvertisedRoute[] {
    const heardOf = hearer(hearing);
    const byPrefix = new Map<IpPrefix, AdvertisementSet>();
    for (const { ip, advertisements } of addresses) {
      if (!hearing.families.includes(ipFamily(ip))) continue;
      for (const advertisement of heardOf(advertisements)) {
        const prefix = prefixFor(ip, advertisement);
        byPrefix.set(prefix, larger(byPrefix.get(prefix) ?? this.#none, advertisement));
      }
    }
    return Array.from(byPrefix, ([prefix, set]) => ({ prefix, ...attributesOf(set) }));
  }
}

/** Those of a list that are heard; worked out once a list. */
function hearer({
  advertisements: heard,
}: Hearing): (list: readonly BgpAdvertisement[]) => readonly BgpAdvertisement[] {
  const known = new Map<readonly BgpAdvertisement[], readonly BgpAdvertisement[]>();
  return (list) => {
    const before = known.get(list);
    if (before !== undefined) return before;
    const those = list.filter((advertisement) => heard.has(advertisement));
    known.set(list, those);
    return those;
  };
}

function larger(set: AdvertisementSet, advertisement: BgpAdvertisement): AdvertisementSet {
  if (set.advertisements.has(advertisement)) return set;
  const known = set.larger.get(advertisement);
  if (known !== undefined) return known;
  const made = { advertisements: new Set([...set.advertisements, advertisement]), larger: new Map() };
  set.larger.set(advertisement, made);
  return made;
}

function attributesOf(set: AdvertisementSet): Omit<AdvertisedRoute, 'prefix'> {
  set.attributes ??= attributesFrom([...set.advertisements]);
  return set.attributes;
}

function attributesFrom(advertisements: readonly BgpAdvertisement[]): Omit<AdvertisedRoute, 'prefix'> {
  const localPref = best(advertisements, ({ localPref: own }) => own, Math.max);
  const multiExitDisc = best(advertisements, ({ multiExitDisc: own }) => own, Math.min);
  // One that wants the path as short as it is makes it so.
  const asPathPrepend = Math.min(...advertisements.map(({ asPathPrepend: own }) => own ?? 0));
  return {
    ...(localPref === undefined ? {} : { localPref }),
    ...(multiExitDisc === undefined ? {} : { multiExitDisc }),
    ...(asPathPrepend === 0 ? {} : { asPathPrepend }),
    communities: united(advertisements),
  };
}

function best(
  advertisements: readonly BgpAdvertisement[],
  read: (advertisement: BgpAdvertisement) => number | undefined,
  choose: (...values: number[]) => number,
): number | undefined {
  const values = advertisements.flatMap((advertisement) => read(advertisement) ?? []);
  return values.length === 0 ? undefined : choose(...values);
}

/** How many communities a route by these advertisements has no room for. */
export function communitiesLeftOut(advertisements: readonly BgpAdvertisement[]): number {
  const most = advertisements.reduce((count, { communities }) => count + communities.length, 0);
  return most <= MOST_COMMUNITIES ? 0 : Math.max(0, written(advertisements).length - MOST_COMMUNITIES);
}

function united(advertisements: readonly BgpAdvertisement[]): readonly BgpCommunity[] {
  return withinRoom(written(advertisements))
    .sort((a, b) => compareText(a.text, b.text))
    .map(({ community }) => community);
}

/** Each once. */
function written(advertisements: readonly BgpAdvertisement[]): readonly WrittenCommunity[] {
  const byText = new Map<string, BgpCommunity>();
  for (const { communities } of advertisements) {
    for (const community of communities) byText.set(formatCommunity(community), community);
  }
  return Array.from(byText, ([text, community]) => ({ text, community }));
}

interface WrittenCommunity {
  readonly text: string;
  readonly community: BgpCommunity;
}

/** RFC 1997: the well-known ones say how far a route may go, so they come first. */
function withinRoom(all: readonly WrittenCommunity[]): WrittenCommunity[] {
  if (all.length <= MOST_COMMUNITIES) return [...all];
  const [wellKnown, others] = [true, false].map((want) =>
    all.filter(({ community }) => isWellKnown(community) === want),
  );
  return [...(wellKnown ?? []), ...(others ?? [])].slice(0, MOST_COMMUNITIES);
}

function isWellKnown(community: BgpCommunity): boolean {
  return community.kind === 'standard' && community.high === 0xffff;
}
