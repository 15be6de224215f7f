/**
 * The cluster's side of the configuration: the namespace, the custom resource definitions and the custom resources.
 * Helm never upgrades definitions, so they are applied here; and resources that an earlier run applied and that the
 * templates no longer give are deleted.
 */
import { InstallError } from '../errors.ts';
import type { KubeObject } from '../kube-object.ts';
import { ADDON_NAMESPACE, type Protocol } from '../plan/addon-plan.ts';
import type { ObjectChange } from '../progress.ts';
import { controllerFaults } from '../render/controller-rules.ts';
import type { CustomKind } from '../render/crd-schema.ts';
import { deleteObjects, orInstallError, type PlannedChange, previewObjects, writeObjects } from './apply-objects.ts';
import { type Cluster, formatRef, type Kind } from './cluster.ts';
import { isOurs, MANAGED_BY_US, withOwnLabel } from './ownership.ts';
import { type WaitOptions, waitFor } from './wait.ts';

export const NAMESPACE = 'prepare the namespace';
export const DEFINITIONS = 'define the custom resources';
export const CONFIGURATION = 'apply the configuration';

/** The speaker needs the node's network, which only the level "privileged" of Pod Security admits. */
export const NAMESPACE_OBJECT: KubeObject = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name: ADDON_NAMESPACE,
    labels: {
      'pod-security.kubernetes.io/enforce': 'privileged',
      'pod-security.kubernetes.io/audit': 'privileged',
      'pod-security.kubernetes.io/warn': 'privileged',
    },
  },
};

/** A change that is known, and the way to make it. */
export interface StepPlan {
  readonly changes: readonly ObjectChange[];
  readonly write: () => Promise<void>;
}

/** A namespace that an earlier removal is still deleting takes nothing new: it is waited for. */
export async function waitForOldNamespace(cluster: Cluster, wait: WaitOptions): Promise<void> {
  const isFree = await waitFor(async () => {
    const namespace = await orInstallError(NAMESPACE, cluster.get(NAMESPACE_OBJECT));
    return namespace?.metadata['deletionTimestamp'] === undefined ? true : undefined;
  }, wait);
  if (isFree) return;
  throw new InstallError({
    kind: 'timeout',
    step: NAMESPACE,
    problem: `the namespace ${ADDON_NAMESPACE} is still being deleted after ${wait.timeoutSeconds} s`,
    hint: `\`kubectl get namespace ${ADDON_NAMESPACE} -o yaml\` says what holds it up, under status.conditions`,
  });
}

export async function planNamespace(cluster: Cluster): Promise<StepPlan> {
  return stepPlan(cluster, NAMESPACE, await previewObjects(cluster, NAMESPACE, [NAMESPACE_OBJECT]));
}

export async function planDefinitions(cluster: Cluster, definitions: readonly KubeObject[]): Promise<StepPlan> {
  return stepPlan(cluster, DEFINITIONS, await previewObjects(cluster, DEFINITIONS, definitions));
}

function stepPlan(cluster: Cluster, step: string, planned: readonly PlannedChange[]): StepPlan {
  return { changes: planned.map(({ change }) => change), write: () => writeObjects(cluster, step, planned) };
}

export interface DefinitionsInput {
  readonly cluster: Cluster;
  readonly definitions: readonly KubeObject[];
  readonly kinds: readonly CustomKind[];
}

/** Waits until the API server serves every definition; only then can a resource of it be applied. */
export async function waitEstablished(input: DefinitionsInput, wait: WaitOptions): Promise<void> {
  const { cluster } = input;
  let pending: readonly string[] = [];
  const done = await waitFor(async () => {
    const current = await orInstallError(
      DEFINITIONS,
      Promise.all(input.definitions.map((definition) => cluster.get(definition))),
    );
    // Established comes a moment before discovery tells of the kind, and what is not discovered cannot be sent.
    const served = await orInstallError(DEFINITIONS, Promise.all(input.kinds.map((kind) => cluster.serves(kind))));
    pending = [
      ...input.definitions.filter((_, index) => !isEstablished(current[index])).map(({ metadata }) => metadata.name),
      ...input.kinds
        .filter((_, index) => served[index] !== true)
        .map(({ apiVersion, kind }) => `${kind} of ${apiVersion}`),
    ];
    return pending.length === 0 ? true : undefined;
  }, wait);
  if (done) return;
  throw new InstallError({
    kind: 'timeout',
    step: DEFINITIONS,
    problem: `the API server does not serve ${pending.join(', ')} after ${wait.timeoutSeconds} s`,
    hint: '`kubectl describe crd` says why; a definition of the same kind in another group may be in the way',
  });
}

function isEstablished(definition: KubeObject | undefined): boolean {
  const status = (definition?.['status'] ?? {}) as { conditions?: readonly { type: string; status: string }[] };
  return (status.conditions ?? []).some(({ type, status: value }) => type === 'Established' && value === 'True');
}

export interface ConfigurationInput {
  readonly cluster: Cluster;
  readonly protocol: Protocol;
  readonly objects: readonly KubeObject[];
  readonly kinds: readonly CustomKind[];
}

/** What announced before the protocol was changed, and is not to go before the new announcement is up. */
export interface OldAnnouncement extends StepPlan {
  readonly protocols: readonly Protocol[];
}

export interface ConfigurationPlan extends StepPlan {
  readonly old: OldAnnouncement;
}

/** Kinds that the protocol has no use for, those that announce first: they go before what they name. */
const OLD_KINDS: Readonly<Record<Protocol, readonly { readonly kind: string; readonly of: Protocol }[]>> = {
  layer2: ['BGPAdvertisement', 'BGPPeer', 'BFDProfile', 'Community'].map((kind) => ({ kind, of: 'bgp' as const })),
  bgp: [{ kind: 'L2Advertisement', of: 'layer2' }],
  // Calico was told before anything of the speakers' was touched.
  calico: [],
};

/** Asks the server about every object first; nothing is written when it refuses one. */
export async function planConfiguration({
  cluster,
  protocol,
  objects,
  kinds,
}: ConfigurationInput): Promise<ConfigurationPlan> {
  const owned = objects.map(withOwnLabel);
  await refuseConflicts(cluster, owned);
  const planned = (await isServed(cluster, owned))
    ? await previewObjects(cluster, CONFIGURATION, owned)
    : owned.map((object) => ({ object, change: { action: 'create' as const, object: formatRef(object), fields: [] } }));
  const stale = await staleResources(cluster, owned, kinds);
  const oldKinds = OLD_KINDS[protocol];
  const isOld = (object: KubeObject): boolean => oldKinds.some(({ kind }) => kind === object.kind);
  const now = deletion(
    cluster,
    stale.filter((object) => !isOld(object)),
  );
  const old = oldKinds.map(({ kind, of }) => ({ of, objects: stale.filter((object) => object.kind === kind) }));
  return {
    changes: [...planned.map(({ change }) => change), ...now.changes],
    async write() {
      await writeObjects(cluster, CONFIGURATION, planned);
      await now.write();
    },
    old: {
      ...deletion(
        cluster,
        old.flatMap(({ objects: each }) => each),
      ),
      protocols: Array.from(new Set(old.filter(({ objects: each }) => each.length > 0).map(({ of }) => of))),
    },
  };
}

function deletion(cluster: Cluster, objects: readonly KubeObject[]): StepPlan {
  return {
    changes: objects.map((object): ObjectChange => ({ action: 'delete', object: formatRef(object), fields: [] })),
    async write() {
      await deleteObjects(cluster, CONFIGURATION, objects);
    },
  };
}

/** Pools that somebody made by hand stay; what the inventory wants must get along with them. */
async function refuseConflicts(cluster: Cluster, owned: readonly KubeObject[]): Promise<void> {
  const pools = { apiVersion: 'metallb.io/v1beta1', kind: 'IPAddressPool' };
  const names = new Set(owned.map(formatRef));
  const existing = await listResources(cluster, [pools]);
  const foreign = existing.filter((pool) => !isOurs(pool) && !names.has(formatRef(pool)));
  const faults = controllerFaults([...foreign, ...owned]).filter(({ index }) => index >= foreign.length);
  if (faults.length === 0) return;
  throw new InstallError({
    kind: 'inventory',
    step: CONFIGURATION,
    problem: faults.map(({ message }) => message),
    hint: `choose other addresses, or delete the other object (\`kubectl -n ${ADDON_NAMESPACE} get ipaddresspools\`); nothing of the configuration was written`,
  });
}

/** With --check on a cluster that never had the addon there is no namespace and no kind to ask about yet. */
async function isServed(cluster: Cluster, objects: readonly KubeObject[]): Promise<boolean> {
  const namespace = await orInstallError(CONFIGURATION, cluster.get(NAMESPACE_OBJECT));
  const served = await orInstallError(CONFIGURATION, Promise.all(objects.map((object) => cluster.serves(object))));
  return namespace !== undefined && served.every((isKnown) => isKnown);
}

async function staleResources(
  cluster: Cluster,
  objects: readonly KubeObject[],
  kinds: readonly CustomKind[],
): Promise<readonly KubeObject[]> {
  const kept = new Set(objects.map(formatRef));
  const owned = await listResources(cluster, configurationKinds(kinds), MANAGED_BY_US);
  return owned.filter((object) => !kept.has(formatRef(object)));
}

/**
 * Kinds that a user writes, each in the first version of its definition, which is the stored one; those with "State" or
 * "Status" in their name the programs write.
 */
export function configurationKinds(kinds: readonly CustomKind[]): readonly Kind[] {
  const written = kinds.filter(({ kind }) => !/(State|Status)$/.test(kind));
  return written.filter(({ kind }, index) => written.findIndex((other) => other.kind === kind) === index);
}

export async function listResources(
  cluster: Cluster,
  kinds: readonly Kind[],
  labelSelector?: string,
): Promise<readonly KubeObject[]> {
  const scope = { namespace: ADDON_NAMESPACE, ...(labelSelector === undefined ? {} : { labelSelector }) };
  const lists = await orInstallError(CONFIGURATION, Promise.all(kinds.map((kind) => cluster.list(kind, scope))));
  return lists.flat();
}
