/** The controller's copies of the cluster, and who is told when one changes. */
import { Informer, type InformerOptions } from '../../adapters/kube/informer.ts';
import {
  corePath,
  type MetallbPlural,
  metallbPath,
  NAMESPACES_PATH,
  SERVICES_PATH,
} from '../../adapters/kube/paths.ts';
import { toConfigMapView, toNamespaceView, toRawResource } from '../../adapters/kube/read-model.ts';
import { toServiceView } from '../../adapters/kube/read-service.ts';
import type { Clock, KubeApi, Random } from '../../engine/ports.ts';
import type { ConfigMapView, NamespaceView } from '../../model/cluster.ts';
import type { RawResource } from '../../model/resource.ts';
import type { ServiceView } from '../../model/service.ts';

/** The old configuration's name, fixed since MetalLB's first release. */
export const CONFIG_MAP_NAME = 'config';
/** The controller's own ConfigurationState. */
export const STATE_NAME = 'controller';

export interface ControllerCaches {
  readonly services: Informer<ServiceView>;
  readonly namespaces: Informer<NamespaceView>;
  readonly pools: Informer<RawResource>;
  readonly l2Advertisements: Informer<RawResource>;
  readonly configMap: Informer<ConfigMapView>;
  readonly state: Informer<RawResource>;
}

export interface CacheOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly namespace: string;
  readonly onChange: (cache: keyof ControllerCaches, key: string) => void;
  readonly onError: (cache: keyof ControllerCaches, error: Error) => void;
}

/** Makes them; startCaches starts them. */
export function openCaches(options: CacheOptions): ControllerCaches {
  const { api, clock, random, namespace } = options;
  const common = (cache: keyof ControllerCaches) => ({
    api,
    clock,
    random,
    onChange: (key: string) => options.onChange(cache, key),
    onError: (error: Error) => options.onError(cache, error),
  });
  const resources = (
    cache: keyof ControllerCaches,
    plural: MetallbPlural,
    kind: string,
  ): InformerOptions<RawResource> => ({
    ...common(cache),
    path: metallbPath(plural, namespace),
    toView: toRawResource(kind),
  });
  return {
    services: new Informer({ ...common('services'), path: SERVICES_PATH, toView: toServiceView }),
    namespaces: new Informer({ ...common('namespaces'), path: NAMESPACES_PATH, toView: toNamespaceView }),
    // An unknown path is waited for, here of all places: pools that seem to be gone take every address with them.
    pools: new Informer(resources('pools', 'ipaddresspools', 'IPAddressPool')),
    l2Advertisements: new Informer(resources('l2Advertisements', 'l2advertisements', 'L2Advertisement')),
    configMap: new Informer({
      ...common('configMap'),
      path: corePath('configmaps', namespace),
      fieldSelector: `metadata.name=${CONFIG_MAP_NAME}`,
      toView: toConfigMapView,
    }),
    state: new Informer({
      ...resources('state', 'configurationstates', 'ConfigurationState'),
      fieldSelector: `metadata.name=${STATE_NAME}`,
    }),
  };
}

export function startCaches(caches: ControllerCaches): void {
  for (const cache of Object.values(caches)) cache.start();
}

/** The caches whose first list has not been read yet. */
export function unsynced(caches: ControllerCaches): string[] {
  return Object.entries(caches).flatMap(([name, cache]) => (cache.synced ? [] : [name]));
}

export async function stopCaches(caches: ControllerCaches): Promise<void> {
  await Promise.all(Object.values(caches).map((cache) => cache.stop()));
}
