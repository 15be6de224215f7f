/** Why a node takes no traffic from load balancers at all, whatever is announced and by whichever protocol. */
import type { NodeView } from '../../model/node.ts';

/** Spelled the same in logs, metrics, Events and the explanation. */
export type NodeUnfitness =
  /** Taint node.kubernetes.io/out-of-service: an administrator says that the node is down. */
  | 'node-out-of-service'
  /** Taint node.cloudprovider.kubernetes.io/shutdown: the provider says that the machine is off. */
  | 'node-shut-down'
  /** Taint ToBeDeletedByClusterAutoscaler: the node is emptied and then deleted. */
  | 'node-to-be-deleted'
  | 'node-network-unavailable'
  | 'node-excluded-by-label';

/** Nodes with this label take no traffic from load balancers, by the Kubernetes API's definition of it. */
export const EXCLUDE_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';

/**
 * Taints that say that the node is off or is about to go, whatever their value and effect. The last is one that
 * Kubernetes' own service controller heeds (KEP-3836); the autoscaler's DeletionCandidate taint is not among them, because the
 * autoscaler takes it back when the node is needed after all.
 */
const REFUSED_TAINTS: readonly (readonly [key: string, reason: NodeUnfitness])[] = [
  ['node.kubernetes.io/out-of-service', 'node-out-of-service'],
  ['node.cloudprovider.kubernetes.io/shutdown', 'node-shut-down'],
  ['ToBeDeletedByClusterAutoscaler', 'node-to-be-deleted'],
];

/** Whether the node goes on carrying traffic, and is to be given up in good order. */
export function isInOrder(unfitness: NodeUnfitness): boolean {
  return unfitness === 'node-excluded-by-label' || unfitness === 'node-to-be-deleted';
}

/** Undefined: nothing is said against it. */
export function nodeUnfitness(node: NodeView, excludedNodes: 'skip' | 'use'): NodeUnfitness | undefined {
  const tainted = REFUSED_TAINTS.find(([taint]) => node.taints.some(({ key }) => key === taint));
  if (tainted !== undefined) return tainted[1];
  if (node.networkUnavailable) return 'node-network-unavailable';
  const excluded = excludedNodes === 'skip' && Object.hasOwn(node.labels, EXCLUDE_LABEL);
  return excluded ? 'node-excluded-by-label' : undefined;
}
