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
import type { RouteChanges, RouteGroup, RoutePath } from './codec/pack-updates.ts';
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
  /** Those that are wanted, in the order of the last list: the next one is much the same. */
  #order: readonly Entry[] = [];
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
    const before = this.#order;
    let at = 0;
    this.#order = routes.map((route) => {
      // A look into the map costs several times what it costs to see that it is the next one of the list before.
      let entry = before[at];
      if (entry?.prefix !== route.prefix) {
        entry = this.#entryOf(route.prefix);
        if (before[at + 1] === entry) at += 1;
      }
      if (before[at] === entry) at += 1;
      entry.wanted = route;
      entry.round = this.#round;
      this.#look(entry);
      return entry;
    });
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
    for (const entry of this.#entries.values()) {
      // All that is wanted is new to the peer: what its path is, is looked up once, when it is taken.
      if (told === 'nothing') this.#queue(entry, this.#toAnnounce);
      else this.#look(entry);
    }
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
    const announced = new Groups();
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
        announced.add(entry, path);
        if (entry.told === undefined) this.#toldRoutes += 1;
        entry.told = path;
      }
      entry.isRepeated = false;
    }
    return { withdrawn, announced: announced.list() };
  }

  /** Whether there is something to tell of it; what is to go waits where it is taken first. */
  #look(entry: Entry): void {
    if (this.#paths === undefined || entry.isDue) return;
    const path = this.#pathOf(entry);
    if (path === entry.told && !entry.isRepeated) return;
    this.#queue(entry, path === undefined ? this.#toWithdraw : this.#toAnnounce);
  }

  #queue(entry: Entry, queue: Queue): void {
    entry.isDue = true;
    queue.add(entry);
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

interface GrowingGroup extends RouteGroup {
  readonly prefixes: IpPrefix[];
}

/** Routes by their paths, each of which is of one family (OwnPaths). */
class Groups {
  readonly #byPath = new Map<RoutePath, GrowingGroup>();
  /** The next route has the same path as a rule. */
  #last: GrowingGroup | undefined;

  add({ prefix, family }: Entry, path: RoutePath): void {
    if (this.#last?.path !== path) {
      this.#last = this.#byPath.get(path) ?? { family, path, prefixes: [] };
      this.#byPath.set(path, this.#last);
    }
    this.#last.prefixes.push(prefix);
  }

  list(): readonly RouteGroup[] {
    return [...this.#byPath.values()];
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
