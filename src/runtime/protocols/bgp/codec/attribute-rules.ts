/**
 * What each path attribute must be like, and what becomes of an UPDATE where it is not: one row an attribute.
 *
 * treat-as-withdraw: the message is understood, its routes count as withdrawn; attribute-discard: as if the attribute were
 * not there. What cannot be mended so resets the session and is raised by update.ts. Each names the subcode that RFC 4271
 * §6.3 has for it, for the log, and for the NOTIFICATION where the milder way is barred (RFC 7606 §5.2).
 *
 * Implements: RFC 4271 §6.3, RFC 7606 §3, §7, RFC 6793 §6, RFC 7607 §2, RFC 8092 §6
 */
import { ByteReader } from '../../bytes.ts';
import { type Ipv4Bits, ipv4FromBits, isIpv4HostAddress } from '../../ip/ipv4.ts';
import {
  ATTRIBUTE_AGGREGATOR,
  ATTRIBUTE_AS_PATH,
  ATTRIBUTE_AS4_AGGREGATOR,
  ATTRIBUTE_AS4_PATH,
  ATTRIBUTE_ATOMIC_AGGREGATE,
  ATTRIBUTE_CLUSTER_LIST,
  ATTRIBUTE_COMMUNITIES,
  ATTRIBUTE_EXTENDED_COMMUNITIES,
  ATTRIBUTE_LARGE_COMMUNITY,
  ATTRIBUTE_LOCAL_PREF,
  ATTRIBUTE_MP_REACH_NLRI,
  ATTRIBUTE_MP_UNREACH_NLRI,
  ATTRIBUTE_MULTI_EXIT_DISC,
  ATTRIBUTE_NEXT_HOP,
  ATTRIBUTE_ORIGIN,
  ATTRIBUTE_ORIGINATOR_ID,
  UPDATE_ATTRIBUTE_LENGTH_ERROR,
  UPDATE_INVALID_NEXT_HOP_ATTRIBUTE,
  UPDATE_INVALID_ORIGIN_ATTRIBUTE,
  UPDATE_MALFORMED_AS_PATH,
  UPDATE_OPTIONAL_ATTRIBUTE_ERROR,
} from '../iana.ts';
import { type AsnBytes, isOfConfederation, readAsPath } from './as-path.ts';
import {
  type Aggregator,
  FLAG_OPTIONAL,
  type LargeCommunity,
  OPTIONAL_TRANSITIVE,
  ORIGINS,
  type PathAttributes,
  type StandardCommunity,
  WELL_KNOWN,
} from './path-attributes.ts';

/** What the two OPENs, and the configuration, have settled. */
export interface UpdateContext {
  readonly asnBytes: AsnBytes;
  /** The peer is in our AS, or in another. */
  readonly peerKind: 'internal' | 'external';
  /** RFC 8950: both sides take IPv4 routes with an IPv6 next hop. */
  readonly ipv4NextHops: 'ipv4' | 'ipv4-and-ipv6';
}

export type Approach = 'treat-as-withdraw' | 'attribute-discard';

/** The wrong value: a subcode of UPDATE Message Error, and one sentence. */
export interface Flaw {
  readonly subcode: number;
  readonly reason: string;
}

/** A value that is right, as the part of PathAttributes that it makes. Empty: kept among the others. */
export type AttributeValue = PathAttributes | Flaw;

export interface AttributeRule {
  readonly name: string;
  /** The bits "optional" and "transitive" as they must be. */
  readonly flags: number;
  readonly approach: Approach;
  readonly isLengthRight: (bytes: number, context: UpdateContext) => boolean;
  /** Absent: checked for its length only. */
  readonly read?: (value: Uint8Array, context: UpdateContext) => AttributeValue;
  /** Where it has no business, whatever is in it: it is discarded. */
  readonly isOutOfPlace?: (context: UpdateContext) => boolean;
}

export function isFlaw(value: AttributeValue): value is Flaw {
  return 'subcode' in value;
}

/** RFC 7606 §7.2 and on: a length of zero is right for AS_PATH and ATOMIC_AGGREGATE alone. */
function oneOrMoreOf(bytes: number): (length: number) => boolean {
  return (length) => length > 0 && length % bytes === 0;
}

function exactly(bytes: number): (length: number) => boolean {
  return (length) => length === bytes;
}

const isFromOutside = ({ peerKind }: UpdateContext) => peerKind === 'external';
/** RFC 6793 §4.1: who sends AS numbers of four octets has no use for these. */
const isFourOctets = ({ asnBytes }: UpdateContext) => asnBytes === 4;

export const ATTRIBUTE_RULES: ReadonlyMap<number, AttributeRule> = new Map<number, AttributeRule>([
  [
    ATTRIBUTE_ORIGIN,
    { name: 'ORIGIN', flags: WELL_KNOWN, approach: 'treat-as-withdraw', isLengthRight: exactly(1), read: readOrigin },
  ],
  [
    ATTRIBUTE_AS_PATH,
    { name: 'AS_PATH', flags: WELL_KNOWN, approach: 'treat-as-withdraw', isLengthRight: () => true, read: readPath },
  ],
  [
    ATTRIBUTE_NEXT_HOP,
    {
      name: 'NEXT_HOP',
      flags: WELL_KNOWN,
      approach: 'treat-as-withdraw',
      isLengthRight: exactly(4),
      read: readNextHop,
    },
  ],
  [
    ATTRIBUTE_MULTI_EXIT_DISC,
    {
      name: 'MULTI_EXIT_DISC',
      flags: FLAG_OPTIONAL,
      approach: 'treat-as-withdraw',
      isLengthRight: exactly(4),
      read: (value) => ({ multiExitDisc: new ByteReader(value).u32() }),
    },
  ],
  [
    ATTRIBUTE_LOCAL_PREF,
    {
      name: 'LOCAL_PREF',
      flags: WELL_KNOWN,
      approach: 'treat-as-withdraw',
      isLengthRight: exactly(4),
      read: (value) => ({ localPref: new ByteReader(value).u32() }),
      isOutOfPlace: isFromOutside,
    },
  ],
  [
    ATTRIBUTE_ATOMIC_AGGREGATE,
    {
      name: 'ATOMIC_AGGREGATE',
      flags: WELL_KNOWN,
      approach: 'attribute-discard',
      isLengthRight: exactly(0),
      read: () => ({ atomicAggregate: true }),
    },
  ],
  [
    ATTRIBUTE_AGGREGATOR,
    {
      name: 'AGGREGATOR',
      flags: OPTIONAL_TRANSITIVE,
      approach: 'attribute-discard',
      isLengthRight: (length, { asnBytes }) => length === asnBytes + 4,
      read: (value, { asnBytes }) => readAggregator(value, asnBytes, (aggregator) => ({ aggregator })),
    },
  ],
  [
    ATTRIBUTE_COMMUNITIES,
    {
      name: 'COMMUNITIES',
      flags: OPTIONAL_TRANSITIVE,
      approach: 'treat-as-withdraw',
      isLengthRight: oneOrMoreOf(4),
      read: readCommunities,
    },
  ],
  [
    ATTRIBUTE_ORIGINATOR_ID,
    {
      name: 'ORIGINATOR_ID',
      flags: FLAG_OPTIONAL,
      approach: 'treat-as-withdraw',
      isLengthRight: exactly(4),
      isOutOfPlace: isFromOutside,
    },
  ],
  [
    ATTRIBUTE_CLUSTER_LIST,
    {
      name: 'CLUSTER_LIST',
      flags: FLAG_OPTIONAL,
      approach: 'treat-as-withdraw',
      isLengthRight: oneOrMoreOf(4),
      isOutOfPlace: isFromOutside,
    },
  ],
  [
    ATTRIBUTE_EXTENDED_COMMUNITIES,
    {
      name: 'EXTENDED COMMUNITIES',
      flags: OPTIONAL_TRANSITIVE,
      approach: 'treat-as-withdraw',
      isLengthRight: oneOrMoreOf(8),
    },
  ],
  [
    ATTRIBUTE_AS4_PATH,
    {
      name: 'AS4_PATH',
      flags: OPTIONAL_TRANSITIVE,
      approach: 'attribute-discard',
      // RFC 6793 §6: a segment of one AS number takes six octets.
      isLengthRight: (length) => length >= 6 && length % 2 === 0,
      read: readAs4Path,
      isOutOfPlace: isFourOctets,
    },
  ],
  [
    ATTRIBUTE_AS4_AGGREGATOR,
    {
      name: 'AS4_AGGREGATOR',
      flags: OPTIONAL_TRANSITIVE,
      approach: 'attribute-discard',
      isLengthRight: exactly(8),
      read: (value) => readAggregator(value, 4, (as4Aggregator) => ({ as4Aggregator })),
      isOutOfPlace: isFourOctets,
    },
  ],
  [
    ATTRIBUTE_LARGE_COMMUNITY,
    {
      name: 'LARGE_COMMUNITY',
      flags: OPTIONAL_TRANSITIVE,
      approach: 'treat-as-withdraw',
      isLengthRight: oneOrMoreOf(12),
      read: readLargeCommunities,
    },
  ],
]);

/** "ORIGIN", or "attribute 99". */
export function attributeName(type: number): string {
  if (type === ATTRIBUTE_MP_REACH_NLRI) return 'MP_REACH_NLRI';
  if (type === ATTRIBUTE_MP_UNREACH_NLRI) return 'MP_UNREACH_NLRI';
  return ATTRIBUTE_RULES.get(type)?.name ?? `attribute ${type}`;
}

export function lengthFlaw(rule: AttributeRule, bytes: number): Flaw {
  return { subcode: UPDATE_ATTRIBUTE_LENGTH_ERROR, reason: `${rule.name} of ${bytes} bytes` };
}

function readOrigin(value: Uint8Array): AttributeValue {
  const number = value[0] as number;
  const origin = ORIGINS[number];
  return origin === undefined
    ? { subcode: UPDATE_INVALID_ORIGIN_ATTRIBUTE, reason: `ORIGIN ${number}, only 0, 1 and 2 are defined` }
    : { origin };
}

function readPath(value: Uint8Array, { asnBytes }: UpdateContext): AttributeValue {
  const asPath = readAsPath(value, asnBytes);
  return typeof asPath === 'string' ? { subcode: UPDATE_MALFORMED_AS_PATH, reason: `AS_PATH: ${asPath}` } : { asPath };
}

/** RFC 6793 §6: segments of a confederation must not be in it. */
function readAs4Path(value: Uint8Array): AttributeValue {
  const segments = readAsPath(value, 4);
  if (typeof segments !== 'string' && !segments.some(isOfConfederation)) return { as4Path: segments };
  const reason = typeof segments === 'string' ? segments : 'a segment of a confederation';
  return { subcode: UPDATE_OPTIONAL_ATTRIBUTE_ERROR, reason: `AS4_PATH: ${reason}` };
}

/** RFC 4271 §6.3: the address of a host; not this network, a loopback, a group or what is reserved. */
function readNextHop(value: Uint8Array): AttributeValue {
  const bits = new ByteReader(value).u32() as Ipv4Bits;
  const nextHop = ipv4FromBits(bits);
  return isIpv4HostAddress(bits)
    ? { nextHop }
    : { subcode: UPDATE_INVALID_NEXT_HOP_ATTRIBUTE, reason: `NEXT_HOP ${nextHop} is no host's address` };
}

function readAggregator(
  value: Uint8Array,
  asnBytes: AsnBytes,
  field: (aggregator: Aggregator) => PathAttributes,
): AttributeValue {
  const reader = new ByteReader(value);
  const asn = asnBytes === 4 ? reader.u32() : reader.u16();
  if (asn === 0) return { subcode: UPDATE_OPTIONAL_ATTRIBUTE_ERROR, reason: 'AS number 0 aggregated the route' };
  return field({ asn, identifier: ipv4FromBits(reader.u32() as Ipv4Bits) });
}

function readCommunities(value: Uint8Array): AttributeValue {
  const reader = new ByteReader(value);
  const communities = Array.from(
    { length: value.length / 4 },
    (): StandardCommunity => ({ kind: 'standard', high: reader.u16(), low: reader.u16() }),
  );
  return { communities };
}

function readLargeCommunities(value: Uint8Array): AttributeValue {
  const reader = new ByteReader(value);
  const largeCommunities = Array.from(
    { length: value.length / 12 },
    (): LargeCommunity => ({
      kind: 'large',
      globalAdministrator: reader.u32(),
      localData1: reader.u32(),
      localData2: reader.u32(),
    }),
  );
  return { largeCommunities };
}
