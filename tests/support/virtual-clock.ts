/** A Clock whose time passes only when a test says so, and dice that always fall the same way. */
import type { Clock, Random } from '../../src/runtime/engine/ports.ts';
import { after, type Instant, instant } from '../../src/runtime/model/time.ts';

interface Timer {
  readonly at: Instant;
  readonly callback: () => void;
}

export class VirtualClock implements Clock {
  #now = instant(0);
  #timers: Timer[] = [];

  now(): Instant {
    return this.#now;
  }

  /** The virtual epoch is 2020-01-01T00:00:00Z. */
  wallMs(): number {
    return Date.UTC(2020, 0, 1) + this.#now;
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const timer = { at: after(this.#now, Math.max(0, delayMs)), callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Milliseconds until the next timer; undefined: none is set. */
  get nextDelayMs(): number | undefined {
    const next = this.#next();
    return next === undefined ? undefined : next.at - this.#now;
  }

  /** Lets so many milliseconds pass: timers fire in their order, and promises settle between them. */
  async advance(milliseconds: number): Promise<void> {
    const end = after(this.#now, milliseconds);
    await settle();
    for (let timer = this.#next(); timer !== undefined && timer.at <= end; timer = this.#next()) {
      this.#timers = this.#timers.filter((other) => other !== timer);
      this.#now = timer.at;
      timer.callback();
      await settle();
    }
    this.#now = end;
  }

  #next(): Timer | undefined {
    return this.#timers.reduce<Timer | undefined>(
      (first, timer) => (first === undefined || timer.at < first.at ? timer : first),
      undefined,
    );
  }
}

/** Always the same draw: 0 gives the shortest wait of every spread. */
export function fixedRandom(value = 0): Random {
  return { next: () => value };
}

/** Lets every promise that is ready to settle do so, and what follows from it. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}
