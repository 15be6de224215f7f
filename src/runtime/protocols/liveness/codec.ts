/**
 * The bytes of the messages between speakers. Network byte order; lengths are counts of items, one byte each where not
 * said otherwise. A message that is shorter or longer than it says, or whose version is another, is refused.
 *
 *      0         1         2
 *     ┌─────────┬─────────┬──────────────── … ─┐
 *     │ version │  kind   │  the kind's fields  │   at most 1,150 bytes
 *     └─────────┴─────────┴──────────────── … ─┘
 *
 * Implements: docs/liveness-protocol.md §3
 */
import { type Ip, ipBytes, ipFamily, ipFromBytes } from '../../model/ip.ts';
import type { Result } from '../../model/result.ts';
import { type ByteReader, ByteWriter, type DecodeError, decoding } from '../bytes.ts';
import {
  type BootId,
  type ClaimGroup,
  MAX_MESSAGE_BYTES,
  type Message,
  type MessageKind,
  type NodeId,
  type Status,
  type Subject,
  type SummaryRow,
} from './messages.ts';

export const MESSAGE_VERSION = 1;

/** By their numbers on the wire, from 1. */
const KINDS: readonly MessageKind[] = [
  'heartbeat',
  'news',
  'probe',
  'ack',
  'question',
  'answer',
  'verdict',
  'pronounced',
  'goodbye',
  'change',
  'list',
  'pull',
  'summary',
  'owners',
];
const KIND_NUMBERS: ReadonlyMap<MessageKind, number> = new Map(KINDS.map((kind, index) => [kind, index + 1]));

const FLAG_LEAVING = 1;
const FLAG_DEAD = 1;
const FLAG_QUESTION = 1;

/** Epoch and count before the addresses of a group. */
const GROUP_BYTES = 7;
/** Rows of a summary that fit one message. */
export const MAX_SUMMARY_ROWS = 45;
/** Parts of a list that one pull can name. */
export const MAX_PULLED_PARTS = 100;
/** Parts that a list may have: more addresses than one node can answer for. */
export const MAX_LIST_PARTS = 2048;

/** A message that does not fit MAX_MESSAGE_BYTES is a bug of its maker and throws. */
export function encodeMessage(message: Message): Uint8Array {
  const writer = new ByteWriter(128);
  writer.u8(MESSAGE_VERSION).u8(KIND_NUMBERS.get(message.kind) ?? 0);
  writeFields(writer, message);
  if (writer.length > MAX_MESSAGE_BYTES) throw new RangeError(`a ${message.kind} of ${writer.length} bytes`);
  return writer.finish();
}

export function decodeMessage(bytes: Uint8Array): Result<Message, DecodeError> {
  return decoding('liveness message', bytes, (reader) => {
    if (bytes.length > MAX_MESSAGE_BYTES) reader.refuse('malformed', `longer than ${MAX_MESSAGE_BYTES} bytes`);
    const version = reader.u8();
    if (version !== MESSAGE_VERSION) reader.refuse('unsupported', `version ${version}`, 0);
    const number = reader.u8();
    const kind = KINDS[number - 1];
    if (kind === undefined) return reader.refuse('unsupported', `kind ${number}`, 1);
    const message = readFields(reader, kind);
    if (reader.remaining > 0) reader.refuse('malformed', `${reader.remaining} bytes too many`);
    return message;
  });
}

/** Cuts groups into as many parts as messages are needed; the same groups are always cut alike. At least one part. */
export function splitClaims(groups: readonly ClaimGroup[], maxBytes: number): ClaimGroup[][] {
  // A part has far fewer than 255 groups or addresses in so few bytes.
  let part: ClaimGroup[] = [];
  const parts = [part];
  let room = maxBytes - 1;
  for (const { epoch, ips } of groups) {
    let open: Ip[] | undefined;
    for (const ip of ips) {
      const bytes = 1 + ipLength(ip);
      if (bytes + (open === undefined ? GROUP_BYTES : 0) > room) {
        part = [];
        parts.push(part);
        room = maxBytes - 1;
        open = undefined;
      }
      if (open === undefined) {
        open = [];
        part.push({ epoch, ips: open });
        room -= GROUP_BYTES;
      }
      open.push(ip);
      room -= bytes;
    }
  }
  return parts;
}

/** Cuts addresses into parts of at most so many bytes. None for none. */
export function splitIps(ips: readonly Ip[], maxBytes: number): Ip[][] {
  return splitClaims([{ epoch: 0, ips }], maxBytes).flatMap((groups) => groups.map((group) => [...group.ips]));
}

function writeFields(writer: ByteWriter, message: Message): void {
  switch (message.kind) {
    case 'heartbeat':
      writer.u32(message.sequence);
      writeStatus(writer, message.status);
      return;
    case 'news':
      writeStatus(writer, message.status);
      return;
    case 'probe':
    case 'ack':
      writer.u32(message.id);
      writeStatus(writer, message.status);
      return;
    case 'question':
    case 'verdict':
      writeSubject(writer, message.about);
      return;
    case 'answer':
      writeSubject(writer, message.about);
      writer.u16(message.heardMsAgo);
      return;
    case 'pronounced':
    case 'goodbye':
      writer.u32(message.incarnation);
      return;
    case 'change':
      writer.u32(message.version);
      writeGroups(writer, message.claimed);
      writeIps(writer, message.released);
      return;
    case 'list':
      writeId(writer, message.node);
      writeId(writer, message.boot);
      writer.u32(message.version).u16(message.index).u16(message.total);
      writeGroups(writer, message.claims);
      return;
    case 'pull':
      writeId(writer, message.node);
      writeId(writer, message.boot);
      writer.u32(message.version).u8(message.parts.length);
      for (const part of message.parts) writer.u16(part);
      return;
    case 'summary':
      writer.u8(message.purpose === 'question' ? FLAG_QUESTION : 0).u8(message.rows.length);
      for (const row of message.rows) writeRow(writer, row);
      return;
    case 'owners':
      writer.u8(message.owners.length);
      for (const { node, claims } of message.owners) {
        writeId(writer, node);
        writer.u48(claims.epoch);
        writeIps(writer, claims.ips);
      }
      return;
  }
}

function readFields(reader: ByteReader, kind: MessageKind): Message {
  switch (kind) {
    case 'heartbeat':
      return { kind, sequence: reader.u32(), status: readStatus(reader) };
    case 'news':
      return { kind, status: readStatus(reader) };
    case 'probe':
    case 'ack':
      return { kind, id: reader.u32(), status: readStatus(reader) };
    case 'question':
    case 'verdict':
      return { kind, about: readSubject(reader) };
    case 'answer':
      return { kind, about: readSubject(reader), heardMsAgo: reader.u16() };
    case 'pronounced':
    case 'goodbye':
      return { kind, incarnation: reader.u32() };
    case 'change':
      return { kind, version: reader.u32(), claimed: readGroups(reader), released: readIps(reader) };
    case 'list':
      return readList(reader);
    case 'pull':
      return readPull(reader);
    case 'summary':
      return readSummary(reader);
    case 'owners':
      return {
        kind,
        owners: readMany(reader, () => ({
          node: readId(reader),
          claims: { epoch: reader.u48(), ips: readIps(reader) },
        })),
      };
  }
}

function readList(reader: ByteReader): Message {
  const [node, boot, version] = [readId(reader), readId(reader), reader.u32()];
  const [index, total] = [reader.u16(), reader.u16()];
  if (total === 0 || total > MAX_LIST_PARTS || index >= total) reader.refuse('malformed', `part ${index} of ${total}`);
  return { kind: 'list', node, boot, version, index, total, claims: readGroups(reader) };
}

function readPull(reader: ByteReader): Message {
  const [node, boot, version] = [readId(reader), readId(reader), reader.u32()];
  const count = reader.u8();
  if (count > MAX_PULLED_PARTS) reader.refuse('malformed', `${count} parts in one pull`);
  return { kind: 'pull', node, boot, version, parts: Array.from({ length: count }, () => reader.u16()) };
}

function readSummary(reader: ByteReader): Message {
  const flags = readFlags(reader, FLAG_QUESTION);
  const rows = readMany(reader, () => readRow(reader));
  return { kind: 'summary', purpose: flags === FLAG_QUESTION ? 'question' : 'answer', rows };
}

function writeStatus(writer: ByteWriter, status: Status): void {
  writer
    .u16(status.latenessMs)
    .u8(status.leaving ? FLAG_LEAVING : 0)
    .u32(status.incarnation)
    .u48(status.epoch)
    .u32(status.version)
    .u32(status.digest);
}

function readStatus(reader: ByteReader): Status {
  const latenessMs = reader.u16();
  const leaving = readFlags(reader, FLAG_LEAVING) === FLAG_LEAVING;
  const [incarnation, epoch] = [reader.u32(), reader.u48()];
  return { latenessMs, leaving, incarnation, epoch, version: reader.u32(), digest: reader.u32() };
}

function writeSubject(writer: ByteWriter, subject: Subject): void {
  writeId(writer, subject.node);
  writeId(writer, subject.boot);
  writer.u32(subject.incarnation);
}

function readSubject(reader: ByteReader): Subject {
  return { node: readId(reader), boot: readId(reader), incarnation: reader.u32() };
}

function writeRow(writer: ByteWriter, row: SummaryRow): void {
  writeSubject(writer, row);
  writer.u32(row.version).u8(row.dead ? FLAG_DEAD : 0);
}

function readRow(reader: ByteReader): SummaryRow {
  const { node, boot, incarnation } = readSubject(reader);
  return { node, boot, incarnation, version: reader.u32(), dead: readFlags(reader, FLAG_DEAD) === FLAG_DEAD };
}

function writeGroups(writer: ByteWriter, groups: readonly ClaimGroup[]): void {
  writer.u8(groups.length);
  for (const { epoch, ips } of groups) {
    writer.u48(epoch);
    writeIps(writer, ips);
  }
}

function readGroups(reader: ByteReader): ClaimGroup[] {
  return readMany(reader, () => ({ epoch: reader.u48(), ips: readIps(reader) }));
}

/** A byte of length, 4 or 16, before each address. */
function writeIps(writer: ByteWriter, ips: readonly Ip[]): void {
  writer.u8(ips.length);
  for (const ip of ips) writer.u8(ipLength(ip)).bytes(ipBytes(ip));
}

function readIps(reader: ByteReader): Ip[] {
  return readMany(reader, () => {
    const length = reader.u8();
    if (length !== 4 && length !== 16) reader.refuse('malformed', `an address of ${length} bytes`);
    const ip = ipFromBytes(reader.bytes(length));
    return ip.ok ? ip.value : reader.refuse('malformed', ip.error);
  });
}

/** 8 bytes as 16 hex digits. */
function writeId(writer: ByteWriter, id: NodeId | BootId): void {
  writer.u32(Number.parseInt(id.slice(0, 8), 16)).u32(Number.parseInt(id.slice(8, 16), 16));
}

function readId(reader: ByteReader): string {
  return hex32(reader.u32()) + hex32(reader.u32());
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, '0');
}

/** Flags that are not known are refused: nobody sets them in this version. */
function readFlags(reader: ByteReader, known: number): number {
  const flags = reader.u8();
  if ((flags & ~known) !== 0) reader.refuse('malformed', `flags ${flags}`);
  return flags;
}

/** As many as a byte says. The bytes that follow bound the work: each item takes at least one. */
function readMany<T>(reader: ByteReader, read: () => T): T[] {
  return Array.from({ length: reader.u8() }, read);
}

function ipLength(ip: Ip): number {
  return ipFamily(ip) === 'ipv4' ? 4 : 16;
}
