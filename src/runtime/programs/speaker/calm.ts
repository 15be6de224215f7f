/**
 * Whether the cluster is calm enough for an address to move that need not: some time after the last change among the
 * speakers and their claims. Calls back when it becomes so.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../engine/ports.ts';
import { after, type Instant } from '../../model/time.ts';
import type { LivenessView } from './messages.ts';

/** How long after a change among the speakers nothing is handed back: who comes and goes is given time to settle. */
export const SPEAKERS_CALM_MS = 10_000;
/** How long after an address has changed hands the next one may be handed back. */
export const CLAIMS_CALM_MS = 1000;

/** For how many milliseconds what liveness says now, and did not before, is a reason to hand nothing back. */
export function disturbanceMs(before: LivenessView, view: LivenessView): number {
  // Who was not heard for a while and is heard again changes nothing of who there is, where its Lease was fresh all the
  // time. But what it claimed meanwhile is only being settled now.
  if (!isDeepStrictEqual(before.states, view.states)) return SPEAKERS_CALM_MS;
  // Each move ends with a claim, and the next is planned when all have heard of it.
  return isDeepStrictEqual(before.claims, view.claims) ? 0 : CLAIMS_CALM_MS;
}

export class Calm {
  readonly #clock: Clock;
  readonly #onCalm: () => void;
  #from: Instant | undefined;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, onCalm: () => void) {
    this.#clock = clock;
    this.#onCalm = onCalm;
  }

  /** Something has changed: no calm before so many milliseconds have passed, nor before what was said earlier. 0: nothing has. */
  disturbed(forMs: number): void {
    if (forMs === 0) return;
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
