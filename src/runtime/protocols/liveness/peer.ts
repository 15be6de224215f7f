/** Another speaker as this one knows it: what it is called, what was heard of it, and what is believed of it. */
import type { Instant } from '../../model/time.ts';
import { Lateness } from './lateness.ts';
import type { BootId, NodeId, Subject } from './messages.ts';
import { HEARTBEAT_MS, HELLO_MS, NEWCOMER_LATENESS_MS } from './timings.ts';

/** unheard: nothing has come from it yet. left: it said that it ends. */
export type Condition = 'unheard' | 'alive' | 'dead' | 'left';

export class Peer {
  readonly node: string;
  readonly id: NodeId;
  readonly boot: BootId;
  /** When it became known. */
  readonly since: Instant;
  condition: Condition = 'unheard';
  incarnation = 0;
  leaving = false;
  /** By a datagram of its own. */
  heardAt: Instant | undefined;
  /** Its own word for it, and what was measured here. */
  readonly lateness = new Lateness();
  readonly #newness = new Lateness({ holdMs: 3000, halveMs: 1200 });
  /** Smoothed; undefined: never measured. */
  roundTripMs: number | undefined;
  /** What the network alone takes: the quickest of the last eight, lest its lateness count twice. */
  networkMs = 0;
  readonly #roundTrips: number[] = [];
  heartbeats = 0;
  lostHeartbeats = 0;
  /** Who witnessed its silence in this incarnation, and when. */
  readonly witnesses = new Map<string, Instant>();
  /** The next try to reach it, and how long to wait after that. */
  helloAt: Instant;
  helloEveryMs = HELLO_MS;
  /** When it was last told that it counts as dead, having been heard. */
  pronouncedAt: Instant | undefined;
  /** When it was last told so without having been heard: it may not have been listening. */
  calledOutAt: Instant | undefined;
  /** When it was last told who has its addresses. */
  ownersToldAt: Instant | undefined;
  /** Which part of that comes next, where a part is told at a time. */
  ownersTurn = 0;
  #sequence: number | undefined;
  #heartbeatAt: Instant | undefined;

  constructor(identity: { node: string; id: NodeId; boot: BootId }, now: Instant) {
    this.node = identity.node;
    this.id = identity.id;
    this.boot = identity.boot;
    this.since = now;
    this.helloAt = now;
  }

  /** Whether its claims count, and whether it can be asked. */
  get isGone(): boolean {
    return this.condition === 'dead' || this.condition === 'left';
  }

  get subject(): Subject {
    return { node: this.id, boot: this.boot, incarnation: this.incarnation };
  }

  /** How late it must be expected to be. */
  expectedLatenessMs(now: Instant): number {
    return Math.max(this.lateness.worstMs(now), this.#newness.worstMs(now));
  }

  /** Something came from it. */
  heard(now: Instant): void {
    if (this.heardAt === undefined) this.#newness.note(NEWCOMER_LATENESS_MS, now);
    this.heardAt = now;
  }

  /**
   * Counts what was lost on the way. Heartbeats that come later than their sender meant are noted as its lateness. Not those
   * of somebody who counts as dead: they may have waited in its kernel, a second and more, for the way to be found again.
   */
  countHeartbeat(sequence: number, now: Instant, wasLateHere: boolean): void {
    if (this.isGone) return;
    const ahead = this.#sequence === undefined ? 1 : sequence - this.#sequence;
    if (ahead <= 0) return;
    this.heartbeats += 1;
    if (this.#heartbeatAt !== undefined) {
      this.lostHeartbeats += ahead - 1;
      const excessMs = now - this.#heartbeatAt - ahead * HEARTBEAT_MS * 1.1;
      if (!wasLateHere && excessMs > 0) this.lateness.note(excessMs, now);
    }
    this.#sequence = sequence;
    this.#heartbeatAt = now;
  }

  measuredRoundTrip(ms: number): void {
    this.#roundTrips.push(ms);
    if (this.#roundTrips.length > 8) this.#roundTrips.shift();
    this.networkMs = Math.min(...this.#roundTrips);
    this.roundTripMs = this.roundTripMs === undefined ? ms : this.roundTripMs + (ms - this.roundTripMs) / 8;
  }

  /** This is its incarnation, if it is a later one: what was witnessed and counted of earlier ones is over. */
  adopt(incarnation: number): void {
    if (incarnation <= this.incarnation) return;
    this.incarnation = incarnation;
    this.witnesses.clear();
    this.#sequence = undefined;
    this.#heartbeatAt = undefined;
  }
}
