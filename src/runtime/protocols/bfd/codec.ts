/**
 * BFD control packets: bytes to values and back. Every packet that is long enough is decoded, whatever it says: what of it
 * is to be refused is read.ts's business. Intervals are in microseconds, as on the wire.
 *
 *      0        1             2        3
 *     +---+----+--+-+-+-+-+-+-+--------+--------+
 *     |ver|diag|st|P|F|C|A|D|M| mult.  | length |   P poll, F final, C control plane independent,
 *     +---+----+--+-+-+-+-+-+-+--------+--------+   A authentication present, D demand, M multipoint
 *   4 |            my discriminator             |
 *   8 |           your discriminator            |
 *  12 |        desired min tx interval          |
 *  16 |        required min rx interval         |
 *  20 |      required min echo rx interval      |
 *     +-----------------------------------------+
 *
 * An authentication section may follow; it is not read, as none is used here.
 * Implements: RFC 5880 §4.1.
 */
import type { Result } from '../../model/result.ts';
import { ByteWriter, type DecodeError, decoding } from '../bytes.ts';
import { BFD_STATES, BFD_VERSION, type BfdState } from './iana.ts';

/** Of the mandatory section. */
export const BFD_BYTES = 24;

const POLL = 0x20;
const FINAL = 0x10;
const CONTROL_PLANE_INDEPENDENT = 0x08;
const AUTHENTICATION_PRESENT = 0x04;
const DEMAND = 0x02;
const MULTIPOINT = 0x01;

/** What one side tells the other of a session. */
export interface BfdPacket {
  /** Why the session last went down, as the sender has it: IANA number, 0 … 31. */
  readonly diagnostic: number;
  readonly state: BfdState;
  /** The sender wants an answer with `final` at once. */
  readonly poll: boolean;
  /** The answer to a poll. */
  readonly final: boolean;
  /** The sender's BFD goes on while its control plane restarts. */
  readonly controlPlaneIndependent: boolean;
  /** The sender wants no periodic packets while both sides are up. */
  readonly demand: boolean;
  /** How many packets of the sender in a row must be missing. */
  readonly detectMultiplier: number;
  /** The sender's name for the session, and what it knows of the receiver's; 0: nothing yet. */
  readonly myDiscriminator: number;
  readonly yourDiscriminator: number;
  /** The sender will not send more often. */
  readonly desiredMinTxMicroseconds: number;
  /** The sender cannot receive more often; 0: it wants no periodic packets at all. */
  readonly requiredMinRxMicroseconds: number;
  /** The sender loops no more echo packets than that; 0: none. */
  readonly requiredMinEchoRxMicroseconds: number;
}

/** A packet with what decides whether it is one to be heeded. */
export interface RawBfdPacket extends BfdPacket {
  readonly version: number;
  readonly authenticationPresent: boolean;
  readonly multipoint: boolean;
  /** As the packet says, in bytes: with the authentication section. */
  readonly length: number;
}

/** Refuses only what is shorter than the mandatory section. */
export function decodeBfdPacket(payload: Uint8Array): Result<RawBfdPacket, DecodeError> {
  return decoding('BFD control packet', payload, (reader) => {
    const first = reader.u8();
    const second = reader.u8();
    return {
      version: first >> 5,
      diagnostic: first & 0x1f,
      state: BFD_STATES[second >> 6] as BfdState,
      poll: (second & POLL) !== 0,
      final: (second & FINAL) !== 0,
      controlPlaneIndependent: (second & CONTROL_PLANE_INDEPENDENT) !== 0,
      authenticationPresent: (second & AUTHENTICATION_PRESENT) !== 0,
      demand: (second & DEMAND) !== 0,
      multipoint: (second & MULTIPOINT) !== 0,
      detectMultiplier: reader.u8(),
      length: reader.u8(),
      myDiscriminator: reader.u32(),
      yourDiscriminator: reader.u32(),
      desiredMinTxMicroseconds: reader.u32(),
      requiredMinRxMicroseconds: reader.u32(),
      requiredMinEchoRxMicroseconds: reader.u32(),
    };
  });
}

/** Without authentication and multipoint, which are not spoken here. */
export function encodeBfdPacket(packet: BfdPacket): Uint8Array {
  const flags =
    (packet.poll ? POLL : 0) |
    (packet.final ? FINAL : 0) |
    (packet.controlPlaneIndependent ? CONTROL_PLANE_INDEPENDENT : 0) |
    (packet.demand ? DEMAND : 0);
  return new ByteWriter(BFD_BYTES)
    .u8((BFD_VERSION << 5) | packet.diagnostic)
    .u8((BFD_STATES.indexOf(packet.state) << 6) | flags)
    .u8(packet.detectMultiplier)
    .u8(BFD_BYTES)
    .u32(packet.myDiscriminator)
    .u32(packet.yourDiscriminator)
    .u32(packet.desiredMinTxMicroseconds)
    .u32(packet.requiredMinRxMicroseconds)
    .u32(packet.requiredMinEchoRxMicroseconds)
    .finish();
}
