/** A node of the cluster as the decisions see it: what the Node object says, and what its speaker says of itself. */
import type { Labels } from './labels.ts';
import type { AddressRange } from './range.ts';

export interface NodeView {
  readonly name: string;
  readonly labels: Labels;
  /** Condition NetworkUnavailable is True: the pod network does not reach it. */
  readonly networkUnavailable: boolean;
}

/** What a node's speaker reports of itself, beside being alive. */
export interface SpeakerView {
  readonly nodeName: string;
  readonly interfaces: readonly SpeakerInterface[];
}

/** An interface a speaker can announce on: up, with carrier, not excluded. */
export interface SpeakerInterface {
  readonly name: string;
  /** The subnets of its addresses. */
  readonly subnets: readonly AddressRange[];
}
