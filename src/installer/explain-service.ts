/**
 * Explains a Service's addresses from a cluster: finds the cluster, reads it, and asks the pure core. Called by the
 * command line. Changes nothing.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { AnnouncementReason } from '../runtime/decide/explain/announcement.ts';
import type { ExplainWorld } from '../runtime/decide/explain/case.ts';
import { explainProblems, explainService } from '../runtime/decide/explain/explain.ts';
import type { Explanation, ServiceProblem } from '../runtime/decide/explain/explanation.ts';
import { formatKey, type ObjectKey } from '../runtime/model/service.ts';
import { makePlan } from './install-addon.ts';
import type { AddonPlan, PlannedNode } from './plan/addon-plan.ts';
import { type ProbeFinding, routedFinding } from './probe-findings.ts';
import type { Cluster } from './steps/cluster.ts';
import { type ObjectReaders, readExplainWorld } from './steps/explain-world.ts';
import { openCluster } from './steps/kube-cluster.ts';
import type { NodeShell } from './steps/node-shell.ts';
import { findClusterNode, findKubeconfig, reachServer, readClusterFacts } from './steps/preflight.ts';
import { probeAddresses } from './steps/probe.ts';
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

/** Why the Service has the addresses it has, or none, and who announces them. */
export async function explainOne(input: ExplainInput, service: ObjectKey): Promise<Explanation> {
  return explainService(await readWorld(input), formatKey(service));
}

/** Announced to routers, or to be: nobody answers on the link. */
const ROUTED: ReadonlySet<AnnouncementReason> = new Set(['by-bgp', 'bgp-nobody-told', 'by-calico', 'calico-not-told']);

/** What the network says of the Service's addresses, seen from nodes of the inventory. */
export async function probeOne(
  { cluster, nodes, shell }: { cluster: Cluster; nodes: readonly PlannedNode[]; shell: NodeShell },
  { announcement, asks }: Explanation,
): Promise<readonly ProbeFinding[]> {
  const facts = await readClusterFacts(cluster);
  const known = nodes.flatMap((node) => {
    const found = findClusterNode(facts, node);
    return found === undefined ? [] : [{ name: found.name, node }];
  });
  const addresses = announcement?.addresses ?? [];
  const targets = addresses
    .filter(({ reason }) => !ROUTED.has(reason))
    .map(({ ip, announcedBy, nodes: standings }) => ({
      ip,
      announcedBy,
      near: standings.filter(({ standing }) => standing === 'could').map(({ node }) => node),
      ports: asks?.tcpPorts ?? [],
    }));
  const found = new Map((await probeAddresses(targets, known, shell)).map((finding) => [finding.ip, finding]));
  return addresses.map(({ ip }) => found.get(ip) ?? routedFinding(ip));
}

/** The inventory's nodes, to look at the network from. */
export async function findNodes(request: ClusterRequest): Promise<readonly PlannedNode[]> {
  return (await inventoryPlan(request)).nodes;
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
