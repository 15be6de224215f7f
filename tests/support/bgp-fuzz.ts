/**
 * Throws random and mutated messages at the framer and the codec. None may throw or be taken for what it is not: what is
 * refused has a NOTIFICATION that can be sent, and what is read is read the same again when it is written.
 */
import { isDeepStrictEqual } from 'node:util';
import type { UpdateContext } from '../../src/runtime/protocols/bgp/codec/attribute-rules.ts';
import { describeNotification } from '../../src/runtime/protocols/bgp/codec/describe-notification.ts';
import { encodeUpdate } from '../../src/runtime/protocols/bgp/codec/encode-update.ts';
import type { MessageFault } from '../../src/runtime/protocols/bgp/codec/fault.ts';
import { decodeMessage, type Message } from '../../src/runtime/protocols/bgp/codec/message.ts';
import { encodeNotification, notificationOf } from '../../src/runtime/protocols/bgp/codec/notification.ts';
import { encodeOpen } from '../../src/runtime/protocols/bgp/codec/open.ts';
import { encodeRouteRefresh } from '../../src/runtime/protocols/bgp/codec/route-refresh.ts';
import { endOfRib, reachability, type Update } from '../../src/runtime/protocols/bgp/codec/update.ts';
import { Framer } from '../../src/runtime/protocols/bgp/framer.ts';
import { plainOf, readBgpVectors } from './bgp-vectors.ts';
import { DAMAGES, damaged } from './damage.ts';
import { seededDice } from './dice.ts';

type Roll = (sides: number) => number;

/** Of each outcome how many. */
export interface FuzzCounts {
  readonly refusedHeader: number;
  readonly refused: number;
  readonly mended: number;
  readonly read: number;
  /** The header says that more is to come. */
  readonly waiting: number;
}

const CONTEXTS: readonly UpdateContext[] = [
  { asnBytes: 4, peerKind: 'external', ipv4NextHops: 'ipv4' },
  { asnBytes: 4, peerKind: 'internal', ipv4NextHops: 'ipv4-and-ipv6' },
  { asnBytes: 2, peerKind: 'internal', ipv4NextHops: 'ipv4' },
];

/** What RFCs 4271, 7313 and 5492 know of. */
const CODES: Readonly<Record<number, readonly number[]>> = {
  1: [1, 2, 3],
  2: [0, 1, 2, 3, 4, 6],
  3: [1, 2, 3, 4, 5, 6, 8, 9, 10, 11],
  7: [1],
};

/** Throws at the first wrong outcome, with the message. */
export function fuzzBgp({ messages, seed }: { messages: number; seed: number }): FuzzCounts {
  const roll = seededDice(seed);
  const next = brokenMessages(roll);
  const counts = { refusedHeader: 0, refused: 0, mended: 0, read: 0, waiting: 0 };
  for (let count = 0; count < messages; count++) {
    const bytes = next();
    const context = CONTEXTS[roll(CONTEXTS.length)] as UpdateContext;
    try {
      counts[outcomeOf(bytes, context)] += 1;
    } catch (cause) {
      throw new Error(`${Buffer.from(bytes).toString('hex')} in ${JSON.stringify(context)}`, { cause });
    }
  }
  return counts;
}

/** One after the other: random ones, and those that others made, damaged. */
export function brokenMessages(roll: Roll): () => Uint8Array {
  const seeds = readBgpVectors().map(({ bytes }) => bytes);
  return () => (roll(8) === 0 ? randomMessage(roll) : mutated(seeds[roll(seeds.length)] ?? new Uint8Array(), roll));
}

function outcomeOf(bytes: Uint8Array, context: UpdateContext): keyof FuzzCounts {
  const framer = new Framer();
  const { messages, fault } = framer.push(bytes);
  if (fault !== undefined) checkFault(fault);
  const [raw] = messages;
  if (raw === undefined) return fault === undefined ? 'waiting' : 'refusedHeader';
  const decoded = decodeMessage(raw, context);
  if (!decoded.ok) {
    checkFault(decoded.error);
    return 'refused';
  }
  const message = decoded.value;
  checkSame(message, context);
  return message.kind === 'update' && message.received.faults.length > 0 ? 'mended' : 'read';
}

function checkFault(fault: MessageFault): void {
  if (CODES[fault.code]?.includes(fault.subcode) !== true || fault.reason === '')
    throw new Error(JSON.stringify(fault));
  const notification = notificationOf(fault);
  if (encodeNotification(notification).length > 4096 || describeNotification(notification) === '') {
    throw new Error(JSON.stringify(fault));
  }
}

function checkSame(message: Message, context: UpdateContext): void {
  const bytes = written(message, context);
  if (bytes === undefined) return;
  const { messages } = extendedFramer().push(bytes);
  const [raw] = messages;
  const again = raw === undefined ? undefined : decodeMessage(raw, context);
  const want = message.kind === 'update' ? message.received.update : message;
  const got = !again?.ok ? again : again.value.kind === 'update' ? again.value.received.update : again.value;
  if (!isDeepStrictEqual(inOrder(got), inOrder(want))) {
    throw new Error(`read ${JSON.stringify(plainOf(want))}, then ${JSON.stringify(plainOf(got))}`);
  }
}

/** Attributes that are kept as they are come in the order of their types when they are written. */
function inOrder(value: unknown): unknown {
  const update = value as Partial<Update> | undefined;
  const others = update?.attributes?.others;
  if (update?.attributes === undefined || others === undefined) return value;
  return { ...update, attributes: { ...update.attributes, others: others.toSorted((a, b) => a.type - b.type) } };
}

function extendedFramer(): Framer {
  const framer = new Framer();
  framer.allowExtendedMessages();
  return framer;
}

function written(message: Message, context: UpdateContext): Uint8Array | undefined {
  switch (message.kind) {
    case 'open':
      return encodeOpen(message.open);
    case 'update': {
      const { received } = message;
      reachability(received);
      endOfRib(received.update);
      // What was mended may not stand alone: attributes are missing.
      return received.faults.length > 0 ? undefined : encodeUpdate(received.update, context.asnBytes);
    }
    case 'notification':
      describeNotification(message.notification);
      return encodeNotification(message.notification);
    case 'keepalive':
      return undefined;
    case 'route-refresh': {
      const { family, subtype } = message.refresh;
      return subtype === 'unknown' ? undefined : encodeRouteRefresh(family, subtype);
    }
  }
}

/** Random bytes, most of them behind a true header. */
function randomMessage(roll: Roll): Uint8Array {
  const bytes = Uint8Array.from({ length: roll(200) }, () => roll(256));
  if (roll(8) === 0) return bytes;
  return sealed(Uint8Array.from([...new Uint8Array(18), 1 + roll(5), ...bytes]));
}

/** Marker and length put right. */
function sealed(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 19) return bytes;
  bytes.fill(0xff, 0, 16);
  bytes[16] = bytes.length >>> 8;
  bytes[17] = bytes.length;
  return bytes;
}

function mutated(whole: Uint8Array, roll: Roll): Uint8Array {
  let bytes: Uint8Array = Uint8Array.from(whole);
  for (let times = 1 + roll(4); times > 0; times--) {
    const at =
      roll(8) === 0 ? roll(bytes.length + 1) : Math.min(19 + roll(Math.max(1, bytes.length - 18)), bytes.length);
    const way = roll(DAMAGES + 2);
    if (way < DAMAGES) bytes = damaged(bytes, { at, way }, roll);
    else if (way === DAMAGES) {
      // A part twice: attributes and capabilities come again.
      const part = bytes.subarray(at, at + roll(12));
      bytes = Uint8Array.from([...bytes.subarray(0, at), ...part, ...bytes.subarray(at)]);
    } else if (at < bytes.length) {
      // A small change of a number: lengths that are off by little.
      bytes = bytes.with(at, ((bytes[at] ?? 0) + roll(5) - 2) & 0xff);
    }
  }
  return roll(4) === 0 ? bytes : sealed(bytes);
}
