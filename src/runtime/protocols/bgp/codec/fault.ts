/**
 * What is wrong with a message that a peer sent, as the one NOTIFICATION that says so. Every refusal of this codec is a
 * MessageFault with the code, the subcode and the data that its RFC demands; the session sends it and closes.
 *
 *     decodeX = (body) => readingMessage('X', body, { code, subcode }, (reader) => … raise(fault) …)
 *
 * Implements: RFC 4271 §6.1–§6.3
 */
import { err, type Result } from '../../../model/result.ts';
import { type ByteReader, decoding } from '../../bytes.ts';

export interface MessageFault {
  /** Error code and subcode of the NOTIFICATION, 0 … 255 each; their names are in iana.ts. */
  readonly code: number;
  readonly subcode: number;
  /** Data of the NOTIFICATION, empty where its RFC wants none. */
  readonly data: Uint8Array;
  /** One sentence for a person: what was found where. */
  readonly reason: string;
}

export const NO_DATA = new Uint8Array(0);

/** Carries a fault from a read up to `readingMessage`, as Refusal of bytes.ts does: no Error, no stack trace. */
class RaisedFault {
  readonly fault: MessageFault;

  constructor(fault: MessageFault) {
    this.fault = fault;
  }
}

/** Gives up reading the message. Only inside `readingMessage`. */
export function raise(code: number, subcode: number, reason: string, data: Uint8Array = NO_DATA): never {
  throw new RaisedFault({ code, subcode, data, reason });
}

/** Runs reads over bytes; one that runs short becomes the fault with `onShort`'s numbers. Total like `decoding`. */
export function readingMessage<T>(
  what: string,
  bytes: Uint8Array,
  onShort: { readonly code: number; readonly subcode: number },
  read: (reader: ByteReader) => T,
): Result<T, MessageFault> {
  try {
    const decoded = decoding(what, bytes, read);
    if (decoded.ok) return decoded;
    const { offset, reason } = decoded.error;
    return err({ ...onShort, data: NO_DATA, reason: `${what}, byte ${offset}: ${reason}` });
  } catch (thrown) {
    if (thrown instanceof RaisedFault) return err(thrown.fault);
    throw thrown;
  }
}
