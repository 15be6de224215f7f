/** The names of every "no" of BGP. Spelled the same in logs, metrics, Events and the explanation, and as with layer 2. */
import type { NodeUnfitness } from '../announcing/node-fitness.ts';

/** Why a node advertises nothing of a Service's address. */
export type BgpRefusal =
  | NodeUnfitness
  | 'address-not-in-any-pool'
  | 'no-advertisement-for-pool'
  | 'no-advertisement-for-node'
  /** Advertisements that cover the Service on this node want different local preferences for one route to one peer. */
  | 'conflicting-local-preferences'
  | 'no-serving-endpoint'
  | 'no-serving-endpoint-on-node';

/** Why a peer that the node has a session with hears nothing of an address that the node advertises to others. */
export type PeerRefusal =
  /** The advertisements name other peers. */
  | 'no-advertisement-for-peer'
  /** Its session is not for addresses of this family. */
  | 'family-not-carried';

/** Why nobody hears of an address from a node. A PeerRefusal: none of its peers is to hear of it, the first for this. */
export type BgpNodeRefusal =
  | BgpRefusal
  | PeerRefusal
  | 'speaker-not-alive'
  /** No BGPPeer in force chooses the node. */
  | 'no-peer-for-node';

export interface RefusedNode {
  readonly node: string;
  readonly reason: BgpNodeRefusal;
}

/** Why nobody hears of an address from any node, although an advertisement covers it. */
export type UnadvertisedReason = 'no-serving-endpoint' | 'no-candidate-node';

/** Why nobody is to hear of the address from a node whose speaker lives, by the node's plan. Undefined: somebody is. */
export function nodeRefusal({
  reason,
  peers,
}: {
  readonly reason?: BgpRefusal;
  readonly peers: readonly { readonly reason?: PeerRefusal }[];
}): Exclude<BgpNodeRefusal, 'speaker-not-alive'> | undefined {
  if (reason !== undefined) return reason;
  const [first] = peers;
  if (first === undefined) return 'no-peer-for-node';
  return peers.some((peer) => peer.reason === undefined) ? undefined : first.reason;
}
