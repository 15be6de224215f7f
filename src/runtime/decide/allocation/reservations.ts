/**
 * Addresses that Services gave up and that others may not have yet. A deleted Service's address waits for a Service of
 * the same name (the pool's retention); any address given up rests before somebody else gets it (its quarantine). Both
 * count from the moment of giving up, so editing the pool has effect at once.
 *
 *     given up ──────────── retention: the old owner gets it back ─────▶│
 *              ── quarantine: the old owner may have it, nobody else ──▶│ later of both: anybody
 */
import type { Pool } from '../../model/config.ts';
import { compareIps, type Ip } from '../../model/ip.ts';
import type { Release } from '../../model/release.ts';
import { compareText } from '../../model/text-order.ts';

/** One pool remembers no more than this; the oldest are let go first. Bounds the size of its status. */
export const MAX_RELEASES_PER_POOL = 4096;

export class Reservations {
  readonly #poolOf: (ip: Ip) => Pool | undefined;
  /** Address → who gave it up. More than one where they shared it. */
  readonly #byIp = new Map<Ip, Map<string, Release>>();
  readonly #byOwner = new Map<string, Set<Ip>>();
  readonly #perPool = new Map<string, number>();
  readonly #onChange: (pool: string, ip: Ip) => void;

  /** `onChange` is told of which address, of the pool of which name, something was added or dropped. */
  constructor(poolOf: (ip: Ip) => Pool | undefined, onChange: (pool: string, ip: Ip) => void) {
    this.#poolOf = poolOf;
    this.#onChange = onChange;
  }

  /** Remembers that the address was given up, if its pool has any use for that at the time. */
  add(release: Release, nowMs: number): void {
    const pool = this.#poolOf(release.ip);
    if (pool === undefined || nowMs >= endMs(release, pool)) return;
    const known = this.#byIp.get(release.ip)?.get(release.owner);
    if (known !== undefined && known.releasedAtMs >= release.releasedAtMs) return;
    this.forget(release.ip, release.owner);
    const releases = this.#byIp.get(release.ip) ?? new Map<string, Release>();
    this.#byIp.set(release.ip, releases.set(release.owner, { ...release, pool: pool.name }));
    const owned = this.#byOwner.get(release.owner) ?? new Set<Ip>();
    this.#byOwner.set(release.owner, owned.add(release.ip));
    const count = (this.#perPool.get(pool.name) ?? 0) + 1;
    this.#perPool.set(pool.name, count);
    this.#onChange(pool.name, release.ip);
    if (count > MAX_RELEASES_PER_POOL) this.#forgetOldest(pool.name);
  }

  /** Drops what the owner has on the address: it holds it again, or the time is over. */
  forget(ip: Ip, owner: string): void {
    const releases = this.#byIp.get(ip);
    const release = releases?.get(owner);
    if (releases === undefined || release === undefined) return;
    releases.delete(owner);
    if (releases.size === 0) this.#byIp.delete(ip);
    const owned = this.#byOwner.get(owner);
    owned?.delete(ip);
    if (owned?.size === 0) this.#byOwner.delete(owner);
    this.#perPool.set(release.pool, (this.#perPool.get(release.pool) ?? 1) - 1);
    this.#onChange(release.pool, ip);
  }

  /** Forgets what is over and returns the addresses that nobody has a claim on any more. */
  expire(nowMs: number): readonly Ip[] {
    const over = this.#all().filter((release) => nowMs >= this.endMsOf(release));
    for (const { ip, owner } of over) this.forget(ip, owner);
    return over.map(({ ip }) => ip).filter((ip) => !this.has(ip));
  }

  /** Whether anybody has a claim left on the address. */
  has(ip: Ip): boolean {
    return this.#byIp.has(ip);
  }

  /** Who has a claim left on the address. */
  ownersOf(ip: Ip): Iterable<string> {
    return this.#byIp.get(ip)?.keys() ?? [];
  }

  /** A release that keeps the address from the Service; undefined: none does. */
  obstacle(ip: Ip, owner: string): Release | undefined {
    const releases = this.#byIp.get(ip);
    if (releases === undefined || releases.has(owner)) return undefined;
    return Array.from(releases.values()).sort((a, b) => compareText(a.owner, b.owner))[0];
  }

  /** What is remembered of the address, by owner. */
  of(ip: Ip): readonly Release[] {
    return Array.from(this.#byIp.get(ip)?.values() ?? []).sort((a, b) => compareText(a.owner, b.owner));
  }

  /** What waits for the Service's return, ordered. */
  retainedFor(owner: string, nowMs: number): readonly Release[] {
    const ips = this.#byOwner.get(owner);
    if (ips === undefined) return [];
    return Array.from(ips)
      .flatMap((ip) => this.#byIp.get(ip)?.get(owner) ?? [])
      .filter((release) => this.kindOf(release, nowMs) === 'retained')
      .sort((a, b) => compareIps(a.ip, b.ip));
  }

  /** When the next one is over; undefined: there are none. */
  nextEndMs(): number | undefined {
    let next: number | undefined;
    for (const release of this.#all()) {
      const end = this.endMsOf(release);
      if (next === undefined || end < next) next = end;
    }
    return next;
  }

  /** All of them, by pool, address and owner. */
  list(): readonly Release[] {
    return this.#all().sort(
      (a, b) => compareText(a.pool, b.pool) || compareIps(a.ip, b.ip) || compareText(a.owner, b.owner),
    );
  }

  /** 'retained': waits for its owner; 'quarantined': waits for time to pass. */
  kindOf(release: Release, nowMs: number): 'retained' | 'quarantined' {
    const pool = this.#poolOf(release.ip);
    return pool !== undefined && nowMs < retainedUntilMs(release, pool) ? 'retained' : 'quarantined';
  }

  endMsOf(release: Release): number {
    const pool = this.#poolOf(release.ip);
    return pool === undefined ? 0 : endMs(release, pool);
  }

  #all(): Release[] {
    return Array.from(this.#byIp.values()).flatMap((releases) => Array.from(releases.values()));
  }

  #forgetOldest(pool: string): void {
    let oldest: Release | undefined;
    for (const release of this.#all()) {
      if (release.pool === pool && (oldest === undefined || release.releasedAtMs < oldest.releasedAtMs))
        oldest = release;
    }
    if (oldest !== undefined) this.forget(oldest.ip, oldest.owner);
  }
}

function retainedUntilMs(release: Release, pool: Pool): number {
  return release.cause === 'Deleted' ? release.releasedAtMs + (pool.retentionMs ?? 0) : 0;
}

function endMs(release: Release, pool: Pool): number {
  return Math.max(retainedUntilMs(release, pool), release.releasedAtMs + (pool.quarantineMs ?? 0));
}
