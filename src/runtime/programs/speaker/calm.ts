/**
 * Whether the cluster is calm enough for an address to move that need not: some time after the last change among the
 * speakers and their claims. Calls back when it becomes so.
 */
import type { Clock } from '../../engine/ports.ts';
import { after, type Instant } from '../../model/time.ts';

export class Calm {
  readonly #clock: Clock;
  readonly #onCalm: () => void;
  #from: Instant | undefined;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, onCalm: () => void) {
    this.#clock = clock;
    this.#onCalm = onCalm;
  }

  /** Something has changed: no calm before so many milliseconds have passed, nor before what was said earlier. */
  disturbed(forMs: number): void {
    const from = after(this.#clock.now(), forMs);
    if (this.#from !== undefined && this.#from >= from) return;
    this.#from = from;
    this.#cancel?.();
    this.#cancel = this.#clock.schedule(forMs, this.#onCalm);
  }

  get isCalm(): boolean {
    return this.#from !== undefined && this.#clock.now() >= this.#from;
  }
}
