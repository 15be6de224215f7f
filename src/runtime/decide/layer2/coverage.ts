/** What a set of L2Advertisements says of each node: whether it may announce, on which interfaces, how much it is preferred. */
import type { AnnouncedAddress } from '../../model/announcements.ts';
import type { L2Advertisement } from '../../model/config.ts';
import { isSelected, selectorMatches } from '../../model/labels.ts';
import type { NodeView } from '../../model/node.ts';

export interface NodeCoverage {
  readonly covered: boolean;
  /** The interfaces the advertisements name for this node; one that names none means every one in the subnet. */
  readonly interfaces: AnnouncedAddress['interfaces'];
  /** The sum of the weights of all preferences that the node matches, of all advertisements that cover it. */
  readonly score: number;
}

const NOT_COVERED: NodeCoverage = { covered: false, interfaces: 'in-subnet', score: 0 };

export function coverageOf(advertisements: readonly L2Advertisement[], node: NodeView): NodeCoverage {
  const covering = advertisements.filter(({ nodeSelectors }) => isSelected(nodeSelectors, node.labels));
  if (covering.length === 0) return NOT_COVERED;
  const score = covering
    .flatMap(({ preferredNodeSelectors }) => preferredNodeSelectors)
    .filter(({ preference }) => selectorMatches(preference, node.labels))
    .reduce((sum, { weight }) => sum + weight, 0);
  return { covered: true, interfaces: interfacesOf(covering), score };
}

function interfacesOf(covering: readonly L2Advertisement[]): AnnouncedAddress['interfaces'] {
  if (covering.some(({ interfaces }) => interfaces.length === 0)) return 'in-subnet';
  return [...new Set(covering.flatMap(({ interfaces }) => interfaces))].sort();
}
