/** How many echo requests are answered: so many a second, with a burst; the rest is for nobody to rely on. */
import type { Instant } from '../../model/time.ts';

/** Enough for a hundred people who watch an address; a flood costs the thread a few percent of its time at most. */
const RATE_PER_SECOND = 1000;
const BURST = 200;

export class EchoRateLimit {
  #budget = BURST;
  #at: Instant | undefined;

  /** Takes one out of the budget, if there is one. */
  take(now: Instant): 'granted' | 'refused' {
    const passedMs = now - (this.#at ?? now);
    this.#at = now;
    this.#budget = Math.min(BURST, this.#budget + (passedMs / 1000) * RATE_PER_SECOND);
    if (this.#budget < 1) return 'refused';
    this.#budget -= 1;
    return 'granted';
  }
}
