/**
 * sshd on every node, for installers that reach nodes as kubeasz does: root by key alone, on the node's address. The key
 * pairs are the instance's own; `ssh -F <state>/ssh/config node1` uses them, and so does the inventory.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from './command.ts';
import type { Layout, NodeLayout } from './layout.ts';
import { CONTAINERD_SOCKET } from './node-services.ts';
import { findCommand } from './packages.ts';

export function userKey(layout: Layout): string {
  return join(layout.sshDir, 'id_ed25519');
}

export function knownHosts(layout: Layout): string {
  return join(layout.sshDir, 'known_hosts');
}

/** Makes the keys and the configuration of servers and clients. */
export async function prepareSsh(layout: Layout): Promise<void> {
  await mkdir(layout.sshDir, { recursive: true, mode: 0o700 });
  await Promise.all([
    generateKey(userKey(layout), `sandbox ${layout.name}`),
    ...layout.nodes.map((node) => generateKey(hostKey(layout, node), node.name)),
  ]);
  await writeFile(authorizedKeys(layout), await readFile(`${userKey(layout)}.pub`));
  const lines = layout.nodes.map(async (node) => {
    const [type = '', key = ''] = (await readFile(`${hostKey(layout, node)}.pub`, 'utf8')).split(' ');
    return `${node.ip},${node.name} ${type} ${key}\n`;
  });
  await writeFile(knownHosts(layout), (await Promise.all(lines)).join(''));
  await Promise.all(
    layout.nodes.map((node) => writeFile(serverConfig(layout, node), formatServerConfig(layout, node))),
  );
  await writeFile(join(layout.sshDir, 'config'), formatClientConfig(layout));
}

export async function sshdCommand(layout: Layout, node: NodeLayout): Promise<string[]> {
  // sshd runs itself anew for each connection and insists on an absolute path.
  return [(await findCommand('sshd')) ?? '/usr/sbin/sshd', '-D', '-e', '-f', serverConfig(layout, node)];
}

function formatServerConfig(layout: Layout, node: NodeLayout): string {
  return [
    `ListenAddress ${node.ip}:22`,
    `HostKey ${hostKey(layout, node)}`,
    `AuthorizedKeysFile ${authorizedKeys(layout)}`,
    // The state folder may lie below a world-writable one such as /tmp.
    'StrictModes no',
    'AuthenticationMethods publickey',
    'PermitRootLogin prohibit-password',
    'AllowUsers root',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'UsePAM no',
    'UseDNS no',
    'PidFile none',
    'PrintMotd no',
    'PrintLastLog no',
    'MaxStartups 100',
    'Subsystem sftp internal-sftp',
    `SetEnv CONTAINERD_ADDRESS=${CONTAINERD_SOCKET} PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    '',
  ].join('\n');
}

function formatClientConfig(layout: Layout): string {
  return layout.nodes
    .flatMap((node) => [
      `Host ${node.name} ${node.ip}`,
      `  HostName ${node.ip}`,
      '  User root',
      `  IdentityFile ${userKey(layout)}`,
      '  IdentitiesOnly yes',
      `  UserKnownHostsFile ${knownHosts(layout)}`,
      '  StrictHostKeyChecking yes',
      '',
    ])
    .join('\n');
}

async function generateKey(file: string, comment: string): Promise<void> {
  await runCommand(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', file]);
}

function hostKey(layout: Layout, node: NodeLayout): string {
  return join(layout.sshDir, `host-${node.name}`);
}

function serverConfig(layout: Layout, node: NodeLayout): string {
  return join(layout.sshDir, `sshd-${node.name}.conf`);
}

function authorizedKeys(layout: Layout): string {
  return join(layout.sshDir, 'authorized_keys');
}
