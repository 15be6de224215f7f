/**
 * Installs the programs: the chart, as a Helm release or as plain objects. Nothing is written when what the chart gives
 * was written already and is still there. The two ways exclude each other: whichever installed it must remove it.
 */
import { InstallError } from '../errors.ts';
import type { KubeObject } from '../kube-object.ts';
import { ADDON_NAMESPACE, type InstallMethod } from '../plan/addon-plan.ts';
import type { ObjectChange } from '../progress.ts';
import { deleteObjects, orInstallError, previewObjects, writeObjects } from './apply-objects.ts';
import { type Cluster, formatRef, type Kind, type ObjectRef } from './cluster.ts';
import { type Helm, RELEASE_NAME } from './helm.ts';
import { diffFields } from './object-diff.ts';
import { isOurs, MANAGED_BY_US, withOwnLabel } from './ownership.ts';

export const RELEASE = 'install the programs';
/** Written by Helm on everything that a release holds. */
const HELM_RELEASE_ANNOTATION = 'meta.helm.sh/release-name';

export interface ReleaseInput {
  readonly cluster: Cluster;
  readonly helm: Helm;
  readonly method: InstallMethod;
  readonly values: string;
  readonly kubeVersion: string;
}

/** What would change, and the way to change it. */
export interface ReleasePlan {
  readonly changes: readonly ObjectChange[];
  readonly write: () => Promise<void>;
}

/** Asks helm and the cluster; writes nothing. */
export async function planRelease(input: ReleaseInput): Promise<ReleasePlan> {
  const objects = (await input.helm.template(input.values, input.kubeVersion)).map(withNamespace);
  await refuseForeignInstallation(input);
  return input.method === 'helm' ? planHelm(input, objects) : planYaml(input, objects);
}

async function planHelm(input: ReleaseInput, objects: readonly KubeObject[]): Promise<ReleasePlan> {
  const release = await input.helm.release();
  const write = (): Promise<void> => input.helm.upgrade(input.values);
  if (release === undefined) return { changes: objects.map((object) => change('create', object)), write };
  if (release.status.startsWith('pending-')) throw interruptedRelease(release.status);
  const installed = new Map(release.objects.map((object) => [formatRef(withNamespace(object)), object]));
  const changes: ObjectChange[] = [];
  for (const object of objects) {
    const before = installed.get(formatRef(object));
    const isThere = (await orInstallError(RELEASE, input.cluster.get(object))) !== undefined;
    if (before === undefined || !isThere) changes.push(change('create', object));
    else changes.push(updateOf(withNamespace(before), object));
  }
  const kept = new Set(objects.map(formatRef));
  const gone = [...installed.values()].filter((object) => !kept.has(formatRef(withNamespace(object))));
  changes.push(...gone.map((object) => change('delete', object)));
  // A release that failed half-way is completed, even though its record already says what is wanted.
  const isComplete = release.status === 'deployed' && changes.every(({ action }) => action === 'unchanged');
  return isComplete ? { changes, write: async () => {} } : { changes, write };
}

/** Both as the chart gave them; what was edited in the cluster since is Helm's to merge, and no reason to write. */
function updateOf(before: KubeObject, after: KubeObject): ObjectChange {
  const fields = diffFields(before, after);
  return { action: fields.length === 0 ? 'unchanged' : 'update', object: formatRef(after), fields };
}

async function planYaml(input: ReleaseInput, objects: readonly KubeObject[]): Promise<ReleasePlan> {
  const { cluster } = input;
  const owned = objects.map(withOwnLabel);
  const planned = (await hasNamespace(cluster))
    ? await previewObjects(cluster, RELEASE, owned)
    : owned.map((object) => ({ object, change: change('create', object) }));
  const stale = await ownedExcept(cluster, objects);
  return {
    changes: [...planned.map((entry) => entry.change), ...stale.map((ref) => change('delete', ref))],
    async write() {
      await writeObjects(cluster, RELEASE, planned);
      await deleteObjects(cluster, RELEASE, stale);
    },
  };
}

/** The kinds that a chart of this addon is made of. */
export const CHART_KINDS: readonly Kind[] = [
  { apiVersion: 'apps/v1', kind: 'Deployment' },
  { apiVersion: 'apps/v1', kind: 'DaemonSet' },
  { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget' },
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding' },
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole' },
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding' },
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role' },
  { apiVersion: 'v1', kind: 'ConfigMap' },
  { apiVersion: 'v1', kind: 'Service' },
  { apiVersion: 'v1', kind: 'ServiceAccount' },
];

/** Objects that the method "yaml" applied and that are not among these. */
export async function ownedExcept(cluster: Cluster, kept: readonly ObjectRef[]): Promise<readonly KubeObject[]> {
  const names = new Set(kept.map(formatRef));
  const lists = await orInstallError(
    RELEASE,
    Promise.all(CHART_KINDS.map((kind) => cluster.list(kind, { labelSelector: MANAGED_BY_US }))),
  );
  return lists.flat().filter((object) => !names.has(formatRef(object)));
}

/** Programs of the same names that someone else installed: MetalLB itself, or this addon by the other method. */
async function refuseForeignInstallation({ cluster, method }: ReleaseInput): Promise<void> {
  const ref = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'controller', namespace: ADDON_NAMESPACE },
  };
  const controller = await orInstallError(RELEASE, cluster.get(ref));
  if (controller === undefined) return;
  const annotations = (controller.metadata['annotations'] ?? {}) as Readonly<Record<string, string>>;
  const release = annotations[HELM_RELEASE_ANNOTATION];
  const isHelms = release !== undefined;
  if (method === 'helm' && release === RELEASE_NAME) return;
  if (method === 'yaml' && isOurs(controller) && !isHelms) return;
  const remedy = isHelms
    ? `\`helm -n ${ADDON_NAMESPACE} uninstall ${release}\``
    : `\`kubectl -n ${ADDON_NAMESPACE} delete deployment/controller daemonset/speaker\``;
  const owner = isHelms
    ? `the Helm release ${release}`
    : isOurs(controller)
      ? 'this addon with metallb_install_method "yaml"'
      : 'something else';
  throw new InstallError({
    kind: 'cluster',
    step: RELEASE,
    problem: `${formatRef(ref)} is there already and was installed by ${owner}, not by metallb_install_method "${method}"`,
    hint: isOurs(controller)
      ? 'remove the addon with --remove first (Services lose their addresses meanwhile), or set metallb_install_method back'
      : `remove the other installation first: ${remedy}; custom resources and the Services’ addresses stay`,
  });
}

function interruptedRelease(status: string): InstallError {
  return new InstallError({
    kind: 'cluster',
    step: RELEASE,
    problem: `the Helm release ${RELEASE_NAME} is in the state ${status}: a helm run was interrupted, or one is at work now`,
    hint:
      status === 'pending-install'
        ? `if none is at work: \`helm -n ${ADDON_NAMESPACE} uninstall ${RELEASE_NAME}\`, and run this again`
        : `if none is at work: \`helm -n ${ADDON_NAMESPACE} rollback ${RELEASE_NAME}\`, and run this again`,
  });
}

async function hasNamespace(cluster: Cluster): Promise<boolean> {
  const ref = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: ADDON_NAMESPACE } };
  return (await orInstallError(RELEASE, cluster.get(ref))) !== undefined;
}

/** The chart leaves the namespace of most objects to helm; to apply or look for them it must be there. */
function withNamespace(object: KubeObject): KubeObject {
  if (object.kind.startsWith('Cluster') || object.metadata.namespace !== undefined) return object;
  return { ...object, metadata: { ...object.metadata, namespace: ADDON_NAMESPACE } };
}

function change(action: ObjectChange['action'], ref: ObjectRef): ObjectChange {
  return { action, object: formatRef(ref), fields: [] };
}
