/**
 * The steps of a removal, in their order; see steps/remove.ts for why that order.
 */

import type { KubeObject } from './kube-object.ts';
import { ADDON_NAMESPACE } from './plan/addon-plan.ts';
import type { ObjectChange } from './progress.ts';
import type { Installation, RunResult } from './run-installation.ts';
import { deleteObjects, orInstallError, summarizeChanges } from './steps/apply-objects.ts';
import { planTakeBack } from './steps/calico.ts';
import { type CalicoObjects, readCalico } from './steps/calico-objects.ts';
import { type Cluster, ClusterError, formatRef } from './steps/cluster.ts';
import type { StepPlan } from './steps/configuration.ts';
import { configurationKinds, listResources } from './steps/configuration.ts';
import { isOurs } from './steps/ownership.ts';
import { checkHelm, checkPermissions, checkSameCluster, PREFLIGHT, readClusterFacts } from './steps/preflight.ts';
import { ownedExcept } from './steps/release.ts';
import {
  changeOf,
  formatHolder,
  holdersOf,
  holdersOfRemoved,
  type PoolFate,
  RELEASE_ADDRESSES,
  releaseAddresses,
} from './steps/release-addresses.ts';
import {
  deleteAndWait,
  foreignObjects,
  NAMESPACE_REF,
  ownLivenessKey,
  REMOVE_CONFIGURATION,
  REMOVE_DEFINITIONS,
  REMOVE_NAMESPACE,
  REMOVE_PROGRAMS,
  removePrograms,
  waitForEnd,
} from './steps/remove.ts';

export interface Removal extends Installation {
  /** Also the definitions, with every custom resource there is, and the namespace with all that is in it. */
  readonly purge: boolean;
}

/** What there is to remove. */
interface Findings {
  /** Custom resources that go; the rest stays. */
  readonly resources: readonly KubeObject[];
  readonly staying: readonly KubeObject[];
  readonly pools: PoolFate;
  /** Services that lose their addresses. */
  readonly holders: readonly KubeObject[];
  /** Our entries in Calico's list of blocks. */
  readonly calico: StepPlan;
}

export async function runRemoval(removal: Removal): Promise<RunResult> {
  const { reporter } = removal;
  const warnings: string[] = [];
  const warn = (text: string): void => {
    reporter.warn(text);
    warnings.push(text);
  };
  const total = removal.mode === 'check' ? 1 : removal.purge ? 6 : 5;
  reporter.step(1, total, PREFLIGHT);
  await checkHelm(removal.helm);
  const facts = await readClusterFacts(removal.cluster);
  for (const text of checkSameCluster(removal.plan, facts, removal.cluster.server)) warn(text);
  await checkPermissions(removal.cluster);
  const findings = await look(removal, warn);
  reporter.done(`Kubernetes ${facts.version}, ${facts.nodes.length} nodes`);
  if (findings.holders.length > 0) {
    const verb = removal.mode === 'check' ? 'would lose' : 'lose';
    warn(`these Services ${verb} their addresses: ${findings.holders.map(formatHolder).join('; ')}`);
  }
  if (removal.mode === 'check') return { changes: await preview(removal, findings), warnings };
  return { changes: await carryOut(removal, findings, { total, warn }), warnings };
}

async function look({ cluster, role, purge }: Removal, warn: (text: string) => void): Promise<Findings> {
  const all = await listResources(cluster, configurationKinds(role.kinds));
  const resources = purge ? all : all.filter(isOurs);
  const staying = all.filter((object) => !resources.includes(object));
  const pools = { removed: resources.filter(isPool), staying: staying.filter(isPool) };
  const calico = planTakeBack(cluster, await readableCalico(cluster, warn));
  return { resources, staying, pools, holders: await holdersOfRemoved(cluster, pools), calico };
}

/** A Calico that does not answer keeps nobody from removing this addon. */
async function readableCalico(cluster: Cluster, warn: (text: string) => void): Promise<CalicoObjects | undefined> {
  try {
    return await readCalico(cluster);
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    warn(
      `Calico’s BGP objects cannot be read: ${error.message}; if it advertised the pools, it goes on (docs/calico.md)`,
    );
    return undefined;
  }
}

function isPool({ kind }: KubeObject): boolean {
  return kind === 'IPAddressPool';
}

async function preview(removal: Removal, findings: Findings): Promise<readonly ObjectChange[]> {
  const { cluster, helm, role, purge, reporter } = removal;
  const release = await helm.release();
  const own = [...(await ownedExcept(cluster, [])), ...(await ownLivenessKey(cluster))];
  const programs = [...(release?.objects ?? []), ...own];
  const isNamespaceFree = purge || (await foreignObjects(cluster, findings.staying)).length === 0;
  const found = await orInstallError(
    PREFLIGHT,
    Promise.all(
      [...(isNamespaceFree ? [NAMESPACE_REF] : []), ...(purge ? role.definitions : [])].map((ref) => cluster.get(ref)),
    ),
  );
  const objects = [...findings.resources, ...programs, ...found.filter((object) => object !== undefined)];
  const deletions = objects.map(
    (object): ObjectChange => ({ action: 'delete', object: formatRef(object), fields: [] }),
  );
  const changes = [...deletions, ...findings.calico.changes, ...findings.holders.map(changeOf)];
  for (const change of changes) reporter.change(change);
  return changes;
}

async function carryOut(
  removal: Removal,
  findings: Findings,
  { total, warn }: { readonly total: number; readonly warn: (text: string) => void },
): Promise<readonly ObjectChange[]> {
  const { cluster, helm, role, plan, pace, reporter } = removal;
  const wait = { pace, timeoutSeconds: plan.waitSeconds };
  const changes: ObjectChange[] = [];
  let number = 1;
  const step = async (title: string, work: () => Promise<readonly ObjectChange[] | string>): Promise<void> => {
    reporter.step(++number, total, title);
    const result = await work();
    if (typeof result === 'string') return reporter.skip(result);
    for (const change of result) reporter.change(change);
    changes.push(...result);
    reporter.done(summarizeChanges(result));
  };
  const deleted = (objects: readonly KubeObject[]): readonly ObjectChange[] =>
    objects.map((object) => ({ action: 'delete', object: formatRef(object), fields: [] }));

  await step(REMOVE_CONFIGURATION, () => deleteObjects(cluster, REMOVE_CONFIGURATION, findings.resources));
  await step(REMOVE_PROGRAMS, async () => {
    const removed = await removePrograms(cluster, helm, plan.waitSeconds);
    if (!(await waitForEnd(cluster, wait))) {
      warn(`a controller still runs after ${wait.timeoutSeconds} s; while it does, it may give out addresses`);
    }
    // Now that no controller puts them back.
    await findings.calico.write();
    return [...removed, ...findings.calico.changes];
  });
  await step(RELEASE_ADDRESSES, async () => {
    const released = await releaseAddresses(cluster, findings.pools);
    if (released.left.length > 0) {
      warn(
        `somebody else keeps writing to these Services, they still hold their addresses: ${released.left.join('; ')}`,
      );
    }
    return released.changes;
  });
  const orphans = await holdersOf(cluster, findings.pools.staying);
  if (orphans.length > 0) {
    warn(`nobody will announce these addresses any more: ${orphans.map(formatHolder).join('; ')}`);
  }
  await step(REMOVE_NAMESPACE, async () => {
    const foreign = removal.purge ? [] : await foreignObjects(cluster, findings.staying);
    if (foreign.length > 0)
      return `${ADDON_NAMESPACE} stays, because this was not made by the addon: ${foreign.join(', ')}`;
    const isThere = (await orInstallError(REMOVE_NAMESPACE, cluster.get(NAMESPACE_REF))) !== undefined;
    if (!isThere) return 'there is none';
    const left = await deleteAndWait(cluster, REMOVE_NAMESPACE, { objects: [NAMESPACE_REF], wait });
    if (left.length > 0) warn(`${left.join(', ')} is still being deleted after ${wait.timeoutSeconds} s`);
    return deleted([NAMESPACE_REF]);
  });
  if (removal.purge) {
    await step(REMOVE_DEFINITIONS, async () => {
      const left = await deleteAndWait(cluster, REMOVE_DEFINITIONS, { objects: role.definitions, wait });
      if (left.length > 0) warn(`${left.join(', ')} are still being deleted after ${wait.timeoutSeconds} s`);
      return deleted(role.definitions);
    });
  }
  return changes;
}
