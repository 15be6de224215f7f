/**
 * Neighbour discovery over Ethernet: ICMPv6 neighbour solicitations and advertisements, bytes to values and back.
 *
 *      0      1      2          4               8                          24
 *     +------+------+----------+---------------+--------------------------+------+--------+-----------------+-----
 *     | 135  |  0   | checksum | RSO, reserved | target                   | type | length | value           | …
 *     | 136  |      |          |               |                          |      | in 8 B |                 |
 *     +------+------+----------+---------------+--------------------------+------+--------+-----------------+-----
 *                                                                          options: 1 source, 2 target link address
 *
 * The codec refuses what a receiver must discard whatever it says (RFC 4861 §7.1.1, §7.1.2), except for the hop limit,
 * which the header holds, and the checksum, which covers that header: `isChecksumRight` of ip/ipv6.ts.
 * Implements: RFC 4861 §4.3, §4.4, §4.6, §4.6.1, RFC 2464 §6.
 */
import type { Result } from '../../model/result.ts';
import { type ByteReader, ByteWriter, type DecodeError, decoding } from '../bytes.ts';
import { ETHER_TYPE_IPV6, ETHERNET_HEADER_BYTES, type MacBits, writeEthernetHeader } from '../ethernet/codec.ts';
import { PROTOCOL_ICMPV6 } from '../ip/iana.ts';
import {
  fillPayloadChecksum,
  IPV6_HEADER_BYTES,
  type Ipv6Key,
  ipv6KeyBytes,
  ipv6KeyOf,
  isIpv6Multicast,
  writeIpv6Header,
} from '../ip/ipv6.ts';
import {
  OPTION_SOURCE_LINK_LAYER_ADDRESS,
  OPTION_TARGET_LINK_LAYER_ADDRESS,
  TYPE_NEIGHBOR_ADVERTISEMENT,
  TYPE_NEIGHBOR_SOLICITATION,
} from './iana.ts';

/** RFC 4861 §7.1: what crossed a router has less, so that nobody beyond the link can speak up. */
export const NDP_HOP_LIMIT = 255;

const MESSAGE_BYTES = 24;
const OPTION_UNIT_BYTES = 8;
/** A link-layer option with an Ethernet address in it. */
const LINK_OPTION_BYTES = 8;
const CHECKSUM_AT = 2;

const FLAG_ROUTER = 0x8000_0000;
const FLAG_SOLICITED = 0x4000_0000;
const FLAG_OVERRIDE = 0x2000_0000;

/** "Who has `target`?" */
export interface NeighborSolicitation {
  readonly kind: 'solicitation';
  readonly target: Ipv6Key;
  /** Source link-layer address option: where the answer goes. */
  readonly linkAddress?: MacBits;
}

export type AdvertisementFlag = 'router' | 'solicited' | 'override';

/** "`target` is at …" */
export interface NeighborAdvertisement {
  readonly kind: 'advertisement';
  readonly target: Ipv6Key;
  /** In the order router, solicited, override. */
  readonly flags: readonly AdvertisementFlag[];
  /** Target link-layer address option. */
  readonly linkAddress?: MacBits;
}

export type NeighborMessage = NeighborSolicitation | NeighborAdvertisement;

/** Decodes the payload of an IPv6 packet of protocol ICMPv6. Other types are 'unsupported'. */
export function decodeNeighborMessage(payload: Uint8Array): Result<NeighborMessage, DecodeError> {
  return decoding('neighbour discovery message', payload, (reader) => {
    const type = reader.u8();
    if (type !== TYPE_NEIGHBOR_SOLICITATION && type !== TYPE_NEIGHBOR_ADVERTISEMENT) {
      reader.refuse('unsupported', `ICMPv6 type ${type}, only 135 and 136 are spoken`, 0);
    }
    const code = reader.u8();
    if (code !== 0) reader.refuse('malformed', `code ${code}, not 0`, 1);
    reader.skip(2);
    const flags = reader.u32();
    const target = ipv6KeyOf(reader.bytes(16));
    if (isIpv6Multicast(target)) reader.refuse('malformed', 'the target is a group', 8);
    if (type === TYPE_NEIGHBOR_SOLICITATION) {
      return { kind: 'solicitation', target, ...readLinkAddress(reader, OPTION_SOURCE_LINK_LAYER_ADDRESS) };
    }
    const linkAddress = readLinkAddress(reader, OPTION_TARGET_LINK_LAYER_ADDRESS);
    return { kind: 'advertisement', target, flags: flagsOf(flags), ...linkAddress };
  });
}

function flagsOf(bits: number): AdvertisementFlag[] {
  const flags: AdvertisementFlag[] = [];
  if (bits & FLAG_ROUTER) flags.push('router');
  if (bits & FLAG_SOLICITED) flags.push('solicited');
  if (bits & FLAG_OVERRIDE) flags.push('override');
  return flags;
}

/** The value of a link-layer option. Reads all options, each of at least one unit, and so at most an eighth of the payload's bytes; the first one counts. */
export function readLinkAddress(reader: ByteReader, wanted: number): { readonly linkAddress?: MacBits } {
  let linkAddress: MacBits | undefined;
  while (reader.remaining > 0) {
    const at = reader.offset;
    const type = reader.u8();
    const lengthBytes = reader.u8() * OPTION_UNIT_BYTES;
    if (lengthBytes === 0) reader.refuse('malformed', `option ${type} of length 0`, at);
    if (type !== wanted || linkAddress !== undefined) {
      reader.skip(lengthBytes - 2);
    } else if (lengthBytes === LINK_OPTION_BYTES) {
      linkAddress = reader.u48() as MacBits;
    } else {
      reader.refuse('malformed', `link-layer address option of ${lengthBytes} bytes, an Ethernet address makes 8`, at);
    }
  }
  return linkAddress === undefined ? {} : { linkAddress };
}

/** Where a message comes from and goes to, on the link and in its header. */
export interface NdpEnvelope {
  readonly link: { readonly destination: MacBits; readonly source: MacBits };
  readonly source: Ipv6Key;
  readonly destination: Ipv6Key;
}

/** A whole frame: Ethernet header, IPv6 header, message; 78 bytes, and 8 more with a link address. */
export function encodeNdpFrame({ link, source, destination }: NdpEnvelope, message: NeighborMessage): Uint8Array {
  return encodeNdpPayload({ link, source, destination }, encodeMessage(message));
}

/** A whole frame around a message whose checksum is zero until now; it is filled in. */
export function encodeNdpPayload({ link, source, destination }: NdpEnvelope, payload: Uint8Array): Uint8Array {
  const header = { source, destination, nextHeader: PROTOCOL_ICMPV6 };
  fillPayloadChecksum(header, payload, CHECKSUM_AT);
  const writer = new ByteWriter(ETHERNET_HEADER_BYTES + IPV6_HEADER_BYTES + payload.length);
  writeEthernetHeader(writer, { ...link, etherType: ETHER_TYPE_IPV6 });
  writeIpv6Header(writer, { ...header, payloadBytes: payload.length, trafficClass: 0, hopLimit: NDP_HOP_LIMIT });
  return writer.bytes(payload).finish();
}

/** The message with a checksum of zero. */
function encodeMessage(message: NeighborMessage): Uint8Array {
  const isSolicitation = message.kind === 'solicitation';
  const writer = new ByteWriter(MESSAGE_BYTES + LINK_OPTION_BYTES)
    .u8(isSolicitation ? TYPE_NEIGHBOR_SOLICITATION : TYPE_NEIGHBOR_ADVERTISEMENT)
    .u8(0)
    .u16(0)
    .u32(isSolicitation ? 0 : bitsOf(message.flags))
    .bytes(ipv6KeyBytes(message.target));
  const option = isSolicitation ? OPTION_SOURCE_LINK_LAYER_ADDRESS : OPTION_TARGET_LINK_LAYER_ADDRESS;
  return writeLinkAddress(writer, option, message.linkAddress).finish();
}

/** Appends a link-layer option; nothing without an address. */
export function writeLinkAddress(writer: ByteWriter, option: number, linkAddress: MacBits | undefined): ByteWriter {
  if (linkAddress === undefined) return writer;
  return writer
    .u8(option)
    .u8(LINK_OPTION_BYTES / OPTION_UNIT_BYTES)
    .u48(linkAddress);
}

function bitsOf(flags: readonly AdvertisementFlag[]): number {
  let bits = 0;
  if (flags.includes('router')) bits += FLAG_ROUTER;
  if (flags.includes('solicited')) bits += FLAG_SOLICITED;
  if (flags.includes('override')) bits += FLAG_OVERRIDE;
  return bits;
}
