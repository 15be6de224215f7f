/**
 * An object in which a speaker says how things stand on its node: which Services it announces, how its BGP sessions fare.
 * One object a node and subject; people and tools read it. Its status is everything; it has no spec.
 */
import type { Json } from './json.ts';
import type { Labels } from './labels.ts';
import type { ObjectKey } from './service.ts';

export const STATUS_NODE_LABEL = 'metallb.io/node';

export interface StatusObjectView extends ObjectKey {
  readonly uid: string;
  readonly resourceVersion: string;
  /** Only those under metallb.io/, as with the annotations. */
  readonly labels: Labels;
  readonly annotations: Readonly<Record<string, string>>;
  /** The objects that it goes away with. */
  readonly ownerUids: readonly string[];
  /** As the API server has it; without fields before it is written. */
  readonly status: Readonly<Record<string, unknown>>;
}

/** An object as it should be. */
export interface WantedStatus {
  readonly name: string;
  readonly labels: Labels;
  readonly annotations: Readonly<Record<string, string>>;
  /** Fields of the status that are fixed for the object's life, `node` among them. */
  readonly fixed: Readonly<Record<string, string>> & { readonly node: string };
  /** The status's other fields; null: it is not to be there. */
  readonly fields: Readonly<Record<string, Json>>;
}

/** The node that it speaks of: the status says it for good, the labels until there is one. */
export function statusObjectNode({ status, labels }: Pick<StatusObjectView, 'status' | 'labels'>): string {
  return statusText(status, 'node') || (labels[STATUS_NODE_LABEL] ?? '');
}

/** "" where the field is not there, or no text. */
export function statusText(status: StatusObjectView['status'], field: string): string {
  const value = status[field];
  return typeof value === 'string' ? value : '';
}
