/**
 * Path attributes: what an UPDATE says of its routes. Their values, and how they are written; attribute-rules.ts has what
 * is wrong with one.
 *
 *      0       1      2           3 (or 4)
 *     ┌───────┬──────┬───────────┬─────────── … ─┐
 *     │ flags │ type │ length    │ value         │     length of two octets with the flag "extended length"
 *     └───────┴──────┴───────────┴─────────── … ─┘
 *
 * Implements: RFC 4271 §4.3, §5, RFC 6793 §4.1, §4.2.2, RFC 1997, RFC 8092 §3
 */
import type { BgpCommunity } from '../../../model/bgp-community.ts';
import { type Ip, ipBytes } from '../../../model/ip.ts';
import { ByteWriter } from '../../bytes.ts';
import {
  ATTRIBUTE_AGGREGATOR,
  ATTRIBUTE_AS_PATH,
  ATTRIBUTE_AS4_AGGREGATOR,
  ATTRIBUTE_AS4_PATH,
  ATTRIBUTE_ATOMIC_AGGREGATE,
  ATTRIBUTE_COMMUNITIES,
  ATTRIBUTE_LARGE_COMMUNITY,
  ATTRIBUTE_LOCAL_PREF,
  ATTRIBUTE_MULTI_EXIT_DISC,
  ATTRIBUTE_NEXT_HOP,
  ATTRIBUTE_ORIGIN,
  ORIGIN_EGP,
  ORIGIN_IGP,
  ORIGIN_INCOMPLETE,
} from '../iana.ts';
import { type AsnBytes, type AsSegment, as4PathFor, encodeAsPath } from './as-path.ts';
import { NO_DATA } from './fault.ts';
import { twoOctetAs } from './open.ts';

export type StandardCommunity = Extract<BgpCommunity, { kind: 'standard' }>;
export type LargeCommunity = Extract<BgpCommunity, { kind: 'large' }>;

/** Each is absent where the message has no such attribute. */
export interface PathAttributes {
  readonly origin?: Origin;
  /** Empty: made in the sender's own AS. */
  readonly asPath?: readonly AsSegment[];
  /** Of the routes in the UPDATE's own IPv4 field; those of MP_REACH_NLRI have theirs there. */
  readonly nextHop?: Ip;
  /** 0 … 2^32 − 1, as LOCAL_PREF. */
  readonly multiExitDisc?: number;
  readonly localPref?: number;
  readonly atomicAggregate?: true;
  readonly aggregator?: Aggregator;
  /** At least one each. */
  readonly communities?: readonly StandardCommunity[];
  readonly largeCommunities?: readonly LargeCommunity[];
  /** What AS numbers of two octets could not say. Made by the encoder where it is needed. */
  readonly as4Path?: readonly AsSegment[];
  readonly as4Aggregator?: Aggregator;
  /** Optional attributes that are not read here, in their order. */
  readonly others?: readonly RawAttribute[];
}

export type Origin = 'igp' | 'egp' | 'incomplete';

export interface Aggregator {
  readonly asn: number;
  readonly identifier: Ip;
}

export interface RawAttribute {
  readonly type: number;
  /** FLAG_OPTIONAL, FLAG_TRANSITIVE and FLAG_PARTIAL; the length has its own say on "extended length". */
  readonly flags: number;
  readonly value: Uint8Array;
}

export const FLAG_OPTIONAL = 0x80;
export const FLAG_TRANSITIVE = 0x40;
export const FLAG_PARTIAL = 0x20;
export const FLAG_EXTENDED_LENGTH = 0x10;

export const WELL_KNOWN = FLAG_TRANSITIVE;
export const OPTIONAL_TRANSITIVE = FLAG_OPTIONAL | FLAG_TRANSITIVE;

export const ORIGINS: Readonly<Record<number, Origin>> = {
  [ORIGIN_IGP]: 'igp',
  [ORIGIN_EGP]: 'egp',
  [ORIGIN_INCOMPLETE]: 'incomplete',
};
const ORIGIN_NUMBERS: Readonly<Record<Origin, number>> = {
  igp: ORIGIN_IGP,
  egp: ORIGIN_EGP,
  incomplete: ORIGIN_INCOMPLETE,
};

/** All attributes, in the order of their types (RFC 4271 §5). */
export function encodePathAttributes(attributes: PathAttributes, asnBytes: AsnBytes): Uint8Array {
  const raw = rawAttributes(attributes, asnBytes).sort((a, b) => a.type - b.type);
  const writer = new ByteWriter(128);
  for (const attribute of raw) writeAttribute(writer, attribute);
  return writer.finish();
}

/** Flags, type, length and value, the length in two octets only where it has to be (RFC 4271 §4.3). */
export function writeAttribute(writer: ByteWriter, { type, flags, value }: RawAttribute): void {
  if (value.length > 0xff) {
    writer
      .u8(flags | FLAG_EXTENDED_LENGTH)
      .u8(type)
      .u16(value.length);
  } else writer.u8(flags).u8(type).u8(value.length);
  writer.bytes(value);
}

function rawAttributes(attributes: PathAttributes, asnBytes: AsnBytes): RawAttribute[] {
  const raw: RawAttribute[] = [...(attributes.others ?? [])];
  const add = (type: number, flags: number, value: Uint8Array) => raw.push({ type, flags, value });
  const { origin, nextHop, multiExitDisc, localPref, communities, largeCommunities } = attributes;
  if (origin !== undefined) add(ATTRIBUTE_ORIGIN, WELL_KNOWN, Uint8Array.of(ORIGIN_NUMBERS[origin]));
  if (nextHop !== undefined) add(ATTRIBUTE_NEXT_HOP, WELL_KNOWN, ipBytes(nextHop));
  if (multiExitDisc !== undefined) add(ATTRIBUTE_MULTI_EXIT_DISC, FLAG_OPTIONAL, numbers([multiExitDisc]));
  if (localPref !== undefined) add(ATTRIBUTE_LOCAL_PREF, WELL_KNOWN, numbers([localPref]));
  if (attributes.atomicAggregate) add(ATTRIBUTE_ATOMIC_AGGREGATE, WELL_KNOWN, NO_DATA);
  if (communities !== undefined && communities.length > 0) {
    const values = communities.map(({ high, low }) => high * 0x1_0000 + low);
    add(ATTRIBUTE_COMMUNITIES, OPTIONAL_TRANSITIVE, numbers(values));
  }
  if (largeCommunities !== undefined && largeCommunities.length > 0) {
    const values = largeCommunities.flatMap((large) => [large.globalAdministrator, large.localData1, large.localData2]);
    add(ATTRIBUTE_LARGE_COMMUNITY, OPTIONAL_TRANSITIVE, numbers(values));
  }
  addAsNumbers(attributes, asnBytes, add);
  return raw;
}

/** AS_PATH and AGGREGATOR, and in two octets what goes beside them, RFC 6793 §4.2.2. */
function addAsNumbers(
  { asPath, as4Path, aggregator, as4Aggregator }: PathAttributes,
  asnBytes: AsnBytes,
  add: (type: number, flags: number, value: Uint8Array) => void,
): void {
  const isTwo = asnBytes === 2;
  if (asPath !== undefined) add(ATTRIBUTE_AS_PATH, WELL_KNOWN, encodeAsPath(asPath, asnBytes));
  const wholePath = as4Path ?? (isTwo && asPath !== undefined ? as4PathFor(asPath) : undefined);
  if (wholePath !== undefined && wholePath.length > 0) {
    add(ATTRIBUTE_AS4_PATH, OPTIONAL_TRANSITIVE, encodeAsPath(wholePath, 4));
  }
  if (aggregator !== undefined) {
    const { asn, identifier } = aggregator;
    const writer = new ByteWriter(8);
    if (isTwo) writer.u16(twoOctetAs(asn));
    else writer.u32(asn);
    add(ATTRIBUTE_AGGREGATOR, OPTIONAL_TRANSITIVE, writer.bytes(ipBytes(identifier)).finish());
  }
  const whole =
    as4Aggregator ?? (isTwo && aggregator !== undefined && aggregator.asn > 0xffff ? aggregator : undefined);
  if (whole !== undefined) {
    const value = new ByteWriter(8).u32(whole.asn).bytes(ipBytes(whole.identifier)).finish();
    add(ATTRIBUTE_AS4_AGGREGATOR, OPTIONAL_TRANSITIVE, value);
  }
}

function numbers(values: readonly number[]): Uint8Array {
  const writer = new ByteWriter(values.length * 4);
  for (const value of values) writer.u32(value);
  return writer.finish();
}
