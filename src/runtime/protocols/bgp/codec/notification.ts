/**
 * NOTIFICATION: the last message of a connection, and why.
 *
 *      0            1         2
 *     ┌────────────┬─────────┬────────── … ─┐
 *     │ error code │ subcode │ data         │
 *     └────────────┴─────────┴────────── … ─┘
 *
 * Data that has a form is decoded beside what was received: the text of an administrator, and what a Hard Reset
 * encloses. Form that is broken is no fault of the message: it is shown as bytes (RFC 9003 §2).
 *
 * Implements: RFC 4271 §4.5, §6.4, RFC 8203 and RFC 9003 §2, RFC 8538 §3
 */
import { err, ok, type Result } from '../../../model/result.ts';
import {
  CEASE_ADMINISTRATIVE_RESET,
  CEASE_ADMINISTRATIVE_SHUTDOWN,
  CEASE_HARD_RESET,
  ERROR_CEASE,
  MESSAGE_NOTIFICATION,
} from '../iana.ts';
import { type MessageFault, NO_DATA } from './fault.ts';
import { badLength, encodeMessage, HEADER_BYTES, MAX_MESSAGE_BYTES } from './header.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

export interface Notification {
  /** 0 … 255 each; names in iana.ts, in words by `describeNotification`. */
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;
}

/** RFC 9003 §2: one octet of length before the text. */
export const MAX_SHUTDOWN_TEXT_BYTES = 255;

/** Extended messages may not be agreed on yet when something is wrong. */
export const MAX_DATA_BYTES = MAX_MESSAGE_BYTES - HEADER_BYTES - 2;

/** Decodes the body of a message of type NOTIFICATION. */
export function decodeNotification(body: Uint8Array): Result<Notification, MessageFault> {
  const [code, subcode] = body;
  if (code === undefined || subcode === undefined) {
    return err(badLength(HEADER_BYTES + body.length, `a NOTIFICATION with ${body.length} bytes behind its header`));
  }
  return ok({ code, subcode, data: body.subarray(2) });
}

/** A whole message. Data that quotes a long message is cut, so that every peer can take it. */
export function encodeNotification({ code, subcode, data }: Notification): Uint8Array {
  const fitting = data.subarray(0, MAX_DATA_BYTES);
  const body = new Uint8Array(2 + fitting.length);
  body[0] = code;
  body[1] = subcode;
  body.set(fitting, 2);
  return encodeMessage(MESSAGE_NOTIFICATION, body);
}

/** What tells a peer of its fault. */
export function notificationOf({ code, subcode, data }: MessageFault): Notification {
  return { code, subcode, data };
}

/** Cease with a subcode of iana.ts. The text goes with a shutdown and a reset only; what is too long is cut. */
export function ceaseNotification(subcode: number, text = ''): Notification {
  if (!carriesText(subcode) || text === '') return { code: ERROR_CEASE, subcode, data: NO_DATA };
  const encoded = encodeUtf8(text, MAX_SHUTDOWN_TEXT_BYTES);
  return { code: ERROR_CEASE, subcode, data: Uint8Array.of(encoded.length, ...encoded) };
}

/** RFC 8538 §3: says that the session ends, graceful restart or not, and encloses why. */
export function hardReset({ code, subcode, data }: Notification): Notification {
  return { code: ERROR_CEASE, subcode: CEASE_HARD_RESET, data: Uint8Array.of(code, subcode, ...data) };
}

/** What a Hard Reset encloses; undefined for everything else, and for one that encloses nothing. */
export function enclosedNotification(notification: Notification): Notification | undefined {
  const { code, subcode, data } = notification;
  if (code !== ERROR_CEASE || subcode !== CEASE_HARD_RESET || data.length < 2) return undefined;
  return { code: data[0] as number, subcode: data[1] as number, data: data.subarray(2) };
}

/**
 * What an administrator of the peer wrote, with control characters shown as "·" so that it cannot forge lines of a log.
 * Undefined without a text, and where length or UTF-8 are broken.
 */
export function shutdownText({ code, subcode, data }: Notification): string | undefined {
  const [length] = data;
  if (code !== ERROR_CEASE || !carriesText(subcode) || length === undefined || length === 0) return undefined;
  if (length !== data.length - 1) return undefined;
  return decodeUtf8(data.subarray(1))?.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '·');
}

function carriesText(subcode: number): boolean {
  return subcode === CEASE_ADMINISTRATIVE_SHUTDOWN || subcode === CEASE_ADMINISTRATIVE_RESET;
}
