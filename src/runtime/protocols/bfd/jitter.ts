/**
 * How much of its interval passes before the next packet, so that sessions do not fall into step: 75 to 100 % of it, and 75
 * to 90 % where one missing packet already counts as a failure. Drawn from a seed: the same at every run.
 *
 * Implements: RFC 5880 §6.8.7.
 */
const LEAST = 0.75;
const MOST = 1;
const MOST_WITHOUT_SPARE = 0.9;

export class Jitter {
  #state: number;

  /** 0 … 2^32 − 1 */
  constructor(seed: number) {
    this.#state = seed;
  }

  /** The share of the interval, for a sender with this multiplier. */
  draw(detectMultiplier: number): number {
    const most = detectMultiplier === 1 ? MOST_WITHOUT_SPARE : MOST;
    return LEAST + this.#random() * (most - LEAST);
  }

  /** In [0, 1). Mulberry32: nothing secret. */
  #random(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}
