/**
 * Cursors over bytes: the one place of the protocols that checks bounds and knows byte order (network order, big-endian
 * throughout). A codec is written as straight-line reads inside `decoding`, which turns the first short read, or a
 * `reader.refuse(…)` of the codec itself, into a DecodeError; nothing is ever read past the end or silently cut short.
 *
 *     decodeX = (bytes) => decoding('X', bytes, (reader) => ({ type: reader.u8(), length: reader.u16() }))
 *
 * Must not know any protocol. Bytes are never copied: `bytes()` hands out views, whose owner is the caller's buffer.
 */
import { err, ok, type Result } from '../model/result.ts';

/** Why bytes could not be decoded. */
export interface DecodeError {
  /** The structure that was being read: "ARP packet". */
  readonly what: string;
  /** Where in it reading stopped, in bytes from its start. */
  readonly offset: number;
  /** truncated: bytes are missing; unsupported: well-formed but of a kind not spoken here; malformed: against the norm. */
  readonly kind: DecodeErrorKind;
  /** One sentence without the offset: "4 bytes wanted, 2 left". */
  readonly reason: string;
}

export type DecodeErrorKind = 'truncated' | 'unsupported' | 'malformed';

/**
 * Carries a refusal from a read up to `decoding` and no further. Not an Error on purpose: it never leaves this file,
 * and a flood of garbage must not pay for a stack trace a frame.
 */
class Refusal {
  readonly offset: number;
  readonly kind: DecodeErrorKind;
  readonly reason: string;

  constructor(offset: number, kind: DecodeErrorKind, reason: string) {
    this.offset = offset;
    this.kind = kind;
    this.reason = reason;
  }
}

/** Runs a codec's reads over the bytes. Total as long as `read` fails only through its reader. */
export function decoding<T>(what: string, bytes: Uint8Array, read: (reader: ByteReader) => T): Result<T, DecodeError> {
  try {
    return ok(read(new ByteReader(bytes)));
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown;
    return err({ what, offset: thrown.offset, kind: thrown.kind, reason: thrown.reason });
  }
}

/** Reads forward through bytes. Outside `decoding`, use it only on bytes whose length is known to suffice. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #offset: number;

  /** `start` and `end` bound what may be read; offsets in errors count from the beginning of `bytes`. */
  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#offset = start;
    this.#end = end;
  }

  /** Bytes from the beginning of the outermost structure to the cursor. */
  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  u8(): number {
    return this.#octet(this.#take(1));
  }

  u16(): number {
    const at = this.#take(2);
    return (this.#octet(at) << 8) | this.#octet(at + 1);
  }

  /** 0 … 2^32 − 1, never negative. */
  u32(): number {
    const at = this.#take(4);
    return this.#word(at);
  }

  /** 0 … 2^48 − 1: exact in a number. */
  u48(): number {
    const at = this.#take(6);
    return ((this.#octet(at) << 8) | this.#octet(at + 1)) * 0x1_0000_0000 + this.#word(at + 2);
  }

  /** A view of the next bytes, not a copy. */
  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  skip(length: number): void {
    this.#take(length);
  }

  /** A reader of exactly the next bytes; the cursor moves behind them. */
  sub(length: number): ByteReader {
    const at = this.#take(length);
    return new ByteReader(this.#bytes, at, at + length);
  }

  /** Gives up decoding: `decoding` returns the reason, with the cursor's place or the one given. */
  refuse(kind: DecodeErrorKind, reason: string, offset: number = this.#offset): never {
    throw new Refusal(offset, kind, reason);
  }

  #take(length: number): number {
    const at = this.#offset;
    if (length > this.#end - at) this.refuse('truncated', `${length} bytes wanted, ${this.#end - at} left`);
    this.#offset = at + length;
    return at;
  }

  /** The caller has taken the place already, so the byte is there. */
  #octet(at: number): number {
    return this.#bytes[at] as number;
  }

  #word(at: number): number {
    return (
      ((this.#octet(at) << 24) | (this.#octet(at + 1) << 16) | (this.#octet(at + 2) << 8) | this.#octet(at + 3)) >>> 0
    );
  }
}

/** Writes forward into bytes that grow as needed. A value that does not fit its field is a bug and throws. */
export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  /** `capacity`: how much to set aside at first; a good guess saves copies. */
  constructor(capacity = 64) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    const at = this.#reserve(1, value);
    this.#bytes[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#reserve(2, value);
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value;
    return this;
  }

  u32(value: number): this {
    const at = this.#reserve(4, value);
    this.#word(at, value);
    return this;
  }

  u48(value: number): this {
    const at = this.#reserve(6, value);
    const high = Math.floor(value / 0x1_0000_0000);
    this.#bytes[at] = high >>> 8;
    this.#bytes[at + 1] = high;
    this.#word(at + 2, value % 0x1_0000_0000);
    return this;
  }

  bytes(value: Uint8Array): this {
    const at = this.#reserve(value.length, 0);
    this.#bytes.set(value, at);
    return this;
  }

  /** Overwrites two bytes written earlier: for lengths that are known only at the end. */
  setU16(offset: number, value: number): this {
    if (offset + 2 > this.#length) throw new RangeError(`nothing written at ${offset} yet`);
    checkFits(2, value);
    this.#bytes[offset] = value >>> 8;
    this.#bytes[offset + 1] = value;
    return this;
  }

  /** What was written. A view: the writer must not be used afterwards. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(width: number, value: number): number {
    checkFits(width, value);
    const at = this.#length;
    this.#length = at + width;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    return at;
  }

  #word(at: number, value: number): void {
    this.#bytes[at] = value >>> 24;
    this.#bytes[at + 1] = value >>> 16;
    this.#bytes[at + 2] = value >>> 8;
    this.#bytes[at + 3] = value;
  }
}

function checkFits(width: number, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= 256 ** width) {
    throw new RangeError(`${value} does not fit ${width} bytes`);
  }
}
