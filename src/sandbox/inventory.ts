/**
 * The inventory that leads an installer to the sandbox's nodes, in kubeasz's shape: <state>/inventory/hosts, an Ansible
 * INI file. The master is one of the nodes, as in kubeasz's small clusters.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Layout, masterOf } from './layout.ts';
import { knownHosts, userKey } from './ssh.ts';

export async function writeInventory(layout: Layout): Promise<void> {
  await mkdir(layout.inventoryDir, { recursive: true });
  await writeFile(join(layout.inventoryDir, 'hosts'), formatInventory(layout));
}

export function formatInventory(layout: Layout): string {
  const line = (node: { readonly ip: string; readonly name: string }) => `${node.ip} k8s_nodename='${node.name}'`;
  const master = masterOf(layout);
  return [
    `# The sandbox "${layout.name}". Written when it booted; it goes when the sandbox does.`,
    '[etcd]',
    master.ip,
    '',
    '[kube_master]',
    line(master),
    '',
    '[kube_node]',
    ...layout.nodes.map(line),
    '',
    '[all:vars]',
    'CONTAINER_RUNTIME="containerd"',
    'PROXY_MODE="nftables"',
    `SERVICE_CIDR="${layout.serviceCidrs.join(',')}"`,
    `CLUSTER_CIDR="${layout.podCidrs.join(',')}"`,
    'ansible_user=root',
    `ansible_ssh_private_key_file=${userKey(layout)}`,
    `ansible_ssh_common_args='-o UserKnownHostsFile=${knownHosts(layout)} -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes'`,
    '',
  ].join('\n');
}
