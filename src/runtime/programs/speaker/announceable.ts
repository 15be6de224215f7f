/**
 * Which of the host's interfaces a speaker may announce on, and from that and the announcement table what it answers
 * where. Pure.
 */

import type { HostInterface } from '../../engine/network-ports.ts';
import type { AnnouncedAddress, AnnouncementTable } from '../../model/announcements.ts';
import { ipFamily } from '../../model/ip.ts';
import { type Mac, ZERO_MAC } from '../../model/mac.ts';
import { parseAddressRange } from '../../model/range.ts';
import { type Ipv4Bits, ipv4ToBits } from '../../protocols/arp/codec.ts';

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

/** For every IPv4 address of the table the names of the given interfaces it is announced on; none: it is left empty. */
export function planArp(
  table: AnnouncementTable,
  interfaces: readonly AnnounceableInterface[],
): ReadonlyMap<Ipv4Bits, ReadonlySet<string>> {
  const subnets = interfaces.flatMap(ipv4Subnets);
  // Thousands of addresses share a few sets of interfaces; equal sets are made once.
  const sets = new Map<string, ReadonlySet<string>>();
  const plan = new Map<Ipv4Bits, ReadonlySet<string>>();
  for (const address of table.addresses) {
    if (ipFamily(address.ip) !== 'ipv4') continue;
    const bits = ipv4ToBits(address.ip);
    const names = namesFor(address, bits, { interfaces, subnets });
    const key = names.join('/');
    const set = sets.get(key) ?? new Set(names);
    sets.set(key, set);
    plan.set(bits, set);
  }
  return plan;
}

interface Subnet {
  readonly interface: string;
  readonly first: number;
  readonly last: number;
}

function ipv4Subnets({ name, addresses }: AnnounceableInterface): Subnet[] {
  return addresses.flatMap((text) => {
    const range = parseAddressRange(text);
    if (!range.ok || range.value.family !== 'ipv4') return [];
    return [{ interface: name, first: Number(range.value.first), last: Number(range.value.last) }];
  });
}

function namesFor(
  address: AnnouncedAddress,
  bits: Ipv4Bits,
  { interfaces, subnets }: { interfaces: readonly AnnounceableInterface[]; subnets: readonly Subnet[] },
): string[] {
  if (address.interfaces === 'in-subnet') {
    return subnets.filter(({ first, last }) => first <= bits && bits <= last).map((subnet) => subnet.interface);
  }
  const wanted = address.interfaces;
  return interfaces.filter(({ name }) => wanted.includes(name)).map(({ name }) => name);
}
