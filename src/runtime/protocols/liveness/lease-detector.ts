/**
 * Which speakers are alive, judged by the Leases they renew through the API server.
 *
 *      observed(node, stamp) ──▶ ┌──────────┐ ──▶ alive(now): the nodes whose stamp changed within their lease
 *      vanished(node)        ──▶ │ detector │
 *      renewed / renewal-failed ▶└──────────┘ ──▶ deadline(now): when the next one would be given up
 *
 * Stamps are only compared for change; times are this node's own clock, so clocks need not agree between nodes.
 * A speaker that cannot renew its own Lease cannot see the others renew theirs either: it accuses nobody until it can,
 * and then gives everyone a fresh lease, for what it last saw may be stale. So an API server that is down for minutes
 * moves no address.
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
  readonly expiresAt: Instant;
  readonly leaseMs: number;
}

export class LeaseDetector {
  readonly #sightings = new Map<string, Sighting>();
  /** Until when this speaker may trust that it sees what the others write; undefined: it may not. */
  #judgesUntil: Instant | undefined;

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
        if (!this.#judges(now)) this.#refreshAll(now);
        // Half a lease: a speaker that stalls must notice its own lateness before it can take it for the others'.
        this.#judgesUntil = after(now, input.leaseMs / 2);
        return;
      case 'renewal-failed':
        this.#judgesUntil = undefined;
        return;
    }
  }

  /** The nodes whose speakers are alive, ordered by name. */
  alive(now: Instant): readonly string[] {
    const judges = this.#judges(now);
    return [...this.#sightings]
      .filter(([, { expiresAt }]) => !judges || now < expiresAt)
      .map(([node]) => node)
      .sort();
  }

  /** When `alive` may next lose a node; undefined while nothing can happen by time alone. */
  deadline(now: Instant): Instant | undefined {
    if (!this.#judges(now)) return undefined;
    let earliest: Instant | undefined;
    for (const { expiresAt } of this.#sightings.values()) {
      if (expiresAt > now && (earliest === undefined || expiresAt < earliest)) earliest = expiresAt;
    }
    return earliest;
  }

  #judges(now: Instant): boolean {
    return this.#judgesUntil !== undefined && now < this.#judgesUntil;
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
