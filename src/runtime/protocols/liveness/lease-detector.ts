/**
 * Which speakers are alive, judged by the Leases they renew through the API server and, while this speaker is cut off
 * from the API server, by whether they can be reached directly.
 *
 *      observed(node, stamp) ──▶ ┌──────────┐ ──▶ alive(now)
 *      vanished(node)        ──▶ │          │ ──▶ probesWanted(now): the nodes to reach directly, while cut off
 *      renewed / renewal-failed ▶│ detector │ ──▶ deadline(now): when `alive` may next change by time alone
 *      reached(node)         ──▶ └──────────┘
 *
 * With the API server in reach: a speaker whose stamp has not changed for its lease is dead. Stamps are only compared
 * for change; times are this node's own clock, so clocks need not agree between nodes.
 *
 * Cut off, the Leases say nothing: the others may be renewing them unseen. The cut may be the API server's (then nobody
 * must move), this node's own (then it must accuse nobody), or that of the node the API server runs on (then its
 * addresses must move). Reaching the others directly tells these apart: the unreached are dead only if this speaker
 * reaches a majority of all speakers, itself included. Two speakers have no majority without each other, so with two
 * nobody is ever accused here.
 *
 * A speaker that stalled finds itself cut off when it wakes, and everyone is given a fresh start: its own lateness is
 * never read as the others' death.
 */
import { after, type Instant } from '../../model/time.ts';

export type LeaseInput =
  /** A Lease was seen; `stamp` changes with every renewal, `leaseMs` is how long the Lease says it counts. */
  | { readonly kind: 'observed'; readonly node: string; readonly stamp: string; readonly leaseMs: number }
  /** The Lease is gone: its speaker has said goodbye. */
  | { readonly kind: 'vanished'; readonly node: string }
  /** This speaker's own renewal, good for `leaseMs`, reached the API server. */
  | { readonly kind: 'renewed'; readonly leaseMs: number }
  /** This speaker's own renewal did not. */
  | { readonly kind: 'renewal-failed' }
  /** The node's speaker was reached directly. */
  | { readonly kind: 'reached'; readonly node: string };

interface Sighting {
  readonly stamp: string;
  readonly leaseMs: number;
  /** Until when it counts as alive by its Lease. */
  readonly expiresAt: Instant;
}

/**
 * Speakers beyond which nobody is reached directly: every one of N that are cut off tries N − 1 others a second. Larger
 * clusters then keep every address where it is.
 */
export const MAX_PROBED_SPEAKERS = 50;

/** How long a speaker may stay unreached before it counts as dead: three tries at one a second. */
export const UNREACHED_MS = 3500;

export class LeaseDetector {
  readonly #self: string;
  readonly #sightings = new Map<string, Sighting>();
  /** Until when this speaker may trust that it sees what the others write; undefined: it may not. */
  #leasesCountUntil: Instant | undefined;
  /** While cut off: when each node was last reached, or the cut began. */
  #reachedAt: Map<string, Instant> | undefined;
  /** When the detector was last asked or told anything; a gap means that this process stalled. */
  #lastLookedAt: Instant | undefined;

  constructor(self: string) {
    this.#self = self;
  }

  handle(input: LeaseInput, now: Instant): void {
    this.#look(now);
    switch (input.kind) {
      case 'observed': {
        const { stamp, leaseMs } = input;
        if (this.#sightings.get(input.node)?.stamp === stamp) return;
        this.#sightings.set(input.node, { stamp, leaseMs, expiresAt: after(now, leaseMs) });
        return;
      }
      case 'vanished':
        this.#sightings.delete(input.node);
        return;
      case 'renewed':
        // What was last seen of the others is as old as the cut: everyone gets a fresh lease.
        if (this.#isCutOff(now)) this.#refreshAll(now);
        // Half a lease: a speaker that stalls must notice its own lateness before it can take it for the others'.
        this.#leasesCountUntil = after(now, input.leaseMs / 2);
        this.#reachedAt = undefined;
        return;
      case 'renewal-failed':
        this.#leasesCountUntil = undefined;
        this.#look(now);
        return;
      case 'reached':
        this.#reachedAt?.set(input.node, now);
        return;
    }
  }

  /** The nodes whose speakers are alive, ordered by name. */
  alive(now: Instant): readonly string[] {
    this.#look(now);
    const known = [...this.#sightings.keys()].sort();
    if (!this.#isCutOff(now)) return known.filter((node) => now < (this.#sightings.get(node)?.expiresAt ?? now));
    const reached = known.filter((node) => this.#isReached(node, now));
    return reached.length * 2 > known.length ? reached : known;
  }

  /** The nodes to reach directly, about once a second; none while the Leases tell enough. Never this one itself. */
  probesWanted(now: Instant): readonly string[] {
    this.#look(now);
    if (!this.#isCutOff(now) || this.#sightings.size > MAX_PROBED_SPEAKERS) return [];
    return [...this.#sightings.keys()].filter((node) => node !== this.#self).sort();
  }

  /** When `alive` may next change by time alone; undefined: not by time alone. */
  deadline(now: Instant): Instant | undefined {
    const moments: readonly Instant[] = this.#isCutOff(now)
      ? [...(this.#reachedAt?.values() ?? [])].map((reachedAt) => after(reachedAt, UNREACHED_MS))
      : [
          ...[...this.#sightings.values()].map(({ expiresAt }) => expiresAt),
          ...(this.#leasesCountUntil === undefined ? [] : [this.#leasesCountUntil]),
        ];
    let earliest: Instant | undefined;
    for (const moment of moments) {
      if (moment > now && (earliest === undefined || moment < earliest)) earliest = moment;
    }
    return earliest;
  }

  /** Notices that the cut began, and that this process stalled: both start everyone afresh. */
  #look(now: Instant): void {
    const stalled = this.#lastLookedAt !== undefined && now - this.#lastLookedAt > UNREACHED_MS;
    this.#lastLookedAt = now;
    if (!this.#isCutOff(now)) return;
    if (this.#reachedAt === undefined || stalled) {
      this.#reachedAt = new Map([...this.#sightings.keys()].map((node) => [node, now]));
    }
  }

  #isReached(node: string, now: Instant): boolean {
    if (node === this.#self) return true;
    const reachedAt = this.#reachedAt?.get(node);
    return reachedAt === undefined || now - reachedAt < UNREACHED_MS;
  }

  #isCutOff(now: Instant): boolean {
    return this.#leasesCountUntil === undefined || now >= this.#leasesCountUntil;
  }

  #refreshAll(now: Instant): void {
    for (const [node, sighting] of this.#sightings) {
      this.#sightings.set(node, { ...sighting, expiresAt: after(now, sighting.leaseMs) });
    }
  }
}

/**
 * How often a speaker renews its Lease, in milliseconds: every second, slowing down so that all of them together stay
 * at twenty writes a second however large the cluster is.
 */
export function renewIntervalMs(speakers: number): number {
  return Math.max(1000, speakers * 50);
}

/** How long a Lease counts after its last renewal, in milliseconds: four renewals, in whole seconds as Leases hold it. */
export function leaseDurationMs(speakers: number): number {
  return Math.ceil((4 * renewIntervalMs(speakers)) / 1000) * 1000;
}
