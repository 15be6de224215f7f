/**
 * Whether a control packet is one to be heeded, and whose: the rules for its reception, in the norm's order. Everything that
 * is refused has a reason, which is counted; nothing is logged or thrown.
 *
 * Implements: RFC 5880 §6.8.6 (up to where the session takes over), RFC 5881 §5 and RFC 5883 §5 (TTL).
 */
import { BFD_BYTES, type BfdPacket, decodeBfdPacket, type RawBfdPacket } from './codec.ts';
import { type BfdPath, type SessionEntry, type SessionTable, selectSession } from './demultiplex.ts';
import { BFD_VERSION } from './iana.ts';

/** Why a packet is not heeded; in the order of the checks. */
export const BFD_DROP_REASONS = [
  /** Shorter than the mandatory section. */
  'truncated',
  /** Another version than 1. */
  'unsupported-version',
  /** Its length field is less than its sections need: 24, with authentication 26. */
  'length-too-short',
  /** Its length field is more than there is. */
  'length-beyond-payload',
  'detect-multiplier-zero',
  /** Sent to many (RFC 8562), which is not spoken here. */
  'multipoint',
  'my-discriminator-zero',
  /** It does not say which session it is for, though it must: its state is Init or Up. */
  'your-discriminator-zero',
  /** There is no session by this discriminator, or with this neighbour. */
  'no-session',
  /** It has passed more routers than it may. */
  'ttl-too-low',
  /** Authenticated, and no session here uses that. */
  'authentication-present',
] as const;

export type BfdDropReason = (typeof BFD_DROP_REASONS)[number];

/** A datagram as it came in. */
export type BfdArrival = BfdPath & {
  readonly payload: Uint8Array;
  /** TTL or hop limit; where the kernel lets in no other, 255. */
  readonly ttl: number;
};

export type BfdReading =
  /** To be told to that session. */
  | { readonly kind: 'packet'; readonly session: string; readonly packet: BfdPacket }
  | { readonly kind: 'drop'; readonly reason: BfdDropReason };

export function readBfd(arrival: BfdArrival, table: SessionTable): BfdReading {
  const decoded = decodeBfdPacket(arrival.payload);
  if (!decoded.ok) return drop('truncated');
  const packet = decoded.value;
  const malformed = judge(packet, arrival.payload.length);
  if (malformed !== undefined) return drop(malformed);
  const entry = selectSession(table, packet.yourDiscriminator, arrival);
  if (entry === undefined) return drop('no-session');
  const unwanted = judgeFor(entry, packet, arrival.ttl);
  if (unwanted !== undefined) return drop(unwanted);
  return { kind: 'packet', session: entry.session, packet };
}

function judge(packet: RawBfdPacket, payloadBytes: number): BfdDropReason | undefined {
  if (packet.version !== BFD_VERSION) return 'unsupported-version';
  if (packet.length < (packet.authenticationPresent ? BFD_BYTES + 2 : BFD_BYTES)) return 'length-too-short';
  if (packet.length > payloadBytes) return 'length-beyond-payload';
  if (packet.detectMultiplier === 0) return 'detect-multiplier-zero';
  if (packet.multipoint) return 'multipoint';
  if (packet.myDiscriminator === 0) return 'my-discriminator-zero';
  const mayBegin = packet.state === 'down' || packet.state === 'admin-down';
  if (packet.yourDiscriminator === 0 && !mayBegin) return 'your-discriminator-zero';
  return undefined;
}

function judgeFor(entry: SessionEntry, packet: RawBfdPacket, ttl: number): BfdDropReason | undefined {
  if (ttl < entry.minimumTtl) return 'ttl-too-low';
  if (packet.authenticationPresent) return 'authentication-present';
  return undefined;
}

function drop(reason: BfdDropReason): BfdReading {
  return { kind: 'drop', reason };
}
