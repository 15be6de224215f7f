/**
 * `./install migrate`: the old ConfigMap as custom resources, printed, or put in its place. Putting them there is safe to
 * break off and to run again: see steps/migrate.ts for how the ConfigMap stays in force until the end.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { formatKey, type ServiceView } from '../runtime/model/service.ts';
import { InstallError } from './errors.ts';
import { makePlan } from './install-addon.ts';
import type { KubeObject } from './kube-object.ts';
import { ADDON_NAMESPACE, type AddonPlan } from './plan/addon-plan.ts';
import { losers } from './plan/kept-addresses.ts';
import { type MigrationPlan, type MigrationSource, planMigration } from './plan/migration.ts';
import type { Reporter } from './progress.ts';
import { orInstallError, summarizeChanges } from './steps/apply-objects.ts';
import type { Cluster } from './steps/cluster.ts';
import { openCluster } from './steps/kube-cluster.ts';
import {
  COMPARE,
  CREATE,
  configAfter,
  createObjects,
  DELETE,
  planCreation,
  SAVE,
  SWITCH,
  saveBackup,
  switchOver,
} from './steps/migrate.ts';
import { CONFIG_MAP_REF, READ_SOURCE, readSourceFile, readSourceObject } from './steps/migration-source.ts';
import { findKubeconfig, PREFLIGHT, reachServer } from './steps/preflight.ts';
import { readInventory } from './steps/read-inventory.ts';
import { readRole } from './steps/read-role.ts';
import { VERIFY, verifyConfiguration } from './steps/verify.ts';
import { type Pace, realPace } from './steps/wait.ts';

const DEFAULT_WAIT_SECONDS = 120;

export interface MigrationRequest {
  /** As the user typed it; absent: ./inventory if there is one, else the usual kubeconfigs. */
  readonly inventoryDir?: string;
  /** Read this in place of the cluster's ConfigMap. */
  readonly file?: string;
  /** Put the resources in the ConfigMap's place. */
  readonly apply: boolean;
  readonly reporter: Reporter;
  readonly workingDirectory: string;
  /** How a Service of the API is read; the programs' own reading is not the installer's to know. */
  readonly readService: (object: KubeObject) => ServiceView;
}

export interface MigrationReport {
  /** The custom resources as YAML. */
  readonly text: string;
  readonly warnings: readonly string[];
  /** With apply: where the ConfigMap was saved. */
  readonly backup?: string;
}

export async function migrate(request: MigrationRequest): Promise<MigrationReport> {
  const { file, workingDirectory } = request;
  if (file !== undefined && request.apply) {
    throw new InstallError({
      kind: 'usage',
      step: 'read the command line',
      problem: '--file is only printed, and --apply works on the cluster’s own ConfigMap',
      hint: 'apply the ConfigMap first, or print its equivalent and apply that with kubectl',
    });
  }
  if (file !== undefined) {
    const plan = await planOrThrow(await readSourceFile(file, workingDirectory));
    return { text: formatObjects(plan.objects), warnings: plan.warnings };
  }
  const { kubeconfig, waitSeconds } = await findAccess(request);
  const cluster = openCluster(kubeconfig);
  if (request.apply) return applyMigration({ ...request, cluster, pace: realPace, waitSeconds });
  await reachServer(cluster);
  const { source } = await readSourceObject(cluster);
  const plan = await planOrThrow(source);
  return { text: formatObjects(plan.objects), warnings: plan.warnings };
}

export interface MigrationRun extends Pick<MigrationRequest, 'reporter' | 'workingDirectory' | 'readService'> {
  readonly cluster: Cluster;
  readonly pace: Pace;
  readonly waitSeconds: number;
}

export async function applyMigration(run: MigrationRun): Promise<MigrationReport> {
  const { cluster, reporter, pace, workingDirectory } = run;
  const wait = { pace, timeoutSeconds: run.waitSeconds };
  let number = 0;
  const step = async <T>(title: string, work: () => Promise<{ result: T; detail: string }>): Promise<T> => {
    reporter.step(++number, 7, title);
    const { result, detail } = await work();
    reporter.done(detail);
    return result;
  };
  const { configMap, plan } = await step(READ_SOURCE, async () => {
    const version = await reachServer(cluster);
    const read = await readSourceObject(cluster);
    const result = { configMap: read.configMap, plan: await planOrThrow(read.source) };
    return { result, detail: `Kubernetes ${version}, ${result.plan.objects.length} custom resources` };
  });
  for (const text of plan.warnings) reporter.warn(text);
  const planned = await step(COMPARE, async () => {
    const services = await checkServices(run, plan);
    const result = await planCreation(cluster, plan.objects);
    return { result, detail: `${services} Services keep their addresses` };
  });
  const backup = await step(SAVE, async () => {
    const result = await saveBackup(configMap, workingDirectory);
    return { result, detail: result };
  });
  await step(CREATE, async () => {
    await createObjects(cluster, planned);
    for (const { change } of planned) reporter.change(change);
    return { result: undefined, detail: summarizeChanges(planned.map(({ change }) => change)) };
  });
  await step(VERIFY, async () => ({
    result: undefined,
    detail: await verifyConfiguration({ cluster, objects: plan.objects, wait, hasChanged: true }),
  }));
  await step(SWITCH, async () => {
    await switchOver(cluster, { objects: plan.objects, addresses: () => addressesOf(run), wait });
    return { result: undefined, detail: 'every Service has its addresses' };
  });
  await step(DELETE, async () => {
    await orInstallError(DELETE, cluster.delete(CONFIG_MAP_REF));
    return { result: undefined, detail: `saved as ${backup}` };
  });
  return { text: formatObjects(plan.objects), warnings: plan.warnings, backup };
}

/** Throws when a Service would lose its address; gives how many hold one. */
async function checkServices({ cluster, readService }: MigrationRun, plan: MigrationPlan): Promise<number> {
  const services = (await listServices(cluster)).map(readService);
  const before = plan.config;
  const after = await configAfter(cluster, plan.objects, plan.converted);
  const lost = losers({ before, after, services, loadBalancerClass: await loadBalancerClass(cluster) });
  if (lost.length === 0) return services.filter(({ ingress }) => ingress.length > 0).length;
  throw new InstallError({
    kind: 'cluster',
    step: COMPARE,
    problem: lost,
    hint: 'correct those Services first, or the pools’ names in the ConfigMap; nothing was written',
  });
}

function listServices(cluster: Cluster): Promise<readonly KubeObject[]> {
  return orInstallError(COMPARE, cluster.list({ apiVersion: 'v1', kind: 'Service' }), 'listing Services');
}

/** Every Service's addresses, as one text to compare. */
async function addressesOf({ cluster, readService }: MigrationRun): Promise<string> {
  const services = (await listServices(cluster)).map(readService);
  return services
    .filter(({ ingress }) => ingress.length > 0)
    .map((service) => `${formatKey(service)}: ${service.ingress.map(({ ip, hostname }) => ip ?? hostname).join(', ')}`)
    .sort()
    .join('\n');
}

/** The class that the running controller serves. */
async function loadBalancerClass(cluster: Cluster): Promise<string | undefined> {
  const metadata = { name: 'controller', namespace: ADDON_NAMESPACE };
  const deployment = await orInstallError(
    COMPARE,
    cluster.get({ apiVersion: 'apps/v1', kind: 'Deployment', metadata }),
  );
  const spec = (deployment?.['spec'] ?? {}) as {
    template?: { spec?: { containers?: readonly { args?: readonly string[] }[] } };
  };
  const args = (spec.template?.spec?.containers ?? []).flatMap((container) => container.args ?? []);
  return args.find((arg) => arg.startsWith('--lb-class='))?.slice('--lb-class='.length) || undefined;
}

async function planOrThrow(source: MigrationSource): Promise<MigrationPlan> {
  const result = planMigration(source, (await readRole()).kinds);
  if (result.ok) return result.plan;
  throw new InstallError({
    kind: 'inventory',
    step: READ_SOURCE,
    problem: result.problems,
    hint: 'correct the old configuration: docs/operations.md says what its reader asks for',
  });
}

async function findAccess(
  request: MigrationRequest,
): Promise<{ readonly kubeconfig: string; readonly waitSeconds: number }> {
  const { inventoryDir, workingDirectory } = request;
  const hasInventory = inventoryDir !== undefined || existsSync(path.join(workingDirectory, 'inventory'));
  const plan = hasInventory ? await inventoryPlan(request) : undefined;
  const kubeconfig = await findKubeconfig({ access: plan?.access ?? {} }, process.env);
  request.reporter.detail(`${PREFLIGHT}: kubeconfig ${kubeconfig}`);
  return { kubeconfig, waitSeconds: plan?.waitSeconds ?? DEFAULT_WAIT_SECONDS };
}

async function inventoryPlan(request: MigrationRequest): Promise<AddonPlan> {
  const { workingDirectory } = request;
  const { inventory, problems } = await readInventory({ ...request, extraVars: {} });
  const { defaults } = await readRole();
  return makePlan(inventory, problems, { defaults, workingDirectory });
}

/** As kubectl applies it. */
function formatObjects(objects: readonly KubeObject[]): string {
  return objects.map((object) => stringify(object)).join('---\n');
}
