/**
 * Follows how this node takes addresses over: how often each, and how long it took. The counts come from the plans (in
 * the worker), the times from the thread that announces: instants of two threads cannot be compared.
 */
import type { TakeOverCause } from '../../adapters/observe/layer2-metrics.ts';
import { after, type Instant } from '../../model/time.ts';

interface PlannedOwner {
  readonly ip: string;
  readonly owner?: string;
}

/** How often this node took each address over from another. Addresses that are in no plan any more are forgotten. */
export class TakeOverCounts {
  readonly #nodeName: string;
  #addresses = new Map<string, { readonly owner: string | undefined; readonly count: number }>();

  constructor(nodeName: string) {
    this.#nodeName = nodeName;
  }

  tell(plans: readonly PlannedOwner[]): void {
    const before = this.#addresses;
    this.#addresses = new Map(
      plans.map(({ ip, owner }) => {
        const was = before.get(ip);
        const isTakenOver = owner === this.#nodeName && was?.owner !== undefined && was.owner !== owner;
        // While nobody announces it, who did last is remembered: taking it from nobody after that is taking it over.
        return [ip, { owner: owner ?? was?.owner, count: (was?.count ?? 0) + (isTakenOver ? 1 : 0) }];
      }),
    );
  }

  /** Those that were taken over at least once. */
  list(): readonly { readonly ip: string; readonly count: number }[] {
    return Array.from(this.#addresses, ([ip, { count }]) => ({ ip, count })).filter(({ count }) => count > 0);
  }
}

/** A verdict older than this is not what a table changed for. */
const VERDICT_EXPLAINS_MS = 3_000;

export interface TakeOver {
  readonly seconds: number;
  readonly cause: TakeOverCause;
}

/**
 * How long it takes from the knowledge that an address moves to its announcement. A verdict over a node comes before the
 * table that follows from it; a table without one is a planned move, and counts from when it came. What the first table
 * holds was not taken over from anybody.
 */
export class TakeOverTimer {
  #known: ReadonlySet<string> | undefined;
  #verdictAt: Instant | undefined;
  readonly #expected = new Map<string, { readonly since: Instant; readonly cause: TakeOverCause }>();

  /** A node was declared dead. */
  verdict(now: Instant): void {
    this.#verdictAt = now;
  }

  /** The table that this node is to announce from now on. */
  table(ips: readonly string[], now: Instant): void {
    const before = this.#known;
    this.#known = new Set(ips);
    for (const ip of this.#expected.keys()) {
      if (!this.#known.has(ip)) this.#expected.delete(ip);
    }
    if (before === undefined) return;
    const verdictAt = this.#verdictAt;
    const isFailure = verdictAt !== undefined && now <= after(verdictAt, VERDICT_EXPLAINS_MS);
    const expected = isFailure
      ? ({ since: verdictAt, cause: 'failure' } as const)
      : ({ since: now, cause: 'planned' } as const);
    for (const ip of ips) {
      if (!before.has(ip)) this.#expected.set(ip, expected);
    }
  }

  /** The address's first announcement went out. Undefined: nobody waited for it. */
  announced(ip: string, now: Instant): TakeOver | undefined {
    const expected = this.#expected.get(ip);
    if (expected === undefined) return undefined;
    this.#expected.delete(ip);
    return { seconds: (now - expected.since) / 1000, cause: expected.cause };
  }
}
