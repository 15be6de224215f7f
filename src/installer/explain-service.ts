/**
 * Explains a Service's addresses from a cluster: finds the cluster, reads it, and asks the pure core. Called by the
 * command line. Changes nothing.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { ExplainWorld } from '../runtime/decide/explain/case.ts';
import { explainProblems, explainService } from '../runtime/decide/explain/explain.ts';
import type { Explanation, ServiceProblem } from '../runtime/decide/explain/explanation.ts';
import { formatKey, type ObjectKey } from '../runtime/model/service.ts';
import { makePlan } from './install-addon.ts';
import type { AddonPlan } from './plan/addon-plan.ts';
import type { Cluster } from './steps/cluster.ts';
import { type ObjectReaders, readExplainWorld } from './steps/explain-world.ts';
import { openCluster } from './steps/kube-cluster.ts';
import { findKubeconfig, reachServer } from './steps/preflight.ts';
import { readInventory } from './steps/read-inventory.ts';
import { readRole } from './steps/read-role.ts';

export interface ClusterRequest {
  /** As the user typed it; absent: ./inventory if there is one, else the usual kubeconfigs. */
  readonly inventoryDir?: string;
  /** Use this one, whatever the inventory says; relative to the working directory. */
  readonly kubeconfig?: string;
  readonly workingDirectory: string;
}

export interface ExplainInput {
  readonly cluster: Cluster;
  readonly readers: ObjectReaders;
  /** Wall clock, milliseconds since the Unix epoch. */
  readonly nowMs: number;
}

/** Why the Service has the addresses it has, or none. */
export async function explainOne(input: ExplainInput, service: ObjectKey): Promise<Explanation> {
  return explainService(await readWorld(input), formatKey(service));
}

/** The Services that have less than they ask for; of one namespace, or of all. */
export async function explainAll(input: ExplainInput, namespace?: string): Promise<readonly ServiceProblem[]> {
  const problems = explainProblems(await readWorld(input));
  return problems.filter(({ service }) => namespace === undefined || service.namespace === namespace);
}

async function readWorld({ cluster, readers, nowMs }: ExplainInput): Promise<ExplainWorld> {
  await reachServer(cluster);
  return readExplainWorld(cluster, readers, nowMs);
}

/** The cluster that the request means. */
export async function findCluster(request: ClusterRequest): Promise<Cluster> {
  const { inventoryDir, kubeconfig, workingDirectory } = request;
  if (kubeconfig !== undefined) {
    const access = { kubeconfig: path.resolve(workingDirectory, kubeconfig) };
    return openCluster(await findKubeconfig({ access }, process.env));
  }
  const hasInventory = inventoryDir !== undefined || existsSync(path.join(workingDirectory, 'inventory'));
  const plan = hasInventory ? await inventoryPlan(request) : undefined;
  return openCluster(await findKubeconfig({ access: plan?.access ?? {} }, process.env));
}

async function inventoryPlan(request: ClusterRequest): Promise<AddonPlan> {
  const { workingDirectory } = request;
  const { inventory, problems } = await readInventory({ ...request, extraVars: {} });
  const { defaults } = await readRole();
  return makePlan(inventory, problems, { defaults, workingDirectory });
}
