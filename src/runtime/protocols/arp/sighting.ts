/**
 * What an ARP frame says of whose an address is, for the watch over conflicts: who has it, or who wants it. Everybody's
 * frames count, requests for other addresses too: their sender says what it has.
 *
 * Implements: RFC 5227 §1.1 (ARP Probe), §2.4 (which packets conflict).
 */
import { decodeEthernetHeader, ETHER_TYPE_ARP, ETHERNET_HEADER_BYTES, type MacBits } from '../ethernet/codec.ts';
import { type ArpPacket, decodeArpPacket } from './codec.ts';
import { OPERATION_REPLY, OPERATION_REQUEST } from './iana.ts';

export interface ArpSighting {
  /** arp-request, arp-reply: the sender says that it has the address. probe: it wants it. */
  readonly as: 'arp-request' | 'arp-reply' | 'probe';
  readonly ip: ArpPacket['senderIp'];
  /** Who says so: the sender's hardware address. */
  readonly mac: MacBits;
}

/** Undefined: it says nothing of the kind. The frame is not kept. Total. */
export function sightingOf(frame: Uint8Array): ArpSighting | undefined {
  const header = decodeEthernetHeader(frame);
  if (!header.ok || header.value.etherType !== ETHER_TYPE_ARP) return undefined;
  const arp = decodeArpPacket(frame.subarray(ETHERNET_HEADER_BYTES));
  if (!arp.ok) return undefined;
  const { operation, senderMac, senderIp, targetIp } = arp.value;
  const isRequest = operation === OPERATION_REQUEST;
  if (!isRequest && operation !== OPERATION_REPLY) return undefined;
  if (senderIp !== 0) return { as: isRequest ? 'arp-request' : 'arp-reply', ip: senderIp, mac: senderMac };
  return isRequest ? { as: 'probe', ip: targetIp, mac: senderMac } : undefined;
}
