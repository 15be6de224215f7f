/**
 * Which of the host's interfaces a speaker may announce on, and from that and the announcement table what it answers
 * where. Pure.
 */

import type { HostInterface } from '../../engine/network-ports.ts';
import type { AnnouncedAddress, AnnouncementTable } from '../../model/announcements.ts';
import { type Ip, ipFromValue, parseIp } from '../../model/ip.ts';
import { type Mac, ZERO_MAC } from '../../model/mac.ts';
import { parseAddressRange } from '../../model/range.ts';
import type { Ipv4Bits } from '../../protocols/ip/ipv4.ts';
import type { Ipv6Key } from '../../protocols/ip/ipv6.ts';
import { type AddressKey, type AddressKeys, addressKey, isIpv4 } from './address-keys.ts';

/** An interface of a kind that can be announced on, whether or not it is running now. */
export type AnnounceableInterface = HostInterface & { readonly mac: Mac };

/**
 * Interfaces with an Ethernet address (a bridge without ports has none yet), broadcast and ARP that no pattern excludes. Ports of a bridge, bond or VRF are
 * left out: their master is the interface that hosts of the link talk to.
 */
export function announceableInterfaces(
  interfaces: readonly HostInterface[],
  excludePatterns: readonly RegExp[],
): readonly AnnounceableInterface[] {
  return interfaces.filter(
    (candidate): candidate is AnnounceableInterface =>
      candidate.mac !== undefined &&
      candidate.mac !== ZERO_MAC &&
      candidate.broadcast &&
      candidate.arp &&
      candidate.masterIndex === undefined &&
      !excludePatterns.some((pattern) => candidate.name.search(pattern) >= 0),
  );
}

export interface PlanFacts {
  readonly keys: AddressKeys;
  readonly interfaces: readonly AnnounceableInterface[];
}

/** For each address of a family the names of the interfaces it is announced on; none: it is left empty. */
export interface AnnouncementPlan {
  readonly ipv4: ReadonlyMap<Ipv4Bits, ReadonlySet<string>>;
  readonly ipv6: ReadonlyMap<Ipv6Key, ReadonlySet<string>>;
}

/** An address on one interface, as those know it who say whether it may be announced there. */
export interface AnnouncedPlace {
  readonly ip: Ip;
  readonly interface: string;
}

/** What the table asks for on the given interfaces; `keys` are those of its addresses. */
export function planAnnouncements(table: AnnouncementTable, { keys, interfaces }: PlanFacts): AnnouncementPlan {
  const subnets = interfaces.flatMap(subnetsOf);
  // Thousands of addresses share a few sets of interfaces; equal sets are made once.
  const sets = new Map<string, ReadonlySet<string>>();
  const ipv4 = new Map<Ipv4Bits, ReadonlySet<string>>();
  const ipv6 = new Map<Ipv6Key, ReadonlySet<string>>();
  for (const address of table.addresses) {
    const key = keys.get(address.ip) ?? addressKey(address.ip);
    const names = namesFor(address, key, { interfaces, subnets });
    const text = names.join('/');
    const set = sets.get(text) ?? new Set(names);
    sets.set(text, set);
    if (isIpv4(key)) ipv4.set(key, set);
    else ipv6.set(key, set);
  }
  return { ipv4, ipv6 };
}

/** Of the plan what may be announced; `keys` are those of its addresses. */
export function allowedOf(
  plan: AnnouncementPlan,
  keys: AddressKeys,
  mayAnnounce: (place: AnnouncedPlace) => boolean,
): AnnouncementPlan {
  const ipv4 = new Map(plan.ipv4);
  const ipv6 = new Map(plan.ipv6);
  for (const [ip, key] of keys) {
    const names = (isIpv4(key) ? ipv4.get(key) : ipv6.get(key)) ?? new Set();
    const allowed = new Set([...names].filter((name) => mayAnnounce({ ip, interface: name })));
    if (allowed.size === names.size) continue;
    if (isIpv4(key)) ipv4.set(key, allowed);
    else ipv6.set(key, allowed);
  }
  return { ipv4, ipv6 };
}

/** The plan without the addresses that the host itself holds, on whatever interface: its kernel answers pings for those. */
export function withoutHeld(plan: AnnouncementPlan, interfaces: readonly HostInterface[]): AnnouncementPlan {
  const held = new Set<AddressKey>(heldAddresses(interfaces).flatMap(keyOfText));
  return {
    ipv4: new Map([...plan.ipv4].filter(([key]) => !held.has(key))),
    ipv6: new Map([...plan.ipv6].filter(([key]) => !held.has(key))),
  };
}

/** The host's own addresses as text, without their prefix lengths. */
export function heldAddresses(interfaces: readonly HostInterface[]): readonly string[] {
  return interfaces.flatMap(({ addresses }) => addresses.map((text) => text.split('/')[0] ?? text));
}

function keyOfText(text: string): AddressKey[] {
  const ip = parseIp(text);
  return ip.ok ? [addressKey(ip.value)] : [];
}

/** First and last are of one family, and compare with keys of that family only. */
interface Subnet {
  readonly interface: string;
  readonly first: AddressKey;
  readonly last: AddressKey;
}

function subnetsOf({ name, addresses }: AnnounceableInterface): Subnet[] {
  return addresses.flatMap((text) => {
    const range = parseAddressRange(text);
    if (!range.ok) return [];
    const { family, first, last } = range.value;
    const [from, to] = [first, last].map((value) => addressKey(ipFromValue(family, value)));
    return from === undefined || to === undefined ? [] : [{ interface: name, first: from, last: to }];
  });
}

function namesFor(
  address: AnnouncedAddress,
  key: AddressKey,
  { interfaces, subnets }: { interfaces: readonly AnnounceableInterface[]; subnets: readonly Subnet[] },
): string[] {
  if (address.interfaces === 'in-subnet') {
    return subnets.filter((subnet) => isWithin(key, subnet)).map((subnet) => subnet.interface);
  }
  const wanted = address.interfaces;
  return interfaces.filter(({ name }) => wanted.includes(name)).map(({ name }) => name);
}

function isWithin(key: AddressKey, { first, last }: Subnet): boolean {
  return typeof key === typeof first && first <= key && key <= last;
}
