/**
 * Answers ARP requests for the announced addresses: a pure function of a frame, the table and the interface it came in
 * on. Everything that is not answered has a reason, which is counted; nothing is logged or thrown. This is the hot path:
 * one map lookup by number, no strings, no bigint.
 *
 * Answered are requests by broadcast and by unicast to our MAC (a neighbour confirming its entry), and address probes
 * (sender 0.0.0.0, RFC 5227 §2.1.1), so that a host about to take an announced address finds out that it is in use.
 * The sender's IP is not looked at otherwise.
 *
 * Implements: RFC 826 (packet reception), RFC 5227 §2.6 (replies by unicast).
 */
import {
  BROADCAST_BITS,
  decodeEthernetHeader,
  ETHER_TYPE_ARP,
  ETHERNET_HEADER_BYTES,
  isStationAddress,
  type MacBits,
} from '../ethernet/codec.ts';
import type { Ipv4Bits } from '../ip/ipv4.ts';
import { decodeArpPacket, encodeArpFrame } from './codec.ts';
import { OPERATION_REPLY, OPERATION_REQUEST } from './iana.ts';

/** Which interfaces, by name, each address is answered on. Replaced whole, never edited. */
export type ArpTable = ReadonlyMap<Ipv4Bits, ReadonlySet<string>>;

/** The interface a frame came in on and its answer leaves by. */
export interface ArpInterface {
  readonly name: string;
  readonly mac: MacBits;
}

/** Why a frame was not answered; in the order of the checks. */
export const ARP_DROP_REASONS = [
  /** Ends before its Ethernet header or ARP packet does. */
  'truncated',
  /** Another EtherType. */
  'not-arp',
  /** Ethernet destination neither broadcast nor this interface's address. */
  'not-for-us',
  /** ARP for other kinds of addresses than Ethernet and IPv4. */
  'not-ethernet-ipv4',
  /** A reply, or an operation unknown here. */
  'not-a-request',
  /** The sender's MAC is a group address or zero: there is nobody to reply to. */
  'malformed',
  /** Sent by this interface itself and brought back by the network. */
  'own-frame',
  /** Asks for an address that this node does not announce. */
  'target-not-announced',
  /** Asks for an announced address, but on an interface it is not announced on. */
  'wrong-interface',
] as const;

export type ArpDropReason = (typeof ARP_DROP_REASONS)[number];

export type ArpAnswer =
  | { readonly kind: 'reply'; readonly frame: Uint8Array; readonly ip: Ipv4Bits }
  | { readonly kind: 'drop'; readonly reason: ArpDropReason };

/** The reply to send back out of the interface, or why there is none. The frame is not kept. Total. */
export function respondArp(frame: Uint8Array, table: ArpTable, iface: ArpInterface): ArpAnswer {
  const header = decodeEthernetHeader(frame);
  if (!header.ok) return drop('truncated');
  const { destination, etherType } = header.value;
  if (etherType !== ETHER_TYPE_ARP) return drop('not-arp');
  if (destination !== BROADCAST_BITS && destination !== iface.mac) return drop('not-for-us');

  const arp = decodeArpPacket(frame.subarray(ETHERNET_HEADER_BYTES));
  if (!arp.ok) return drop(arp.error.kind === 'truncated' ? 'truncated' : 'not-ethernet-ipv4');
  const { operation, senderMac, senderIp, targetIp } = arp.value;
  if (operation !== OPERATION_REQUEST) return drop('not-a-request');
  if (!isStationAddress(senderMac)) return drop('malformed');
  if (senderMac === iface.mac) return drop('own-frame');

  const interfaces = table.get(targetIp);
  if (interfaces === undefined) return drop('target-not-announced');
  if (!interfaces.has(iface.name)) return drop('wrong-interface');

  const reply = { operation: OPERATION_REPLY, senderMac: iface.mac, senderIp: targetIp, targetMac: senderMac };
  return {
    kind: 'reply',
    ip: targetIp,
    frame: encodeArpFrame({ destination: senderMac, source: iface.mac }, { ...reply, targetIp: senderIp }),
  };
}

function drop(reason: ArpDropReason): ArpAnswer {
  return { kind: 'drop', reason };
}
