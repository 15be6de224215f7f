/**
 * Which way a BFD session goes: over one hop or several, and by which device. Over one hop it is bound to an interface
 * (RFC 5881 §3), which is found by its network where nobody has named it. Pure.
 */
import type { HostInterface } from '../../../engine/network-ports.ts';
import type { BfdProfile } from '../../../model/config.ts';
import { type Ip, ipBits, ipFamily, ipValue, isLinkLocal } from '../../../model/ip.ts';
import { parseIpAndLength } from '../../../model/ip-prefix.ts';

export interface WantedBfd {
  /** The caller's, unique. */
  readonly name: string;
  readonly peer: Ip;
  /** Absent: the node's routing chooses. */
  readonly local?: Ip;
  /** Absent: the one whose network the peer is in. A link-local peer needs it. */
  readonly interface?: string;
  /** The VRF whose interfaces count, and whose routes. Absent: any interface, the main routes. */
  readonly vrf?: string;
  /** as-connected: single if the peer is in a network of an interface, or one is named, and multiple otherwise. */
  readonly hops: 'single' | 'multiple' | 'as-connected';
  readonly profile: BfdProfile;
}

/** The same for those that are one session, whatever their profiles are. */
export function askedWay({ peer, local, interface: interfaceName, vrf, hops }: WantedBfd): string {
  return JSON.stringify([peer, local, interfaceName, vrf, hops]);
}

export interface BfdDevice {
  readonly name: string;
  /** Another one of the same name has another index. */
  readonly index: number;
}

export type BfdRoute =
  | { readonly kind: 'single'; readonly device: BfdDevice }
  /** No device: by whatever the main routes say. */
  | { readonly kind: 'multiple'; readonly device?: BfdDevice }
  /** There is none now, in words. */
  | { readonly kind: 'none'; readonly reason: string };

export function findBfdRoute(wanted: WantedBfd, interfaces: readonly HostInterface[]): BfdRoute {
  const named = wanted.interface ?? (wanted.hops === 'multiple' ? wanted.vrf : undefined);
  if (named !== undefined) return byName(named, wanted.hops, interfaces);
  if (wanted.hops === 'multiple') return { kind: 'multiple' };
  const connected = connectedTo(wanted, interfaces);
  if (connected === undefined)
    return wanted.hops === 'single' ? none(notConnected(wanted)) : indirect(wanted, interfaces);
  return connected.running ? { kind: 'single', device: connected } : none(isDown(connected.name));
}

function byName(name: string, hops: WantedBfd['hops'], interfaces: readonly HostInterface[]): BfdRoute {
  const device = interfaces.find((candidate) => candidate.name === name);
  if (device === undefined) return none(`this node has no interface ${name}`);
  if (!device.running) return none(isDown(name));
  return { kind: hops === 'multiple' ? 'multiple' : 'single', device };
}

function indirect(wanted: WantedBfd, interfaces: readonly HostInterface[]): BfdRoute {
  return wanted.vrf === undefined ? { kind: 'multiple' } : byName(wanted.vrf, 'multiple', interfaces);
}

/** The one with the smallest network that the peer is in; of equals one that runs, then one in no VRF, then the first. */
function connectedTo({ peer, local, vrf }: WantedBfd, interfaces: readonly HostInterface[]): HostInterface | undefined {
  const vrfIndex = interfaces.find(({ name }) => name === vrf)?.index;
  const candidates = interfaces
    .filter(({ masterIndex }) => vrf === undefined || (vrfIndex !== undefined && masterIndex === vrfIndex))
    .map((one) => ({ one, lengthBits: longestNetwork(one, peer, local) }))
    .filter(({ lengthBits }) => lengthBits > 0);
  const rank = ({ one, lengthBits }: (typeof candidates)[number]) =>
    lengthBits * 4 + (one.running ? 2 : 0) + (one.masterIndex === undefined ? 1 : 0);
  return candidates.reduce<(typeof candidates)[number] | undefined>(
    (best, candidate) => (best === undefined || rank(candidate) > rank(best) ? candidate : best),
    undefined,
  )?.one;
}

/** Length of the interface's longest prefix that the peer is in, from the local address where one is wanted; 0: none. */
function longestNetwork({ addresses }: HostInterface, peer: Ip, local: Ip | undefined): number {
  let longest = 0;
  for (const text of addresses) {
    const parsed = parseIpAndLength(text);
    if (!parsed.ok || ipFamily(parsed.value.ip) !== ipFamily(peer)) continue;
    const { ip, lengthBits } = parsed.value;
    if (local !== undefined && ip !== local) continue;
    const shift = BigInt(ipBits(ipFamily(peer)) - lengthBits);
    if (ip !== peer && ipValue(ip) >> shift === ipValue(peer) >> shift) longest = Math.max(longest, lengthBits);
  }
  return longest;
}

function notConnected({ peer, local, vrf }: WantedBfd): string {
  const where = vrf === undefined ? 'this node' : `VRF ${vrf}`;
  const address = local === undefined ? 'an address' : `the address ${local}`;
  return isLinkLocal(peer)
    ? `${peer} is a link-local address, and no interface is named for it`
    : `no interface of ${where} has ${address} in a network with ${peer}; a router that is further away needs ebgpMultiHop or ttlSecurityHops`;
}

function isDown(name: string): string {
  return `the interface ${name} is down`;
}

function none(reason: string): BfdRoute {
  return { kind: 'none', reason };
}
