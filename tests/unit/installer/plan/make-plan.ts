/** Plans from texts, with the real defaults: what the tests of plan/, render/ and steps/ start from. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseConfigFile } from '../../../../src/installer/inventory/config-file.ts';
import { parseInventory } from '../../../../src/installer/inventory/inventory.ts';
import { formatProblem } from '../../../../src/installer/inventory/located.ts';
import type { AddonPlan } from '../../../../src/installer/plan/addon-plan.ts';
import { type PlanResult, planAddon } from '../../../../src/installer/plan/plan-addon.ts';

export const PROJECT = path.resolve(import.meta.dirname, '../../../..');

/** Three nodes, the way kubeasz writes them. */
export const HOSTS = `[kube_master]
10.6.204.1 k8s_nodename=master
[kube_node]
10.6.204.[2:3]
[all:vars]
ansible_user=root
`;

const defaults = parseConfigFile(
  readFileSync(path.join(PROJECT, 'roles/cluster-addon/defaults/main.yml'), 'utf8'),
  'defaults/main.yml',
).variables;

export function tryPlan(config: string, hosts = HOSTS, extraVars: Record<string, string> = {}): PlanResult {
  const { inventory, problems } = parseInventory({
    directory: '/inv',
    hosts: { label: 'hosts', text: hosts },
    config: { label: 'config.yml', text: config },
    extraVars,
  });
  const result = planAddon({ inventory, defaults, workingDirectory: '/here' });
  if (problems.length > 0) return { ok: false, problems };
  return result;
}

export function makePlan(config: string, hosts = HOSTS): AddonPlan {
  const result = tryPlan(config, hosts);
  if (!result.ok) throw new Error(result.problems.map(formatProblem).join('\n'));
  return result.plan;
}

export function problemsOf(config: string, hosts = HOSTS, extraVars: Record<string, string> = {}): string[] {
  const result = tryPlan(config, hosts, extraVars);
  return result.ok ? [] : result.problems.map(formatProblem);
}
