/**
 * Which node announces an address, as the speakers tell each other: each new owner claims with an epoch above every
 * one it has heard of, so that the claims of all, in whatever order they arrive, name one owner.
 */
import type { Ip } from './ip.ts';

/** A node's word that it announces an address. The highest epoch is the owner; of two alike the lower node name. */
export interface Claim {
  readonly ip: Ip;
  readonly node: string;
  readonly epoch: number;
}
