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
