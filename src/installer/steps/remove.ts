/**
 * Takes the addon away again, in the order that leaves nothing behind: first the configuration; then the programs, so that
 * nobody gives out anything any more; then the addresses, off the Services (release-addresses.ts); then the namespace.
 * Definitions and whatever the user made by hand stay, unless everything is to be purged.
 */

import type { KubeObject } from '../kube-object.ts';
import { ADDON_NAMESPACE } from '../plan/addon-plan.ts';
import type { ObjectChange } from '../progress.ts';
import { deleteObjects, orInstallError } from './apply-objects.ts';
import { type Cluster, formatRef } from './cluster.ts';
import { NAMESPACE_OBJECT } from './configuration.ts';
import type { Helm } from './helm.ts';
import { RELEASE_NAME } from './helm.ts';
import { LIVENESS_KEY } from './liveness-key.ts';
import { isOurs } from './ownership.ts';
import { ownedExcept } from './release.ts';
import { type WaitOptions, waitFor } from './wait.ts';

export const REMOVE_CONFIGURATION = 'remove the configuration';
export const REMOVE_PROGRAMS = 'remove the programs';
export const REMOVE_NAMESPACE = 'remove the namespace';
export const REMOVE_DEFINITIONS = 'remove the custom resource definitions';

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
  const owned = [...(await ownedExcept(cluster, [])), ...(await ownLivenessKey(cluster))];
  return [...uninstalled, ...(await deleteObjects(cluster, REMOVE_PROGRAMS, owned))];
}

/** The Secret that an installation made; one that the user made stays. */
export async function ownLivenessKey(cluster: Cluster): Promise<readonly KubeObject[]> {
  const key = await orInstallError(REMOVE_PROGRAMS, cluster.get(LIVENESS_KEY));
  return key !== undefined && isOurs(key) ? [key] : [];
}

/** Waits until no controller runs any more; false when the time is up. Deleting its Deployment does not end it at once. */
export async function waitForEnd(cluster: Cluster, wait: WaitOptions): Promise<boolean> {
  const scope = { namespace: ADDON_NAMESPACE, labelSelector: 'app=metallb,component=controller' };
  const ended = await waitFor(async () => {
    const pods = await orInstallError(REMOVE_PROGRAMS, cluster.list({ apiVersion: 'v1', kind: 'Pod' }, scope));
    return pods.length === 0 ? true : undefined;
  }, wait);
  return ended === true;
}

/** What of the user's would be lost with the namespace: hand-made custom resources and Secrets. */
export async function foreignObjects(cluster: Cluster, resources: readonly KubeObject[]): Promise<readonly string[]> {
  const secrets = await orInstallError(
    REMOVE_NAMESPACE,
    cluster.list({ apiVersion: 'v1', kind: 'Secret' }, { namespace: ADDON_NAMESPACE }),
  );
  // A Helm release's records go with the release, as does what this addon made.
  const kept = secrets.filter(
    (secret) => !secret.metadata.name.startsWith(`sh.helm.release.v1.${RELEASE_NAME}.`) && !isOurs(secret),
  );
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
