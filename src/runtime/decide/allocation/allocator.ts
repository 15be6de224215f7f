/**
 * Who gets which address: a function of the whole world, with no memory but what the Services' own statuses say.
 *
 *     Services of ours, in order of claim ─▶ 1. each re-claims what it holds  ─▶ 2. each gets what it lacks or asks for
 *     (holders, then who asks by name,          (pool still there, still           (request, requested pool, or the
 *     then by age, name)                         allowed, nobody else's)            first pool in order with one left)
 *
 * Feeding the result back as statuses changes nothing, and the order of the input does not matter. A Service whose new
 * request cannot be met keeps the address that works. Services of another class, or whose status somebody else fills, are
 * not touched.
 *
 * Made once for a configuration and told of Services one by one: a change costs what it touches, not the size of the
 * world. Where a change might upset what others hold (two Services claim one address) the whole is decided anew, so that
 * the result is the one that a fresh pass would give.
 */
import type { Config, Pool } from '../../model/config.ts';
import type { Exclusion } from '../../model/exclusion.ts';
import type { Ip } from '../../model/ip.ts';
import type { Release } from '../../model/release.ts';
import { formatKey, type ServiceView } from '../../model/service.ts';
import { compareText } from '../../model/text-order.ts';
import { type AddressStanding, standingOf } from './address-standing.ts';
import type { Allocation, Grant, Holding } from './allocation.ts';
import type { AllocationReason, PoolRefusalReason, Refusal } from './allocation-reason.ts';
import { AllocationState, type StateRules } from './allocation-state.ts';
import { type Claimant, compareClaims, isSameClaim, toClaimant } from './claimant.ts';
import { grant } from './grant.ts';
import { hasForeignStatus, isOurs, isSameIngress, shownAddresses, showsExactly } from './ownership.ts';
import { poolObstacles } from './pool-obstacles.ts';
import type { PoolUsage } from './pool-usage.ts';
import { reclaim } from './reclaim.ts';
import { RefusedClaims } from './refused-claims.ts';
import { notLoadBalancer, toAllocation, withoutPools } from './to-allocation.ts';

/** Everything that decides but the Services. */
export interface AllocationRules {
  readonly config: Config;
  /** Undefined: Services without a class; else just those of this class. */
  readonly loadBalancerClass: string | undefined;
  /** Addresses that are never given out, whatever pool they are in. */
  readonly exclusions?: readonly Exclusion[];
  /** Namespace → the most addresses that its Services may hold. */
  readonly namespaceLimits?: ReadonlyMap<string, number>;
  /** What Services gave up before. */
  readonly releases?: readonly Release[];
  /** Wall clock, milliseconds since the Unix epoch; absent: 0, for worlds in which nothing expires. */
  readonly nowMs?: number;
}

/** A LoadBalancer Service of ours. */
interface Entry {
  readonly claimant: Claimant;
  grant: Grant;
  lost: Refusal | undefined;
  allocation: Allocation;
}

export class Allocator {
  readonly #rules: StateRules;
  #state: AllocationState;
  readonly #entries = new Map<string, Entry>();
  /** Services of ours that are of another type now. */
  readonly #others = new Map<string, Allocation>();
  /** Those of the entries that have less than they ask for. */
  #refused: RefusedClaims<Entry>;
  /** Reason → Services without any address. */
  readonly #pending = new Map<AllocationReason, number>();

  constructor(rules: AllocationRules, services: Iterable<ServiceView>) {
    this.#rules = {
      exclusions: [],
      namespaceLimits: new Map(),
      ...rules,
    };
    this.#state = new AllocationState(this.#rules, rules.releases ?? [], rules.nowMs ?? 0);
    this.#refused = new RefusedClaims(this.#state.changes);
    this.#fill(services);
  }

  get(key: string): Allocation | undefined {
    return this.#entries.get(key)?.allocation ?? this.#others.get(key);
  }

  /** Of every Service that is ours, ordered by "namespace/name". */
  list(): readonly Allocation[] {
    const all = [...Array.from(this.#entries.values(), ({ allocation }) => allocation), ...this.#others.values()];
    return all.sort((a, b) => compareText(formatKey(a.service), formatKey(b.service)));
  }

  /** Whether the Service is this addon's to serve. */
  owns(service: ServiceView): boolean {
    return isOurs(service, { loadBalancerClass: this.#rules.loadBalancerClass, poolOf: this.#state.poolOf });
  }

  /** Whether the Service was possibly ours and is somebody else's now: what we said on it may go. */
  leaves(service: ServiceView): boolean {
    const { loadBalancerClass } = this.#rules;
    if (service.type !== 'LoadBalancer') return !this.owns(service);
    return service.loadBalancerClass === loadBalancerClass && hasForeignStatus(service, this.#state.poolOf);
  }

  /**
   * Takes over Services that changed, appeared, or (undefined) went. Returns the keys of all whose allocation may be
   * another than before, the changed ones among them.
   */
  update(changes: ReadonlyMap<string, ServiceView | undefined>, nowMs = this.#state.nowMs): ReadonlySet<string> {
    this.#state.nowMs = nowMs;
    const touched = new Set(changes.keys());
    const due: Entry[] = [];
    let isUpset = false;
    for (const [key, service] of changes) {
      const known = this.#entries.get(key);
      if (known !== undefined && service !== undefined && this.#isUnchanged(known, service)) {
        this.#refresh(known, service);
        continue;
      }
      if (known !== undefined) this.#drop(known, service);
      this.#others.delete(key);
      const entry = service === undefined ? undefined : this.#admit(service);
      if (entry === undefined) continue;
      // Somebody else holds what its status shows: whose it is, the order of claim over all of them decides.
      isUpset ||= entry.lost?.reason === 'AddressInUse';
      due.push(entry);
    }
    if (isUpset) this.#startAnew(touched);
    else this.#settle(due, touched);
    return touched;
  }

  /** Takes over what is known of addresses given up, and lets go what is over. Returns keys like update(). */
  recall(releases: readonly Release[], nowMs: number): ReadonlySet<string> {
    this.#state.nowMs = nowMs;
    this.#state.recall(releases);
    const touched = new Set<string>();
    this.#settle([], touched);
    return touched;
  }

  /** When the next address that waits or rests is free again; undefined: none does. */
  nextEndMs(): number | undefined {
    return this.#state.reservations.nextEndMs();
  }

  /** What Services gave up and is still remembered, by pool, address and owner. */
  releases(): readonly Release[] {
    return this.#state.reservations.list();
  }

  /** Services without an address, by reason. */
  pending(): ReadonlyMap<AllocationReason, number> {
    return this.#pending;
  }

  /** Names of the pools whose usage may have changed since this was asked last. */
  takeChangedPools(): ReadonlySet<string> {
    const changed = new Set(this.#state.changedPools);
    this.#state.changedPools.clear();
    return changed;
  }

  /** Of every pool, in the pools' order. */
  usage(): readonly PoolUsage[] {
    return this.#state.usage();
  }

  /** Whose an address is, and what keeps it from others. */
  standing(ip: Ip): AddressStanding {
    return standingOf(ip, this.#state);
  }

  /** All that keeps the pool from serving the Service of ours, asked for or not; empty: it would serve. */
  obstacles(key: string, pool: Pool): readonly PoolRefusalReason[] {
    const entry = this.#entries.get(key);
    return entry === undefined ? [] : poolObstacles(entry.claimant, pool, holdingOf(entry.grant), this.#state);
  }

  /** Throws away all but the Services and what was given up, and decides from there. */
  #startAnew(touched: Set<string>): void {
    const services = Array.from(this.#entries.values(), ({ claimant }) => claimant.service);
    const before = new Map(Array.from(this.#entries, ([key, { allocation }]) => [key, allocation]));
    this.#state = new AllocationState(this.#rules, this.releases(), this.#state.nowMs);
    for (const { name } of this.#rules.config.pools) this.#state.changedPools.add(name);
    this.#refused = new RefusedClaims(this.#state.changes);
    this.#entries.clear();
    this.#pending.clear();
    this.#fill(services);
    for (const [key, { allocation }] of this.#entries) {
      if (!isSameAllocation(before.get(key), allocation)) touched.add(key);
    }
  }

  #fill(services: Iterable<ServiceView>): void {
    const claimants = Array.from(services)
      .filter((service) => this.owns(service))
      .map(toClaimant)
      .sort(compareClaims);
    const due = claimants.flatMap(({ service }, i) => this.#admit(service, claimants[i]) ?? []);
    this.#state.changes.notedFor = 'the-refused';
    this.#settle(due, new Set());
  }

  /** Enters a Service with what it holds; undefined where there is nothing to grant. */
  #admit(service: ServiceView, known?: Claimant): Entry | undefined {
    if (known === undefined && !this.owns(service)) return undefined;
    const claimant = known ?? toClaimant(service);
    if (service.type !== 'LoadBalancer') {
      this.#others.set(claimant.key, notLoadBalancer(service));
      for (const ip of shownAddresses(service)) this.#state.rest(claimant, ip);
      return undefined;
    }
    if (this.#rules.config.pools.length === 0) {
      this.#enter({ claimant, grant: { ips: [] }, lost: undefined, allocation: withoutPools(service) });
      return undefined;
    }
    const { held, lost } = reclaim(claimant, this.#state);
    for (const ip of shownAddresses(service)) if (!held?.ips.includes(ip)) this.#state.rest(claimant, ip);
    const given: Grant = held ?? { ips: [] };
    return this.#enter({
      claimant,
      grant: given,
      lost,
      allocation: toAllocation(claimant, given, lost, this.#state),
    });
  }

  #enter(entry: Entry): Entry {
    this.#entries.set(entry.claimant.key, entry);
    this.#count(entry.allocation, 1);
    return entry;
  }

  #drop(entry: Entry, next: ServiceView | undefined): void {
    const { claimant, grant: given } = entry;
    this.#entries.delete(claimant.key);
    this.#refused.delete(entry);
    this.#count(entry.allocation, -1);
    // Deleted and made anew between two looks is deleted, too.
    const cause = next === undefined || next.uid !== claimant.service.uid ? 'Deleted' : 'Returning';
    for (const ip of given.ips) if (given.pool !== undefined) this.#state.giveUp(claimant, given.pool, ip, cause);
  }

  /** Whether nothing asks for a new decision: the claim is what it was, and the status shows what it showed or should. */
  #isUnchanged({ claimant, grant: given }: Entry, next: ServiceView): boolean {
    if (!isSameClaim(claimant.service, next) || !this.owns(next)) return false;
    return showsExactly(next, given.ips) || isSameIngress(next, claimant.service);
  }

  #refresh(entry: Entry, service: ServiceView): void {
    const isRefused = this.#refused.delete(entry);
    const fresh: Entry = {
      ...entry,
      claimant: toClaimant(service),
      lost: showsExactly(service, entry.grant.ips) ? undefined : entry.lost,
    };
    this.#entries.set(fresh.claimant.key, fresh);
    this.#renew(fresh);
    if (isRefused) this.#refused.add(fresh);
  }

  /**
   * Grants in the order of claim, and again to those who were refused as long as somebody's addresses changed: what is
   * refused in the end would be refused the next time, too, and in the same words. A Service is given addresses or moves
   * once at most, so this ends.
   */
  #settle(first: readonly Entry[], touched: Set<string>): void {
    const own = new Set(first);
    const hopeful = this.#refused.hopeful().filter((entry) => !own.has(entry));
    let due: readonly Entry[] = [...first, ...hopeful].sort((a, b) => compareClaims(a.claimant, b.claimant));
    while (due.length > 0) {
      let hasChanged = false;
      for (const entry of due) {
        if (!own.has(entry) && !this.#refused.mayHope(entry)) continue;
        hasChanged = this.#grant(entry, touched) || hasChanged;
      }
      own.clear();
      due = hasChanged ? this.#refused.hopeful() : [];
    }
    this.#state.changes.clear();
  }

  /** Returns whether its addresses changed. */
  #grant(entry: Entry, touched: Set<string>): boolean {
    const { claimant, grant: before, allocation: known } = entry;
    entry.grant = grant(claimant, holdingOf(before), this.#state);
    if (entry.grant === before) return false;
    this.#renew(entry);
    if (entry.grant.refusal === undefined) this.#refused.delete(entry);
    else this.#refused.add(entry);
    if (!isSameAllocation(known, entry.allocation)) touched.add(claimant.key);
    const { ips } = entry.grant;
    return ips.length !== before.ips.length || before.ips.some((ip) => !ips.includes(ip));
  }

  #renew(entry: Entry): void {
    const { claimant, grant: given, lost } = entry;
    this.#count(entry.allocation, -1);
    entry.allocation =
      this.#rules.config.pools.length === 0
        ? withoutPools(claimant.service)
        : toAllocation(claimant, given, lost, this.#state);
    this.#count(entry.allocation, 1);
  }

  #count({ ips, pool, reason }: Allocation, by: 1 | -1): void {
    this.#state.count({ ips, pool, reason }, by);
    if (ips.length > 0) return;
    const count = (this.#pending.get(reason) ?? 0) + by;
    if (count === 0) this.#pending.delete(reason);
    else this.#pending.set(reason, count);
  }
}

/** The grant itself where it is no more than a holding, so that granting the same again gives the same value. */
function holdingOf(grant: Grant): Holding | undefined {
  const { pool, ips, refusal } = grant;
  if (pool === undefined || ips.length === 0) return undefined;
  return refusal === undefined ? (grant as Holding) : { pool, ips };
}

function isSameAllocation(a: Allocation | undefined, b: Allocation): boolean {
  if (a === undefined || a.reason !== b.reason || a.message !== b.message || a.pool !== b.pool) return false;
  return a.verdict === b.verdict && a.ips.length === b.ips.length && a.ips.every((ip, i) => ip === b.ips[i]);
}
