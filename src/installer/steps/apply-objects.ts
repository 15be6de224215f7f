/**
 * Server-side apply of many objects in two passes: first the server is asked about every one (a dry run), then only those
 * that would change are written. So a refused object stops the work before anything is written, and a second run of the
 * same inventory writes nothing.
 */
import { InstallError } from '../errors.ts';
import type { KubeObject } from '../kube-object.ts';
import type { ObjectChange } from '../progress.ts';
import { type Cluster, ClusterError, formatRef, type ObjectRef } from './cluster.ts';
import { FIELD_MANAGER } from './kube-cluster.ts';
import { diffObject } from './object-diff.ts';

export interface PlannedChange {
  readonly object: KubeObject;
  readonly change: ObjectChange;
}

/** Asks the server what applying each object would change; throws what it refuses, all of it. */
export async function previewObjects(
  cluster: Cluster,
  step: string,
  objects: readonly KubeObject[],
): Promise<readonly PlannedChange[]> {
  const refused: { object: KubeObject; error: ClusterError }[] = [];
  const planned: PlannedChange[] = [];
  for (const object of objects) {
    const live = await orInstallError(step, cluster.get(object));
    try {
      const wanted = await cluster.apply(object, 'dry-run');
      planned.push({ object, change: diffObject(live, wanted, FIELD_MANAGER) });
    } catch (error) {
      if (!(error instanceof ClusterError) || error.status === 0) throw clusterFailure(step, error);
      refused.push({ object, error });
    }
  }
  if (refused.length > 0) throw refusedObjects(step, refused);
  return planned;
}

/** Writes what previewObjects said would change. */
export async function writeObjects(cluster: Cluster, step: string, planned: readonly PlannedChange[]): Promise<void> {
  for (const { object, change } of planned) {
    if (change.action !== 'unchanged') await orInstallError(step, cluster.apply(object, 'write'), formatRef(object));
  }
}

/** Deletes the objects; the changes are what to report. */
export async function deleteObjects(
  cluster: Cluster,
  step: string,
  refs: readonly ObjectRef[],
): Promise<readonly ObjectChange[]> {
  for (const ref of refs) await orInstallError(step, cluster.delete(ref), formatRef(ref));
  return refs.map((ref) => ({ action: 'delete', object: formatRef(ref), fields: [] }));
}

/** "created 2, updated 1, unchanged 4" */
export function summarizeChanges(changes: readonly ObjectChange[]): string {
  const words = { create: 'created', update: 'updated', delete: 'deleted', unchanged: 'unchanged' };
  const counts = Object.entries(words).map(([action, word]) => {
    const count = changes.filter((change) => change.action === action).length;
    return count === 0 ? undefined : `${count} ${word}`;
  });
  return counts.filter((count) => count !== undefined).join(', ') || 'nothing to do';
}

/** Passes a result on, and turns a ClusterError into what the user is told. */
export async function orInstallError<T>(step: string, work: Promise<T>, about?: string): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw clusterFailure(step, error, about);
  }
}

function clusterFailure(step: string, error: unknown, about?: string): unknown {
  if (!(error instanceof ClusterError)) return error;
  const prefix = about === undefined ? '' : `${about}: `;
  const problem = `${prefix}${error.message}`;
  if (error.status === 403) {
    const hint = 'use a kubeconfig with the rights of a cluster administrator (metallb_kubeconfig)';
    return new InstallError({ kind: 'permission', step, problem, hint, cause: error });
  }
  const hint =
    error.status === 0
      ? 'the API server stopped answering: run the command again when it does; what was done already is not done twice'
      : 'the API server refused; what was done before stays, and running the command again goes on from there';
  return new InstallError({ kind: 'cluster', step, problem, hint, cause: error });
}

function refusedObjects(step: string, refused: readonly { object: KubeObject; error: ClusterError }[]): InstallError {
  const isForbidden = refused.every(({ error }) => error.status === 403);
  return new InstallError({
    kind: isForbidden ? 'permission' : 'cluster',
    step,
    problem: refused.map(
      ({ object, error }) => `the API server refuses ${formatRef(object)}: ${error.message.replaceAll('\n', ' ')}`,
    ),
    hint: isForbidden
      ? 'use a kubeconfig with the rights of a cluster administrator (metallb_kubeconfig)'
      : 'nothing was written in this step; correct the inventory or the template and run the command again',
    cause: refused[0]?.error,
  });
}
