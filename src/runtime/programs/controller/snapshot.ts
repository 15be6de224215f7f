/**
 * OBSERVE and DECIDE, in the controller: the caches read at one moment, and what follows from them. The configuration is
 * read anew only when one of its objects has changed; allocation is decided every time.
 */
import { readConfigMapYaml } from '../../adapters/kube/config-map-yaml.ts';
import { type Allocation, allocate, hasForeignStatus } from '../../decide/allocate.ts';
import { type DecidedConfig, decideConfig, NO_MEMORY } from '../../decide/config-source.ts';
import { indexPools, poolOf } from '../../decide/pool-index.ts';
import { type PoolUsage, poolUsage } from '../../decide/pool-usage.ts';
import type { ConfigMapView } from '../../model/cluster.ts';
import { err } from '../../model/result.ts';
import { formatKey, type ServiceView } from '../../model/service.ts';
import { CONFIG_MAP_NAME, type ControllerCaches } from './caches.ts';

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

export class Decider {
  readonly #caches: ControllerCaches;
  readonly #namespace: string;
  readonly #loadBalancerClass: string | undefined;
  #decided: DecidedConfig | undefined;

  constructor(caches: ControllerCaches, namespace: string, loadBalancerClass: string | undefined) {
    this.#caches = caches;
    this.#namespace = namespace;
    this.#loadBalancerClass = loadBalancerClass;
  }

  /** A configuration object has changed. */
  configChanged(): void {
    this.#stale = true;
  }
  #stale = true;

  async decide(): Promise<Decision> {
    const decided = await this.#config();
    const configMap = this.#configMap();
    const services = this.#caches.services.list();
    const { config } = decided;
    if (config === undefined) {
      return { decided, configMap, allocations: new Map(), left: new Set(), usage: [] };
    }
    const allocations = allocate({ config, services, loadBalancerClass: this.#loadBalancerClass });
    const index = indexPools(config);
    const isForeign = (service: ServiceView): boolean =>
      service.type !== 'LoadBalancer' ||
      (service.loadBalancerClass === this.#loadBalancerClass && hasForeignStatus(service, (ip) => poolOf(index, ip)));
    return {
      decided,
      configMap,
      allocations: new Map(allocations.map((allocation) => [formatKey(allocation.service), allocation])),
      left: new Set(services.filter(isForeign).map(formatKey)),
      usage: poolUsage(config.pools, allocations),
    };
  }

  async #config(): Promise<DecidedConfig> {
    // Reset before reading: a change that comes while the YAML is parsed must not be lost.
    const stale = this.#stale;
    this.#stale = false;
    if (!stale && this.#decided !== undefined) return this.#decided;
    const view = this.#configMap();
    const yaml = view === undefined ? undefined : await readConfigMapYaml(view);
    this.#decided = decideConfig(
      {
        resources: {
          pools: this.#caches.pools.list(),
          l2Advertisements: this.#caches.l2Advertisements.list(),
          namespaces: this.#caches.namespaces.list(),
        },
        ...(view === undefined
          ? {}
          : { configMap: { path: `ConfigMap ${formatKey(view)}`, yaml: yaml ?? err('is missing') } }),
      },
      this.#decided?.memory ?? NO_MEMORY,
    );
    return this.#decided;
  }

  #configMap(): ConfigMapView | undefined {
    return this.#caches.configMap.get(`${this.#namespace}/${CONFIG_MAP_NAME}`);
  }
}
