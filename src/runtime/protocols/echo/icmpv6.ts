/**
 * Answers ICMPv6 echo requests (ping) for announced IPv6 addresses, as icmp.ts does for IPv4. Extension headers are not
 * walked, so a fragment is none of ours.
 *
 * Implements: RFC 4443 §2.3 (checksum), §4.1, §4.2.
 */
import { ByteWriter } from '../bytes.ts';
import { ETHER_TYPE_IPV6 } from '../ethernet/codec.ts';
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
  answerEcho,
  CHECKSUM_AT,
  type EchoAnswer,
  type EchoDropReason,
  type EchoFamily,
  type EchoInterface,
  type EchoRequest,
  type EchoTable,
  MAX_PACKET_BYTES,
  MESSAGE_HEADER_BYTES,
} from './answer.ts';
import { ICMPV6_ECHO_REPLY, ICMPV6_ECHO_REQUEST } from './iana.ts';

/** IANA "Protocol Numbers": the header of a fragment. */
const HEADER_FRAGMENT = 44;

/** The reply to send back out of the interface, or why there is none. The frame is not kept. Total. */
export function respondIcmpv6Echo(
  frame: Uint8Array,
  table: EchoTable<Ipv6Key>,
  iface: EchoInterface,
): EchoAnswer<Ipv6Key> {
  return answerEcho(IPV6, frame, table, iface);
}

const IPV6: EchoFamily<Ipv6Key, Ipv6Header> = {
  etherType: ETHER_TYPE_IPV6,
  headerBytes: IPV6_HEADER_BYTES,
  read: readRequest,
  judge: ({ header, message }) => judgeMessage(header, message),
  write: (writer, { header, message }) => {
    const answered = answerHeader(header);
    writeIpv6Header(writer, answered);
    writer.bytes(answerMessage(answered, message));
  },
};

function readRequest(packet: Uint8Array): EchoRequest<Ipv6Header> | EchoDropReason {
  const decoded = decodeIpv6Header(packet);
  if (!decoded.ok) return decoded.error.kind === 'truncated' ? 'truncated' : 'not-echo';
  const header = decoded.value;
  const { nextHeader, payloadBytes } = header;
  const message = packet.subarray(IPV6_HEADER_BYTES, IPV6_HEADER_BYTES + payloadBytes);
  if (nextHeader === HEADER_FRAGMENT) return 'fragment';
  if (nextHeader !== PROTOCOL_ICMPV6) return 'not-echo';
  if (message.length < payloadBytes || message.length < MESSAGE_HEADER_BYTES) return 'truncated';
  return message[0] === ICMPV6_ECHO_REQUEST ? { header, message } : 'not-echo';
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
