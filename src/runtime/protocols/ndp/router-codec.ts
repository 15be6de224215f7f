/**
 * Router discovery over Ethernet: router solicitations and advertisements, bytes to values and back.
 *
 *      0      1      2          4           5         6               8                16
 *     +------+------+----------+-----------+---------+---------------+-----------------+------+--------+----------+-----
 *     | 133  |  0   | checksum | reserved                            | options: 1 source link address, others …
 *     | 134  |  0   | checksum | hop limit | M, O, … | life, seconds | reachable time  | options: likewise
 *     |      |      |          | for hosts |         |               | retrans timer   |
 *     +------+------+----------+-----------+---------+---------------+-----------------+------+--------+----------+-----
 *
 * Of an advertisement only what says who it is from is read: it must configure nothing here. Those made here say nothing
 * else either: a lifetime of 0, so that nobody takes the sender for a way out, no prefix, and "unspecified" for the rest.
 * Implements: RFC 4861 §4.1, §4.2, §6.1.1, §6.1.2 but for hop limit and checksum, as codec.ts does.
 */
import type { Result } from '../../model/result.ts';
import { ByteWriter, type DecodeError, decoding } from '../bytes.ts';
import type { MacBits } from '../ethernet/codec.ts';
import { encodeNdpPayload, type NdpEnvelope, readLinkAddress, writeLinkAddress } from './codec.ts';
import { OPTION_SOURCE_LINK_LAYER_ADDRESS, TYPE_ROUTER_ADVERTISEMENT, TYPE_ROUTER_SOLICITATION } from './iana.ts';

/** "Which routers are there?" */
export interface RouterSolicitation {
  readonly kind: 'router-solicitation';
  /** Source link-layer address option. */
  readonly linkAddress?: MacBits;
}

/** "I am one." */
export interface RouterAdvertisement {
  readonly kind: 'router-advertisement';
  /** How long it can be used as a default router: 0 … 65535; 0: it cannot. */
  readonly lifetimeSeconds: number;
  /** Source link-layer address option. */
  readonly linkAddress?: MacBits;
}

export type RouterMessage = RouterSolicitation | RouterAdvertisement;

const LONGEST_BYTES = 24;

/** Decodes the payload of an IPv6 packet of protocol ICMPv6. Other types are 'unsupported'. */
export function decodeRouterMessage(payload: Uint8Array): Result<RouterMessage, DecodeError> {
  return decoding('router discovery message', payload, (reader) => {
    const type = reader.u8();
    if (type !== TYPE_ROUTER_SOLICITATION && type !== TYPE_ROUTER_ADVERTISEMENT) {
      reader.refuse('unsupported', `ICMPv6 type ${type}, only 133 and 134 are spoken`, 0);
    }
    const code = reader.u8();
    if (code !== 0) reader.refuse('malformed', `code ${code}, not 0`, 1);
    reader.skip(2);
    if (type === TYPE_ROUTER_SOLICITATION) {
      reader.skip(4);
      return { kind: 'router-solicitation', ...readLinkAddress(reader, OPTION_SOURCE_LINK_LAYER_ADDRESS) };
    }
    reader.skip(2);
    const lifetimeSeconds = reader.u16();
    reader.skip(8);
    const linkAddress = readLinkAddress(reader, OPTION_SOURCE_LINK_LAYER_ADDRESS);
    return { kind: 'router-advertisement', lifetimeSeconds, ...linkAddress };
  });
}

/** A whole frame: Ethernet header, IPv6 header, message. */
export function encodeRouterFrame(envelope: NdpEnvelope, message: RouterMessage): Uint8Array {
  return encodeNdpPayload(envelope, encodeMessage(message));
}

/** The message with a checksum of zero. */
function encodeMessage(message: RouterMessage): Uint8Array {
  const writer = new ByteWriter(LONGEST_BYTES);
  if (message.kind === 'router-solicitation') writer.u8(TYPE_ROUTER_SOLICITATION).u8(0).u16(0).u32(0);
  else writer.u8(TYPE_ROUTER_ADVERTISEMENT).u8(0).u16(0).u16(0).u16(message.lifetimeSeconds).u32(0).u32(0);
  return writeLinkAddress(writer, OPTION_SOURCE_LINK_LAYER_ADDRESS, message.linkAddress).finish();
}
