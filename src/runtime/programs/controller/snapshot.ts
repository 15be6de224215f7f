/** OBSERVE and DECIDE, in the controller: the caches read at one moment, and what follows from them. */
import { type Allocation, allocate, hasForeignStatus } from '../../decide/allocate.ts';
import type { DecidedConfig } from '../../decide/config-source.ts';
import { indexPools, poolOf } from '../../decide/pool-index.ts';
import { type PoolUsage, poolUsage } from '../../decide/pool-usage.ts';
import type { ConfigMapView } from '../../model/cluster.ts';
import { formatKey, type ServiceView } from '../../model/service.ts';
import type { ControllerCaches } from './caches.ts';

/** Everything the controller wants the cluster to say. */
export interface Decision {
  readonly decided: DecidedConfig;
  /** By "namespace/name". */
  readonly allocations: ReadonlyMap<string, Allocation>;
  /** Services that were once ours by their condition and are not any more. */
  readonly left: ReadonlySet<string>;
  readonly usage: readonly PoolUsage[];
  readonly configMap: ConfigMapView | undefined;
}

/** The class is the loadBalancerClass this controller serves; undefined: Services without one. */
export function decide(caches: ControllerCaches, loadBalancerClass: string | undefined): Decision {
  const decided = caches.configuration.decide();
  const configMap = caches.configuration.configMap();
  const services = caches.services.list();
  const { config } = decided;
  if (config === undefined) {
    return { decided, configMap, allocations: new Map(), left: new Set(), usage: [] };
  }
  const allocations = allocate({ config, services, loadBalancerClass });
  const index = indexPools(config);
  const isForeign = (service: ServiceView): boolean =>
    service.type !== 'LoadBalancer' ||
    (service.loadBalancerClass === loadBalancerClass && hasForeignStatus(service, (ip) => poolOf(index, ip)));
  return {
    decided,
    configMap,
    allocations: new Map(allocations.map((allocation) => [formatKey(allocation.service), allocation])),
    left: new Set(services.filter(isForeign).map(formatKey)),
    usage: poolUsage(config.pools, allocations),
  };
}
