/**
 * Gratuitous ARP: what tells a link's hosts, unasked, where an address is now. A request and a reply by broadcast, because
 * some hosts heed only the one and some only the other; the request comes first.
 *
 * Implements: RFC 5227 §3 (announcements are requests whose sender and target IP are both the address); RFC 5944 §4.6
 * allows the reply form beside it. The target MAC means nothing here; it is broadcast, as MetalLB has it.
 */
import { BROADCAST_BITS, type MacBits } from '../ethernet/codec.ts';
import type { Ipv4Bits } from '../ip/ipv4.ts';
import { encodeArpFrame } from './codec.ts';
import { OPERATION_REPLY, OPERATION_REQUEST } from './iana.ts';

/** The frames of one announcement, to send out of the interface that has the MAC. */
export function encodeArpAnnouncement(ip: Ipv4Bits, mac: MacBits): readonly Uint8Array[] {
  return [OPERATION_REQUEST, OPERATION_REPLY].map((operation) =>
    encodeArpFrame(
      { destination: BROADCAST_BITS, source: mac },
      { operation, senderMac: mac, senderIp: ip, targetMac: BROADCAST_BITS, targetIp: ip },
    ),
  );
}
