/**
 * Finds the lowest address of a pool that a Service may have, without walking through what is taken: each usable range
 * has a mark below which nothing is free. An IPv6 /64 thus costs no more than a /28.
 */
import type { Pool } from '../../model/config.ts';
import type { Exclusion } from '../../model/exclusion.ts';
import { compareIps, type Ip, type IpFamily, ipFromValue, ipValue } from '../../model/ip.ts';
import { type AddressRange, rangeContains } from '../../model/range.ts';
import type { AddressBook } from './address-book.ts';
import type { Reservations } from './reservations.ts';
import type { Sharing } from './service-request.ts';
import { ExclusionIndex, type SkippedRange, skippedIn, usableRanges } from './usable-ranges.ts';

/** Whether the pool leaves the address out: some old equipment takes .0 and .255 for network and broadcast. */
export function isAvoided(pool: Pool, ip: Ip): boolean {
  return pool.avoidBuggyIps && (ip.endsWith('.0') || ip.endsWith('.255'));
}

export interface Seeker {
  /** "namespace/name" */
  readonly key: string;
  readonly sharing: Sharing;
}

interface Mark {
  readonly value: bigint;
  /** Absent: beyond the range's end. */
  readonly ip?: Ip;
}

export class FreeAddresses {
  readonly #book: AddressBook;
  readonly #reservations: Reservations;
  readonly #exclusions: ExclusionIndex;
  readonly #skipped = new Map<Pool, readonly SkippedRange[]>();
  readonly #usable = new Map<Pool, readonly AddressRange[]>();
  /** No address of the range below this one is free. */
  readonly #marks = new Map<AddressRange, Mark>();

  constructor(book: AddressBook, reservations: Reservations, exclusions: readonly Exclusion[]) {
    this.#book = book;
    this.#reservations = reservations;
    this.#exclusions = new ExclusionIndex(exclusions);
  }

  /** What of the pool is never given out, and why. */
  skipped(pool: Pool): readonly SkippedRange[] {
    const known = this.#skipped.get(pool) ?? skippedIn(pool, this.#exclusions);
    this.#skipped.set(pool, known);
    return known;
  }

  /** What of the pool can be given out. */
  usable(pool: Pool): readonly AddressRange[] {
    const known = this.#usable.get(pool) ?? usableRanges(pool, this.skipped(pool));
    this.#usable.set(pool, known);
    return known;
  }

  /** Why the address of the pool is never given out; undefined: it may be. */
  exclusionOf(pool: Pool, ip: Ip): Exclusion | undefined {
    const skipped = this.skipped(pool);
    return skipped.length === 0 ? undefined : skipped.find(({ range }) => rangeContains(range, ip));
  }

  /** Whether a foreign host on the LAN holds the address of the pool. */
  isInUseOnLan(pool: Pool, ip: Ip): boolean {
    return this.skipped(pool).some(({ range, reason }) => reason === 'InUseOnLan' && rangeContains(range, ip));
  }

  /**
   * The first range's lowest free or shareable address, else the next range's; none of those in `taken`. What is reserved
   * counts as taken, for its old owner too: who has a right to it asks for it by name.
   */
  lowest(pool: Pool, family: IpFamily, seeker: Seeker, taken: ReadonlySet<Ip>): Ip | undefined {
    for (const range of this.usable(pool)) {
      if (range.family !== family) continue;
      const free = this.#lowestFree(pool, range, taken);
      const shared = this.#lowestShared(pool, range, seeker, taken);
      if (free === undefined || (shared !== undefined && compareIps(shared, free) < 0)) {
        if (shared !== undefined) return shared;
      } else return free;
    }
    return undefined;
  }

  /** Whether the last search has found nothing free of the family in the pool, and nothing has become free since. */
  isFull(pool: Pool, family: IpFamily): boolean {
    for (const range of this.usable(pool)) {
      if (range.family !== family) continue;
      const mark = this.#marks.get(range);
      if (mark === undefined || mark.ip !== undefined) return false;
    }
    return true;
  }

  /** An address of the pool has become free. */
  released(pool: Pool, ip: Ip): void {
    const range = this.usable(pool).find((candidate) => rangeContains(candidate, ip));
    const mark = range === undefined ? undefined : this.#marks.get(range);
    if (range === undefined || mark === undefined) return;
    const value = ipValue(ip);
    if (value < mark.value) this.#marks.set(range, { value, ip });
  }

  #lowestFree(pool: Pool, range: AddressRange, taken: ReadonlySet<Ip>): Ip | undefined {
    const mark = this.#marks.get(range);
    let isMarked = false;
    for (let value = mark?.value ?? range.first; value <= range.last; value++) {
      const ip = (value === mark?.value ? mark.ip : undefined) ?? ipFromValue(range.family, value);
      if (this.#book.isHeld(ip) || isAvoided(pool, ip) || this.#reservations.has(ip)) continue;
      if (!isMarked && value !== mark?.value) this.#marks.set(range, { value, ip });
      isMarked = true;
      if (!taken.has(ip)) return ip;
    }
    if (!isMarked && mark?.value !== range.last + 1n) this.#marks.set(range, { value: range.last + 1n });
    return undefined;
  }

  #lowestShared(pool: Pool, range: AddressRange, seeker: Seeker, taken: ReadonlySet<Ip>): Ip | undefined {
    let lowest: Ip | undefined;
    for (const ip of this.#book.sharedWith(seeker.sharing)) {
      if (taken.has(ip) || !rangeContains(range, ip) || isAvoided(pool, ip)) continue;
      if (lowest !== undefined && compareIps(lowest, ip) <= 0) continue;
      if (this.#book.obstacle(ip, seeker.key, seeker.sharing) === undefined) lowest = ip;
    }
    return lowest;
  }
}
