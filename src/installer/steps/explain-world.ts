/**
 * Reads from a cluster all that an explanation is made of: what the controller decides from, as far as it can be seen
 * from outside. Whose the skipped addresses are and what Services gave up is taken from the pools' statuses, which is the
 * controller's own knowledge. Changes nothing.
 */

import { namespaceLimits } from '../../runtime/decide/allocation/namespace-limits.ts';
import { storedExclusions } from '../../runtime/decide/allocation/stored-exclusions.ts';
import { storedReleases } from '../../runtime/decide/allocation/stored-releases.ts';
import { decideConfig, NO_MEMORY } from '../../runtime/decide/configuration/config-source.ts';
import type { ExplainWorld } from '../../runtime/decide/explain/case.ts';
import type { CalicoBlock } from '../../runtime/model/calico.ts';
import type { ConfigMapView, NamespaceView } from '../../runtime/model/cluster.ts';
import type { Result } from '../../runtime/model/result.ts';
import type { ServiceView } from '../../runtime/model/service.ts';
import type { KubeObject } from '../kube-object.ts';
import { ADDON_NAMESPACE } from '../plan/addon-plan.ts';
import { orInstallError } from './apply-objects.ts';
import { type BgpReaders, peersOutOfForce, readBgpWorld } from './bgp-world.ts';
import { readCalico } from './calico-objects.ts';
import type { Cluster } from './cluster.ts';
import { argumentsOf, type Layer2Readers, readLayer2World } from './layer2-world.ts';
import { type ResourceReader, readConfiguration } from './read-configuration.ts';
import { listObjects, READ_WORLD } from './read-objects.ts';

/** How objects of the API are read; the programs' own reading, which is not the installer's to know. */
export interface ObjectReaders extends Layer2Readers, BgpReaders, ResourceReader {
  readonly service: (object: KubeObject) => ServiceView;
  readonly namespace: (object: KubeObject) => NamespaceView;
  readonly configMap: (object: KubeObject) => ConfigMapView;
  /** The YAML in the old ConfigMap. */
  readonly yaml: (configMap: ConfigMapView) => Promise<Result<unknown>>;
}

export const OLD_CONFIG_MAP = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'config', namespace: ADDON_NAMESPACE },
} as const;
const CONTROLLER = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'controller', namespace: ADDON_NAMESPACE },
} as const;

export async function readExplainWorld(cluster: Cluster, readers: ObjectReaders, nowMs: number): Promise<ExplainWorld> {
  const [services, namespaces, lists, configMap, controller, layer2, bgp] = await Promise.all([
    listObjects(cluster, { apiVersion: 'v1', kind: 'Service' }),
    listObjects(cluster, { apiVersion: 'v1', kind: 'Namespace' }),
    readConfiguration(cluster, readers),
    orInstallError(READ_WORLD, cluster.get(OLD_CONFIG_MAP), 'reading the old ConfigMap'),
    orInstallError(READ_WORLD, cluster.get(CONTROLLER), 'reading the controller’s Deployment'),
    readLayer2World(cluster, readers, nowMs),
    readBgpWorld(cluster, readers),
  ]);
  const views = namespaces.map(readers.namespace);
  const resources = { ...lists, namespaces: views, nodes: layer2.nodes };
  const old = configMap === undefined ? {} : { configMap: await oldConfiguration(configMap, readers) };
  const decided = decideConfig({ resources, ...old }, NO_MEMORY);
  return {
    decided,
    services: services.map(readers.service),
    loadBalancerClass: servedClass(controller),
    exclusions: lists.pools.flatMap(storedExclusions),
    releases: lists.pools.flatMap((pool) => storedReleases(pool, Date.parse)),
    namespaceLimits: namespaceLimits(views).limits,
    nowMs,
    layer2: { ...layer2, ...(await calicoBlocks(cluster, controller)) },
    bgp: { ...bgp, faultyPeers: peersOutOfForce(decided), nowMs },
    controllerState: controllerState(controller),
    formatTime: (ms) => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z'),
  };
}

export async function oldConfiguration(
  object: KubeObject,
  readers: Pick<ObjectReaders, 'configMap' | 'yaml'>,
): Promise<{ readonly path: string; readonly yaml: Result<unknown> }> {
  const configMap = readers.configMap(object);
  return { path: `ConfigMap ${configMap.namespace}/${configMap.name}`, yaml: await readers.yaml(configMap) };
}

/** The class that the running controller serves; undefined: Services without one, or it is not known. */
function servedClass(controller: KubeObject | undefined): string | undefined {
  const args = argumentsOf(controller);
  return args.find((arg) => arg.startsWith('--lb-class='))?.slice('--lb-class='.length) || undefined;
}

/** What Calico advertises, where the controller sees to it. */
async function calicoBlocks(
  cluster: Cluster,
  controller: KubeObject | undefined,
): Promise<{ readonly calicoBlocks?: readonly CalicoBlock[] }> {
  if (!argumentsOf(controller).includes('--calico-advertise=pools')) return {};
  const calico = await orInstallError(READ_WORLD, readCalico(cluster), 'reading Calico’s BGPConfiguration');
  return { calicoBlocks: calico?.bgp?.blocks ?? [] };
}

function controllerState(controller: KubeObject | undefined): string {
  if (controller === undefined) return `There is no Deployment ${ADDON_NAMESPACE}/controller.`;
  const { readyReplicas = 0 } = (controller['status'] ?? {}) as { readyReplicas?: number };
  const { replicas = 1 } = (controller['spec'] ?? {}) as { replicas?: number };
  return `${readyReplicas} of ${replicas} pods of Deployment ${ADDON_NAMESPACE}/controller are ready.`;
}
