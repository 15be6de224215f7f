/**
 * The steps of an installation, in their order. Each is asked first what it would change; with --check that is all.
 */
import type { AddonPlan, Protocol } from './plan/addon-plan.ts';
import type { ObjectChange, Reporter } from './progress.ts';
import type { RenderedAddon } from './render/render-addon.ts';
import { summarizeChanges } from './steps/apply-objects.ts';
import { checkBgpDaemons } from './steps/bgp-daemons.ts';
import { planHandOver, planTakeBack } from './steps/calico.ts';
import type { CalicoObjects } from './steps/calico-objects.ts';
import { checkCalico } from './steps/calico-preflight.ts';
import type { Cluster } from './steps/cluster.ts';
import {
  CONFIGURATION,
  type ConfigurationPlan,
  DEFINITIONS,
  NAMESPACE,
  planConfiguration,
  planDefinitions,
  planNamespace,
  type StepPlan,
  waitEstablished,
  waitForOldNamespace,
} from './steps/configuration.ts';
import type { Helm } from './steps/helm.ts';
import type { ArchivedImage } from './steps/image-archive.ts';
import { planLivenessKey } from './steps/liveness-key.ts';
import { LOAD_IMAGE, type LoadInput, loadImage, nodesWithoutImage } from './steps/load-image.ts';
import { MOVE, waitMoved } from './steps/move-announcement.ts';
import type { NodeShell } from './steps/node-shell.ts';
import {
  type ClusterFacts,
  checkHelm,
  checkLayer2Pools,
  checkPermissions,
  checkSameCluster,
  findClusterNode,
  PREFLIGHT,
  readClusterFacts,
} from './steps/preflight.ts';
import type { Role } from './steps/read-role.ts';
import { planRelease, RELEASE } from './steps/release.ts';
import { VERIFY, verifyConfiguration } from './steps/verify.ts';
import type { Pace } from './steps/wait.ts';
import { CONTROLLER, SPEAKERS, waitReady } from './steps/wait-ready.ts';

/** Everything that the steps work with; in tests all edges are replaced. */
export interface Installation {
  readonly plan: AddonPlan;
  readonly rendered: RenderedAddon;
  /** What metallb_offline holds; absent: nothing is loaded. */
  readonly archivedImage?: ArchivedImage;
  readonly role: Pick<Role, 'definitions' | 'kinds'>;
  readonly cluster: Cluster;
  readonly helm: Helm;
  readonly shell: NodeShell;
  readonly pace: Pace;
  readonly reporter: Reporter;
  readonly mode: 'write' | 'check';
}

export interface RunResult {
  readonly changes: readonly ObjectChange[];
  readonly warnings: readonly string[];
}

export async function runInstallation(installation: Installation): Promise<RunResult> {
  const { plan, cluster, helm, reporter, mode } = installation;
  const workloads = plan.protocol === 'calico' ? [CONTROLLER] : [CONTROLLER, SPEAKERS];
  const total = mode === 'check' ? 6 : 8 + workloads.length;
  const changes: ObjectChange[] = [];
  const warnings: string[] = [];
  const warn = (texts: readonly string[]): void => {
    for (const text of texts) reporter.warn(text);
    warnings.push(...texts);
  };
  let number = 0;
  const step = async (title: string, work: () => Promise<string>): Promise<void> => {
    reporter.step(++number, total, title);
    const detail = await work();
    reporter.done(detail);
  };
  const wait = { pace: installation.pace, timeoutSeconds: plan.waitSeconds };
  const carryOut = async (work: StepPlan): Promise<string> => {
    if (mode === 'write') await work.write();
    for (const change of work.changes) reporter.change(change);
    changes.push(...work.changes);
    return summarizeChanges(work.changes);
  };

  warn(plan.warnings);
  let facts: ClusterFacts = { version: '', nodes: [] };
  let calico: CalicoObjects | undefined;
  await step(PREFLIGHT, async () => {
    await checkHelm(helm);
    facts = await readClusterFacts(cluster);
    warn(checkSameCluster(plan, facts, cluster.server));
    await checkPermissions(cluster);
    warn(await checkLayer2Pools(plan, facts, installation.shell));
    const found = await checkCalico(cluster, plan);
    warn(found.warnings);
    warn(await checkBgpDaemons(plan, facts, installation));
    calico = found.calico;
    return `Kubernetes ${facts.version}, ${facts.nodes.length} nodes`;
  });
  changes.push(...(await loadImageStep(installation, { number: ++number, total, facts })));
  await step(NAMESPACE, async () => {
    if (mode === 'write') await waitForOldNamespace(cluster, wait);
    return carryOut(await planNamespace(cluster));
  });
  await step(DEFINITIONS, async () => {
    const summary = await carryOut(await planDefinitions(cluster, installation.role.definitions));
    if (mode === 'write') await waitEstablished({ cluster, ...installation.role }, wait);
    return summary;
  });
  // Both are asked before either is written: a configuration that the server refuses must not meet new programs.
  const { objects } = installation.rendered;
  const { installMethod: method, protocol } = plan;
  const configuration = await planConfiguration({ cluster, protocol, objects, kinds: installation.role.kinds });
  const releaseInput = { cluster, helm, method, values: installation.rendered.valuesText, kubeVersion: facts.version };
  await step(RELEASE, async () => {
    const [key, release] = [await planLivenessKey(cluster, RELEASE), await planRelease(releaseInput)];
    const handOver = planHandOver(cluster, plan, calico);
    return carryOut({
      changes: [...key.changes, ...handOver.changes, ...release.changes],
      // The key first: without one the speakers say that anybody could pose as one of them. And before they go, Calico
      // is to have what they announced.
      write: () => key.write().then(handOver.write).then(release.write),
    });
  });
  const move = planMove(installation, configuration, calico);
  await step(CONFIGURATION, async () => {
    const summary = await carryOut(configuration);
    for (const farewell of mode === 'check' ? move.farewells : []) await carryOut(farewell);
    return summary;
  });
  if (mode === 'check') return { changes, warnings };
  for (const workload of workloads) {
    await step(workload.step, () => waitReady(cluster, workload, wait));
  }
  const hasChanged = changes.some(({ action }) => action !== 'unchanged');
  await step(VERIFY, () => verifyConfiguration({ cluster, objects, wait, hasChanged }));
  const { from, farewells } = move;
  if (protocol === 'calico' || from.length === 0) {
    reporter.step(++number, total, MOVE);
    reporter.skip('nothing is announced another way');
    return { changes, warnings };
  }
  await step(MOVE, async () => {
    const moved = await waitMoved({ cluster, plan, from, to: protocol }, wait);
    warn(moved.warnings);
    // Only now that others announce do these cease to.
    for (const farewell of farewells) await carryOut(farewell);
    return moved.summary;
  });
  return { changes, warnings };
}

/** Who announced until now and is not to any more, and what there is to do about it once somebody else does. */
function planMove(
  { plan, cluster }: Installation,
  { old }: ConfigurationPlan,
  calico: CalicoObjects | undefined,
): { readonly from: readonly Protocol[]; readonly farewells: readonly StepPlan[] } {
  const takeBack = plan.protocol === 'calico' ? [] : [planTakeBack(cluster, calico)];
  const isCalicosTurnOver = takeBack.some(({ changes }) => changes.length > 0);
  return { from: [...old.protocols, ...(isCalicosTurnOver ? ['calico' as const] : [])], farewells: [old, ...takeBack] };
}

async function loadImageStep(
  { plan, archivedImage, shell, reporter, mode }: Installation,
  progress: { readonly number: number; readonly total: number; readonly facts: ClusterFacts },
): Promise<readonly ObjectChange[]> {
  reporter.step(progress.number, progress.total, LOAD_IMAGE);
  const { archive } = plan.image;
  if (archive === undefined || archivedImage === undefined) {
    reporter.skip('metallb_offline names no archive');
    return [];
  }
  if (plan.nodes.length === 0) {
    reporter.skip('the inventory has no hosts in kube_master or kube_node');
    return [];
  }
  const input: LoadInput = {
    image: archivedImage,
    archivePath: archive.path,
    nodes: plan.nodes,
    runtimeOf: (node) => findClusterNode(progress.facts, node)?.runtime ?? 'containerd',
    shell,
  };
  const missing = await nodesWithoutImage(input);
  if (mode === 'write') await loadImage(input, missing);
  const changes = plan.nodes.map(
    (node): ObjectChange => ({
      action: missing.includes(node) ? 'create' : 'unchanged',
      object: `image ${archivedImage.reference} on ${node.name}`,
      fields: [],
    }),
  );
  for (const change of changes) reporter.change(change);
  reporter.done(summarizeChanges(changes));
  return changes;
}
