/**
 * Follows how this node takes addresses over: how often each, and how long it took. The counts come from the plans (in
 * the worker), the times from the thread that announces: instants of two threads cannot be compared.
 */
import type { PeerState, TakeOverCause } from '../../adapters/observe/layer2-metrics.ts';
import type { AddressPlan } from '../../decide/layer2/plan-layer2.ts';
import type { Ip } from '../../model/ip.ts';
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

/** Which node had each address last. Addresses that are in no plan any more are forgotten. */
export class LastHolders {
  readonly #nodeName: string;
  #holders: ReadonlyMap<Ip, string> = new Map();

  constructor(nodeName: string) {
    this.#nodeName = nodeName;
  }

  /** By the claims, or by the plan where there are none. */
  tell(plans: readonly Pick<AddressPlan, 'ip' | 'holder' | 'owner'>[], by: 'claims' | 'plan'): void {
    const before = this.#holders;
    this.#holders = new Map(
      plans.flatMap(({ ip, holder, owner }) => {
        // Nobody has it: its node is dead, or gives it up.
        const last = (by === 'claims' ? holder : owner) ?? before.get(ip);
        return last === undefined ? [] : [[ip, last] as const];
      }),
    );
  }

  /** The other node that an address would be taken over from; `holder`: whom the claims name now. */
  other({ ip, holder }: Pick<AddressPlan, 'ip' | 'holder'>): string | undefined {
    const last = holder ?? this.#holders.get(ip);
    return last === this.#nodeName ? undefined : last;
  }
}

/** A verdict older than this is not what a table changed for. */
const VERDICT_EXPLAINS_MS = 3_000;

export interface TakeOver {
  readonly seconds: number;
  readonly cause: TakeOverCause;
}

/**
 * How long it takes from the knowledge that an address moves to its first announcement here. A verdict over the node that
 * had it comes before the table that follows from it; a table without one is a planned move, and counts from when it came.
 */
export class TakeOverTimer {
  /** When nodes were declared dead that have not come back. */
  readonly #deaths = new Map<string, Instant>();
  readonly #expected = new Map<Ip, { readonly since: Instant; readonly cause: TakeOverCause }>();

  /** What another speaker counts as from now on. */
  peer(node: string, state: PeerState, now: Instant): void {
    for (const [dead, at] of this.#deaths) if (!explains(at, now)) this.#deaths.delete(dead);
    if (state === 'dead') this.#deaths.set(node, now);
    else this.#deaths.delete(node);
  }

  /** This node is to announce what these other nodes had. */
  begin(from: ReadonlyMap<Ip, string>, now: Instant): void {
    for (const [ip, node] of from) {
      const diedAt = this.#deaths.get(node);
      const isFailure = diedAt !== undefined && explains(diedAt, now);
      this.#expected.set(ip, isFailure ? { since: diedAt, cause: 'failure' } : { since: now, cause: 'planned' });
    }
  }

  /** All that this node is to announce: what is not among it is waited for no more. */
  keep(ips: readonly Ip[]): void {
    if (this.#expected.size === 0) return;
    const kept = new Set(ips);
    for (const ip of this.#expected.keys()) if (!kept.has(ip)) this.#expected.delete(ip);
  }

  /** An announcement of the address went out. Undefined: nobody waited for it. */
  announced(ip: Ip, now: Instant): TakeOver | undefined {
    const expected = this.#expected.get(ip);
    if (expected === undefined) return undefined;
    this.#expected.delete(ip);
    return { seconds: (now - expected.since) / 1000, cause: expected.cause };
  }
}

function explains(verdictAt: Instant, now: Instant): boolean {
  return now <= after(verdictAt, VERDICT_EXPLAINS_MS);
}
