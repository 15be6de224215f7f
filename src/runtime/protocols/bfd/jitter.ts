/**
 * How much of its interval passes before the next packet, so that sessions do not fall into step: 75 to 100 % of it, and 75
 * to 90 % where one missing packet already counts as a failure. Drawn from a seed: the same at every run.
 *
 * Implements: RFC 5880 §6.8.7.
 */
import { seededShare } from '../seeded-random.ts';

const LEAST = 0.75;
const MOST = 1;
const MOST_WITHOUT_SPARE = 0.9;

export class Jitter {
  readonly #share: () => number;

  /** 0 … 2^32 − 1 */
  constructor(seed: number) {
    this.#share = seededShare(seed);
  }

  /** The share of the interval, for a sender with this multiplier. */
  draw(detectMultiplier: number): number {
    const most = detectMultiplier === 1 ? MOST_WITHOUT_SPARE : MOST;
    return LEAST + this.#share() * (most - LEAST);
  }
}
