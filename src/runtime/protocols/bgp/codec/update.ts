/**
 * UPDATE: routes that are reachable now, what is to be known of them, and routes that are not reachable any more.
 *
 *      0                  2                       2 + w             4 + w
 *     ┌──────────────────┬────────────── … ─┬──────────────────┬──────────── … ─┬────────────────── … ─┐
 *     │ w: length of the │ withdrawn routes  │ a: length of the │ path attributes │ reachable routes     │
 *     │ withdrawn routes │ IPv4 unicast      │ attributes       │                 │ IPv4 unicast         │
 *     └──────────────────┴────────────── … ─┴──────────────────┴──────────── … ─┴────────────────── … ─┘
 *
 * Routes of other families are in the attributes MP_REACH_NLRI and MP_UNREACH_NLRI. A message without any route is the
 * End-of-RIB of its family. What is wrong is judged as RFC 7606 has it: the session is reset only where routes can no
 * longer be told from noise; else the result says what the message has become.
 *
 * Implements: RFC 4271 §4.3, §6.3, RFC 4760 §3, §4, §7, RFC 8950 §3, RFC 7606 §3–§5, RFC 4724 §2
 */
import type { IpPrefix } from '../../../model/ip-prefix.ts';
import type { Result } from '../../../model/result.ts';
import type { ByteReader } from '../../bytes.ts';
import {
  ATTRIBUTE_AS_PATH,
  ATTRIBUTE_LOCAL_PREF,
  ATTRIBUTE_MP_REACH_NLRI,
  ATTRIBUTE_MP_UNREACH_NLRI,
  ATTRIBUTE_NEXT_HOP,
  ATTRIBUTE_ORIGIN,
  ERROR_UPDATE_MESSAGE,
  UPDATE_ATTRIBUTE_FLAGS_ERROR,
  UPDATE_INVALID_NETWORK_FIELD,
  UPDATE_MALFORMED_ATTRIBUTE_LIST,
  UPDATE_MISSING_WELL_KNOWN_ATTRIBUTE,
  UPDATE_OPTIONAL_ATTRIBUTE_ERROR,
  UPDATE_UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE,
} from '../iana.ts';
import {
  type Approach,
  ATTRIBUTE_RULES,
  type AttributeRule,
  attributeName,
  isFlaw,
  lengthFlaw,
  type UpdateContext,
} from './attribute-rules.ts';
import { type Family, IPV4_UNICAST } from './family.ts';
import { type MessageFault, NO_DATA, raise, readingMessage } from './fault.ts';
import { type MpReach, type MpUnreach, readMpReach, readMpUnreach } from './mp-nlri.ts';
import { readNlri } from './nlri.ts';
import {
  FLAG_EXTENDED_LENGTH,
  FLAG_OPTIONAL,
  FLAG_PARTIAL,
  FLAG_TRANSITIVE,
  OPTIONAL_TRANSITIVE,
  type PathAttributes,
  type RawAttribute,
} from './path-attributes.ts';

export interface Update {
  /** IPv4 unicast, of the message's own field. */
  readonly withdrawn: readonly IpPrefix[];
  readonly mpUnreach?: MpUnreach;
  readonly attributes: PathAttributes;
  readonly mpReach?: MpReach;
  /** IPv4 unicast, of the message's own field. */
  readonly announced: readonly IpPrefix[];
}

export interface ReceivedUpdate {
  /** As it came, without the attributes that were discarded or could not be read. */
  readonly update: Update;
  /** 'withdraw': what it announces counts as withdrawn. `reachability` has regard to it. */
  readonly handling: 'accept' | 'withdraw';
  /** What was wrong, in the order in which it was found. */
  readonly faults: readonly AttributeFault[];
}

export interface AttributeFault {
  readonly approach: Approach;
  /** Path attribute type; undefined where it is the list that is wrong. */
  readonly attribute?: number;
  /** As RFC 4271 §6.3 would have it; sent only where the approach is barred. */
  readonly fault: MessageFault;
}

/** Routes of one family. */
export interface FamilyRoutes {
  readonly family: Family;
  readonly prefixes: readonly IpPrefix[];
}

/** What a message changes: the routes of families spoken here, with what was wrong already taken into account. */
export function reachability({ update, handling }: ReceivedUpdate): {
  readonly announced: readonly FamilyRoutes[];
  readonly withdrawn: readonly FamilyRoutes[];
} {
  const withdrawn: FamilyRoutes[] = [{ family: IPV4_UNICAST, prefixes: update.withdrawn }];
  if (update.mpUnreach?.kind === 'prefixes') withdrawn.push(update.mpUnreach);
  const announced: FamilyRoutes[] = [{ family: IPV4_UNICAST, prefixes: update.announced }];
  if (update.mpReach?.kind === 'prefixes') announced.push(update.mpReach);
  const some = (routes: readonly FamilyRoutes[]) =>
    routes.filter(({ prefixes }) => prefixes.length > 0).map(({ family, prefixes }) => ({ family, prefixes }));
  if (handling === 'withdraw') return { announced: [], withdrawn: some([...withdrawn, ...announced]) };
  return { announced: some(announced), withdrawn: some(withdrawn) };
}

/** The family of which this is the End-of-RIB, RFC 4724 §2. */
export function endOfRib({ withdrawn, announced, attributes, mpReach, mpUnreach }: Update): Family | undefined {
  if (withdrawn.length > 0 || announced.length > 0 || mpReach !== undefined) return undefined;
  if (Object.keys(attributes).length > 0) return undefined;
  if (mpUnreach === undefined) return IPV4_UNICAST;
  return hasNlri(mpUnreach) ? undefined : mpUnreach.family;
}

function hasNlri(routes: MpReach | MpUnreach): boolean {
  return (routes.kind === 'prefixes' ? routes.prefixes : routes.nlri).length > 0;
}

/** Decodes the body of a message of type UPDATE. An error resets the session. */
export function decodeUpdate(body: Uint8Array, context: UpdateContext): Result<ReceivedUpdate, MessageFault> {
  const onShort = { code: ERROR_UPDATE_MESSAGE, subcode: UPDATE_MALFORMED_ATTRIBUTE_LIST };
  return readingMessage('UPDATE', body, onShort, (reader) => {
    const withdrawn = readNlri(readField(reader, 'withdrawn routes'), 'ipv4', refuseNetwork('withdrawn routes'));
    const draft: Draft = { attributes: {}, seen: new Set(), faults: [] };
    readAttributes(readField(reader, 'path attributes'), body, context, draft);
    const announced = readNlri(reader, 'ipv4', refuseNetwork('reachable routes'));
    const { attributes, mpReach, mpUnreach, faults } = draft;
    const hasRoutes = announced.length > 0 || (mpReach !== undefined && hasNlri(mpReach));
    if (hasRoutes) noteMissing(draft, announced.length > 0, context);
    const isWithdrawal = faults.some(({ approach }) => approach === 'treat-as-withdraw');
    if (isWithdrawal && !hasRoutes) resetWithoutRoutes(draft);
    const update = {
      withdrawn,
      attributes,
      announced,
      ...(mpReach === undefined ? {} : { mpReach }),
      ...(mpUnreach === undefined ? {} : { mpUnreach }),
    };
    return { update, handling: isWithdrawal ? 'withdraw' : 'accept', faults };
  });
}

/** What is known of the attributes so far. */
interface Draft {
  attributes: PathAttributes;
  mpReach?: MpReach;
  mpUnreach?: MpUnreach;
  readonly seen: Set<number>;
  readonly faults: AttributeFault[];
}

/** A length of two octets, and as much. RFC 4271 §6.3: one that is too large makes the attribute list malformed. */
function readField(reader: ByteReader, name: string): ByteReader {
  const length = reader.u16();
  if (length > reader.remaining) {
    const reason = `${name} of ${length} bytes, where ${reader.remaining} follow`;
    raise(ERROR_UPDATE_MESSAGE, UPDATE_MALFORMED_ATTRIBUTE_LIST, reason);
  }
  return reader.sub(length);
}

function refuseNetwork(field: string): (reason: string) => never {
  return (reason) => raise(ERROR_UPDATE_MESSAGE, UPDATE_INVALID_NETWORK_FIELD, `${field}: ${reason}`);
}

function readAttributes(reader: ByteReader, body: Uint8Array, context: UpdateContext, draft: Draft): void {
  while (reader.remaining > 0) {
    const start = reader.offset;
    const head = readHead(reader);
    if (typeof head === 'string') {
      // RFC 7606 §4: the routes are found in spite of it, by the length of all attributes.
      draft.faults.push(faultOf('treat-as-withdraw', UPDATE_MALFORMED_ATTRIBUTE_LIST, head));
      return;
    }
    const { flags, type, length } = head;
    const value = reader.bytes(length);
    takeAttribute({ flags, type, value, whole: body.subarray(start, reader.offset) }, context, draft);
  }
}

/** Flags, type and length of an attribute that is all there, or what is wrong. */
function readHead(reader: ByteReader): { flags: number; type: number; length: number } | string {
  const { remaining } = reader;
  if (remaining < 3) return `${remaining} bytes are left behind the last attribute`;
  const flags = reader.u8();
  const type = reader.u8();
  const isExtended = (flags & FLAG_EXTENDED_LENGTH) !== 0;
  if (isExtended && remaining < 4) return `${remaining} bytes are left for an attribute of extended length`;
  const length = isExtended ? reader.u16() : reader.u8();
  if (length <= reader.remaining) return { flags, type, length };
  return `${attributeName(type)} of ${length} bytes, where ${reader.remaining} are left`;
}

interface FoundAttribute extends RawAttribute {
  /** With flags, type and length: the data of a NOTIFICATION about it. */
  readonly whole: Uint8Array;
}

function takeAttribute(found: FoundAttribute, context: UpdateContext, draft: Draft): void {
  const { type, flags, value, whole } = found;
  const isMp = type === ATTRIBUTE_MP_REACH_NLRI || type === ATTRIBUTE_MP_UNREACH_NLRI;
  if (draft.seen.has(type)) {
    const reason = `${attributeName(type)} a second time`;
    // RFC 7606 §3 g: fatal for these two, else the first one counts.
    if (isMp) raise(ERROR_UPDATE_MESSAGE, UPDATE_MALFORMED_ATTRIBUTE_LIST, reason);
    draft.faults.push({ ...faultOf('attribute-discard', UPDATE_MALFORMED_ATTRIBUTE_LIST, reason), attribute: type });
    return;
  }
  draft.seen.add(type);
  if (isMp) {
    takeMpAttribute(found, context, draft);
    return;
  }
  const rule = ATTRIBUTE_RULES.get(type);
  if (rule !== undefined) {
    takeKnownAttribute(found, rule, context, draft);
    return;
  }
  if ((flags & FLAG_OPTIONAL) === 0) {
    const reason = `well-known attribute ${type} is not known`;
    raise(ERROR_UPDATE_MESSAGE, UPDATE_UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE, reason, whole.slice());
  }
  keepRaw({ type, flags, value }, draft);
}

function takeMpAttribute({ type, flags, value, whole }: FoundAttribute, context: UpdateContext, draft: Draft): void {
  // RFC 7606 §5.3: with other flags the routes in it cannot be relied on.
  if ((flags & OPTIONAL_TRANSITIVE) !== FLAG_OPTIONAL) {
    const reason = `${attributeName(type)} with flags ${hex(flags)}`;
    raise(ERROR_UPDATE_MESSAGE, UPDATE_ATTRIBUTE_FLAGS_ERROR, reason, whole.slice());
  }
  const refuse = (reason: string) =>
    raise(ERROR_UPDATE_MESSAGE, UPDATE_OPTIONAL_ATTRIBUTE_ERROR, reason, whole.slice());
  if (type === ATTRIBUTE_MP_REACH_NLRI) draft.mpReach = readMpReach(value, context, refuse);
  else draft.mpUnreach = readMpUnreach(value, refuse);
}

function takeKnownAttribute(found: FoundAttribute, rule: AttributeRule, context: UpdateContext, draft: Draft): void {
  const { type, flags, value, whole } = found;
  const note = (approach: Approach, subcode: number, reason: string) =>
    draft.faults.push({ ...faultOf(approach, subcode, reason, whole.slice()), attribute: type });
  if (rule.isOutOfPlace?.(context)) {
    note('attribute-discard', UPDATE_OPTIONAL_ATTRIBUTE_ERROR, `${rule.name} from this peer means nothing`);
    return;
  }
  if ((flags & OPTIONAL_TRANSITIVE) !== rule.flags) {
    // RFC 7606 §3 c: for every attribute alike.
    note('treat-as-withdraw', UPDATE_ATTRIBUTE_FLAGS_ERROR, `${rule.name} with flags ${hex(flags)}`);
    return;
  }
  const read = rule.isLengthRight(value.length, context)
    ? (rule.read?.(value, context) ?? {})
    : lengthFlaw(rule, value.length);
  if (isFlaw(read)) note(rule.approach, read.subcode, read.reason);
  else if (rule.read === undefined) keepRaw(found, draft);
  else draft.attributes = { ...draft.attributes, ...read };
}

function keepRaw({ type, flags, value }: RawAttribute, draft: Draft): void {
  const kept = { type, flags: flags & (FLAG_OPTIONAL | FLAG_TRANSITIVE | FLAG_PARTIAL), value };
  draft.attributes = { ...draft.attributes, others: [...(draft.attributes.others ?? []), kept] };
}

/** RFC 4271 §6.3, RFC 7606 §3 d: what routes must not be without. An attribute that was there and wrong is not missing. */
function noteMissing(draft: Draft, hasIpv4Routes: boolean, { peerKind }: UpdateContext): void {
  const mandatory = [ATTRIBUTE_ORIGIN, ATTRIBUTE_AS_PATH];
  if (hasIpv4Routes) mandatory.push(ATTRIBUTE_NEXT_HOP);
  if (peerKind === 'internal') mandatory.push(ATTRIBUTE_LOCAL_PREF);
  for (const type of mandatory) {
    if (draft.seen.has(type)) continue;
    const reason = `${attributeName(type)} is missing`;
    const missing = faultOf('treat-as-withdraw', UPDATE_MISSING_WELL_KNOWN_ATTRIBUTE, reason, Uint8Array.of(type));
    draft.faults.push({ ...missing, attribute: type });
  }
}

/** RFC 7606 §5.2: attributes for no route, and one of them wrong: the routes may be what was lost. */
function resetWithoutRoutes({ faults }: Draft): never {
  const { fault } = faults.find(({ approach }) => approach === 'treat-as-withdraw') as AttributeFault;
  raise(fault.code, fault.subcode, `${fault.reason}, and there is no route that it could be of`, fault.data);
}

function faultOf(approach: Approach, subcode: number, reason: string, data: Uint8Array = NO_DATA): AttributeFault {
  return { approach, fault: { code: ERROR_UPDATE_MESSAGE, subcode, data, reason } };
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, '0')}`;
}
