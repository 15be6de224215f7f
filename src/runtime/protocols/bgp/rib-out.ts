/**
 * Adj-RIB-Out: what a peer ought to know, what it has been told, and so what is still to be said to it. The wanted routes
 * outlive a connection; what was told is forgotten with it.
 *
 *     want(routes) ─▶ wanted ─┐
 *                             ├─▶ due ─▶ take(n) ─▶ what changed, counted as told from then on
 *     begin(paths) ─▶ told ───┘
 *
 * A route that changes back before it was taken costs nothing. What was given up goes out before what is new.
 *
 * Implements: RFC 4271 §3.2, §9.2, RFC 2918 §4, RFC 4724 §4.1 (when all has been told)
 */
import type { AdvertisedRoute } from '../../model/bgp-plan.ts';
import { type IpPrefix, prefixFamily } from '../../model/ip-prefix.ts';
import { type Family, isSameFamily, unicastFamily } from './codec/family.ts';
import type { Route, RouteChanges, RoutePath } from './codec/pack-updates.ts';
import type { OwnPaths } from './own-path.ts';

/** One prefix that is wanted, or that the peer knows of. */
interface Entry {
  readonly prefix: IpPrefix;
  readonly family: Family;
  wanted: AdvertisedRoute | undefined;
  told: RoutePath | undefined;
  /** It waits in a queue. */
  isDue: boolean;
  /** To be told again although nothing about it changed. */
  isRepeated: boolean;
  /** The `want` that it was last part of. */
  round: number;
}

export class RibOut {
  readonly #entries = new Map<IpPrefix, Entry>();
  #generation: number | undefined;
  #round = 0;
  #paths: OwnPaths | undefined;
  #toldRoutes = 0;
  #toWithdraw = new Queue();
  #toAnnounce = new Queue();

  /** Of the routes that are wanted; undefined before the first. */
  get generation(): number | undefined {
    return this.#generation;
  }

  get toldRoutes(): number {
    return this.#toldRoutes;
  }

  /** At most so many are to be told; some of them may have changed back. */
  get dueRoutes(): number {
    return this.#toWithdraw.size + this.#toAnnounce.size;
  }

  /** All routes, each prefix once. */
  want(generation: number, routes: readonly AdvertisedRoute[]): void {
    this.#generation = generation;
    this.#round += 1;
    for (const route of routes) {
      const entry = this.#entryOf(route.prefix);
      entry.wanted = route;
      entry.round = this.#round;
      this.#look(entry);
    }
    if (this.#entries.size === routes.length) return;
    for (const entry of this.#entries.values()) {
      if (entry.round === this.#round) continue;
      entry.wanted = undefined;
      // What waits in a queue goes when it is taken from there.
      if (entry.told === undefined && !entry.isDue) this.#entries.delete(entry.prefix);
      else this.#look(entry);
    }
  }

  /** A connection is there that has been told nothing yet, or the paths on it look different from now on. */
  begin(paths: OwnPaths, told: 'nothing' | 'as-before'): void {
    this.#paths = paths;
    if (told === 'nothing') this.#forget();
    for (const entry of this.#entries.values()) this.#look(entry);
  }

  /** The connection is gone. */
  end(): void {
    this.#paths = undefined;
    this.#forget();
  }

  /** The peer has asked for the family's routes once more. */
  repeat(family: Family): void {
    for (const entry of this.#entries.values()) {
      if (entry.told === undefined || !isSameFamily(entry.family, family)) continue;
      entry.isRepeated = true;
      this.#look(entry);
    }
  }

  /** What to tell next, of at most so many prefixes. */
  take(most: number): RouteChanges {
    const withdrawn: IpPrefix[] = [];
    const announced: Route[] = [];
    for (let taken = 0; taken < most; taken++) {
      const entry = this.#toWithdraw.next() ?? this.#toAnnounce.next();
      if (entry === undefined) break;
      entry.isDue = false;
      const path = this.#pathOf(entry);
      if (path === undefined) {
        if (entry.told !== undefined) {
          withdrawn.push(entry.prefix);
          this.#toldRoutes -= 1;
        }
        entry.told = undefined;
        if (entry.wanted === undefined) this.#entries.delete(entry.prefix);
      } else if (path !== entry.told || entry.isRepeated) {
        announced.push({ prefix: entry.prefix, path });
        if (entry.told === undefined) this.#toldRoutes += 1;
        entry.told = path;
      }
      entry.isRepeated = false;
    }
    return { withdrawn, announced };
  }

  /** Whether there is something to tell of it; what is to go waits where it is taken first. */
  #look(entry: Entry): void {
    if (this.#paths === undefined || entry.isDue) return;
    const path = this.#pathOf(entry);
    if (path === entry.told && !entry.isRepeated) return;
    entry.isDue = true;
    if (path === undefined) this.#toWithdraw.add(entry);
    else this.#toAnnounce.add(entry);
  }

  #pathOf({ wanted, family }: Entry): RoutePath | undefined {
    return wanted === undefined ? undefined : this.#paths?.of(wanted, family);
  }

  #entryOf(prefix: IpPrefix): Entry {
    const known = this.#entries.get(prefix);
    if (known !== undefined) return known;
    const family = unicastFamily(prefixFamily(prefix));
    const entry = { prefix, family, wanted: undefined, told: undefined, isDue: false, isRepeated: false, round: 0 };
    this.#entries.set(prefix, entry);
    return entry;
  }

  #forget(): void {
    this.#toWithdraw = new Queue();
    this.#toAnnounce = new Queue();
    this.#toldRoutes = 0;
    for (const entry of this.#entries.values()) {
      entry.told = undefined;
      entry.isDue = false;
      entry.isRepeated = false;
      if (entry.wanted === undefined) this.#entries.delete(entry.prefix);
    }
  }
}

/** First in, first out. */
class Queue {
  #entries: Entry[] = [];
  #at = 0;

  get size(): number {
    return this.#entries.length - this.#at;
  }

  add(entry: Entry): void {
    this.#entries.push(entry);
  }

  next(): Entry | undefined {
    const entry = this.#entries[this.#at];
    this.#at += 1;
    if (this.#at >= this.#entries.length) {
      this.#entries = [];
      this.#at = 0;
    }
    return entry;
  }
}
