/**
 * IPv6 headers, and IPv6 addresses as map keys that cost no formatting and compare like numbers.
 *
 *      0         4               6         7         8                       24                      40
 *     +---------+---------------+---------+---------+-----------------------+-----------------------+---------
 *     |6|tc|flow| payload length| next hdr| hop lim.|        source         |      destination      | payload …
 *     +---------+---------------+---------+---------+-----------------------+-----------------------+---------
 *
 * Extension headers are not walked: what is spoken here never needs them, and is refused with them.
 * Implements: RFC 8200 §3, §8.1 (pseudo-header), RFC 4291 §2.7 (multicast), RFC 2464 §7 (groups on Ethernet).
 */
import { type Ip, ipBytes, ipFromBytes } from '../../model/ip.ts';
import type { Result } from '../../model/result.ts';
import { type ByteWriter, type DecodeError, decoding } from '../bytes.ts';
import type { MacBits } from '../ethernet/codec.ts';
import { fillChecksum, onesComplementSum } from './checksum.ts';

declare const ipv6KeyBrand: unique symbol;
/**
 * An IPv6 address as a string of eight characters, each the code of one 16-bit group: equal addresses are equal keys,
 * and a lower address is a lower key. Not text: never shown, logged or sent to another thread.
 */
export type Ipv6Key = string & { readonly [ipv6KeyBrand]: true };

export const IPV6_HEADER_BYTES = 40;
const ADDRESS_BYTES = 16;

/** "::", in a solicitation the sign of duplicate address detection. */
export const UNSPECIFIED: Ipv6Key = ipv6KeyOf(new Uint8Array(ADDRESS_BYTES));
/** "::1", never seen on a link. */
export const LOOPBACK: Ipv6Key = String.fromCharCode(0, 0, 0, 0, 0, 0, 0, 1) as Ipv6Key;
/** ff02::1, every host of the link. */
export const ALL_NODES: Ipv6Key = String.fromCharCode(0xff02, 0, 0, 0, 0, 0, 0, 1) as Ipv6Key;
/** ff02::2, every router of the link. */
export const ALL_ROUTERS: Ipv6Key = String.fromCharCode(0xff02, 0, 0, 0, 0, 0, 0, 2) as Ipv6Key;

/** ff02::1:ff00:0/104, RFC 4291 §2.7.1. */
const SOLICITED_NODE_PREFIX = String.fromCharCode(0xff02, 0, 0, 0, 0, 1);

export interface Ipv6Header {
  /** Of what follows the 40 bytes, extension headers included. */
  readonly payloadBytes: number;
  /** Differentiated services and congestion bits. */
  readonly trafficClass: number;
  /** IANA number of the protocol or extension header that follows. */
  readonly nextHeader: number;
  readonly hopLimit: number;
  readonly source: Ipv6Key;
  readonly destination: Ipv6Key;
}

/** The key of an address in 16 bytes. */
export function ipv6KeyOf(bytes: Uint8Array): Ipv6Key {
  const group = (at: number) => ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  return String.fromCharCode(
    group(0),
    group(2),
    group(4),
    group(6),
    group(8),
    group(10),
    group(12),
    group(14),
  ) as Ipv6Key;
}

/** The key of an IPv6 address; an IPv4 address is a bug of the caller. */
export function ipv6ToKey(ip: Ip): Ipv6Key {
  const bytes = ipBytes(ip);
  if (bytes.length !== ADDRESS_BYTES) throw new Error(`not an IPv6 address: ${ip}`);
  return ipv6KeyOf(bytes);
}

export function ipv6FromKey(key: Ipv6Key): Ip {
  const ip = ipFromBytes(ipv6KeyBytes(key));
  if (!ip.ok) throw new Error(ip.error);
  return ip.value;
}

export function ipv6KeyBytes(key: Ipv6Key): Uint8Array {
  const bytes = new Uint8Array(ADDRESS_BYTES);
  for (let group = 0; group < 8; group++) {
    const code = key.charCodeAt(group);
    bytes[group * 2] = code >>> 8;
    bytes[group * 2 + 1] = code;
  }
  return bytes;
}

export function isIpv6Multicast(key: Ipv6Key): boolean {
  return key.charCodeAt(0) >>> 8 === 0xff;
}

/** fe80::/10, RFC 4291 §2.5.6: good on its link only. */
export function isIpv6LinkLocal(key: Ipv6Key): boolean {
  return key.charCodeAt(0) >>> 6 === 0xfe80 >>> 6;
}

/** The group that solicitations for the address go to: it ends in the address's last 24 bits. */
export function solicitedNodeGroup(key: Ipv6Key): Ipv6Key {
  const upper = 0xff00 | (key.charCodeAt(6) & 0xff);
  return (SOLICITED_NODE_PREFIX + String.fromCharCode(upper, key.charCodeAt(7))) as Ipv6Key;
}

/** The Ethernet group that carries an IPv6 group: 33:33 and its last 32 bits. */
export function ethernetGroup(group: Ipv6Key): MacBits {
  return (0x3333 * 0x1_0000_0000 + group.charCodeAt(6) * 0x1_0000 + group.charCodeAt(7)) as MacBits;
}

/** Reads the header at the beginning of the packet. Whether the payload is all there is the caller's to see. */
export function decodeIpv6Header(packet: Uint8Array): Result<Ipv6Header, DecodeError> {
  return decoding('IPv6 header', packet, (reader) => {
    const first = reader.u16();
    if (first >>> 12 !== 6) reader.refuse('unsupported', `version ${first >>> 12}, only 6 is spoken`, 0);
    reader.skip(2);
    return {
      trafficClass: (first >>> 4) & 0xff,
      payloadBytes: reader.u16(),
      nextHeader: reader.u8(),
      hopLimit: reader.u8(),
      source: ipv6KeyOf(reader.bytes(ADDRESS_BYTES)),
      destination: ipv6KeyOf(reader.bytes(ADDRESS_BYTES)),
    };
  });
}

/** Appends the header, its flow label zero; the payload follows. */
export function writeIpv6Header(writer: ByteWriter, header: Ipv6Header): void {
  writer
    .u16(0x6000 | (header.trafficClass << 4))
    .u16(0)
    .u16(header.payloadBytes)
    .u8(header.nextHeader)
    .u8(header.hopLimit)
    .bytes(ipv6KeyBytes(header.source))
    .bytes(ipv6KeyBytes(header.destination));
}

/** Addresses and kind of the packet that a checksum of its payload covers too. */
export type PseudoHeader = Pick<Ipv6Header, 'source' | 'destination' | 'nextHeader'>;

/** Whether the payload's checksum, wherever it is in it, is right. */
export function isChecksumRight(header: PseudoHeader, payload: Uint8Array): boolean {
  return pseudoHeaderSum(header, payload) === 0xffff;
}

/** Fills the payload's checksum field, zero until now, which is at `at`. */
export function fillPayloadChecksum(header: PseudoHeader, payload: Uint8Array, at: number): void {
  fillChecksum(payload, at, pseudoHeaderSum(header, payload));
}

function pseudoHeaderSum({ source, destination, nextHeader }: PseudoHeader, payload: Uint8Array): number {
  let sum = payload.length + nextHeader;
  for (let group = 0; group < 8; group++) sum += source.charCodeAt(group) + destination.charCodeAt(group);
  return onesComplementSum(payload, sum);
}
