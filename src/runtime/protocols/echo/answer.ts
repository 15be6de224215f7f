/**
 * What both echo responders (icmp.ts, icmpv6.ts) say and hold to, and what they do alike.
 *
 *     frame ─▶ link ─▶ read ─▶ table ─▶ link's addresses ─▶ message ─▶ answer
 *
 * An answer is never longer than its question, goes to the station that the question came from, and only for questions
 * that one host sent to this station alone: nothing to be gained by asking in somebody else's name.
 */
import { ByteWriter } from '../bytes.ts';
import {
  decodeEthernetHeader,
  ETHERNET_HEADER_BYTES,
  isStationAddress,
  type MacBits,
  writeEthernetHeader,
} from '../ethernet/codec.ts';

/** Type, code, checksum, identifier, sequence number. */
export const MESSAGE_HEADER_BYTES = 8;
/** Where the checksum is in the message. */
export const CHECKSUM_AT = 2;

/** Longer packets are not answered; what a link of the usual MTU carries. In bytes, from the IP header on. */
export const MAX_PACKET_BYTES = 1500;

/** Of every answer, in hops. */
export const ANSWER_HOPS = 64;

/** Which interfaces, by name, each address is answered on. Replaced whole, never edited. */
export type EchoTable<Address> = ReadonlyMap<Address, ReadonlySet<string>>;

/** The interface a frame came in on and its answer leaves by. */
export interface EchoInterface {
  readonly name: string;
  readonly mac: MacBits;
}

/** Why a frame was not answered; in the order of the checks. */
export const ECHO_DROP_REASONS = [
  /** Ends before its headers or its message do. */
  'truncated',
  /** No echo request, or one with IP options or extension headers. */
  'not-echo',
  /** A part of a packet; they are not put together. */
  'fragment',
  /** To an address that this node does not announce, as its own. */
  'target-not-announced',
  /** To an announced address, but on an interface it is not announced on. */
  'wrong-interface',
  /** To another station, to a group or to all. */
  'not-for-us',
  /** Sent by this interface itself and brought back by the network. */
  'own-frame',
  /** Longer than 1,500 bytes. */
  'too-long',
  /** A wrong checksum, a code other than 0, a source that is no one host. */
  'malformed',
  /** More than are answered on an interface in a second. */
  'rate-limited',
] as const;

export type EchoDropReason = (typeof ECHO_DROP_REASONS)[number];

export type EchoAnswer<Address> =
  | { readonly kind: 'reply'; readonly frame: Uint8Array; readonly ip: Address }
  | { readonly kind: 'drop'; readonly reason: EchoDropReason };

/** An echo request, whole and all here, whomever it is for. */
export interface EchoRequest<Header> {
  readonly header: Header;
  readonly message: Uint8Array;
}

/** What is one family's own. */
export interface EchoFamily<Address, Header extends { readonly destination: Address }> {
  readonly etherType: number;
  /** Of the answer's IP header. */
  readonly headerBytes: number;
  /** The request in what follows the Ethernet header, or why it is none. */
  readonly read: (packet: Uint8Array) => EchoRequest<Header> | EchoDropReason;
  /** Whether one that is for us is to be answered. */
  readonly judge: (request: EchoRequest<Header>) => EchoDropReason | undefined;
  /** Writes the answer, from its IP header on. */
  readonly write: (writer: ByteWriter, request: EchoRequest<Header>) => void;
}

/** The reply to send back out of the interface, or why there is none. The frame is not kept. Total. */
export function answerEcho<Address, Header extends { readonly destination: Address }>(
  family: EchoFamily<Address, Header>,
  frame: Uint8Array,
  table: EchoTable<Address>,
  iface: EchoInterface,
): EchoAnswer<Address> {
  const link = decodeEthernetHeader(frame);
  if (!link.ok) return drop('truncated');
  const { etherType, source } = link.value;
  if (etherType !== family.etherType) return drop('not-echo');
  const request = family.read(frame.subarray(ETHERNET_HEADER_BYTES));
  if (typeof request === 'string') return drop(request);
  const { destination } = request.header;
  const reason = lookUp(destination, table, iface) ?? judgeLink(link.value, iface) ?? family.judge(request);
  if (reason !== undefined) return drop(reason);
  if (!isStationAddress(source)) return drop('malformed');
  const writer = new ByteWriter(ETHERNET_HEADER_BYTES + family.headerBytes + request.message.length);
  writeEthernetHeader(writer, { destination: source, source: iface.mac, etherType });
  family.write(writer, request);
  return { kind: 'reply', ip: destination, frame: writer.finish() };
}

function lookUp<Address>(ip: Address, table: EchoTable<Address>, { name }: EchoInterface): EchoDropReason | undefined {
  const interfaces = table.get(ip);
  if (interfaces === undefined) return 'target-not-announced';
  return interfaces.has(name) ? undefined : 'wrong-interface';
}

function judgeLink(
  link: { readonly destination: MacBits; readonly source: MacBits },
  { mac }: EchoInterface,
): EchoDropReason | undefined {
  if (link.destination !== mac) return 'not-for-us';
  return link.source === mac ? 'own-frame' : undefined;
}

function drop(reason: EchoDropReason): { readonly kind: 'drop'; readonly reason: EchoDropReason } {
  return { kind: 'drop', reason };
}
