/**
 * Whole frames of neighbour discovery, read and checked as a receiver must before it believes any of them, or why they are
 * to be discarded. Total.
 *
 * Implements: RFC 4861 §6.1.1, §6.1.2, §7.1.1 and §7.1.2, but for what concerns one kind of message only.
 */
import type { Result } from '../../model/result.ts';
import type { DecodeError } from '../bytes.ts';
import {
  decodeEthernetHeader,
  ETHER_TYPE_IPV6,
  ETHERNET_HEADER_BYTES,
  type EthernetHeader,
} from '../ethernet/codec.ts';
import { PROTOCOL_ICMPV6 } from '../ip/iana.ts';
import { decodeIpv6Header, IPV6_HEADER_BYTES, type Ipv6Header, isChecksumRight } from '../ip/ipv6.ts';
import { decodeNeighborMessage, NDP_HOP_LIMIT, type NeighborMessage } from './codec.ts';

export interface NdpFrame<Message> {
  readonly link: EthernetHeader;
  readonly header: Ipv6Header;
  readonly message: Message;
}

/** Why a frame is discarded; in the order of the checks. */
export const NDP_FRAME_FAULTS = [
  /** Ends before its headers, its message or one of its options does. */
  'truncated',
  /** Not IPv6, or not ICMPv6 right behind the header, or of another type. */
  'not-ndp',
  /** The hop limit is not 255: it may come from beyond the link. */
  'hop-limit',
  'bad-checksum',
  /** Against RFC 4861 §6.1 or §7.1 in another way: code, target, an option, what may not stand together. */
  'malformed',
] as const;

export type NdpFrameFault = (typeof NDP_FRAME_FAULTS)[number];

/** Solicitations and advertisements of neighbours. The frame is not kept. */
export function readNdpFrame(frame: Uint8Array): NdpFrame<NeighborMessage> | NdpFrameFault {
  return readNdpFrameOf(frame, decodeNeighborMessage);
}

/** Those that `decode` knows, which finds others unsupported. */
export function readNdpFrameOf<Message>(
  frame: Uint8Array,
  decode: (payload: Uint8Array) => Result<Message, DecodeError>,
): NdpFrame<Message> | NdpFrameFault {
  const link = decodeEthernetHeader(frame);
  if (!link.ok) return 'truncated';
  if (link.value.etherType !== ETHER_TYPE_IPV6) return 'not-ndp';
  const packet = frame.subarray(ETHERNET_HEADER_BYTES);
  const header = decodeIpv6Header(packet);
  if (!header.ok) return faultOf(header.error);
  const { nextHeader, payloadBytes, hopLimit } = header.value;
  // RFC 6980 §5 forbids fragmented neighbour discovery; other extension headers nobody sends with it.
  if (nextHeader !== PROTOCOL_ICMPV6) return 'not-ndp';
  const payload = packet.subarray(IPV6_HEADER_BYTES, IPV6_HEADER_BYTES + payloadBytes);
  if (payload.length < payloadBytes) return 'truncated';
  const message = decode(payload);
  if (!message.ok && message.error.kind !== 'malformed') return faultOf(message.error);
  if (hopLimit !== NDP_HOP_LIMIT) return 'hop-limit';
  if (!isChecksumRight(header.value, payload)) return 'bad-checksum';
  if (!message.ok) return 'malformed';
  return { link: link.value, header: header.value, message: message.value };
}

function faultOf({ kind }: DecodeError): NdpFrameFault {
  return kind === 'unsupported' ? 'not-ndp' : kind;
}
