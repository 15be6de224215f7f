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

export class RibOut {
  #wanted: ReadonlyMap<IpPrefix, AdvertisedRoute> = new Map();
  #generation: number | undefined;
  #paths: OwnPaths | undefined;
  readonly #told = new Map<IpPrefix, RoutePath>();
  readonly #due = new Set<IpPrefix>();
  /** Told again although nothing about them changed. */
  readonly #repeated = new Set<IpPrefix>();

  /** Of the routes that are wanted; undefined before the first. */
  get generation(): number | undefined {
    return this.#generation;
  }

  get toldRoutes(): number {
    return this.#told.size;
  }

  get dueRoutes(): number {
    return this.#due.size;
  }

  /** All routes, each prefix once. */
  want(generation: number, routes: readonly AdvertisedRoute[]): void {
    this.#generation = generation;
    this.#wanted = new Map(routes.map((route) => [route.prefix, route]));
    this.#compare();
  }

  /** A connection is there that has been told nothing yet, or the paths on it look different from now on. */
  begin(paths: OwnPaths, told: 'nothing' | 'as-before'): void {
    this.#paths = paths;
    if (told === 'nothing') this.#forget();
    this.#compare();
  }

  /** The connection is gone. */
  end(): void {
    this.#paths = undefined;
    this.#forget();
  }

  /** The peer has asked for the family's routes once more. */
  repeat(family: Family): void {
    for (const prefix of this.#told.keys()) {
      if (!isSameFamily(familyOf(prefix), family)) continue;
      this.#repeated.add(prefix);
      this.#due.add(prefix);
    }
  }

  /** Whether anything of the family is still to be told again. */
  isRepeating(family: Family): boolean {
    for (const prefix of this.#repeated) if (isSameFamily(familyOf(prefix), family)) return true;
    return false;
  }

  /** What to tell next, of at most so many prefixes. */
  take(most: number): RouteChanges {
    const withdrawn: IpPrefix[] = [];
    const announced: Route[] = [];
    let taken = 0;
    for (const prefix of this.#due) {
      if (taken === most) break;
      taken += 1;
      this.#due.delete(prefix);
      const isRepeated = this.#repeated.delete(prefix);
      const path = this.#pathOf(prefix);
      const told = this.#told.get(prefix);
      if (path === undefined) {
        if (told !== undefined) withdrawn.push(prefix);
        this.#told.delete(prefix);
      } else if (path !== told || isRepeated) {
        announced.push({ prefix, path });
        this.#told.set(prefix, path);
      }
    }
    return { withdrawn, announced };
  }

  /** Finds what is due. What is to go comes first in the set, so that it is taken first. */
  #compare(): void {
    if (this.#paths === undefined) return;
    this.#due.clear();
    for (const prefix of this.#told.keys()) if (!this.#wanted.has(prefix)) this.#due.add(prefix);
    for (const prefix of this.#repeated) this.#due.add(prefix);
    for (const prefix of this.#wanted.keys()) {
      if (this.#pathOf(prefix) !== this.#told.get(prefix)) this.#due.add(prefix);
    }
  }

  #pathOf(prefix: IpPrefix): RoutePath | undefined {
    const route = this.#wanted.get(prefix);
    return route === undefined ? undefined : this.#paths?.of(route, familyOf(prefix));
  }

  #forget(): void {
    this.#told.clear();
    this.#due.clear();
    this.#repeated.clear();
  }
}

function familyOf(prefix: IpPrefix): Family {
  return unicastFamily(prefixFamily(prefix));
}
