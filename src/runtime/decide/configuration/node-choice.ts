/** Which nodes a list of selectors chooses, and whether two lists can choose the same one. */
import { isSelected, type LabelSelector, type Labels } from '../../model/labels.ts';

export interface LabelledNode {
  readonly name: string;
  readonly labels: Labels;
}

/** Whether any of them chooses the node; without a node every one counts. */
export function concerns(
  node: LabelledNode | undefined,
  ...choices: readonly ({ readonly nodeSelectors: readonly LabelSelector[] } | undefined)[]
): boolean {
  return (
    node === undefined || choices.some((each) => each !== undefined && isSelected(each.nodeSelectors, node.labels))
  );
}

/**
 * Whether some node is chosen by both. Undefined: the nodes are not known; then only selectors that contradict each
 * other are taken to choose different ones.
 */
export function canMeet(
  a: readonly LabelSelector[],
  b: readonly LabelSelector[],
  nodes: readonly LabelledNode[] | undefined,
): boolean {
  if (nodes !== undefined) return nodes.some((node) => isSelected(a, node.labels) && isSelected(b, node.labels));
  if (a.length === 0 || b.length === 0) return true;
  return a.some((one) => b.some((other) => !contradict(one, other)));
}

/** Whether both ask for different values of one label. */
function contradict(a: LabelSelector, b: LabelSelector): boolean {
  const wanted = b.matchLabels ?? {};
  return Object.entries(a.matchLabels ?? {}).some(
    ([key, value]) => Object.hasOwn(wanted, key) && wanted[key] !== value,
  );
}
