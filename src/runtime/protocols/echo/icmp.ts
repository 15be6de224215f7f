/**
 * Answers ICMP echo requests (ping) for announced IPv4 addresses: a pure function of a frame, the table and the interface
 * it came in on. Identifier, sequence number and data come back as they are, from the address that was asked.
 *
 * Implements: RFC 792 (echo), RFC 1122 §3.2.2.6.
 */
import { ByteWriter } from '../bytes.ts';
import { ETHER_TYPE_IPV4 } from '../ethernet/codec.ts';
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
import { ICMP_ECHO_REPLY, ICMP_ECHO_REQUEST } from './iana.ts';

/** The reply to send back out of the interface, or why there is none. The frame is not kept. Total. */
export function respondIcmpEcho(
  frame: Uint8Array,
  table: EchoTable<Ipv4Bits>,
  iface: EchoInterface,
): EchoAnswer<Ipv4Bits> {
  return answerEcho(IPV4, frame, table, iface);
}

const IPV4: EchoFamily<Ipv4Bits, Ipv4Header> = {
  etherType: ETHER_TYPE_IPV4,
  headerBytes: IPV4_HEADER_BYTES,
  read: readRequest,
  judge: ({ header, message }) => judgeMessage(header, message),
  write: (writer, { header, message }) => {
    writer.bytes(answerHeader(header, message.length)).bytes(answerMessage(message));
  },
};

function readRequest(packet: Uint8Array): EchoRequest<Ipv4Header> | EchoDropReason {
  const decoded = decodeIpv4Header(packet);
  if (!decoded.ok) {
    const { kind } = decoded.error;
    return kind === 'unsupported' ? 'not-echo' : kind;
  }
  const header = decoded.value;
  const message = packet.subarray(header.headerBytes, header.totalBytes);
  if (header.protocol !== PROTOCOL_ICMP || header.headerBytes !== IPV4_HEADER_BYTES) return 'not-echo';
  if (header.fragment === 'part') return 'fragment';
  if (packet.length < header.totalBytes || message.length < MESSAGE_HEADER_BYTES) return 'truncated';
  return message[0] === ICMP_ECHO_REQUEST ? { header, message } : 'not-echo';
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
