/**
 * Ethernet II headers, and MAC addresses as 48-bit numbers: what a packet path compares and copies without making
 * strings. The text form is model/mac.ts; it is converted here, once an interface, never once a frame.
 *
 *      0                   6                  12        14
 *     +-------------------+-------------------+---------+----------
 *     |    destination    |      source       | type    | payload …
 *     +-------------------+-------------------+---------+----------
 *
 * Implements: IEEE 802.3 §3.2 (type interpretation; a frame with a length field decodes to a type below 0x0600).
 * 802.1Q tags do not appear here: the kernel takes them off before a packet socket sees the frame.
 */
import { BROADCAST_MAC, type Mac, macBytes, macFromBytes } from '../../model/mac.ts';
import type { Result } from '../../model/result.ts';
import { ByteReader, ByteWriter, type DecodeError, decoding } from '../bytes.ts';

declare const macBitsBrand: unique symbol;
/** A MAC address as the unsigned number its six bytes spell in network order. */
export type MacBits = number & { readonly [macBitsBrand]: true };

export const ETHERNET_HEADER_BYTES = 14;

/** IANA "Ether Types" (https://www.iana.org/assignments/ieee-802-numbers). */
export const ETHER_TYPE_IPV4 = 0x0800;
export const ETHER_TYPE_ARP = 0x0806;
export const ETHER_TYPE_IPV6 = 0x86dd;

export interface EthernetHeader {
  readonly destination: MacBits;
  readonly source: MacBits;
  /** EtherType, or below 0x0600 a length. */
  readonly etherType: number;
}

export function macToBits(mac: Mac): MacBits {
  return new ByteReader(macBytes(mac)).u48() as MacBits;
}

export function macFromBits(bits: MacBits): Mac {
  return macFromBytes(new ByteWriter(6).u48(bits).finish());
}

export const BROADCAST_BITS: MacBits = macToBits(BROADCAST_MAC);

/** Whether the address names one station: not a group (the I/G bit, lowest of the first byte) and not all zeros. */
export function isStationAddress(bits: MacBits): boolean {
  return bits !== 0 && (Math.floor(bits / 2 ** 40) & 1) === 0;
}

export function decodeEthernetHeader(frame: Uint8Array): Result<EthernetHeader, DecodeError> {
  return decoding('Ethernet header', frame, (reader) => ({
    destination: reader.u48() as MacBits,
    source: reader.u48() as MacBits,
    etherType: reader.u16(),
  }));
}

/** Appends the header; the payload follows. */
export function writeEthernetHeader(writer: ByteWriter, header: EthernetHeader): void {
  writer.u48(header.destination).u48(header.source).u16(header.etherType);
}
