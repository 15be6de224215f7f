/**
 * An inventory, as the plan sees it: the machines of the cluster and the variables, each from the strongest place that
 * sets it. Weakest first: roles/cluster-addon/defaults/main.yml (the plan adds those), [all:vars] in `hosts`,
 * `config.yml`, `-e` on the command line.
 */
import { parseConfigFile } from './config-file.ts';
import { type HostEntry, type HostsFile, parseHostsFile } from './hosts-file.ts';
import { parseLiteral } from './ini-values.ts';
import type { Located, Problem } from './located.ts';

/** Groups whose machines are cluster nodes; kubeasz before 3.0 wrote hyphens. */
const MASTER_GROUPS = ['kube_master', 'kube-master'];
const NODE_GROUPS = [...MASTER_GROUPS, 'kube_node', 'kube-node'];

export interface Inventory {
  /** Absolute path; what relative paths in its files are relative to. */
  readonly directory: string;
  /** What messages call config.yml: where to put a variable that is missing. */
  readonly configLabel: string;
  /** Cluster nodes, in the order of the hosts file. May be empty: only what needs ssh asks for them. */
  readonly nodes: readonly InventoryNode[];
  /** Everything that is set for all hosts, metallb_* or not. */
  readonly variables: ReadonlyMap<string, Located>;
}

export interface InventoryNode {
  readonly name: string;
  readonly at: Located['at'];
  /** Own variables over those of its groups over [all:vars]. */
  readonly variables: ReadonlyMap<string, Located>;
}

/** The texts that make an inventory, with the names to call them by in messages. */
export interface InventoryTexts {
  readonly directory: string;
  readonly hosts: { readonly label: string; readonly text: string };
  readonly config: { readonly label: string; readonly text: string };
  /** From -e, already split at "=". */
  readonly extraVars: Readonly<Record<string, string>>;
}

/** Total: all that is wrong is in `problems`, and the rest is read all the same. */
export function parseInventory(texts: InventoryTexts): { inventory: Inventory; problems: readonly Problem[] } {
  const hosts = parseHostsFile(texts.hosts.text, texts.hosts.label);
  const config = parseConfigFile(texts.config.text, texts.config.label);
  const extra = Object.entries(texts.extraVars).map(
    ([name, value]) => [name, parseLiteral(value, { file: '-e' })] as const,
  );
  const variables = new Map([...(hosts.value.groups.get('all')?.variables ?? []), ...config.variables, ...extra]);
  const nodes = nodeNames(hosts.value).map((name) => inventoryNode(hosts.value, name));
  return {
    inventory: { directory: texts.directory, configLabel: texts.config.label, nodes, variables },
    problems: [...hosts.problems, ...config.problems, ...misplacedVariables(hosts.value)],
  };
}

function nodeNames(hosts: HostsFile): readonly string[] {
  const members = new Set(NODE_GROUPS.flatMap((group) => [...hostsOfGroup(hosts, group)]));
  return [...hosts.hosts.keys()].filter((name) => members.has(name));
}

function hostsOfGroup(hosts: HostsFile, group: string, seen: Set<string> = new Set()): Set<string> {
  const entry = hosts.groups.get(group);
  if (entry === undefined || seen.has(group)) return new Set();
  seen.add(group);
  return new Set([...entry.hosts, ...entry.children.flatMap((child) => [...hostsOfGroup(hosts, child, seen)])]);
}

function inventoryNode(hosts: HostsFile, name: string): InventoryNode {
  const host: HostEntry | undefined = hosts.hosts.get(name);
  const variables = new Map(hosts.groups.get('all')?.variables ?? []);
  // A child group is the more specific one: whoever contains another comes first, so that the inner one overwrites it.
  const groups = [...hosts.groups.keys()]
    .filter((group) => group !== 'all' && hostsOfGroup(hosts, group).has(name))
    .sort((a, b) => depthBelow(hosts, b) - depthBelow(hosts, a) || (a < b ? -1 : 1));
  for (const group of groups) {
    for (const [key, value] of hosts.groups.get(group)?.variables ?? []) variables.set(key, value);
  }
  for (const [key, value] of host?.variables ?? []) variables.set(key, value);
  return { name, at: host?.at ?? { file: 'hosts' }, variables };
}

/** How many levels of groups a group contains. */
function depthBelow(hosts: HostsFile, group: string, path: readonly string[] = []): number {
  const children = (hosts.groups.get(group)?.children ?? []).filter((child) => !path.includes(child));
  return Math.max(0, ...children.map((child) => 1 + depthBelow(hosts, child, [...path, group])));
}

/** The addon is one for the cluster: a metallb_* variable of a single host or group would be silently without effect. */
function misplacedVariables(hosts: HostsFile): readonly Problem[] {
  const owners = [
    ...[...hosts.hosts.values()].map(({ name, variables }) => ({ owner: `the host ${name}`, variables })),
    ...[...hosts.groups.values()]
      .filter(({ name }) => name !== 'all')
      .map(({ name, variables }) => ({ owner: `the group ${name}`, variables })),
  ];
  const problems = new Map<string, Problem>();
  for (const { owner, variables } of owners) {
    for (const [name, value] of variables) {
      if (!name.startsWith('metallb_')) continue;
      const message = `${name} is set for ${owner} alone, but the addon is one for the whole cluster: move it to [all:vars] or to config.yml`;
      // A range of hosts shares one line, and one complaint.
      const key = `${value.at.line}\n${name}`;
      if (!problems.has(key)) problems.set(key, { at: value.at, message });
    }
  }
  return [...problems.values()];
}
