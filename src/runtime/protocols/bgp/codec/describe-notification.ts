/**
 * A NOTIFICATION in words, for a log, an Event or a status: "Cease: Administrative Shutdown, "rack 12 moves"". Names are
 * the registry's; a number without a name is shown as it is, and data as what it means or as hex text.
 * Implements: RFC 4271 §4.5, §6, RFC 4486 §3, RFC 6608 §3, RFC 7313 §5, RFC 8538 §3, RFC 9384 §3
 */
import {
  ERROR_CEASE,
  ERROR_FINITE_STATE_MACHINE,
  ERROR_HOLD_TIMER_EXPIRED,
  ERROR_MESSAGE_HEADER,
  ERROR_OPEN_MESSAGE,
  ERROR_ROUTE_REFRESH_MESSAGE,
  ERROR_SEND_HOLD_TIMER_EXPIRED,
  ERROR_UPDATE_MESSAGE,
  HEADER_BAD_MESSAGE_LENGTH,
  HEADER_BAD_MESSAGE_TYPE,
  OPEN_UNSUPPORTED_CAPABILITY,
  OPEN_UNSUPPORTED_VERSION_NUMBER,
  UPDATE_INVALID_NETWORK_FIELD,
  UPDATE_MALFORMED_AS_PATH,
  UPDATE_MALFORMED_ATTRIBUTE_LIST,
  UPDATE_MISSING_WELL_KNOWN_ATTRIBUTE,
} from '../iana.ts';
import { attributeName } from './attribute-rules.ts';
import { enclosedNotification, type Notification, shutdownText } from './notification.ts';

interface ErrorName {
  readonly name: string;
  readonly subcodes: Readonly<Record<number, string>>;
}

const ERRORS: Readonly<Record<number, ErrorName>> = {
  [ERROR_MESSAGE_HEADER]: {
    name: 'Message Header Error',
    subcodes: { 1: 'Connection Not Synchronized', 2: 'Bad Message Length', 3: 'Bad Message Type' },
  },
  [ERROR_OPEN_MESSAGE]: {
    name: 'OPEN Message Error',
    subcodes: {
      1: 'Unsupported Version Number',
      2: 'Bad Peer AS',
      3: 'Bad BGP Identifier',
      4: 'Unsupported Optional Parameter',
      5: 'Authentication Failure (deprecated)',
      6: 'Unacceptable Hold Time',
      7: 'Unsupported Capability',
      11: 'Role Mismatch',
    },
  },
  [ERROR_UPDATE_MESSAGE]: {
    name: 'UPDATE Message Error',
    subcodes: {
      1: 'Malformed Attribute List',
      2: 'Unrecognized Well-known Attribute',
      3: 'Missing Well-known Attribute',
      4: 'Attribute Flags Error',
      5: 'Attribute Length Error',
      6: 'Invalid ORIGIN Attribute',
      7: 'AS Routing Loop (deprecated)',
      8: 'Invalid NEXT_HOP Attribute',
      9: 'Optional Attribute Error',
      10: 'Invalid Network Field',
      11: 'Malformed AS_PATH',
    },
  },
  [ERROR_HOLD_TIMER_EXPIRED]: { name: 'Hold Timer Expired', subcodes: {} },
  [ERROR_FINITE_STATE_MACHINE]: {
    name: 'Finite State Machine Error',
    subcodes: {
      1: 'Receive Unexpected Message in OpenSent State',
      2: 'Receive Unexpected Message in OpenConfirm State',
      3: 'Receive Unexpected Message in Established State',
    },
  },
  [ERROR_CEASE]: {
    name: 'Cease',
    subcodes: {
      1: 'Maximum Number of Prefixes Reached',
      2: 'Administrative Shutdown',
      3: 'Peer De-configured',
      4: 'Administrative Reset',
      5: 'Connection Rejected',
      6: 'Other Configuration Change',
      7: 'Connection Collision Resolution',
      8: 'Out of Resources',
      9: 'Hard Reset',
      10: 'BFD Down',
    },
  },
  [ERROR_ROUTE_REFRESH_MESSAGE]: { name: 'ROUTE-REFRESH Message Error', subcodes: { 1: 'Invalid Message Length' } },
  [ERROR_SEND_HOLD_TIMER_EXPIRED]: { name: 'Send Hold Timer Expired', subcodes: {} },
};

/** Bytes of data that are worth showing; a whole message may be in there. */
const MAX_SHOWN_BYTES = 32;
/** Encloses another at most as often as this, however long a peer made its Hard Reset. */
const MAX_DEPTH = 2;

export function describeNotification(notification: Notification): string {
  return describe(notification, 1);
}

function describe(notification: Notification, depth: number): string {
  const { code, subcode } = notification;
  const error = ERRORS[code];
  const name = error?.name ?? `error code ${code}`;
  // 0 says no more than the code does: "Unspecific".
  const detail = error?.subcodes[subcode] ?? (subcode === 0 ? undefined : `subcode ${subcode}`);
  const meaning = describeData(notification, depth);
  return `${name}${detail === undefined ? '' : `: ${detail}`}${meaning === undefined ? '' : `, ${meaning}`}`;
}

function describeData(notification: Notification, depth: number): string | undefined {
  const { code, data } = notification;
  const text = shutdownText(notification);
  if (text !== undefined) return `"${text}"`;
  const enclosed = depth < MAX_DEPTH ? enclosedNotification(notification) : undefined;
  if (enclosed !== undefined) return `because of ${describe(enclosed, depth + 1)}`;
  const [first] = data;
  // A text of length 0, RFC 9003 §2, says as much as none.
  if (first === undefined || (code === ERROR_CEASE && data.length === 1 && first === 0)) return undefined;
  return describeField(notification) ?? `data ${hexOf(data)}`;
}

/** Data that is a field of the message which was wrong. */
function describeField({ code, subcode, data }: Notification): string | undefined {
  const [first = 0, second = 0] = data;
  if (code === ERROR_MESSAGE_HEADER) {
    if (subcode === HEADER_BAD_MESSAGE_LENGTH && data.length === 2) return `length ${first * 256 + second}`;
    if (subcode === HEADER_BAD_MESSAGE_TYPE && data.length === 1) return `type ${first}`;
  }
  if (code === ERROR_OPEN_MESSAGE) {
    if (subcode === OPEN_UNSUPPORTED_VERSION_NUMBER && data.length === 2)
      return `version ${first * 256 + second} is spoken`;
    if (subcode === OPEN_UNSUPPORTED_CAPABILITY) return describeCapabilities(data);
  }
  return code === ERROR_UPDATE_MESSAGE ? describeAttribute(subcode, data) : undefined;
}

/** RFC 4271 §6.3: the attribute with flags, type and length, or the type of one that is missing. */
function describeAttribute(subcode: number, data: Uint8Array): string | undefined {
  const [first = 0, second = 0] = data;
  if (subcode === UPDATE_MISSING_WELL_KNOWN_ATTRIBUTE && data.length === 1) return attributeName(first);
  // Of the list, of a route and of AS_PATH there is none.
  const hasNone =
    subcode === UPDATE_MALFORMED_ATTRIBUTE_LIST ||
    subcode === UPDATE_INVALID_NETWORK_FIELD ||
    subcode === UPDATE_MALFORMED_AS_PATH;
  return hasNone || data.length < 3 ? undefined : `${attributeName(second)}, data ${hexOf(data)}`;
}

/** RFC 5492 §5: the capabilities, as in an OPEN. */
function describeCapabilities(data: Uint8Array): string | undefined {
  const codes: number[] = [];
  let at = 0;
  while (at + 1 < data.length) {
    codes.push(data[at] as number);
    at += 2 + (data[at + 1] as number);
  }
  return at === data.length ? `capability ${codes.join(', ')}, data ${hexOf(data)}` : undefined;
}

function hexOf(data: Uint8Array): string {
  const shown = [...data.subarray(0, MAX_SHOWN_BYTES)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return data.length > MAX_SHOWN_BYTES ? `${shown}… (${data.length} bytes)` : shown;
}
