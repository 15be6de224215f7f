/**
 * Writes that are done and that the copy does not show yet: until it does, what is read there is old, and deciding on it
 * would write the same again. A watch that is late by more than a few seconds is waited for no longer: a write too many
 * does no harm.
 */
import { isNewer } from '../../adapters/kube/view-cache.ts';
import type { Clock } from '../../engine/ports.ts';
import { after, type Instant } from '../../model/time.ts';

/** Watches are late by milliseconds; one that broke is open again within a second or two. */
const PATIENCE_MS = 5_000;

/** What the copy says of an object; undefined: it has none of that name. */
export type Seen = { readonly uid: string; readonly resourceVersion: string } | undefined;

interface Settling {
  readonly kind: 'written' | 'deleted';
  /** Of the object as it was written; for one that was deleted, of it as it was. */
  readonly uid: string;
  readonly resourceVersion: string;
  readonly untilMs: Instant;
}

export class SettlingWrites {
  readonly #clock: Clock;
  /** By group, then by the object's name. */
  readonly #groups = new Map<string, Map<string, Settling>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The API answered with the object as it is now. */
  wrote(group: string, name: string, now: { readonly uid: string; readonly resourceVersion: string }): void {
    this.#add(group, name, { kind: 'written', ...now });
  }

  deleted(group: string, name: string, uid: string): void {
    this.#add(group, name, { kind: 'deleted', uid, resourceVersion: '' });
  }

  /** Milliseconds for which the group's objects are still to be waited for; 0: the copy shows all that was written. */
  remainingMs(group: string, seen: (name: string) => Seen): number {
    const now = this.#clock.now();
    const settling = this.#groups.get(group);
    if (settling === undefined) return 0;
    let remainingMs = 0;
    for (const [name, write] of settling) {
      if (now >= write.untilMs || isShown(write, seen(name))) settling.delete(name);
      else remainingMs = Math.max(remainingMs, write.untilMs - now);
    }
    if (settling.size === 0) this.#groups.delete(group);
    return remainingMs;
  }

  #add(group: string, name: string, write: Omit<Settling, 'untilMs'>): void {
    const settling = this.#groups.get(group) ?? new Map<string, Settling>();
    this.#groups.set(group, settling);
    settling.set(name, { ...write, untilMs: after(this.#clock.now(), PATIENCE_MS) });
  }
}

function isShown({ kind, uid, resourceVersion }: Settling, seen: Seen): boolean {
  if (kind === 'deleted') return seen?.uid !== uid;
  // Another object of that name came after it.
  return seen !== undefined && (seen.uid !== uid || !isNewer(resourceVersion, seen.resourceVersion));
}
