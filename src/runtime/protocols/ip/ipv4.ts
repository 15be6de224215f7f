/**
 * IPv4 headers, and IPv4 addresses as numbers: what a packet path compares and looks up without making strings.
 *
 *      0    1     2          4        6         8    9     10         12          16          20
 *     +----+-----+----------+--------+---------+----+-----+----------+-----------+-----------+---------
 *     |4 |5| tos | length   | ident. | flags,  | ttl| pro-| checksum | source    | destinat. | payload …
 *     |  | |     | in all   |        | offset  |    | tocol          |           |           |
 *     +----+-----+----------+--------+---------+----+-----+----------+-----------+-----------+---------
 *
 * Implements: RFC 791 §3.1. Options are not read: who needs a packet that has some decides by `headerBytes`.
 */
import { type Ip, ipBytes, ipFromBytes } from '../../model/ip.ts';
import type { Result } from '../../model/result.ts';
import { ByteReader, ByteWriter, type DecodeError, decoding } from '../bytes.ts';
import { fillChecksum, onesComplementSum } from './checksum.ts';

declare const ipv4BitsBrand: unique symbol;
/** An IPv4 address as the unsigned number its four bytes spell in network order. */
export type Ipv4Bits = number & { readonly [ipv4BitsBrand]: true };

/** Of a header without options. */
export const IPV4_HEADER_BYTES = 20;
const ADDRESS_BYTES = 4;
const CHECKSUM_AT = 10;
const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const FRAGMENT_OFFSET = 0x1fff;

export interface Ipv4Header {
  /** 20 … 60; more than 20: there are options. */
  readonly headerBytes: number;
  /** Differentiated services and congestion bits. */
  readonly trafficClass: number;
  /** Header and payload; never less than the header. */
  readonly totalBytes: number;
  /** Whether this is a part of a packet: more fragments follow, or others come before it. */
  readonly fragment: 'whole' | 'part';
  readonly timeToLive: number;
  /** IANA protocol number of the payload. */
  readonly protocol: number;
  readonly source: Ipv4Bits;
  readonly destination: Ipv4Bits;
}

/** The number of an IPv4 address; an IPv6 address is a bug of the caller. */
export function ipv4ToBits(ip: Ip): Ipv4Bits {
  const bytes = ipBytes(ip);
  if (bytes.length !== ADDRESS_BYTES) throw new Error(`not an IPv4 address: ${ip}`);
  return new ByteReader(bytes).u32() as Ipv4Bits;
}

export function ipv4FromBits(bits: Ipv4Bits): Ip {
  const ip = ipFromBytes(new ByteWriter(ADDRESS_BYTES).u32(bits).finish());
  if (!ip.ok) throw new Error(ip.error);
  return ip.value;
}

/** Whether the address can be one host's: neither of 0/8 or 127/8, nor multicast, reserved or broadcast (224/3). */
export function isIpv4HostAddress(bits: Ipv4Bits): boolean {
  const first = bits >>> 24;
  return first !== 0 && first !== 127 && first < 224;
}

/** Reads the header at the beginning of the packet; a wrong checksum or length is 'malformed'. */
export function decodeIpv4Header(packet: Uint8Array): Result<Ipv4Header, DecodeError> {
  return decoding('IPv4 header', packet, (reader) => {
    const first = reader.u8();
    if (first >>> 4 !== 4) reader.refuse('unsupported', `version ${first >>> 4}, only 4 is spoken`, 0);
    const headerBytes = (first & 0xf) * 4;
    if (headerBytes < IPV4_HEADER_BYTES) reader.refuse('malformed', `a header of ${headerBytes} bytes`, 0);
    const trafficClass = reader.u8();
    const totalBytes = reader.u16();
    if (totalBytes < headerBytes)
      reader.refuse('malformed', `${totalBytes} bytes in all, with ${headerBytes} of header`);
    reader.skip(2);
    const fragmentBits = reader.u16();
    const timeToLive = reader.u8();
    const protocol = reader.u8();
    reader.skip(2);
    const source = reader.u32() as Ipv4Bits;
    const destination = reader.u32() as Ipv4Bits;
    reader.skip(headerBytes - IPV4_HEADER_BYTES);
    if (onesComplementSum(packet.subarray(0, headerBytes)) !== 0xffff) {
      reader.refuse('malformed', 'the header checksum is wrong', CHECKSUM_AT);
    }
    const fragment = (fragmentBits & (MORE_FRAGMENTS | FRAGMENT_OFFSET)) === 0 ? 'whole' : 'part';
    return { headerBytes, trafficClass, totalBytes, fragment, timeToLive, protocol, source, destination };
  });
}

/** What can be chosen of a header without options; it says "do not fragment", so its identification may be 0 (RFC 6864). */
export type OwnIpv4Header = Omit<Ipv4Header, 'headerBytes' | 'totalBytes' | 'fragment'> & {
  readonly payloadBytes: number;
};

export function encodeIpv4Header(header: OwnIpv4Header): Uint8Array {
  const bytes = new ByteWriter(IPV4_HEADER_BYTES)
    .u8(0x45)
    .u8(header.trafficClass)
    .u16(IPV4_HEADER_BYTES + header.payloadBytes)
    .u16(0)
    .u16(DONT_FRAGMENT)
    .u8(header.timeToLive)
    .u8(header.protocol)
    .u16(0)
    .u32(header.source)
    .u32(header.destination)
    .finish();
  fillChecksum(bytes, CHECKSUM_AT, onesComplementSum(bytes));
  return bytes;
}
