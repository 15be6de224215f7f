/**
 * Whom this speaker tries to reach of its own accord: those that were never heard, the dead, in turn, and now and then a
 * neighbour, for the round trip. Whom the judge wants tried, it tries through here as well.
 */
import { after, type Instant } from '../../model/time.ts';
import type { Peer } from './peer.ts';
import { ProbeBook } from './probe-book.ts';
import type { Roster } from './roster.ts';
import { HELLO_CEILING_MS, REVIVE_MS, ROUND_TRIP_MS } from './timings.ts';

export interface OutreachPorts {
  /** Sends a probe of that id. */
  readonly send: (peer: Peer, id: number, now: Instant) => void;
  /** One of the dead is tried: it may hear, and not be heard yet. */
  readonly callOut: (peer: Peer, now: Instant) => void;
}

export class Outreach {
  readonly #roster: Roster;
  readonly #ports: OutreachPorts;
  readonly #probes = new ProbeBook();
  #roundTripAt = 0;
  #reviveAt = 0;
  #turn = 0;

  constructor(roster: Roster, ports: OutreachPorts) {
    this.#roster = roster;
    this.#ports = ports;
  }

  probe(peer: Peer, now: Instant): void {
    this.#ports.send(peer, this.#probes.add(peer.node, now), now);
  }

  /** Whether that is its first answer to a probe of that id; notes how long it took. */
  isAnswered(peer: Peer, id: number, now: Instant): boolean {
    const sentAt = this.#probes.take(id, peer.node);
    if (sentAt !== undefined) peer.measuredRoundTrip(now - sentAt);
    return sentAt !== undefined;
  }

  /** With every heartbeat. */
  tick(now: Instant): void {
    this.#sayHello(now);
    this.#measureRoundTrip(now);
  }

  /** Tries those that were never heard, and one of the dead. */
  #sayHello(now: Instant): void {
    const gone: Peer[] = [];
    for (const peer of this.#roster.outOfReach()) {
      if (peer.isGone) gone.push(peer);
      if (peer.isGone || now < peer.helloAt) continue;
      peer.helloAt = after(now, peer.helloEveryMs);
      peer.helloEveryMs = Math.min(HELLO_CEILING_MS, peer.helloEveryMs * 2);
      this.probe(peer, now);
    }
    if (gone.length === 0 || now < this.#reviveAt) return;
    this.#reviveAt = now + REVIVE_MS;
    this.#turn += 1;
    const next = gone[this.#turn % gone.length];
    if (next === undefined) return;
    this.probe(next, now);
    this.#ports.callOut(next, now);
  }

  #measureRoundTrip(now: Instant): void {
    if (now < this.#roundTripAt) return;
    this.#roundTripAt = now + ROUND_TRIP_MS;
    this.#turn += 1;
    const neighbours = [...new Set([...this.#roster.watchers(), ...this.#roster.watched()])];
    const next = neighbours[this.#turn % neighbours.length];
    if (next !== undefined) this.probe(next, now);
  }
}
