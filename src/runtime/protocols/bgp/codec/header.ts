/**
 * The header of every message, and the checks that need nothing but it.
 *
 *      0                                16        18     19
 *     ┌────────────────────────────────┬─────────┬──────┬───────────── … ─┐
 *     │ marker: 16 octets, all ones    │ length  │ type │ body            │
 *     └────────────────────────────────┴─────────┴──────┴───────────── … ─┘
 *                                       of the whole, 19 … 4096, or 65535 with extended messages
 *
 * Implements: RFC 4271 §4.1, §6.1, RFC 8654 §4, §5
 */
import {
  ERROR_MESSAGE_HEADER,
  HEADER_BAD_MESSAGE_LENGTH,
  HEADER_BAD_MESSAGE_TYPE,
  HEADER_CONNECTION_NOT_SYNCHRONIZED,
  MESSAGE_KEEPALIVE,
  MESSAGE_NOTIFICATION,
  MESSAGE_OPEN,
  MESSAGE_ROUTE_REFRESH,
  MESSAGE_UPDATE,
} from '../iana.ts';
import { type MessageFault, NO_DATA } from './fault.ts';

export const HEADER_BYTES = 19;
export const MARKER_BYTES = 16;
/** RFC 4271 §4.1. */
export const MAX_MESSAGE_BYTES = 4096;
/** RFC 8654 §4: once both sides have announced it, for all but OPEN and KEEPALIVE. */
export const MAX_EXTENDED_MESSAGE_BYTES = 65535;

/** A message as it was cut out of the stream; its type is one of the five, its length fits it. */
export interface RawMessage {
  readonly type: number;
  /** What follows the header. A view of what was received. */
  readonly body: Uint8Array;
}

/** RFC 4271 §6.1, and RFC 7313 §5 for the last: a ROUTE-REFRESH names its own fault where it can be read. */
const SHORTEST: Readonly<Record<number, number>> = {
  [MESSAGE_OPEN]: 29,
  [MESSAGE_UPDATE]: 23,
  [MESSAGE_NOTIFICATION]: 21,
  [MESSAGE_KEEPALIVE]: HEADER_BYTES,
  [MESSAGE_ROUTE_REFRESH]: HEADER_BYTES,
};

/** Judges the header at `at`, of which all 19 bytes are there. `maxBytes`: what the two sides have agreed on. */
export function headerFault(bytes: Uint8Array, at: number, maxBytes: number): MessageFault | undefined {
  for (let index = at; index < at + MARKER_BYTES; index++) {
    if (bytes[index] !== 0xff) {
      const reason = `byte ${index - at} of the marker is ${bytes[index]}, not 255`;
      return { code: ERROR_MESSAGE_HEADER, subcode: HEADER_CONNECTION_NOT_SYNCHRONIZED, data: NO_DATA, reason };
    }
  }
  const length = messageBytes(bytes, at);
  const type = messageType(bytes, at);
  const shortest = SHORTEST[type];
  if (length < HEADER_BYTES || length > maxBytes) {
    return badLength(length, `a message of ${length} bytes, ${HEADER_BYTES} to ${maxBytes} are possible`);
  }
  if (shortest === undefined) return badType(type);
  if (length < shortest) return badLength(length, `a message of type ${type} of ${length} bytes, not ${shortest}`);
  if (type === MESSAGE_KEEPALIVE && length > HEADER_BYTES) {
    return badLength(length, `a KEEPALIVE of ${length} bytes, not ${HEADER_BYTES}`);
  }
  // RFC 8654 §4: extended messages are for all but OPEN and KEEPALIVE.
  if (type === MESSAGE_OPEN && length > MAX_MESSAGE_BYTES) {
    return badLength(length, `an OPEN of ${length} bytes, more than ${MAX_MESSAGE_BYTES}`);
  }
  return undefined;
}

/** RFC 4271 §6.1: the data is the Length field. */
export function badLength(length: number, reason: string): MessageFault {
  const data = Uint8Array.of(length >>> 8, length);
  return { code: ERROR_MESSAGE_HEADER, subcode: HEADER_BAD_MESSAGE_LENGTH, data, reason };
}

/** RFC 4271 §6.1: the data is the Type field. */
export function badType(type: number): MessageFault {
  const data = Uint8Array.of(type);
  return { code: ERROR_MESSAGE_HEADER, subcode: HEADER_BAD_MESSAGE_TYPE, data, reason: `message type ${type}` };
}

export function messageBytes(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 16] as number) << 8) | (bytes[at + 17] as number);
}

export function messageType(bytes: Uint8Array, at: number): number {
  return bytes[at + 18] as number;
}

/** Puts the header before a body. A body that is too long for any message is a bug and throws. */
export function encodeMessage(type: number, body: Uint8Array): Uint8Array {
  const message = new Uint8Array(HEADER_BYTES + body.length);
  if (message.length > MAX_EXTENDED_MESSAGE_BYTES) throw new RangeError(`a message of ${message.length} bytes`);
  writeHeader(message, type);
  message.set(body, HEADER_BYTES);
  return message;
}

/** Fills the header in front of a message whose body is in place, or will be. */
export function writeHeader(message: Uint8Array, type: number): void {
  message.fill(0xff, 0, MARKER_BYTES);
  message[16] = message.length >>> 8;
  message[17] = message.length;
  message[18] = type;
}

export function encodeKeepalive(): Uint8Array {
  return encodeMessage(MESSAGE_KEEPALIVE, NO_DATA);
}
