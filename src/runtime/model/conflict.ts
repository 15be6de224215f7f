/** A foreign host on the LAN that holds an address of ours, as the speaker that saw it tells the rest of the cluster. */
import type { Ip } from './ip.ts';
import type { Mac } from './mac.ts';

export interface LanConflict {
  readonly ip: Ip;
  /** Who holds it. */
  readonly mac: Mac;
  /** Where it was heard: an interface of the node. */
  readonly interface: string;
  /** When it was found out, on the node's wall clock: milliseconds since the Unix epoch. */
  readonly sinceMs: number;
  /** The node whose speaker saw it. */
  readonly node: string;
}
