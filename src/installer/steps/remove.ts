/**
 * Takes the addon away again, in the order that leaves nothing behind: first the configuration, so that the controller
 * takes the addresses off the Services; then the programs; then the namespace. Definitions and whatever the user made by
 * hand stay, unless everything is to be purged.
 */

import type { KubeObject } from '../kube-object.ts';
import { ADDON_NAMESPACE } from '../plan/addon-plan.ts';
import type { ObjectChange } from '../progress.ts';
import { deleteObjects, orInstallError } from './apply-objects.ts';
import { type Cluster, formatRef } from './cluster.ts';
import { NAMESPACE_OBJECT } from './configuration.ts';
import type { Helm } from './helm.ts';
import { RELEASE_NAME } from './helm.ts';
import { ownedExcept } from './release.ts';
import { type WaitOptions, waitFor } from './wait.ts';

export const REMOVE_CONFIGURATION = 'remove the configuration';
export const RELEASE_ADDRESSES = 'wait until the Services have given their addresses back';
export const REMOVE_PROGRAMS = 'remove the programs';
export const REMOVE_NAMESPACE = 'remove the namespace';
export const REMOVE_DEFINITIONS = 'remove the custom resource definitions';

/** Where the controller notes which pool an address is from. */
const POOL_ANNOTATIONS = ['metallb.io/ip-allocated-from-pool', 'metallb.universe.tf/ip-allocated-from-pool'];

/** "web/nginx (10.6.204.20)": Services that hold an address of one of the pools. */
export async function servicesHolding(cluster: Cluster, pools: readonly string[]): Promise<readonly string[]> {
  const services = await orInstallError(RELEASE_ADDRESSES, cluster.list({ apiVersion: 'v1', kind: 'Service' }));
  return services.flatMap((service) => {
    const annotations = (service.metadata['annotations'] ?? {}) as Readonly<Record<string, string>>;
    const pool = POOL_ANNOTATIONS.map((name) => annotations[name]).find((name) => name !== undefined);
    const status = (service['status'] ?? {}) as { loadBalancer?: { ingress?: readonly { ip?: string }[] } };
    const addresses = (status.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [ip]));
    if (pool === undefined || !pools.includes(pool) || addresses.length === 0) return [];
    return [`${service.metadata.namespace}/${service.metadata.name} (${addresses.join(', ')})`];
  });
}

/** Gives the Services that still hold an address when the time is up; the controller may be gone or broken. */
export async function waitForRelease(
  cluster: Cluster,
  pools: readonly string[],
  wait: WaitOptions,
): Promise<readonly string[]> {
  let holding: readonly string[] = [];
  await waitFor(async () => {
    holding = await servicesHolding(cluster, pools);
    return holding.length === 0 ? true : undefined;
  }, wait);
  return holding;
}

/** Whatever method installed them. */
export async function removePrograms(
  cluster: Cluster,
  helm: Helm,
  timeoutSeconds: number,
): Promise<readonly ObjectChange[]> {
  const release = await helm.release();
  if (release !== undefined) await helm.uninstall(timeoutSeconds);
  const uninstalled = (release?.objects ?? []).map(
    (object): ObjectChange => ({ action: 'delete', object: formatRef(object), fields: [] }),
  );
  return [...uninstalled, ...(await deleteObjects(cluster, REMOVE_PROGRAMS, await ownedExcept(cluster, [])))];
}

/** What of the user's would be lost with the namespace: hand-made custom resources and Secrets. */
export async function foreignObjects(cluster: Cluster, resources: readonly KubeObject[]): Promise<readonly string[]> {
  const secrets = await orInstallError(
    REMOVE_NAMESPACE,
    cluster.list({ apiVersion: 'v1', kind: 'Secret' }, { namespace: ADDON_NAMESPACE }),
  );
  // A Helm release's records go with the release.
  const kept = secrets.filter((secret) => !secret.metadata.name.startsWith(`sh.helm.release.v1.${RELEASE_NAME}.`));
  return [...resources, ...kept].map(formatRef);
}

/** Deletes and waits until they are gone; gives those that are not when the time is up. */
export async function deleteAndWait(
  cluster: Cluster,
  step: string,
  target: { readonly objects: readonly KubeObject[]; readonly wait: WaitOptions },
): Promise<readonly string[]> {
  await deleteObjects(cluster, step, target.objects);
  let left: readonly KubeObject[] = target.objects;
  await waitFor(async () => {
    const found = await orInstallError(step, Promise.all(left.map((object) => cluster.get(object))));
    left = left.filter((_, index) => found[index] !== undefined);
    return left.length === 0 ? true : undefined;
  }, target.wait);
  return left.map(formatRef);
}

export const NAMESPACE_REF = NAMESPACE_OBJECT;
