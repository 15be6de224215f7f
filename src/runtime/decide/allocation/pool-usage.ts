/** How full the pools are: what IPAddressPool status and the metrics say. */
import type { IpFamily } from '../../model/ip.ts';
import type { Release } from '../../model/release.ts';
import type { SkippedRange } from './usable-ranges.ts';

export interface PoolUsage {
  readonly pool: string;
  /** Different addresses in use: a shared one counts once. */
  readonly assigned: Readonly<Record<IpFamily, number>>;
  /** Addresses the pool can give, in use or not; up to 2^128. */
  readonly capacity: Readonly<Record<IpFamily, bigint>>;
  /** Services that hold an address of it. */
  readonly services: number;
  /** What of it is never given out. */
  readonly skipped: readonly SkippedRange[];
  /** What waits for a Service's return, or rests, by address. */
  readonly released: readonly Release[];
  /** Of those, how many do which. */
  readonly retained: number;
  readonly quarantined: number;
  /** Addresses that a Service holds although they are somebody else's. */
  readonly conflicting: number;
}
