/**
 * What both echo responders say and hold to.
 *
 * An answer is never longer than its question, goes to the station that the question came from, and only for questions
 * that one host sent to this station alone: nothing to be gained by asking in somebody else's name.
 */
import type { MacBits } from '../ethernet/codec.ts';

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

/** The check of the table, as both responders make it. */
export function lookUp<Address>(
  ip: Address,
  table: EchoTable<Address>,
  { name }: EchoInterface,
): EchoDropReason | undefined {
  const interfaces = table.get(ip);
  if (interfaces === undefined) return 'target-not-announced';
  return interfaces.has(name) ? undefined : 'wrong-interface';
}

/** The checks of the link, as both responders make them. */
export function judgeLink(
  link: { readonly destination: MacBits; readonly source: MacBits },
  { mac }: EchoInterface,
): EchoDropReason | undefined {
  if (link.destination !== mac) return 'not-for-us';
  return link.source === mac ? 'own-frame' : undefined;
}
