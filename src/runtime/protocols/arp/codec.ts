/**
 * ARP for IPv4 over Ethernet: bytes to values and back. Addresses are numbers here (see ethernet/codec.ts), so that a
 * lookup and a reply need no string. Operations are not judged: that is the responder's business.
 *
 *      0         2         4    5    6         8                  14        18                 24        28
 *     +---------+---------+----+----+---------+------------------+---------+------------------+---------+
 *     | htype 1 | ptype   | 6  | 4  | operat. |   sender MAC     | snd IP  |   target MAC     | tgt IP  |
 *     |         | 0x0800  |    |    |         |                  |         |                  |         |
 *     +---------+---------+----+----+---------+------------------+---------+------------------+---------+
 *
 * What follows the 28 bytes is the frame's padding and is ignored.
 * Implements: RFC 826 (packet format).
 */
import type { Result } from '../../model/result.ts';
import { type ByteReader, ByteWriter, type DecodeError, decoding } from '../bytes.ts';
import { ETHER_TYPE_ARP, ETHERNET_HEADER_BYTES, type MacBits, writeEthernetHeader } from '../ethernet/codec.ts';
import type { Ipv4Bits } from '../ip/ipv4.ts';
import { HARDWARE_TYPE_ETHERNET, PROTOCOL_TYPE_IPV4 } from './iana.ts';

const ARP_BYTES = 28;
const MAC_BYTES = 6;
const IPV4_BYTES = 4;

export interface ArpPacket {
  /** IANA operation code, 0 … 65535. */
  readonly operation: number;
  readonly senderMac: MacBits;
  /** 0 in an address probe (RFC 5227 §1.1). */
  readonly senderIp: Ipv4Bits;
  /** Means nothing in a request. */
  readonly targetMac: MacBits;
  readonly targetIp: Ipv4Bits;
}

/** Decodes the payload of an Ethernet frame of type ARP. Other hardware or protocol addresses are 'unsupported'. */
export function decodeArpPacket(payload: Uint8Array): Result<ArpPacket, DecodeError> {
  return decoding('ARP packet', payload, (reader) => {
    expectField(reader, 'hardware type', reader.u16(), HARDWARE_TYPE_ETHERNET);
    expectField(reader, 'protocol type', reader.u16(), PROTOCOL_TYPE_IPV4);
    expectField(reader, 'hardware address length', reader.u8(), MAC_BYTES);
    expectField(reader, 'protocol address length', reader.u8(), IPV4_BYTES);
    return {
      operation: reader.u16(),
      senderMac: reader.u48() as MacBits,
      senderIp: reader.u32() as Ipv4Bits,
      targetMac: reader.u48() as MacBits,
      targetIp: reader.u32() as Ipv4Bits,
    };
  });
}

function expectField(reader: ByteReader, name: string, value: number, want: number): void {
  if (value !== want) reader.refuse('unsupported', `${name} ${value}, only ${want} is spoken`);
}

/** A whole frame: Ethernet header and ARP packet, 42 bytes; the link pads it to its minimum. */
export function encodeArpFrame(link: { destination: MacBits; source: MacBits }, packet: ArpPacket): Uint8Array {
  const writer = new ByteWriter(ETHERNET_HEADER_BYTES + ARP_BYTES);
  writeEthernetHeader(writer, { ...link, etherType: ETHER_TYPE_ARP });
  return writer
    .u16(HARDWARE_TYPE_ETHERNET)
    .u16(PROTOCOL_TYPE_IPV4)
    .u8(MAC_BYTES)
    .u8(IPV4_BYTES)
    .u16(packet.operation)
    .u48(packet.senderMac)
    .u32(packet.senderIp)
    .u48(packet.targetMac)
    .u32(packet.targetIp)
    .finish();
}
