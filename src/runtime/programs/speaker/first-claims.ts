/**
 * When a speaker that has just started may claim addresses: not before it could know what others have claimed. One that
 * was killed and started again would otherwise announce, beside its successor, what it had before.
 *
 *     the others are known ──▶ one of them is heard ──▶ its claims have had time to come ──▶ may claim
 *                         └──▶ nobody is heard for long: the Leases alone tell of them ──▶ may claim
 */
import type { Clock } from '../../engine/ports.ts';
import { after, type Instant } from '../../model/time.ts';

/** From the moment that the others are known on. */
const AT_LEAST_MS = 1000;
/** How long the claims of the one that is heard first may take: a summary, a pull, and lost ones of either. */
const CLAIMS_MS = 500;
/** The others have to learn of this process first, through the API server. */
const AT_MOST_MS = 5000;

export class FirstClaims {
  readonly #clock: Clock;
  readonly #allow: () => void;
  #metAt: Instant | undefined;
  #heardAt: Instant | undefined;
  #cancel: (() => void) | undefined;
  #isAllowed = false;

  /** `allow` is called once. */
  constructor(clock: Clock, allow: () => void) {
    this.#clock = clock;
    this.#allow = allow;
  }

  /** So many others there are; only the first time counts. */
  met(others: number): void {
    if (this.#metAt !== undefined) return;
    this.#metAt = this.#clock.now();
    if (others === 0) this.#now();
    else this.#plan();
  }

  /** One of them was heard. */
  heard(): void {
    if (this.#heardAt !== undefined) return;
    this.#heardAt = this.#clock.now();
    this.#plan();
  }

  #plan(): void {
    if (this.#isAllowed || this.#metAt === undefined) return;
    const latest = after(this.#metAt, AT_MOST_MS);
    const settled = this.#heardAt === undefined ? latest : after(this.#heardAt, CLAIMS_MS);
    const at = Math.min(latest, Math.max(after(this.#metAt, AT_LEAST_MS), settled));
    this.#cancel?.();
    this.#cancel = this.#clock.schedule(Math.max(0, at - this.#clock.now()), () => this.#now());
  }

  #now(): void {
    if (this.#isAllowed) return;
    this.#isAllowed = true;
    this.#allow();
  }
}
