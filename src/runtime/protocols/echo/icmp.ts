/**
 * Answers ICMP echo requests (ping) for announced IPv4 addresses: a pure function of a frame, the table and the interface
 * it came in on. Identifier, sequence number and data come back as they are, from the address that was asked.
 *
 * Implements: RFC 792 (echo), RFC 1122 §3.2.2.6.
 */
import { ByteWriter } from '../bytes.ts';
import {
  decodeEthernetHeader,
  ETHER_TYPE_IPV4,
  ETHERNET_HEADER_BYTES,
  isStationAddress,
  writeEthernetHeader,
} from '../ethernet/codec.ts';
import { fillChecksum, onesComplementSum } from '../ip/checksum.ts';
import { PROTOCOL_ICMP } from '../ip/iana.ts';
import {
  decodeIpv4Header,
  encodeIpv4Header,
  IPV4_HEADER_BYTES,
  type Ipv4Bits,
  type Ipv4Header,
  isIpv4HostAddress,
} from '../ip/ipv4.ts';
import {
  ANSWER_HOPS,
  type EchoAnswer,
  type EchoDropReason,
  type EchoInterface,
  type EchoTable,
  judgeLink,
  lookUp,
  MAX_PACKET_BYTES,
} from './answer.ts';
import { ICMP_ECHO_REPLY, ICMP_ECHO_REQUEST } from './iana.ts';

/** Type, code, checksum, identifier, sequence number. */
const MESSAGE_HEADER_BYTES = 8;
const CHECKSUM_AT = 2;

/** The reply to send back out of the interface, or why there is none. The frame is not kept. Total. */
export function respondIcmpEcho(
  frame: Uint8Array,
  table: EchoTable<Ipv4Bits>,
  iface: EchoInterface,
): EchoAnswer<Ipv4Bits> {
  const link = decodeEthernetHeader(frame);
  if (!link.ok) return drop('truncated');
  if (link.value.etherType !== ETHER_TYPE_IPV4) return drop('not-echo');
  const packet = frame.subarray(ETHERNET_HEADER_BYTES);
  const header = decodeIpv4Header(packet);
  if (!header.ok) {
    const { kind } = header.error;
    return drop(kind === 'unsupported' ? 'not-echo' : kind);
  }
  const { headerBytes, totalBytes, destination } = header.value;
  const message = packet.subarray(headerBytes, totalBytes);
  const reason =
    judgePacket(header.value, packet, message) ??
    lookUp(destination, table, iface) ??
    judgeLink(link.value, iface) ??
    judgeMessage(header.value, message);
  if (reason !== undefined) return drop(reason);
  if (!isStationAddress(link.value.source)) return drop('malformed');
  const back = { destination: link.value.source, source: iface.mac, etherType: ETHER_TYPE_IPV4 };
  const writer = new ByteWriter(ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES + message.length);
  writeEthernetHeader(writer, back);
  writer.bytes(answerHeader(header.value, message.length)).bytes(answerMessage(message));
  return { kind: 'reply', ip: destination, frame: writer.finish() };
}

/** Whether this is an echo request, whole and all here. */
function judgePacket(header: Ipv4Header, packet: Uint8Array, message: Uint8Array): EchoDropReason | undefined {
  if (header.protocol !== PROTOCOL_ICMP || header.headerBytes !== IPV4_HEADER_BYTES) return 'not-echo';
  if (header.fragment === 'part') return 'fragment';
  if (packet.length < header.totalBytes || message.length < MESSAGE_HEADER_BYTES) return 'truncated';
  return message[0] === ICMP_ECHO_REQUEST ? undefined : 'not-echo';
}

function judgeMessage({ totalBytes, source }: Ipv4Header, message: Uint8Array): EchoDropReason | undefined {
  if (totalBytes > MAX_PACKET_BYTES) return 'too-long';
  if (message[1] !== 0 || !isIpv4HostAddress(source)) return 'malformed';
  return onesComplementSum(message) === 0xffff ? undefined : 'malformed';
}

function answerHeader({ trafficClass, source, destination }: Ipv4Header, payloadBytes: number): Uint8Array {
  const kind = { trafficClass, timeToLive: ANSWER_HOPS, protocol: PROTOCOL_ICMP, payloadBytes };
  return encodeIpv4Header({ ...kind, source: destination, destination: source });
}

function answerMessage(message: Uint8Array): Uint8Array {
  const rest = message.subarray(CHECKSUM_AT + 2);
  const answer = new ByteWriter(message.length).u8(ICMP_ECHO_REPLY).u8(0).u16(0).bytes(rest).finish();
  fillChecksum(answer, CHECKSUM_AT, onesComplementSum(answer));
  return answer;
}

function drop(reason: EchoDropReason): EchoAnswer<Ipv4Bits> {
  return { kind: 'drop', reason };
}
