/**
 * The networks of the cluster's pods and Services, as a kubeasz inventory names them: CLUSTER_CIDR and SERVICE_CIDR, each
 * a CIDR or several separated by commas. They are not this addon's variables, so one that cannot be read is a warning.
 */
import { parseAddressRange } from '../../runtime/model/range.ts';
import type { Inventory } from '../inventory/inventory.ts';
import { formatPosition } from '../inventory/located.ts';

export interface ClusterNetworks {
  /** CIDRs as written; empty: the inventory does not say. */
  readonly pods: readonly string[];
  readonly services: readonly string[];
  readonly warnings: readonly string[];
}

export function readClusterNetworks(inventory: Inventory): ClusterNetworks {
  const warnings: string[] = [];
  const read = (name: string): readonly string[] => {
    const value = inventory.variables.get(name);
    if (value?.kind !== 'scalar' || value.value === null) return [];
    const parts = String(value.value)
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
    const faulty = parts.find((part) => !part.includes('/') || !parseAddressRange(part).ok);
    if (faulty === undefined) return parts;
    warnings.push(
      `${formatPosition(value.at)}: ${name} holds "${faulty}", which is no CIDR: it is passed over, and a pool that ` +
        'overlaps this network would not be noticed',
    );
    return [];
  };
  return { pods: read('CLUSTER_CIDR'), services: read('SERVICE_CIDR'), warnings };
}
