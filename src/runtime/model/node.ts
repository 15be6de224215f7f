/** A node of the cluster as the decisions see it: what the Node object says, and what its speaker says of itself. */
import type { Labels } from './labels.ts';
import type { AddressRange } from './range.ts';

export interface NodeView {
  readonly name: string;
  readonly labels: Labels;
  /** Condition NetworkUnavailable is True: the pod network does not reach it. */
  readonly networkUnavailable: boolean;
  readonly taints: readonly TaintView[];
}

export interface TaintView {
  readonly key: string;
  readonly value: string;
  readonly effect: string;
}

/** What a node's speaker reports of itself, beside being alive. */
export interface SpeakerView {
  readonly nodeName: string;
  readonly interfaces: readonly SpeakerInterface[];
}

/** An interface of a kind that a speaker announces on, and that its operator does not exclude. */
export interface SpeakerInterface {
  readonly name: string;
  /** It is administratively down or has no carrier: nothing can be announced on it now. Absent: it runs. */
  readonly down?: true;
  /** The subnets of its addresses. */
  readonly subnets: readonly AddressRange[];
}
