/**
 * Keeps repeated work to a part of the time: after a run comes a rest in proportion to how long the run took. Work that
 * is quick is hardly ever held up; work that has become slow leaves the rest of the core to others.
 */
import { after, type Instant } from '../model/time.ts';
import type { Clock } from './ports.ts';

export class DutyCycle {
  readonly #clock: Clock;
  readonly #restPerRun: number;
  #restsUntil: Instant | undefined;

  /** `restPerRun`: 4 means that the work takes a fifth of the time at most. */
  constructor(clock: Clock, restPerRun: number) {
    this.#clock = clock;
    this.#restPerRun = restPerRun;
  }

  run(work: () => void): void {
    const began = this.#clock.now();
    work();
    const ended = this.#clock.now();
    this.#restsUntil = after(ended, (ended - began) * this.#restPerRun);
  }

  /** Milliseconds of rest that are left. */
  get restMs(): number {
    return this.#restsUntil === undefined ? 0 : Math.max(0, this.#restsUntil - this.#clock.now());
  }
}
