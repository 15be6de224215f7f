/**
 * What this speaker has to think of itself: how late it is, whether it may have been given up meanwhile (doubt), and
 * whether it is cut off, which is its own trouble and nobody else's.
 */
import { after, type Instant } from '../../model/time.ts';
import type { LivenessOutput } from './interface.ts';
import { Lateness } from './lateness.ts';
import { CUT_OFF_MS, DOUBT_ENDS_MS, DOUBT_MS, LATE_MS } from './timings.ts';

export class SelfCheck {
  readonly #emit: (output: LivenessOutput) => void;
  /** Of the last two seconds, to be told to others. */
  readonly #toldLateness = new Lateness({ holdMs: 2000, halveMs: 200 });
  /** When anybody was last heard, time slept not counted. */
  #anybodyHeardAt = 0;
  #isCutOff = false;
  #doubtUntil: Instant | undefined;

  constructor(emit: (output: LivenessOutput) => void) {
    this.#emit = emit;
  }

  get isCutOff(): boolean {
    return this.#isCutOff;
  }

  /** When doubt ends without an answer; undefined: there is none. */
  deadline(): Instant | undefined {
    return this.#doubtUntil;
  }

  /** To be told to others. */
  latenessMs(now: Instant): number {
    return this.#toldLateness.worstMs(now);
  }

  /** There is nobody to be heard before that. */
  begins(now: Instant): void {
    this.#anybodyHeardAt = now;
  }

  /** Its own timer came so late. Returns whether others must be asked before it goes on: whether it is in doubt. */
  late(latenessMs: number, hasWatchers: boolean, now: Instant): boolean {
    this.#anybodyHeardAt = Math.min(now, this.#anybodyHeardAt + latenessMs);
    this.#toldLateness.note(latenessMs, now);
    if (latenessMs < DOUBT_MS || !hasWatchers) return false;
    if (this.#doubtUntil === undefined) this.#emit({ kind: 'doubt', lateMs: latenessMs });
    this.#doubtUntil = after(now, DOUBT_ENDS_MS);
    return true;
  }

  isLate(now: Instant): boolean {
    return this.latenessMs(now) >= LATE_MS;
  }

  assure(by: 'a peer' | 'nobody answers'): void {
    if (this.#doubtUntil === undefined) return;
    this.#doubtUntil = undefined;
    this.#emit({ kind: 'assured', by });
  }

  onTimer(now: Instant): void {
    if (this.#doubtUntil !== undefined && now >= this.#doubtUntil) this.assure('nobody answers');
  }

  /** Somebody was heard. Returns whether that ends being cut off. */
  heard(now: Instant): boolean {
    this.#anybodyHeardAt = now;
    if (!this.#isCutOff) return false;
    this.#isCutOff = false;
    this.#emit({ kind: 'cut-off', cutOff: false });
    return true;
  }

  /** Returns whether that has just become so: nobody was heard for too long, though some `living` are to be heard. */
  becomesCutOff(living: () => number, now: Instant): boolean {
    if (this.#isCutOff || now - this.#anybodyHeardAt < CUT_OFF_MS || living() < 2) return false;
    this.#isCutOff = true;
    this.#emit({ kind: 'cut-off', cutOff: true });
    return true;
  }
}
