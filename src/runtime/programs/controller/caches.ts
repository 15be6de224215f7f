/** The controller's copies of the cluster, and who is told when one changes. */
import { Informer } from '../../adapters/kube/informer.ts';
import { metallbPath, NODES_PATH, SERVICES_PATH } from '../../adapters/kube/paths.ts';
import {
  type ConfigurationStateView,
  toConfigurationStateView,
  toNodeDetails,
} from '../../adapters/kube/read-model.ts';
import { toServiceView } from '../../adapters/kube/read-service.ts';
import type { Clock, KubeApi, Random } from '../../engine/ports.ts';
import type { NodeDetails } from '../../model/cluster.ts';
import type { AddressRange } from '../../model/range.ts';
import type { ServiceView } from '../../model/service.ts';
import { Configuration } from '../configuration.ts';
import { ExclusionSources } from './exclusion-sources.ts';

/** The controller's own ConfigurationState. */
export const STATE_NAME = 'controller';

export interface ControllerCaches {
  readonly services: Informer<ServiceView>;
  readonly nodes: Informer<NodeDetails>;
  readonly configuration: Configuration;
  /** What the addresses that belong to the cluster itself are read from. */
  readonly exclusions: ExclusionSources;
  /** Holds the controller's own ConfigurationState, or nothing. */
  readonly state: Informer<ConfigurationStateView>;
}

export interface CacheOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly namespace: string;
  readonly podNetworks: readonly AddressRange[];
  readonly serviceNetworks: readonly AddressRange[];
  readonly onChange: () => void;
  /** "namespace/name" of a Service that appeared, changed or went. */
  readonly onServiceChange: (key: string) => void;
  readonly onError: (cache: keyof ControllerCaches, error: Error) => void;
}

/** Makes them; startCaches starts them. */
export function openCaches(options: CacheOptions): ControllerCaches {
  const { namespace, podNetworks, serviceNetworks, onServiceChange, ...rest } = options;
  const common = (cache: keyof ControllerCaches) => ({
    ...rest,
    onError: (error: Error) => options.onError(cache, error),
  });
  const nodes: Informer<NodeDetails> = new Informer({
    ...common('nodes'),
    path: NODES_PATH,
    toView: toNodeDetails,
    onChange: () => {
      configuration.nodesChanged();
      options.onChange();
    },
  });
  const configuration = new Configuration({ ...common('configuration'), namespace, nodes: () => nodes.list() });
  return {
    services: new Informer({
      ...common('services'),
      onChange: onServiceChange,
      path: SERVICES_PATH,
      toView: toServiceView,
    }),
    nodes,
    configuration,
    exclusions: new ExclusionSources({ ...common('exclusions'), namespace, podNetworks, serviceNetworks }),
    state: new Informer({
      ...common('state'),
      path: metallbPath('configurationstates', namespace),
      fieldSelector: `metadata.name=${STATE_NAME}`,
      toView: toConfigurationStateView,
    }),
  };
}

/** Starts them; onSynced is called when the last of them has been read whole. */
export function startCaches(caches: ControllerCaches, onSynced: () => void): void {
  for (const cache of Object.values(caches)) cache.start();
  const { services, nodes, state, configuration, exclusions } = caches;
  const informers = [services, nodes, state, ...configuration.informers(), ...exclusions.informers()];
  void Promise.all(informers.map((informer) => informer.whenSynced())).then(onSynced);
}

/** The caches whose first list has not been read yet. */
export function unsynced(caches: ControllerCaches): string[] {
  return Object.entries(caches).flatMap(([name, cache]) => (cache.synced ? [] : [name]));
}

export async function stopCaches(caches: ControllerCaches): Promise<void> {
  await Promise.all(Object.values(caches).map((cache) => cache.stop()));
}
