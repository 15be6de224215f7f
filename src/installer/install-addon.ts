/**
 * The addon's installation from beginning to end: reads the inventory, plans, renders, and then runs the steps one after
 * the other against the cluster. Called by the command line, the playbook and the sandbox's command alike.
 *
 * Running it again is always safe: every step writes only what differs. With `check` nothing is written at all.
 */
import { InstallError } from './errors.ts';
import type { Inventory } from './inventory/inventory.ts';
import { formatPosition, formatProblem, type Problem } from './inventory/located.ts';
import type { AddonPlan } from './plan/addon-plan.ts';
import { planAddon } from './plan/plan-addon.ts';
import type { ObjectChange, Reporter } from './progress.ts';
import { renderAddon } from './render/render-addon.ts';
import { type Installation, runInstallation } from './run-installation.ts';
import { runRemoval } from './run-removal.ts';
import { openHelm } from './steps/helm.ts';
import { openCluster } from './steps/kube-cluster.ts';
import { findArchivedImage } from './steps/load-image.ts';
import { runOnNode } from './steps/node-shell.ts';
import { findKubeconfig } from './steps/preflight.ts';
import { readInventory } from './steps/read-inventory.ts';
import { type Role, readResourcesTemplate, readRole } from './steps/read-role.ts';
import { realPace } from './steps/wait.ts';

export interface AddonRequest {
  /** As the user typed it; absent: ./inventory. */
  readonly inventoryDir?: string;
  /** From -e; they win over everything. */
  readonly extraVars: Readonly<Record<string, string>>;
  /** Only say what would change. */
  readonly check: boolean;
  readonly remove: boolean;
  /** With remove: definitions, hand-made resources and the namespace go as well. */
  readonly purge: boolean;
  readonly verbose: boolean;
  readonly reporter: Reporter;
  /** What relative paths are relative to; absent: the process's working directory. */
  readonly workingDirectory?: string;
}

export interface AddonReport {
  /** 'declined': metallb_install is "no", and nothing was done. */
  readonly outcome: 'installed' | 'checked' | 'removed' | 'declined';
  /** Everything that was looked at, also what is unchanged. */
  readonly changes: readonly ObjectChange[];
  readonly pools: readonly { readonly name: string; readonly addresses: readonly string[] }[];
  readonly warnings: readonly string[];
}

/** Throws InstallError for everything that the user can do something about. */
export async function installAddon(request: AddonRequest): Promise<AddonReport> {
  const workingDirectory = request.workingDirectory ?? process.cwd();
  const { inventory, problems } = await readInventory({ ...request, workingDirectory });
  const role = await readRole();
  const plan = makePlan(inventory, problems, { defaults: role.defaults, workingDirectory });
  const pools = plan.pools.map(({ name, addresses }) => ({ name, addresses: addresses.map(({ text }) => text) }));
  if (!plan.wanted && !request.remove) {
    const at = inventory.variables.get('metallb_install')?.at;
    const place = at === undefined ? '' : ` (${formatPosition(at)})`;
    return { outcome: 'declined', changes: [], pools, warnings: [`nothing was done: metallb_install is "no"${place}`] };
  }
  const installation = await prepare(request, plan, role);
  const { changes, warnings } = request.remove
    ? await runRemoval({ ...installation, purge: request.purge })
    : await runInstallation(installation);
  const outcome = request.check ? 'checked' : request.remove ? 'removed' : 'installed';
  return { outcome, changes, pools, warnings };
}

/** All that is wrong with the inventory, in one error. */
export function makePlan(
  inventory: Inventory,
  problems: readonly Problem[],
  { defaults, workingDirectory }: { defaults: Role['defaults']; workingDirectory: string },
): AddonPlan {
  const result = planAddon({ inventory, defaults, workingDirectory });
  const all = [...problems, ...(result.ok ? [] : result.problems)];
  if (result.ok && all.length === 0) return result.plan;
  throw new InstallError({
    kind: 'inventory',
    step: 'read the inventory',
    problem: [...new Set(all.sort(byPosition).map(formatProblem))],
    hint: 'every variable is explained in roles/cluster-addon/defaults/main.yml, with examples in inventory.example/config.yml',
  });
}

function byPosition(a: Problem, b: Problem): number {
  if (a.at.file !== b.at.file) return a.at.file < b.at.file ? 1 : -1;
  return (a.at.line ?? 0) - (b.at.line ?? 0);
}

async function prepare(request: AddonRequest, plan: AddonPlan, role: Role): Promise<Installation> {
  // Removing needs no image, and the archive may be long gone.
  const archivedImage = request.remove ? undefined : await findArchivedImage(plan.image);
  const imageDigest = archivedImage?.manifestDigest ?? archivedImage?.configDigest;
  const rendered = renderAddon({
    plan,
    ...(imageDigest === undefined ? {} : { imageDigest }),
    resources: await readResourcesTemplate(plan.protocol),
    values: role.valuesTemplate,
    kinds: role.kinds,
    ...(role.valuesSchema === undefined ? {} : { valuesSchema: role.valuesSchema }),
  });
  const kubeconfig = await findKubeconfig(plan, process.env);
  request.reporter.detail(`kubeconfig: ${kubeconfig}`);
  request.reporter.detail(`custom resources:\n${rendered.resourcesText}`);
  request.reporter.detail(`values of the chart:\n${rendered.valuesText}`);
  return {
    plan,
    rendered,
    ...(archivedImage === undefined ? {} : { archivedImage }),
    role,
    cluster: openCluster(kubeconfig),
    helm: openHelm({ program: plan.access.helm, kubeconfig, chart: role.chart }),
    shell: runOnNode,
    pace: realPace,
    reporter: request.reporter,
    mode: request.check ? 'check' : 'write',
  };
}
