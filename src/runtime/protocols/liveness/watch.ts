/**
 * One watcher's patience with one speaker: what to do about its silence, and when.
 *
 *      heard            0.2 T          0.6 T               T
 *     ──┼────────────────┼──────────────┼──────────────────┼──────────────────▶
 *       │  at rest       │ try it       │ ask the others   │ bear witness that it is silent
 *       ▲                │ directly,    │ whether they     │
 *       └────────────────┴─ heard ──────┴─ hear it ────────┘  back to the beginning
 *
 * Time in which this speaker itself was late is no silence of another: it must have been awake long enough in the silence
 * that it judges, and after a long sleep it begins anew.
 */
import { after, type Instant } from '../../model/time.ts';
import { ASSIST_SHARE, AWAKE_MS, HEARTBEAT_MS, PROBE_MS, WITNESS_AGAIN_MS } from './timings.ts';

export type WatchAction = 'knock' | 'probe' | 'ask' | 'witness';

/** What judging needs besides the silence. */
export interface Patience {
  /** For how long this speaker may be silent. */
  readonly timeoutMs: number;
  /** How long it may take to answer a direct try. */
  readonly answerMs: number;
  /** How long the watcher's own timers were late, all added up since it started. */
  readonly sleptMs: number;
}

export class Watch {
  /** Set: somebody asked for it; until then, unless the ring wants it too. */
  assistUntil: Instant | undefined;
  /** Who wants to know when it is heard. */
  readonly askers = new Set<string>();
  /** It was heard by somebody then; in the future while a new watcher waits. */
  #silentFrom: Instant;
  #sleptBefore: number;
  #probedFirst: Instant | undefined;
  #probedLast: Instant | undefined;
  #probeNow = false;
  #askedLast: Instant | undefined;
  #askedTimes = 0;
  #witnessedLast: Instant | undefined;
  /** Its node answers that nobody listens there. */
  #refused = false;

  constructor(silentFrom: Instant, sleptMs: number) {
    this.#silentFrom = silentFrom;
    this.#sleptBefore = sleptMs;
  }

  /** Heard, or heard by another at that time, or to be judged anew from then. */
  silentFrom(at: Instant, sleptMs: number): void {
    if (at < this.#silentFrom) return;
    this.#silentFrom = at;
    this.#sleptBefore = sleptMs;
    this.#probedFirst = undefined;
    this.#probedLast = undefined;
    this.#probeNow = false;
    this.#askedLast = undefined;
    this.#askedTimes = 0;
    this.#witnessedLast = undefined;
    this.#refused = false;
  }

  /** Its node says that the port is closed. Heartbeats that are under way may have overtaken that. */
  refused(now: Instant): void {
    if (this.silenceMs(now) > HEARTBEAT_MS) this.#refused = true;
  }

  silenceMs(now: Instant): number {
    return now - this.#silentFrom;
  }

  /** How often the others were asked in this silence. */
  get askedTimes(): number {
    return this.#askedTimes;
  }

  get isWitness(): boolean {
    return this.#witnessedLast !== undefined;
  }

  /** Tries it now, unless that was done already. */
  probeSoon(now: Instant): void {
    if (this.#probedLast === undefined && this.silenceMs(now) > HEARTBEAT_MS) this.#probeNow = true;
  }

  act(now: Instant, patience: Patience): WatchAction[] {
    const actions: WatchAction[] = [];
    if (now >= this.#probeAt(patience)) {
      this.#probeNow = false;
      if (this.#probedFirst === undefined) actions.push('knock');
      this.#probedFirst ??= now;
      this.#probedLast = now;
      actions.push('probe');
    }
    if (now >= this.#askAt(patience)) {
      this.#askedLast = now;
      this.#askedTimes += 1;
      actions.push('ask');
    }
    if (now >= this.#witnessAt(patience)) {
      this.#witnessedLast = now;
      actions.push('witness');
    }
    return actions;
  }

  /** When `act` may have something to do. */
  deadline(patience: Patience): Instant {
    return Math.min(this.#probeAt(patience), this.#askAt(patience), this.#witnessAt(patience)) as Instant;
  }

  #timeoutMs({ timeoutMs }: Patience): number {
    return this.assistUntil === undefined ? timeoutMs : timeoutMs * ASSIST_SHARE;
  }

  #probeAt(patience: Patience): Instant {
    const timeoutMs = this.#timeoutMs(patience);
    if (this.#probeNow) return this.#silentFrom;
    if (this.#probedLast !== undefined) return after(this.#probedLast, Math.max(HEARTBEAT_MS, timeoutMs / 8));
    return this.assistUntil === undefined
      ? after(this.#silentFrom, Math.max(PROBE_MS, timeoutMs * 0.2))
      : this.#silentFrom;
  }

  #askAt(patience: Patience): Instant {
    const timeoutMs = this.#timeoutMs(patience);
    if (this.#askedLast !== undefined) return after(this.#askedLast, Math.max(HEARTBEAT_MS, timeoutMs / 6));
    return this.#refused ? this.#silentFrom : after(this.#silentFrom, timeoutMs * 0.6);
  }

  #witnessAt(patience: Patience): Instant {
    if (this.#witnessedLast !== undefined) return after(this.#witnessedLast, WITNESS_AGAIN_MS);
    if (this.#refused) return this.#silentFrom;
    // A direct try must have had its time.
    const tried = this.#probedFirst === undefined ? Infinity : this.#probedFirst + patience.answerMs;
    const awake = this.#silentFrom + AWAKE_MS + patience.sleptMs - this.#sleptBefore;
    return Math.max(this.#silentFrom + this.#timeoutMs(patience), tried, awake) as Instant;
  }
}
