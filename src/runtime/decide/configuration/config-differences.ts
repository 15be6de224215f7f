/**
 * What two configurations do differently, in words for people. Names count where a Service asks by them, that is for
 * pools; advertisements and peers are compared by what they do, whatever they are called.
 */
import { formatCommunity } from '../../model/bgp-community.ts';
import type { BgpAdvertisement, BgpPeer, Config, L2Advertisement } from '../../model/config.ts';
import { formatRange } from '../../model/range.ts';

export interface Named {
  /** How messages call it: "the ConfigMap". */
  readonly name: string;
  readonly config: Config;
}

/** Ordered; empty: both do the same. */
export function configDifferences(a: Named, b: Named): string[] {
  return [...poolDifferences(a, b), ...announcementDifferences(a, b), ...peerDifferences(a, b)];
}

function poolDifferences(a: Named, b: Named): string[] {
  const [ofA, ofB] = [a, b].map(({ config }) => new Map(config.pools.map((pool) => [pool.name, described(pool)])));
  return different(ofA ?? new Map(), ofB ?? new Map(), { a, b }, 'pool');
}

/** Of the pools that both have: how they are announced. */
function announcementDifferences(a: Named, b: Named): string[] {
  const shared = new Set(a.config.pools.map(({ name }) => name));
  const pools = b.config.pools.map(({ name }) => name).filter((name) => shared.has(name));
  const [ofA, ofB] = [a, b].map(({ config }) => announcements(config));
  return pools.flatMap((pool) => {
    const [inA, inB] = [ofA?.get(pool), ofB?.get(pool)];
    return [
      ...(inA?.layer2 === inB?.layer2 ? [] : [`pool "${pool}" is announced otherwise in layer 2`]),
      ...(inA?.bgp === inB?.bgp ? [] : [`pool "${pool}" is announced otherwise by BGP`]),
    ];
  });
}

interface Announcements {
  readonly layer2: string;
  readonly bgp: string;
}

function announcements(config: Config): Map<string, Announcements> {
  const sessions = new Map(config.bgpPeers.map((peer) => [peer.name, sessionOf(peer)]));
  const layer2 = byPool(config.l2Advertisements, ({ name: _n, pools: _p, ...rest }: L2Advertisement) => rest);
  const bgp = byPool(config.bgpAdvertisements, ({ name: _n, pools: _p, ...rest }: BgpAdvertisement) => ({
    ...rest,
    communities: rest.communities.map(formatCommunity),
    peers: rest.peers.map((name) => sessions.get(name) ?? `no peer ${name}`).sort(),
  }));
  return new Map(config.pools.map(({ name }) => [name, { layer2: layer2.get(name) ?? '', bgp: bgp.get(name) ?? '' }]));
}

/** What the advertisements of each pool do, each effect once, as text. */
function byPool<Item extends { readonly pools: readonly string[] }>(
  items: readonly Item[],
  effectOf: (item: Item) => object,
): Map<string, string> {
  const effects = new Map<string, Set<string>>();
  for (const item of items) {
    const effect = canonical(effectOf(item));
    for (const pool of item.pools) effects.set(pool, (effects.get(pool) ?? new Set()).add(effect));
  }
  return new Map(Array.from(effects, ([pool, set]) => [pool, Array.from(set).sort().join()]));
}

function peerDifferences(a: Named, b: Named): string[] {
  const [ofA, ofB] = [a, b].map(({ config }) => new Map(config.bgpPeers.map((peer) => peerEntry(peer, config))));
  return different(ofA ?? new Map(), ofB ?? new Map(), { a, b }, 'peer');
}

function peerEntry({ name: _, ...peer }: BgpPeer, config: Config): readonly [string, Described] {
  const profile = config.bfdProfiles.find(({ name }) => name === peer.bfdProfile);
  return [
    sessionOf(peer),
    described({ ...peer, bfdProfile: profile === undefined ? undefined : { ...profile, name: '' } }),
  ];
}

/** As people call it: the address, and whatever else tells it from another. */
function sessionOf({ remote, port, vrf, sourceAddress, nodeSelectors }: Omit<BgpPeer, 'name'>): string {
  const where = 'address' in remote ? remote.address : remote.interface;
  return [
    where,
    ...(port === 179 ? [] : [`port ${port}`]),
    ...(vrf === undefined ? [] : [`VRF ${vrf}`]),
    ...(sourceAddress === undefined ? [] : [`from ${sourceAddress}`]),
    ...(nodeSelectors.length === 0 ? [] : [`on nodes ${canonical(nodeSelectors)}`]),
  ].join(', ');
}

/** Field → its value as text. */
type Described = ReadonlyMap<string, string>;

function described(value: object): Described {
  return new Map(
    Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .map(([key, field]) => [key, canonical(field)]),
  );
}

function different(
  ofA: ReadonlyMap<string, Described>,
  ofB: ReadonlyMap<string, Described>,
  { a, b }: { readonly a: Named; readonly b: Named },
  what: 'pool' | 'peer',
): string[] {
  const names = Array.from(new Set([...ofA.keys(), ...ofB.keys()])).sort();
  return names.flatMap((name) => {
    const [inA, inB] = [ofA.get(name), ofB.get(name)];
    if (inA === undefined) return [`${what} "${name}" is only in ${b.name}`];
    if (inB === undefined) return [`${what} "${name}" is only in ${a.name}`];
    const fields = Array.from(new Set([...inA.keys(), ...inB.keys()])).sort();
    return fields
      .filter((field) => inA.get(field) !== inB.get(field))
      .map((field) => `${what} "${name}": ${fieldDifference(field, [inA.get(field), inB.get(field)], { a, b })}`);
  });
}

function fieldDifference(
  field: string,
  [inA, inB]: readonly [string | undefined, string | undefined],
  { a, b }: { readonly a: Named; readonly b: Named },
): string {
  // A password is not for an annotation to tell.
  if (field === 'password') return 'the passwords differ';
  return `${field} is ${inA ?? 'unset'} in ${a.name} and ${inB ?? 'unset'} in ${b.name}`;
}

/** JSON with keys in order and ranges as people write them, so that equal values are equal text. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    if (isRange(part)) return formatRange(part);
    return Object.fromEntries(Object.entries(part).sort(([x], [y]) => (x < y ? -1 : 1)));
  });
}

function isRange(value: object): value is Parameters<typeof formatRange>[0] {
  return 'first' in value && 'last' in value && 'family' in value;
}
