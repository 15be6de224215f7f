/**
 * An endpoint of the packet path: one kind of traffic on one interface, with a socket of its own while there is one.
 */
import type { PacketSocket, PacketTraffic } from '../../engine/network-ports.ts';
import type { Ip } from '../../model/ip.ts';
import { EchoRateLimit } from '../../protocols/echo/rate-limit.ts';
import type { MacBits } from '../../protocols/ethernet/codec.ts';
import type { Ipv6Key } from '../../protocols/ip/ipv6.ts';

export interface Endpoint {
  /** See endpointId. */
  readonly id: string;
  readonly traffic: PacketTraffic;
  readonly name: string;
  readonly index: number;
  mac: MacBits;
  socket: PacketSocket | undefined;
  /** Opening has failed this often in a row. */
  failures: number;
  cancelRetry: (() => void) | undefined;
  /** Solicited-node groups of the addresses here, with their text. */
  groups: ReadonlyMap<Ipv6Key, Ip>;
  /** Why groups could not be joined, as it was last said. */
  groupError: string | undefined;
  readonly rateLimit: EchoRateLimit;
}

/** "ndp eth0" */
export function endpointId(name: string, traffic: PacketTraffic): string {
  return `${traffic} ${name}`;
}

export function newEndpoint(
  id: string,
  traffic: PacketTraffic,
  link: { readonly name: string; readonly index: number; readonly mac: MacBits },
): Endpoint {
  const none = { socket: undefined, cancelRetry: undefined, groupError: undefined };
  return { id, traffic, ...link, ...none, failures: 0, groups: new Map(), rateLimit: new EchoRateLimit() };
}

export function closeEndpoint(endpoint: Endpoint): void {
  endpoint.cancelRetry?.();
  endpoint.cancelRetry = undefined;
  endpoint.socket?.close();
  endpoint.socket = undefined;
}

/** What to listen to on an interface, given what is announced where, and what must be heard in any case. */
export function wantedTraffic(
  name: string,
  wants: {
    readonly ipv4: ReadonlyMap<string, unknown>;
    readonly ipv6: ReadonlyMap<string, unknown>;
    readonly pings: 'ignore' | 'answer';
    readonly mustHear: (name: string, traffic: 'arp' | 'ndp') => boolean;
  },
): PacketTraffic[] {
  const traffic: PacketTraffic[] = [];
  if (wants.ipv4.has(name) || wants.mustHear(name, 'arp')) traffic.push('arp');
  if (wants.ipv6.has(name) || wants.mustHear(name, 'ndp')) traffic.push('ndp');
  if (wants.ipv4.has(name) && wants.pings === 'answer') traffic.push('icmp-echo');
  if (wants.ipv6.has(name) && wants.pings === 'answer') traffic.push('icmpv6-echo');
  return traffic;
}
