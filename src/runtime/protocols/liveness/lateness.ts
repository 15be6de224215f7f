/**
 * How late something has lately been at worst: raised at once, held for a while, then halved again and again. What was
 * late once will be late again soon, so a timeout that is to accuse nobody falsely must remember it.
 */
import type { Instant } from '../../model/time.ts';
import { CEILING_MS } from './timings.ts';

export interface Fading {
  /** How long the worst counts in full. */
  readonly holdMs: number;
  /** In what time it then loses half of what is left. */
  readonly halveMs: number;
}

/** Half a minute after the last bad moment, a quarter of it is left. */
export const SLOW_FADING: Fading = { holdMs: 10_000, halveMs: 12_000 };

export class Lateness {
  readonly #fading: Fading;
  #peakMs = 0;
  #peakAt = 0;

  constructor(fading: Fading = SLOW_FADING) {
    this.#fading = fading;
  }

  /** What no timeout could wait for, a process that was stopped for seconds, says nothing of the next time. */
  note(latenessMs: number, now: Instant): void {
    if (latenessMs > CEILING_MS || latenessMs < this.worstMs(now)) return;
    this.#peakMs = latenessMs;
    this.#peakAt = now;
  }

  worstMs(now: Instant): number {
    const fadedMs = now - this.#peakAt - this.#fading.holdMs;
    return fadedMs <= 0 ? this.#peakMs : this.#peakMs * 2 ** (-fadedMs / this.#fading.halveMs);
  }
}
