/** Lists of objects for an explanation; what fails is told as every command tells it. */
import type { KubeObject } from '../kube-object.ts';
import { orInstallError } from './apply-objects.ts';
import type { Cluster, Kind, ListScope } from './cluster.ts';

export const READ_WORLD = 'read the cluster';

export function listObjects(cluster: Cluster, kind: Kind, scope: ListScope = {}): Promise<readonly KubeObject[]> {
  return orInstallError(READ_WORLD, cluster.list(kind, scope), `listing ${kind.kind} objects`);
}
