/** Which pools may serve a Service, and in what order they are asked. */
import type { Config, Pool } from '../../model/config.ts';
import { isSelected } from '../../model/labels.ts';
import type { ServiceView } from '../../model/service.ts';
import type { PoolRefusalReason } from './allocation-reason.ts';

/**
 * The order for automatic choice: pools restricted to some Services by priority (lowest number first, 0 last), then the
 * pools for everybody; pools of one rank by name.
 */
export function poolsInOrder(config: Config): readonly Pool[] {
  const rank = (pool: Pool): number => {
    if (pool.serviceAllocation === undefined) return Number.POSITIVE_INFINITY;
    return pool.serviceAllocation.priority === 0 ? Number.MAX_SAFE_INTEGER : pool.serviceAllocation.priority;
  };
  // The configuration is ordered by name and sorting is stable. Two infinities have no difference, hence the comparison.
  return [...config.pools].sort((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0));
}

/** Why the pool's serviceAllocation does not let the Service in; undefined: it does. */
export function restriction(pool: Pool, service: ServiceView): PoolRefusalReason | undefined {
  const allocation = pool.serviceAllocation;
  if (allocation === undefined) return undefined;
  // A selector that matches no namespace allows none: it was written to restrict.
  if (allocation.restrictsNamespaces && !allocation.namespaces.includes(service.namespace))
    return 'NamespaceNotAllowed';
  const { serviceSelectors } = allocation;
  const selected = isSelected(serviceSelectors, service.labels);
  return selected ? undefined : 'ServiceNotSelected';
}
