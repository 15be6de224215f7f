/**
 * The timer of a machine that says by itself when it is due. One that is due sooner than needed is left, and looks again when
 * it fires: most packets only move the deadline.
 */

import type { Instant } from '../model/time.ts';
import type { Clock } from './ports.ts';

export class DeadlineTimer {
  readonly #clock: Clock;
  readonly #deadline: () => Instant | undefined;
  readonly #due: () => void;
  #armed: { readonly at: Instant; readonly cancel: () => void } | undefined;

  /** `deadline`: undefined while nothing is due. `due` is called when it has come, and is to arm it again. */
  constructor(clock: Clock, deadline: () => Instant | undefined, due: () => void) {
    this.#clock = clock;
    this.#deadline = deadline;
    this.#due = due;
  }

  /** The deadline may be another. */
  arm(): void {
    const deadline = this.#deadline();
    if (deadline === undefined) {
      this.cancel();
      return;
    }
    if (this.#armed !== undefined && this.#armed.at <= deadline) return;
    this.#armed?.cancel();
    // Timers of whole milliseconds may fire up to one early.
    const delayMs = Math.max(0, Math.ceil(deadline - this.#clock.now()));
    this.#armed = { at: deadline, cancel: this.#clock.schedule(delayMs, () => this.#fired()) };
  }

  cancel(): void {
    this.#armed?.cancel();
    this.#armed = undefined;
  }

  #fired(): void {
    this.#armed = undefined;
    const deadline = this.#deadline();
    if (deadline !== undefined && this.#clock.now() >= deadline) this.#due();
    else this.arm();
  }
}
