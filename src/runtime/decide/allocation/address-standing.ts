/** All there is to know of one address: whose it is, and what keeps it from others. Read only, for explanations. */
import type { Pool } from '../../model/config.ts';
import type { Exclusion } from '../../model/exclusion.ts';
import type { Ip } from '../../model/ip.ts';
import type { Release } from '../../model/release.ts';
import type { AllocationState } from './allocation-state.ts';
import { isAvoided } from './free-addresses.ts';

export interface AddressStanding {
  readonly ip: Ip;
  /** Undefined: no pool contains it. */
  readonly pool: Pool | undefined;
  /** The pool leaves it out (avoidBuggyIPs). */
  readonly avoided: boolean;
  /** "namespace/name" of the Services that hold it, ordered. */
  readonly holders: readonly string[];
  /** Why it is never given out. */
  readonly exclusion: Exclusion | undefined;
  /** Who gave it up and still has a claim on it, by owner. */
  readonly claims: readonly AddressClaim[];
}

export interface AddressClaim {
  readonly release: Release;
  /** 'retained': waits for its owner; 'quarantined': waits for time to pass. */
  readonly kind: 'retained' | 'quarantined';
  /** Wall clock, milliseconds since the Unix epoch. */
  readonly endMs: number;
}

export function standingOf(ip: Ip, { poolOf, book, free, reservations, nowMs }: AllocationState): AddressStanding {
  const pool = poolOf(ip);
  return {
    ip,
    pool,
    avoided: pool !== undefined && isAvoided(pool, ip),
    holders: book.holdersOf(ip),
    exclusion: pool === undefined ? undefined : free.exclusionOf(pool, ip),
    claims: reservations.of(ip).map((release) => ({
      release,
      kind: reservations.kindOf(release, nowMs),
      endMs: reservations.endMsOf(release),
    })),
  };
}
