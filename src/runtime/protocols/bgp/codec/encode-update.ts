/**
 * Makes UPDATE messages: one as it is given, and the End-of-RIB; pack-updates.ts makes as few as possible for many routes.
 * Implements: RFC 4271 §4.3, RFC 4760 §3, §4, RFC 7606 §5.1, RFC 4724 §2
 */
import { ByteWriter } from '../../bytes.ts';
import { ATTRIBUTE_MP_REACH_NLRI, ATTRIBUTE_MP_UNREACH_NLRI, MESSAGE_UPDATE } from '../iana.ts';
import type { AsnBytes } from './as-path.ts';
import { type Family, IPV4_UNICAST, isSameFamily } from './family.ts';
import { NO_DATA } from './fault.ts';
import { HEADER_BYTES, writeHeader } from './header.ts';
import { encodeMpReach, encodeMpUnreach, mpUnreachValue } from './mp-nlri.ts';
import { encodeNlri } from './nlri.ts';
import { encodePathAttributes, FLAG_OPTIONAL, writeAttribute } from './path-attributes.ts';
import type { Update } from './update.ts';

/** Bytes of an UPDATE that says nothing: header, and the two lengths. */
export const EMPTY_UPDATE_BYTES = HEADER_BYTES + 4;

/** A whole message. Whether it fits is for the caller to see to. */
export function encodeUpdate(update: Update, asnBytes: AsnBytes): Uint8Array {
  const attributes = new ByteWriter(256);
  // RFC 7606 §5.1: these come first, so that routes are known whatever becomes of the rest.
  if (update.mpReach !== undefined) writeMpReach(attributes, encodeMpReach(update.mpReach));
  if (update.mpUnreach !== undefined) writeMpUnreach(attributes, encodeMpUnreach(update.mpUnreach));
  attributes.bytes(encodePathAttributes(update.attributes, asnBytes));
  return assembleUpdate(encodeNlri(update.withdrawn), attributes.finish(), encodeNlri(update.announced));
}

/** Says that all routes of the family have been sent. */
export function encodeEndOfRib(family: Family): Uint8Array {
  if (isSameFamily(family, IPV4_UNICAST)) return assembleUpdate(NO_DATA, NO_DATA, NO_DATA);
  const attributes = new ByteWriter(8);
  writeMpUnreach(attributes, mpUnreachValue(family, NO_DATA));
  return assembleUpdate(NO_DATA, attributes.finish(), NO_DATA);
}

export function writeMpReach(writer: ByteWriter, value: Uint8Array): void {
  writeAttribute(writer, { type: ATTRIBUTE_MP_REACH_NLRI, flags: FLAG_OPTIONAL, value });
}

export function writeMpUnreach(writer: ByteWriter, value: Uint8Array): void {
  writeAttribute(writer, { type: ATTRIBUTE_MP_UNREACH_NLRI, flags: FLAG_OPTIONAL, value });
}

/** The three parts of an UPDATE behind a header. */
export function assembleUpdate(withdrawn: Uint8Array, attributes: Uint8Array, nlri: Uint8Array): Uint8Array {
  const length = EMPTY_UPDATE_BYTES + withdrawn.length + attributes.length + nlri.length;
  if (length > 0xffff) throw new RangeError(`an UPDATE of ${length} bytes`);
  const message = new Uint8Array(length);
  writeHeader(message, MESSAGE_UPDATE);
  let at = HEADER_BYTES;
  for (const part of [withdrawn, attributes]) {
    message[at] = part.length >>> 8;
    message[at + 1] = part.length;
    message.set(part, at + 2);
    at += 2 + part.length;
  }
  message.set(nlri, at);
  return message;
}
