/**
 * Level-triggered work, one item a key. Whatever happens to a key while it waits is one piece of work; what happens
 * while it is being worked on is one more afterwards; the same key is never worked on twice at once. The handler is
 * told nothing but the key: it reads the world as it finds it.
 *
 *     add(key) ─▶ waiting ─▶ running ─┬─ done ─────────────▶ forgotten
 *                    ▲                ├─ retry ────────────▶ waits by the backoff, then again
 *                    │                ├─ retry-after ──────▶ waits as told, then again
 *      added while ──┘                └─ terminal ─────────▶ forgotten; only a new add() brings it back
 *      running or waiting
 *
 * An add() cuts a wait short: it says that the world has changed, so the next try may well succeed. After a failure not
 * below a second, though, nor below what the server asked for: in a world that never rests, a server in trouble would
 * otherwise be asked as often as anything happens. The count of failures goes on until the work is done.
 */
import { after, type Instant } from '../model/time.ts';
import { type Backoff, backoffMs } from './backoff.ts';
import type { Clock, Random } from './ports.ts';

export type Outcome =
  | { readonly kind: 'done' }
  /** Failed for now; tried again by the backoff, and not before `atLeastMs`: what a server's Retry-After becomes. */
  | { readonly kind: 'retry'; readonly atLeastMs?: number }
  /** Nothing failed, but look again then. */
  | { readonly kind: 'retry-after'; readonly delayMs: number }
  /** Trying again cannot help until something changes. */
  | { readonly kind: 'terminal' };

export const DONE: Outcome = { kind: 'done' };
export const RETRY: Outcome = { kind: 'retry' };
export const TERMINAL: Outcome = { kind: 'terminal' };

export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Must turn the failures it expects into outcomes: a rejection is a bug and ends the process. */
  readonly handle: (key: string) => Promise<Outcome>;
  /** How many different keys may be worked on at once; absent: 1. */
  readonly concurrency?: number;
  /** Absent: 50 ms doubling up to 30 s. */
  readonly backoff?: Backoff;
}

const DEFAULT_BACKOFF: Backoff = { baseMs: 50, ceilingMs: 30_000 };
/** How far an add() can cut the wait after a failure. */
const SHORTEST_CUT_MS = 1_000;

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #waiting = new Set<string>();
  readonly #running = new Set<string>();
  /** Keys added while they were being worked on. */
  readonly #again = new Set<string>();
  /** What is to be done later, retries included. */
  readonly #delayed = new Map<string, { readonly due: Instant; readonly cancel: () => void }>();
  readonly #failures = new Map<string, number>();
  /** Until when an add() cannot bring a key back that has failed. */
  readonly #notBefore = new Map<string, Instant>();
  #cancelTurn: (() => void) | undefined;
  #stopped = false;
  /** What began before the last clear() leaves nothing behind. */
  #epoch = 0;
  #whenIdle: (() => void)[] = [];

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** Asks for work on the key, on the next turn of the event loop. Everything added until then is taken together. */
  add(key: string): void {
    if (this.#stopped) return;
    this.#cancelDelay(key);
    if (this.#running.has(key)) {
      this.#again.add(key);
      return;
    }
    if (this.#barredMs(key) > 0) {
      this.#delay(key, 0);
      return;
    }
    this.#waiting.add(key);
    this.#planTurn();
  }

  /** Asks for work on the key at a later time, unless it is asked for sooner: who goes on asking does not put it off. */
  addAfter(key: string, delayMs: number): void {
    if (this.#stopped || this.#waiting.has(key) || this.#again.has(key)) return;
    const delayed = this.#delayed.get(key);
    if (delayed !== undefined && delayed.due <= after(this.#options.clock.now(), delayMs)) return;
    this.#delay(key, delayMs);
  }

  /** As clear(), and takes nothing more. */
  stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTurn?.();
    return this.clear();
  }

  /** Drops what waits, retries included, and resolves when nothing is being worked on any more. */
  async clear(): Promise<void> {
    this.#epoch += 1;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    this.#failures.clear();
    this.#waiting.clear();
    this.#again.clear();
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
  }

  /** Keys that wait, run or are to be tried again later. */
  get size(): number {
    return this.#waiting.size + this.#running.size + this.#delayed.size;
  }

  #planTurn(): void {
    this.#cancelTurn ??= this.#options.clock.schedule(0, () => {
      this.#cancelTurn = undefined;
      this.#startWork();
    });
  }

  #startWork(): void {
    const limit = this.#options.concurrency ?? 1;
    for (const key of this.#waiting) {
      if (this.#running.size >= limit) return;
      this.#waiting.delete(key);
      this.#running.add(key);
      // A rejection is deliberately left unhandled: it is a bug, and a crash with a stack tells more than a retry.
      void this.#work(key);
    }
  }

  async #work(key: string): Promise<void> {
    const epoch = this.#epoch;
    const outcome = await this.#options.handle(key);
    this.#running.delete(key);
    if (this.#running.size === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
    if (this.#stopped) return;
    if (epoch === this.#epoch) this.#settle(key, outcome);
    if (this.#again.delete(key)) this.add(key);
    else if (this.#waiting.size > 0) this.#planTurn();
  }

  #settle(key: string, outcome: Outcome): void {
    if (outcome.kind === 'retry') {
      const failures = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, failures);
      const { backoff, random, clock } = this.#options;
      const atLeastMs = outcome.atLeastMs ?? 0;
      const waitMs = Math.max(atLeastMs, backoffMs(backoff ?? DEFAULT_BACKOFF, failures, random));
      this.#notBefore.set(key, after(clock.now(), Math.max(atLeastMs, Math.min(waitMs, SHORTEST_CUT_MS))));
      if (!this.#again.has(key)) this.#delay(key, waitMs);
      return;
    }
    this.#failures.delete(key);
    this.#notBefore.delete(key);
    if (outcome.kind === 'retry-after') this.addAfter(key, outcome.delayMs);
  }

  /** Milliseconds for which a failed key cannot be brought back yet. */
  #barredMs(key: string): number {
    const notBefore = this.#notBefore.get(key);
    return notBefore === undefined ? 0 : Math.max(0, notBefore - this.#options.clock.now());
  }

  #delay(key: string, delayMs: number): void {
    this.#cancelDelay(key);
    const waitMs = Math.max(delayMs, this.#barredMs(key));
    const cancel = this.#options.clock.schedule(waitMs, () => {
      this.#delayed.delete(key);
      this.#notBefore.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { due: after(this.#options.clock.now(), waitMs), cancel });
  }

  #cancelDelay(key: string): void {
    this.#delayed.get(key)?.cancel();
    this.#delayed.delete(key);
  }
}
