/**
 * Everything that allocation reads and enters things in while it goes through the Services: who holds what, what is free,
 * what waits or rests, and what changed since the last look.
 */
import type { Config, Pool } from '../../model/config.ts';
import type { Exclusion } from '../../model/exclusion.ts';
import type { Ip } from '../../model/ip.ts';
import type { Release } from '../../model/release.ts';
import { indexPools, poolOf } from '../pool-index.ts';
import { AddressBook } from './address-book.ts';
import type { Allocation } from './allocation.ts';
import type { Claimant } from './claimant.ts';
import { FreeAddresses } from './free-addresses.ts';
import { shownAddresses } from './ownership.ts';
import { poolsInOrder } from './pool-choice.ts';
import type { PoolUsage } from './pool-usage.ts';
import { Reservations } from './reservations.ts';
import { capacityOf } from './usable-ranges.ts';

export interface StateRules {
  readonly config: Config;
  readonly loadBalancerClass: string | undefined;
  readonly exclusions: readonly Exclusion[];
  readonly namespaceLimits: ReadonlyMap<string, number>;
}

/** What happened to addresses since the last settlement: those who were refused may be served by it. */
export class Changes {
  /** Nobody holds or reserves them any more, and nobody has taken them yet. */
  readonly freed = new Map<Ip, Pool>();
  /** Who holds them is not what it was. */
  readonly moved = new Set<Ip>();
  /** Services for which an address waits that somebody else had taken and gave up again. */
  readonly awaited = new Set<string>();
  /** Sharing keys under which addresses came or went. */
  readonly sharingKeys = new Set<string>();
  /** Somebody gave something up while namespaces are limited: there may be room under a limit. */
  hasRoomUnderLimits = false;
  /** 'nobody': everybody is still to be looked at, so that nothing needs to be noted for anybody. */
  notedFor: 'nobody' | 'the-refused' = 'nobody';

  clear(): void {
    this.freed.clear();
    this.moved.clear();
    this.awaited.clear();
    this.sharingKeys.clear();
    this.hasRoomUnderLimits = false;
  }
}

interface PoolCount {
  services: number;
  readonly conflicting: Map<Ip, number>;
}

export class AllocationState {
  readonly #config: Config;
  /** In the order they are asked. */
  readonly pools: readonly Pool[];
  readonly poolOf: (ip: Ip) => Pool | undefined;
  readonly book: AddressBook;
  readonly reservations: Reservations;
  readonly free: FreeAddresses;
  readonly namespaceLimits: ReadonlyMap<string, number>;
  readonly changes = new Changes();
  /** Pools of which there is something new to tell. */
  readonly changedPools = new Set<string>();
  /** Wall clock, milliseconds since the Unix epoch: what reservations are measured by. */
  nowMs: number;
  readonly #byName: ReadonlyMap<string, Pool>;
  readonly #isLimited: boolean;
  readonly #counts = new Map<string, PoolCount>();

  constructor({ config, exclusions, namespaceLimits }: StateRules, releases: readonly Release[], nowMs: number) {
    const index = indexPools(config);
    this.#config = config;
    this.pools = poolsInOrder(config);
    this.poolOf = (ip) => poolOf(index, ip);
    this.#byName = new Map(config.pools.map((pool) => [pool.name, pool]));
    this.namespaceLimits = namespaceLimits;
    this.#isLimited = namespaceLimits.size > 0 || config.pools.some((pool) => pool.maxAddressesPerNamespace);
    this.book = new AddressBook({ limits: this.#isLimited ? 'some' : 'none' });
    this.reservations = new Reservations(this.poolOf, (pool, ip) => {
      this.changedPools.add(pool);
      // Who asks for the address is told who gave it up.
      this.#noteMove(ip, '');
    });
    this.free = new FreeAddresses(this.book, this.reservations, exclusions);
    this.nowMs = nowMs;
    for (const release of releases) this.reservations.add(release, nowMs);
  }

  poolNamed(name: string): Pool | undefined {
    return this.#byName.get(name);
  }

  hold({ key, sharing }: Claimant, pool: Pool, ip: Ip): void {
    this.book.hold(ip, pool.name, key, sharing);
    this.reservations.forget(ip, key);
    this.changes.freed.delete(ip);
    this.#noteMove(ip, sharing.key);
  }

  /**
   * Takes the address from the Service; what its pool keeps from others it keeps. Returning: the Service is looked at
   * anew and may take it back at once.
   */
  giveUp(claimant: Claimant, pool: Pool, ip: Ip, cause: Release['cause'] | 'Returning'): void {
    const { key, sharing, service } = claimant;
    this.book.release(ip, pool.name, key);
    this.#noteMove(ip, sharing.key);
    this.changes.hasRoomUnderLimits ||= this.#isLimited;
    // What no status ever showed, nobody can have come to rely on.
    if (cause !== 'Returning' && shownAddresses(service).includes(ip)) this.#remember(claimant, pool, ip, cause);
    this.#letGo(ip, pool);
  }

  /** The Service's status shows the address, but it is the Service's no more: nobody else has it before it has rested. */
  rest(claimant: Claimant, ip: Ip): void {
    const pool = this.poolOf(ip);
    if (pool === undefined || this.book.isHeld(ip)) return;
    this.#remember(claimant, pool, ip, 'Moved');
    if (this.reservations.has(ip)) this.changes.freed.delete(ip);
  }

  /** Takes over what is known of addresses given up, and lets go what is over. */
  recall(releases: readonly Release[]): void {
    for (const release of releases) {
      if (this.book.isHeldBy(release.ip, release.owner)) continue;
      this.reservations.add(release, this.nowMs);
      if (this.reservations.has(release.ip)) this.changes.freed.delete(release.ip);
    }
    for (const ip of this.reservations.expire(this.nowMs)) {
      const pool = this.poolOf(ip);
      if (pool !== undefined) this.#letGo(ip, pool);
    }
  }

  /** Counts a Service's allocation in (1) or out (-1). */
  count({ ips, pool, reason }: Pick<Allocation, 'ips' | 'pool' | 'reason'>, by: 1 | -1): void {
    if (pool === undefined) return;
    const count = this.#counts.get(pool) ?? { services: 0, conflicting: new Map<Ip, number>() };
    this.#counts.set(pool, count);
    count.services += by;
    this.changedPools.add(pool);
    if (reason !== 'AddressConflict') return;
    for (const ip of ips) {
      const left = (count.conflicting.get(ip) ?? 0) + by;
      if (left === 0) count.conflicting.delete(ip);
      else count.conflicting.set(ip, left);
    }
  }

  /** Of every pool, in the configuration's order. */
  usage(): readonly PoolUsage[] {
    const released = Map.groupBy(this.reservations.list(), ({ pool }) => pool);
    return this.#config.pools.map((pool) => {
      const usable = this.free.usable(pool);
      const ofPool = released.get(pool.name) ?? [];
      const retained = ofPool.filter((release) => this.reservations.kindOf(release, this.nowMs) === 'retained').length;
      const count = this.#counts.get(pool.name);
      const conflicting = Array.from(count?.conflicting.keys() ?? []).filter((ip) => this.free.exclusionOf(pool, ip));
      return {
        pool: pool.name,
        assigned: { ...this.book.inUse(pool.name) },
        capacity: { ipv4: capacityOf(pool, usable, 'ipv4'), ipv6: capacityOf(pool, usable, 'ipv6') },
        services: count?.services ?? 0,
        skipped: this.free.skipped(pool),
        released: ofPool,
        retained,
        quarantined: ofPool.length - retained,
        conflicting: conflicting.length,
      };
    });
  }

  #remember({ key }: Claimant, pool: Pool, ip: Ip, cause: Release['cause']): void {
    this.reservations.add({ ip, pool: pool.name, owner: key, releasedAtMs: this.nowMs, cause }, this.nowMs);
  }

  #letGo(ip: Ip, pool: Pool): void {
    if (this.book.isHeld(ip)) return;
    if (this.reservations.has(ip)) {
      for (const owner of this.reservations.ownersOf(ip)) this.changes.awaited.add(owner);
      return;
    }
    this.free.released(pool, ip);
    this.changes.freed.set(ip, pool);
    this.changes.moved.add(ip);
  }

  #noteMove(ip: Ip, sharingKey: string): void {
    if (this.changes.notedFor === 'nobody') return;
    this.changes.moved.add(ip);
    if (sharingKey !== '') this.changes.sharingKeys.add(sharingKey);
  }
}
