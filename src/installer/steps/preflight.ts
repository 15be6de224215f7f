/**
 * Looks before anything is touched: is there a cluster behind the kubeconfig, is it the one of the inventory, may we do
 * what is needed, is helm there, could layer 2 serve the pools. Changes nothing.
 */
import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { parseIp } from '../../runtime/model/ip.ts';
import type { Labels } from '../../runtime/model/labels.ts';
import { InstallError } from '../errors.ts';
import type { KubeObject } from '../kube-object.ts';
import { ADDON_NAMESPACE, type AddonPlan, type PlannedNode } from '../plan/addon-plan.ts';
import { orInstallError } from './apply-objects.ts';
import { type AccessQuestion, type Cluster, ClusterError } from './cluster.ts';
import type { Helm } from './helm.ts';
import type { ContainerRuntime } from './load-image.ts';
import type { NodeShell } from './node-shell.ts';
import { checkPoolSubnets, readNodeSubnets } from './node-subnets.ts';

export const PREFLIGHT = 'check the cluster';
/** The custom resources are checked by CEL rules, which every API server runs from 1.29 on. */
const OLDEST_MINOR = 29;

/** A node as the cluster knows it. */
export interface ClusterNode {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly runtime: ContainerRuntime;
  readonly labels: Labels;
}

export interface ClusterFacts {
  /** "v1.34.4" */
  readonly version: string;
  readonly nodes: readonly ClusterNode[];
}

/** The kubeconfig to use: the inventory's choice, else the first of the usual places that is there. */
export async function findKubeconfig(
  plan: { readonly access: Partial<AddonPlan['access']> },
  environment: NodeJS.ProcessEnv,
): Promise<string> {
  const fromEnvironment = (environment['KUBECONFIG'] ?? '').split(path.delimiter).filter((file) => file !== '');
  const { inventoryKubeconfig } = plan.access;
  const ofInventory = inventoryKubeconfig === undefined ? [] : [inventoryKubeconfig];
  const usual = [...ofInventory, ...fromEnvironment, path.join(homedir(), '.kube/config')];
  const candidates = plan.access.kubeconfig === undefined ? usual : [plan.access.kubeconfig];
  for (const candidate of candidates) {
    if (await isReadable(candidate)) return candidate;
  }
  throw new InstallError({
    kind: 'environment',
    step: PREFLIGHT,
    problem: `there is no kubeconfig: looked for ${candidates.join(', ')}`,
    hint: 'set metallb_kubeconfig in config.yml (relative to the inventory), or copy the cluster’s kubeconfig to ~/.kube/config',
  });
}

async function isReadable(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch {
    // Not there, or not for us: the next place is tried.
    return false;
  }
}

export async function readClusterFacts(cluster: Cluster): Promise<ClusterFacts> {
  const version = await reachServer(cluster);
  const minor = Number(/^v1\.([0-9]+)/.exec(version)?.[1] ?? Number.NaN);
  if (minor < OLDEST_MINOR) {
    throw new InstallError({
      kind: 'cluster',
      step: PREFLIGHT,
      problem: `the cluster at ${cluster.server} runs Kubernetes ${version}; 1.${OLDEST_MINOR} is the oldest that can check the addon’s resources`,
      hint: 'upgrade the cluster first (kubeasz: ezctl upgrade NAME)',
    });
  }
  const nodes = await orInstallError(PREFLIGHT, cluster.list({ apiVersion: 'v1', kind: 'Node' }), 'listing nodes');
  return { version, nodes: nodes.map(clusterNode) };
}

/** Helm 3 or newer; version 2 had a server part and other arguments. */
export async function checkHelm(helm: Helm): Promise<void> {
  const version = await helm.version();
  if (Number(/^v([0-9]+)\./.exec(version)?.[1] ?? 0) >= 3) return;
  throw new InstallError({
    kind: 'environment',
    step: PREFLIGHT,
    problem: `helm is of version ${version === '' ? '2 or older' : version}; version 3 or newer is needed`,
    hint: 'install Helm 3 (https://helm.sh), or set metallb_helm to its path',
  });
}

export async function reachServer(cluster: Cluster): Promise<string> {
  try {
    return await cluster.version();
  } catch (cause) {
    if (!(cause instanceof ClusterError)) throw cause;
    const isRefused = cause.status === 401 || cause.status === 403;
    throw new InstallError({
      kind: isRefused ? 'permission' : 'cluster',
      step: PREFLIGHT,
      problem: isRefused
        ? `the cluster at ${cluster.server} does not accept the kubeconfig’s credentials: ${cause.message}`
        : `the cluster at ${cluster.server} is not reached: ${cause.message}`,
      hint: isRefused
        ? 'the certificate or token may have expired; `kubectl get nodes` with the same kubeconfig says the same'
        : 'check that the API server runs and that this machine reaches it, or set metallb_kubeconfig to another cluster',
      cause,
    });
  }
}

function clusterNode(node: KubeObject): ClusterNode {
  const status = (node['status'] ?? {}) as {
    addresses?: readonly { type: string; address: string }[];
    nodeInfo?: { containerRuntimeVersion?: string };
  };
  const isDocker = status.nodeInfo?.containerRuntimeVersion?.startsWith('docker:') === true;
  return {
    name: node.metadata.name,
    addresses: (status.addresses ?? []).filter(({ type }) => type === 'InternalIP').map(({ address }) => address),
    runtime: isDocker ? 'docker' : 'containerd',
    labels: (node.metadata['labels'] ?? {}) as Labels,
  };
}

/**
 * The cluster's view of a machine of the inventory. kubeasz names machines by their address, and then only the address
 * counts: node names such as "master" and "node1" are the same in many clusters.
 */
export function findClusterNode(facts: ClusterFacts, node: PlannedNode): ClusterNode | undefined {
  const isNamedByAddress = parseIp(node.name).ok;
  return facts.nodes.find(({ name, addresses }) =>
    isNamedByAddress
      ? [name, ...addresses].includes(node.name)
      : [name, ...addresses].some((alias) => node.aliases.includes(alias)),
  );
}

/** An inventory that names nodes, none of which the cluster has, is of another cluster: nothing may be installed there. */
export function checkSameCluster(plan: AddonPlan, facts: ClusterFacts, server: string): readonly string[] {
  if (plan.nodes.length === 0 || facts.nodes.length === 0) return [];
  const strangers = plan.nodes.filter((node) => findClusterNode(facts, node) === undefined);
  if (strangers.length < plan.nodes.length) {
    return strangers.map(({ name }) => `the inventory’s node ${name} is not a node of the cluster at ${server}`);
  }
  throw new InstallError({
    kind: 'environment',
    step: PREFLIGHT,
    problem:
      `the kubeconfig and the inventory speak of different clusters: ${server} has the nodes ` +
      `${facts.nodes.map(describeClusterNode).join(', ')}; the inventory has ${plan.nodes.map(({ name }) => name).join(', ')}`,
    hint: 'set metallb_kubeconfig to the kubeconfig of the inventory’s cluster, or name another inventory with -i',
  });
}

function describeClusterNode({ name, addresses }: ClusterNode): string {
  return addresses.length === 0 || addresses.includes(name) ? name : `${name} (${addresses.join(', ')})`;
}

const everything = ['get', 'list', 'create', 'patch', 'delete'];
const NEEDED: readonly (Omit<AccessQuestion, 'verb'> & { readonly verbs: readonly string[] })[] = [
  { group: '', resource: 'namespaces', verbs: ['get', 'create', 'patch', 'delete'] },
  { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions', verbs: everything },
  { group: 'rbac.authorization.k8s.io', resource: 'clusterroles', verbs: everything },
  { group: 'rbac.authorization.k8s.io', resource: 'clusterrolebindings', verbs: everything },
  { group: 'rbac.authorization.k8s.io', resource: 'roles', namespace: ADDON_NAMESPACE, verbs: everything },
  { group: 'apps', resource: 'deployments', namespace: ADDON_NAMESPACE, verbs: everything },
  { group: 'apps', resource: 'daemonsets', namespace: ADDON_NAMESPACE, verbs: everything },
  { group: '', resource: 'serviceaccounts', namespace: ADDON_NAMESPACE, verbs: everything },
  { group: '', resource: 'secrets', namespace: ADDON_NAMESPACE, verbs: [...everything, 'update'] },
  { group: 'metallb.io', resource: 'ipaddresspools', namespace: ADDON_NAMESPACE, verbs: everything },
  { group: 'metallb.io', resource: 'l2advertisements', namespace: ADDON_NAMESPACE, verbs: everything },
  { group: '', resource: 'pods', namespace: ADDON_NAMESPACE, verbs: ['list'] },
  { group: '', resource: 'services', verbs: ['get', 'list'] },
  { group: '', resource: 'services/status', verbs: ['patch'] },
];

export async function checkPermissions(cluster: Cluster): Promise<void> {
  const questions = NEEDED.flatMap(({ verbs, ...question }) => verbs.map((verb) => ({ ...question, verb })));
  const answers = await orInstallError(
    PREFLIGHT,
    Promise.all(questions.map(async (question) => ({ question, allowed: await cluster.may(question) }))),
  );
  const refused = answers.filter(({ allowed }) => !allowed).map(({ question }) => describeQuestion(question));
  if (refused.length === 0) return;
  throw new InstallError({
    kind: 'permission',
    step: PREFLIGHT,
    problem: `no permission on ${cluster.server} to ${refused.join('; ')}`,
    hint: 'use a kubeconfig with the rights of a cluster administrator (metallb_kubeconfig)',
  });
}

function describeQuestion({ verb, group, resource, namespace }: AccessQuestion): string {
  const full = group === '' ? resource : `${resource}.${group}`;
  return `${verb} ${full}${namespace === undefined ? '' : ` in ${namespace}`}`;
}

/** Gives warnings; throws when a pool certainly lies outside the nodes' subnets. */
export async function checkLayer2Pools(
  plan: AddonPlan,
  facts: ClusterFacts,
  shell: NodeShell,
): Promise<readonly string[]> {
  if (plan.protocol !== 'layer2' || plan.nodeSubnets.length > 0 || plan.nodes.length === 0) return [];
  const addressesOf = (node: PlannedNode): readonly string[] => [
    node.address,
    ...(findClusterNode(facts, node)?.addresses ?? []),
  ];
  return checkPoolSubnets(plan, await readNodeSubnets(plan.nodes, shell, addressesOf));
}
