/** The names of every "no" of layer 2. Spelled the same in logs, metrics, Events and the explanation. */
import type { NodeUnfitness } from '../announcing/node-fitness.ts';

/** Why a node is no candidate for an address. */
export type NodeRefusal =
  | 'speaker-not-alive'
  | NodeUnfitness
  | 'no-advertisement-for-node'
  | 'no-serving-endpoint-on-node'
  /** None of the interfaces that the advertisements name is on the node. */
  | 'interface-missing'
  /** An interface that fits is there, but it is down or without carrier. */
  | 'interface-down'
  | 'no-interface-in-subnet'
  /** It could announce the address, but its speaker is about to stop. */
  | 'speaker-leaving';

export interface RefusedNode {
  readonly node: string;
  readonly reason: NodeRefusal;
}

/** Why an address of a Service is announced by no node at all. */
export type AddressRefusal =
  | 'address-not-in-any-pool'
  | 'no-advertisement-for-pool'
  /** A host that is no speaker answers for the address. */
  | 'address-in-use-on-lan'
  | 'no-serving-endpoint'
  | 'no-candidate-node';
