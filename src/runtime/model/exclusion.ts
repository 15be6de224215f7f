/**
 * Addresses that a pool may contain but must never give out, because they are somebody's already. A pool that contains
 * some is in order: they are skipped and reported.
 */
import type { AddressRange } from './range.ts';

export type ExclusionReason =
  /** An address that a node has on an interface, or that its Node object lists. */
  | 'NodeAddress'
  /** A node's default route goes there. */
  | 'Gateway'
  | 'PodNetwork'
  | 'ServiceNetwork'
  /** A host that is no node of the cluster answers for it on the LAN, as a speaker found. */
  | 'InUseOnLan'
  /** The pool's own spec.excludeAddresses. */
  | 'Listed';

export interface Exclusion {
  readonly range: AddressRange;
  readonly reason: ExclusionReason;
  /** Whose it is, for people: "node master", "nodes master, node1"; "" where the reason says it all. */
  readonly detail: string;
}
