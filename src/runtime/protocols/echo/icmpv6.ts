/**
 * Answers ICMPv6 echo requests (ping) for announced IPv6 addresses, as icmp.ts does for IPv4. Extension headers are not
 * walked, so a fragment is none of ours.
 *
 * Implements: RFC 4443 §2.3 (checksum), §4.1, §4.2.
 */
import { ByteWriter } from '../bytes.ts';
import {
  decodeEthernetHeader,
  ETHER_TYPE_IPV6,
  ETHERNET_HEADER_BYTES,
  isStationAddress,
  writeEthernetHeader,
} from '../ethernet/codec.ts';
import { PROTOCOL_ICMPV6 } from '../ip/iana.ts';
import {
  decodeIpv6Header,
  fillPayloadChecksum,
  IPV6_HEADER_BYTES,
  type Ipv6Header,
  type Ipv6Key,
  isChecksumRight,
  isIpv6Multicast,
  LOOPBACK,
  UNSPECIFIED,
  writeIpv6Header,
} from '../ip/ipv6.ts';
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
import { ICMPV6_ECHO_REPLY, ICMPV6_ECHO_REQUEST } from './iana.ts';

/** Type, code, checksum, identifier, sequence number. */
const MESSAGE_HEADER_BYTES = 8;
const CHECKSUM_AT = 2;
/** IANA "Protocol Numbers": the header of a fragment. */
const HEADER_FRAGMENT = 44;

/** The reply to send back out of the interface, or why there is none. The frame is not kept. Total. */
export function respondIcmpv6Echo(
  frame: Uint8Array,
  table: EchoTable<Ipv6Key>,
  iface: EchoInterface,
): EchoAnswer<Ipv6Key> {
  const link = decodeEthernetHeader(frame);
  if (!link.ok) return drop('truncated');
  if (link.value.etherType !== ETHER_TYPE_IPV6) return drop('not-echo');
  const packet = frame.subarray(ETHERNET_HEADER_BYTES);
  const header = decodeIpv6Header(packet);
  if (!header.ok) return drop(header.error.kind === 'truncated' ? 'truncated' : 'not-echo');
  const { destination, payloadBytes } = header.value;
  const message = packet.subarray(IPV6_HEADER_BYTES, IPV6_HEADER_BYTES + payloadBytes);
  const reason =
    judgePacket(header.value, message) ??
    lookUp(destination, table, iface) ??
    judgeLink(link.value, iface) ??
    judgeMessage(header.value, message);
  if (reason !== undefined) return drop(reason);
  if (!isStationAddress(link.value.source)) return drop('malformed');
  const writer = new ByteWriter(ETHERNET_HEADER_BYTES + IPV6_HEADER_BYTES + message.length);
  const back = { destination: link.value.source, source: iface.mac, etherType: ETHER_TYPE_IPV6 };
  writeEthernetHeader(writer, back);
  const answered = answerHeader(header.value);
  writeIpv6Header(writer, answered);
  return { kind: 'reply', ip: destination, frame: writer.bytes(answerMessage(answered, message)).finish() };
}

/** Whether this is an echo request, whole and all here. */
function judgePacket({ nextHeader, payloadBytes }: Ipv6Header, message: Uint8Array): EchoDropReason | undefined {
  if (nextHeader === HEADER_FRAGMENT) return 'fragment';
  if (nextHeader !== PROTOCOL_ICMPV6) return 'not-echo';
  if (message.length < payloadBytes || message.length < MESSAGE_HEADER_BYTES) return 'truncated';
  return message[0] === ICMPV6_ECHO_REQUEST ? undefined : 'not-echo';
}

function judgeMessage(header: Ipv6Header, message: Uint8Array): EchoDropReason | undefined {
  const { payloadBytes, source } = header;
  if (IPV6_HEADER_BYTES + payloadBytes > MAX_PACKET_BYTES) return 'too-long';
  const isHost = source !== UNSPECIFIED && source !== LOOPBACK && !isIpv6Multicast(source);
  return message[1] === 0 && isHost && isChecksumRight(header, message) ? undefined : 'malformed';
}

function answerHeader(header: Ipv6Header): Ipv6Header {
  return { ...header, source: header.destination, destination: header.source, hopLimit: ANSWER_HOPS };
}

function answerMessage(header: Ipv6Header, message: Uint8Array): Uint8Array {
  const rest = message.subarray(CHECKSUM_AT + 2);
  const answer = new ByteWriter(message.length).u8(ICMPV6_ECHO_REPLY).u8(0).u16(0).bytes(rest).finish();
  fillPayloadChecksum(header, answer, CHECKSUM_AT);
  return answer;
}

function drop(reason: EchoDropReason): EchoAnswer<Ipv6Key> {
  return { kind: 'drop', reason };
}
