/** The controller's copies of the cluster, and who is told when one changes. */
import { Informer } from '../../adapters/kube/informer.ts';
import { metallbPath, SERVICES_PATH } from '../../adapters/kube/paths.ts';
import { toRawResource } from '../../adapters/kube/read-model.ts';
import { toServiceView } from '../../adapters/kube/read-service.ts';
import { asArray, asObject, asString, type Untyped } from '../../adapters/kube/untyped.ts';
import type { Clock, KubeApi, Random } from '../../engine/ports.ts';
import type { RawResource } from '../../model/resource.ts';
import type { ServiceView } from '../../model/service.ts';
import { Configuration } from '../configuration.ts';

/** The controller's own ConfigurationState. */
export const STATE_NAME = 'controller';

export interface ControllerCaches {
  readonly services: Informer<ServiceView>;
  readonly configuration: Configuration;
  /** Holds the controller's own ConfigurationState, or nothing. */
  readonly state: Informer<OwnedResource>;
}

/** A resource, and the uids of the objects that it goes away with. */
export interface OwnedResource extends RawResource {
  readonly ownerUids: readonly string[];
}

export interface CacheOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly namespace: string;
  readonly onChange: () => void;
  readonly onError: (cache: keyof ControllerCaches, error: Error) => void;
}

/** Makes them; startCaches starts them. */
export function openCaches(options: CacheOptions): ControllerCaches {
  const { namespace, ...rest } = options;
  const common = (cache: keyof ControllerCaches) => ({
    ...rest,
    onError: (error: Error) => options.onError(cache, error),
  });
  return {
    services: new Informer({ ...common('services'), path: SERVICES_PATH, toView: toServiceView }),
    configuration: new Configuration({ ...common('configuration'), namespace }),
    state: new Informer({
      ...common('state'),
      path: metallbPath('configurationstates', namespace),
      fieldSelector: `metadata.name=${STATE_NAME}`,
      toView: toOwnedState,
    }),
  };
}

function toOwnedState(raw: Untyped): OwnedResource {
  const owners = asArray(asObject(raw['metadata'])['ownerReferences']).map(asObject);
  return { ...toRawResource('ConfigurationState')(raw), ownerUids: owners.map((owner) => asString(owner['uid'])) };
}

/** Starts them; onSynced is called when the last of them has been read whole. */
export function startCaches(caches: ControllerCaches, onSynced: () => void): void {
  for (const cache of Object.values(caches)) cache.start();
  const informers = [caches.services, caches.state, ...caches.configuration.informers()];
  void Promise.all(informers.map((informer) => informer.whenSynced())).then(onSynced);
}

/** The caches whose first list has not been read yet. */
export function unsynced(caches: ControllerCaches): string[] {
  return Object.entries(caches).flatMap(([name, cache]) => (cache.synced ? [] : [name]));
}

export async function stopCaches(caches: ControllerCaches): Promise<void> {
  await Promise.all(Object.values(caches).map((cache) => cache.stop()));
}
