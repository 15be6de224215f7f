/**
 * Bounds how often something is done: so many at once, then so many a second. Who takes more than there is waits its
 * turn; turns are given in the order in which they were asked for.
 */
import { after, type Instant, instant } from '../model/time.ts';
import type { Clock } from './ports.ts';

export interface TokenBucketOptions {
  readonly clock: Clock;
  /** What may be taken at once after a rest. */
  readonly burst: number;
  /** Asked at each take, because it may change. */
  readonly perSecond: () => number;
}

export class TokenBucket {
  readonly #options: TokenBucketOptions;
  /** When the bucket would be full again if nothing more were taken. */
  #fullAt: Instant;

  constructor(options: TokenBucketOptions) {
    this.#options = options;
    this.#fullAt = options.clock.now();
  }

  /** Resolves when it is the caller's turn. */
  async take(): Promise<void> {
    const { clock, burst, perSecond } = this.#options;
    const intervalMs = 1000 / perSecond();
    const now = clock.now();
    this.#fullAt = after(instant(Math.max(this.#fullAt, now)), intervalMs);
    const waitMs = this.#fullAt - now - burst * intervalMs;
    if (waitMs <= 0) return;
    await new Promise<void>((resolve) => {
      clock.schedule(waitMs, resolve);
    });
  }
}
