/**
 * The echo function of one BFD session: packets that the neighbour's forwarding sends back, whatever its programs do. Runs
 * while the session is up and the neighbour takes echo packets; a machine without clock or socket.
 *
 *     start ─▶ echo n ─▶ neighbour ─▶ echo n ─▶ heard          none for multiplier × interval: failed
 *
 * As with the session itself, silence is judged only after what has arrived was read: see 'drain' there.
 *
 * The payload is a local matter (RFC 5880 §5). Here it has a secret of the session, so that nobody can pretend that echoes
 * come back, and a number, so that an old one proves nothing:
 *
 *      0               8          12
 *     +---------------+----------+
 *     | secret        | number   |
 *     +---------------+----------+
 *
 * Implements: RFC 5880 §6.4, §6.8.5, §6.8.9. Deviation: control packets are asked for no less often meanwhile (§6.8.3 says
 * they should be, not faster than one a second): whichever of the two fails first is heeded.
 */
import { after, type Instant } from '../../model/time.ts';
import { ByteReader, ByteWriter } from '../bytes.ts';
import { Jitter } from './jitter.ts';

export const ECHO_PAYLOAD_BYTES = 12;
const SECRET_BYTES = 8;

export interface EchoOptions {
  /** No more often than that this side sends them, nor the neighbour takes them. */
  readonly intervalMs: number;
  /** How many in a row must be missing: 1 … 255. */
  readonly multiplier: number;
  /** 8 bytes, hard to guess. */
  readonly secret: Uint8Array;
  /** Spreads the packets. 0 … 2^32 − 1. */
  readonly seed: number;
}

export type EchoInput =
  | { readonly kind: 'received'; readonly payload: Uint8Array }
  /** The deadline has come. */
  | { readonly kind: 'timer' }
  /** The answer to 'drain': all that had arrived until then has been told. */
  | { readonly kind: 'drained' };

export type EchoOutput =
  | { readonly kind: 'send'; readonly payload: Uint8Array }
  | { readonly kind: 'drain' }
  /** None has come back for the detection time. The last output: it is over. */
  | { readonly kind: 'failed' };

export class EchoFunction {
  readonly #options: EchoOptions;
  readonly #jitter: Jitter;
  #heardAt: Instant;
  #sendAt: Instant;
  #number = 0;
  #isDraining = false;
  #isOver = false;
  #received = 0;

  /** Its first packet is due at once. */
  constructor(options: EchoOptions, now: Instant) {
    this.#options = options;
    this.#jitter = new Jitter(options.seed);
    this.#heardAt = now;
    this.#sendAt = now;
  }

  /** How many have come back. */
  get received(): number {
    return this.#received;
  }

  handle(input: EchoInput, now: Instant): EchoOutput[] {
    if (this.#isOver) return [];
    switch (input.kind) {
      case 'received':
        if (this.#isOurs(input.payload)) {
          this.#received += 1;
          this.#heardAt = now;
        }
        return [];
      case 'timer':
        return [...this.#sendIfDue(now), ...this.#drainIfSilent(now)];
      case 'drained':
        return this.#judge(now);
    }
  }

  /** When 'timer' is due; undefined: it is over. */
  deadline(): Instant | undefined {
    if (this.#isOver) return undefined;
    return this.#isDraining || this.#sendAt < this.#silentAt() ? this.#sendAt : this.#silentAt();
  }

  #sendIfDue(now: Instant): EchoOutput[] {
    if (now < this.#sendAt) return [];
    const { intervalMs, multiplier, secret } = this.#options;
    this.#number = (this.#number + 1) >>> 0;
    this.#sendAt = after(now, intervalMs * this.#jitter.draw(multiplier));
    return [{ kind: 'send', payload: new ByteWriter(ECHO_PAYLOAD_BYTES).bytes(secret).u32(this.#number).finish() }];
  }

  #drainIfSilent(now: Instant): EchoOutput[] {
    if (this.#isDraining || now < this.#silentAt()) return [];
    this.#isDraining = true;
    return [{ kind: 'drain' }];
  }

  #judge(now: Instant): EchoOutput[] {
    if (!this.#isDraining) return [];
    this.#isDraining = false;
    if (now < this.#silentAt()) return [];
    this.#isOver = true;
    return [{ kind: 'failed' }];
  }

  #silentAt(): Instant {
    return after(this.#heardAt, this.#options.intervalMs * this.#options.multiplier);
  }

  /** Those that may still be on their way are as many as may be missing. */
  #isOurs(payload: Uint8Array): boolean {
    const { secret, multiplier } = this.#options;
    if (payload.length < ECHO_PAYLOAD_BYTES || secret.some((byte, index) => byte !== payload[index])) return false;
    const age = (this.#number - new ByteReader(payload.subarray(SECRET_BYTES)).u32()) >>> 0;
    return age <= 2 * multiplier;
  }
}
