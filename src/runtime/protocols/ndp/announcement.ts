/**
 * Unsolicited neighbour advertisements: what tells a link's hosts, unasked, where an address is now.
 *
 * Sent from the address itself, as Linux does for its own: it is this node's, and no interface need have another.
 * Implements: RFC 4861 §7.2.6.
 */
import type { MacBits } from '../ethernet/codec.ts';
import { ALL_NODES, ethernetGroup, type Ipv6Key } from '../ip/ipv6.ts';
import { encodeNdpFrame } from './codec.ts';

/** The frames of one announcement, to send out of the interface that has the MAC. */
export function encodeNdpAnnouncement(ip: Ipv6Key, mac: MacBits): readonly Uint8Array[] {
  const link = { source: mac, destination: ethernetGroup(ALL_NODES) };
  const message = { kind: 'advertisement', target: ip, flags: ['override'], linkAddress: mac } as const;
  return [encodeNdpFrame({ link, source: ip, destination: ALL_NODES }, message)];
}
