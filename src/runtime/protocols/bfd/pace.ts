/**
 * How often this side sends and expects packets: what it tells the neighbour, and what it goes by meanwhile. While the
 * session is up, a new pace is told with a poll, and until that is answered
 *
 * - packets are sent by the shorter of the old and the new interval: the neighbour still expects them so often;
 * - silence is measured by the longer of the two: the neighbour still sends so seldom.
 *
 * While the session is not up, packets go out once a second at most, and what is new counts at once.
 *
 * Implements: RFC 5880 §6.5 (polls), §6.8.3.
 */
import type { BfdIntervals } from './interface.ts';

/** RFC 5880 §6.8.3: the lowest desired interval of a session that is not up. */
export const SLOW_MS = 1000;

export class Pace {
  #wanted: BfdIntervals;
  #isUp = false;
  /** What counted before the poll; undefined: none goes on. */
  #before: { readonly desiredMinTxMs: number; readonly requiredMinRxMs: number } | undefined;
  /** Something new was wanted after the poll had begun: its answer may be to what was told before. */
  #isPollStale = false;

  constructor(intervals: BfdIntervals) {
    this.#wanted = intervals;
  }

  /** A poll goes on: packets carry the poll bit. */
  get isPolling(): boolean {
    return this.#before !== undefined;
  }

  /** What packets say. */
  get told(): BfdIntervals {
    const { desiredMinTxMs, requiredMinRxMs, detectMultiplier } = this.#wanted;
    return {
      desiredMinTxMs: this.#isUp ? desiredMinTxMs : Math.max(SLOW_MS, desiredMinTxMs),
      requiredMinRxMs,
      detectMultiplier,
    };
  }

  /** No more often than that this side sends, as things stand. */
  get transmitMs(): number {
    return Math.min(this.told.desiredMinTxMs, this.#before?.desiredMinTxMs ?? Infinity);
  }

  /** No more often than that the neighbour sends, as things stand. */
  get receiveMs(): number {
    return Math.max(this.told.requiredMinRxMs, this.#before?.requiredMinRxMs ?? 0);
  }

  /** These from now on. Returns whether that is new to the neighbour. */
  want(intervals: BfdIntervals): boolean {
    const old = this.told;
    const [transmitMs, receiveMs] = [this.transmitMs, this.receiveMs];
    this.#wanted = {
      desiredMinTxMs: intervals.desiredMinTxMs,
      requiredMinRxMs: intervals.requiredMinRxMs,
      detectMultiplier: intervals.detectMultiplier,
    };
    const isPaceNew =
      old.desiredMinTxMs !== this.told.desiredMinTxMs || old.requiredMinRxMs !== this.told.requiredMinRxMs;
    if (isPaceNew && this.#isUp) {
      this.#isPollStale = this.isPolling;
      this.#before = { desiredMinTxMs: transmitMs, requiredMinRxMs: receiveMs };
    }
    return isPaceNew || old.detectMultiplier !== intervals.detectMultiplier;
  }

  /** The session has come to be up, or has ceased to. */
  turn(to: 'up' | 'not-up'): void {
    const old = this.told;
    this.#isUp = to === 'up';
    this.#isPollStale = false;
    const isSame = old.desiredMinTxMs === this.told.desiredMinTxMs;
    this.#before = !this.#isUp || isSame ? undefined : old;
  }

  /** A packet with the final bit has come. */
  answered(): void {
    if (this.#isPollStale) this.#isPollStale = false;
    else this.#before = undefined;
  }
}
