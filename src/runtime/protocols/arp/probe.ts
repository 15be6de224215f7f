/**
 * ARP probes: "is anybody using this address?", asked without claiming it. Nobody who hears one enters it in a table,
 * because the sender's IP is 0.0.0.0.
 *
 * Implements: RFC 5227 §1.1 (definition of an ARP Probe), §2.1.1.
 */
import { BROADCAST_BITS, type MacBits } from '../ethernet/codec.ts';
import { type ArpPacket, encodeArpFrame } from './codec.ts';
import { OPERATION_REQUEST } from './iana.ts';

const NO_IP = 0 as ArpPacket['senderIp'];
/** RFC 5227 §2.1.1: the target hardware address is ignored and SHOULD be all zeroes. */
const NO_MAC = 0 as MacBits;

/** A whole frame, to send out of the interface that has the MAC. */
export function encodeArpProbe(ip: ArpPacket['targetIp'], mac: MacBits): Uint8Array {
  return encodeArpFrame(
    { destination: BROADCAST_BITS, source: mac },
    { operation: OPERATION_REQUEST, senderMac: mac, senderIp: NO_IP, targetMac: NO_MAC, targetIp: ip },
  );
}
