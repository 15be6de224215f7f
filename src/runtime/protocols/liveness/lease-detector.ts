/**
 * Which speakers are alive, judged by the Leases they renew through the API server: for those that the speakers' own
 * messages tell nothing of, because they never arrived.
 *
 *      observed(node, stamp) ──▶ ┌──────────┐ ──▶ alive(now)
 *      vanished(node)        ──▶ │ detector │ ──▶ deadline(now): when `alive` may next change by time alone
 *      renewed / renewal-failed ▶└──────────┘
 *
 * A speaker whose stamp has not changed for its lease is dead. Stamps are only compared for change; times are this node's
 * own clock, so clocks need not agree between nodes. Who cannot renew its own Lease cannot see the others renew theirs, and
 * accuses nobody; nor does a speaker that stalled: back in reach, everyone is given a fresh lease.
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
  | { readonly kind: 'renewal-failed' };

interface Sighting {
  readonly stamp: string;
  readonly leaseMs: number;
  /** Until when it counts as alive by its Lease. */
  readonly expiresAt: Instant;
}

export class LeaseDetector {
  readonly #sightings = new Map<string, Sighting>();
  /** Until when this speaker may trust that it sees what the others write; undefined: it may not. */
  #leasesCountUntil: Instant | undefined;

  handle(input: LeaseInput, now: Instant): void {
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
        return;
      case 'renewal-failed':
        this.#leasesCountUntil = undefined;
        return;
    }
  }

  /** The nodes whose speakers are alive, ordered by name. */
  alive(now: Instant): readonly string[] {
    const known = [...this.#sightings.keys()].sort();
    if (this.#isCutOff(now)) return known;
    return known.filter((node) => now < (this.#sightings.get(node)?.expiresAt ?? now));
  }

  /** When `alive` may next change by time alone; undefined: not by time alone. */
  deadline(now: Instant): Instant | undefined {
    if (this.#isCutOff(now)) return undefined;
    const moments: readonly Instant[] = [
      ...[...this.#sightings.values()].map(({ expiresAt }) => expiresAt),
      ...(this.#leasesCountUntil === undefined ? [] : [this.#leasesCountUntil]),
    ];
    let earliest: Instant | undefined;
    for (const moment of moments) {
      if (moment > now && (earliest === undefined || moment < earliest)) earliest = moment;
    }
    return earliest;
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
