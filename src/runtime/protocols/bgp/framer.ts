/**
 * Cuts the byte stream of one connection into messages. Takes bytes as they come, in pieces of any size, and hands back
 * what has become whole; the first header that is wrong ends it, since nothing behind it can be found any more.
 *
 *     const { messages, fault } = framer.push(chunk)      // handle the messages, then the fault
 *
 * It holds at most one message that is not whole yet. Bodies are views: of the chunk, which must not be changed any
 * more, or of a buffer that is not used again.
 *
 * Implements: RFC 4271 §4.1, §6.1, RFC 8654 §4
 */
import type { MessageFault } from './codec/fault.ts';
import {
  HEADER_BYTES,
  headerFault,
  MAX_EXTENDED_MESSAGE_BYTES,
  MAX_MESSAGE_BYTES,
  messageBytes,
  messageType,
  type RawMessage,
} from './codec/header.ts';

export interface Framed {
  /** In the order in which they came. */
  readonly messages: readonly RawMessage[];
  /** Comes after the messages; whatever is pushed later gives nothing but the same. */
  readonly fault?: MessageFault;
}

export class Framer {
  #maxBytes = MAX_MESSAGE_BYTES;
  /** The beginning of a message that is not whole: its first `#held` bytes. As long as the message once that is known. */
  #part = new Uint8Array(HEADER_BYTES);
  #held = 0;
  #fault: MessageFault | undefined;

  /** Once both OPENs announced it; not before, RFC 8654 §4. Counts for what is pushed from now on. */
  allowExtendedMessages(): void {
    this.#maxBytes = MAX_EXTENDED_MESSAGE_BYTES;
  }

  /** Bytes of a message that is not whole yet. */
  get heldBytes(): number {
    return this.#held;
  }

  push(chunk: Uint8Array): Framed {
    const messages: RawMessage[] = [];
    let at = 0;
    while (this.#fault === undefined && at < chunk.length) {
      at += this.#held > 0 ? this.#complete(chunk, at, messages) : this.#cut(chunk, at, messages);
    }
    return this.#fault === undefined ? { messages } : { messages, fault: this.#fault };
  }

  /** Takes a whole message out of the chunk, or keeps what there is of it. Returns how many bytes it took. */
  #cut(chunk: Uint8Array, at: number, messages: RawMessage[]): number {
    const left = chunk.length - at;
    if (left >= HEADER_BYTES) {
      this.#fault = headerFault(chunk, at, this.#maxBytes);
      if (this.#fault !== undefined) return left;
      const length = messageBytes(chunk, at);
      if (left >= length) {
        messages.push({ type: messageType(chunk, at), body: chunk.subarray(at + HEADER_BYTES, at + length) });
        return length;
      }
      this.#part = new Uint8Array(length);
    } else if (this.#part.length !== HEADER_BYTES) this.#part = new Uint8Array(HEADER_BYTES);
    this.#part.set(chunk.subarray(at), 0);
    this.#held = left;
    return left;
  }

  /** Adds to the message that is held: first its header, then the rest. Returns how many bytes it took. */
  #complete(chunk: Uint8Array, at: number, messages: RawMessage[]): number {
    const taken = Math.min(this.#part.length - this.#held, chunk.length - at);
    this.#part.set(chunk.subarray(at, at + taken), this.#held);
    const wasHeader = this.#held < HEADER_BYTES;
    this.#held += taken;
    if (this.#held < this.#part.length) return taken;
    if (wasHeader) {
      this.#fault = headerFault(this.#part, 0, this.#maxBytes);
      if (this.#fault !== undefined) return taken;
      const length = messageBytes(this.#part, 0);
      if (length > HEADER_BYTES) {
        const whole = new Uint8Array(length);
        whole.set(this.#part);
        this.#part = whole;
        return taken;
      }
    }
    messages.push({ type: messageType(this.#part, 0), body: this.#part.subarray(HEADER_BYTES) });
    this.#part = new Uint8Array(HEADER_BYTES);
    this.#held = 0;
    return taken;
  }
}
