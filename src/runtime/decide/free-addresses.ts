/**
 * Finds the lowest address of a pool that a Service may have, without walking through what is taken: each range has a
 * mark below which nothing is free. An IPv6 /64 thus costs no more than a /28.
 */
import type { Pool } from '../model/config.ts';
import { compareIps, type Ip, type IpFamily, ipFromValue, ipValue } from '../model/ip.ts';
import { type AddressRange, rangeContains } from '../model/range.ts';
import type { AddressBook } from './address-book.ts';
import type { Sharing } from './service-request.ts';

/** Whether the pool leaves the address out: some old equipment takes .0 and .255 for network and broadcast. */
export function isAvoided(pool: Pool, ip: Ip): boolean {
  return pool.avoidBuggyIps && /^[0-9.]*\.(0|255)$/.test(ip);
}

export class FreeAddresses {
  readonly #book: AddressBook;
  /** No address of the range below this one is free. */
  readonly #marks = new Map<AddressRange, bigint>();

  constructor(book: AddressBook) {
    this.#book = book;
  }

  /** The first range's lowest free or shareable address, else the next range's. */
  lowest(pool: Pool, family: IpFamily, holder: string, sharing: Sharing): Ip | undefined {
    for (const range of pool.ranges) {
      if (range.family !== family) continue;
      const free = this.#lowestFree(pool, range);
      const shared = this.#lowestShared(pool, range, holder, sharing);
      if (free === undefined || (shared !== undefined && compareIps(shared, free) < 0)) {
        if (shared !== undefined) return shared;
      } else return free;
    }
    return undefined;
  }

  /** An address of the pool has become free. */
  released(pool: Pool, ip: Ip): void {
    const range = pool.ranges.find((candidate) => rangeContains(candidate, ip));
    const mark = range === undefined ? undefined : this.#marks.get(range);
    if (range !== undefined && mark !== undefined && ipValue(ip) < mark) this.#marks.set(range, ipValue(ip));
  }

  #lowestFree(pool: Pool, range: AddressRange): Ip | undefined {
    for (let value = this.#marks.get(range) ?? range.first; value <= range.last; value++) {
      const ip = ipFromValue(range.family, value);
      if (!this.#book.isHeld(ip) && !isAvoided(pool, ip)) {
        this.#marks.set(range, value);
        return ip;
      }
    }
    this.#marks.set(range, range.last + 1n);
    return undefined;
  }

  #lowestShared(pool: Pool, range: AddressRange, holder: string, sharing: Sharing): Ip | undefined {
    let lowest: Ip | undefined;
    for (const ip of this.#book.sharedUnder(sharing.key)) {
      if (!rangeContains(range, ip) || isAvoided(pool, ip)) continue;
      if (lowest !== undefined && compareIps(lowest, ip) <= 0) continue;
      if (this.#book.obstacle(ip, holder, sharing) === undefined) lowest = ip;
    }
    return lowest;
  }
}
