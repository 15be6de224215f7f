/**
 * What makes a network namespace a machine of its own: a mount namespace in which the places that Kubernetes uses by
 * default (/var/lib/kubelet, /run/containerd, …) are folders of this node, and a host name. A process that sleeps holds
 * both; everything on the node enters through it, and when it and they are dead, every mount made there is gone.
 *
 * Mounts of the host go on to appear and vanish inside (so that no disk stays busy), none of the node's appear outside.
 */
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Layout, NodeLayout } from './layout.ts';
import { waitFor } from './poll.ts';
import { type Daemon, startDaemon } from './processes.ts';

/** Service name of the process that holds a node's namespaces. */
export const MACHINE_SERVICE = 'machine';

/** Folders of the node's own. The host needs empty ones of these names to mount them on. */
export const NODE_DIRECTORIES = [
  '/var/lib/kubelet',
  '/var/lib/containerd',
  '/var/lib/cni',
  '/var/log/pods',
  '/var/log/containers',
  '/run/containerd',
  '/run/sshd',
] as const;

/**
 * Kernel settings that kubelet makes for its whole machine (pkg/kubelet/cm, setupKernelTunables). In a node these files
 * hold what kubelet wants to find, so that it leaves the host's settings alone.
 */
const KERNEL_SETTINGS: Readonly<Record<string, string>> = {
  '/proc/sys/vm/overcommit_memory': '1',
  '/proc/sys/vm/panic_on_oom': '0',
  '/proc/sys/kernel/panic': '10',
  '/proc/sys/kernel/panic_on_oops': '1',
  '/proc/sys/kernel/keys/root_maxkeys': '1000000',
  '/proc/sys/kernel/keys/root_maxbytes': '25000000',
};

/**
 * $1: host name. $2: file that says it is done. $3: where to put a /sys that shows this node's interfaces instead of the
 * host's. Then pairs of what to mount where.
 */
const SETUP = `
set -e
hostname "$1"; ready=$2; sys=$3; shift 3
mount -t sysfs sysfs "$sys"
mount --rbind /sys/fs/cgroup "$sys/fs/cgroup"
mount --rbind "$sys" /sys
mount --make-rshared /
while [ $# -gt 0 ]; do mount --bind "$1" "$2"; shift 2; done
: > "$ready"
exec sleep infinity
`;

export async function startMachine(layout: Layout, node: NodeLayout, cgroupProcs: string): Promise<Daemon> {
  const binds = [...(await prepareDirectories(node)), ...(await prepareFiles(layout, node))];
  const ready = join(node.dir, 'machine-ready');
  await rm(ready, { force: true });
  const sys = join(node.dir, 'sys');
  await mkdir(sys, { recursive: true });
  const daemon = await startDaemon({
    host: node.name,
    service: MACHINE_SERVICE,
    argv: [
      ...['nsenter', `--net=/run/netns/${node.netns}`],
      ...['unshare', '--mount', '--uts', '--propagation', 'slave'],
      ...['/bin/sh', '-c', SETUP, 'sh', node.name, ready, sys, ...binds.flat()],
    ],
    logFile: join(layout.logsDir, node.name, `${MACHINE_SERVICE}.log`),
    processesDir: layout.processesDir,
    cgroupProcs,
  });
  await waitFor(
    {
      what: `the machine ${node.name}`,
      timeoutMs: 20_000,
      hint: `see ${daemon.record.logFile}`,
      assertHope: () => daemon.assertAlive(),
    },
    async () => existsSync(ready) || undefined,
  );
  return daemon;
}

/** What to put before a command so that it runs on the node. `pid` is the machine's process. */
export function enterMachine(pid: number): string[] {
  return ['nsenter', `--target=${pid}`, '--mount', '--uts', '--net', '--'];
}

async function prepareDirectories(node: NodeLayout): Promise<[string, string][]> {
  return Promise.all(
    NODE_DIRECTORIES.map(async (path): Promise<[string, string]> => {
      const own = join(node.dir, 'root', path);
      await mkdir(own, { recursive: true });
      return [own, path];
    }),
  );
}

async function prepareFiles(layout: Layout, node: NodeLayout): Promise<[string, string][]> {
  const hosts = [
    '127.0.0.1 localhost',
    '::1 localhost ip6-localhost ip6-loopback',
    ...[...layout.nodes, layout.client].map((host) => `${host.ip} ${host.name}`),
  ];
  const files: Readonly<Record<string, string>> = {
    ...KERNEL_SETTINGS,
    '/etc/hosts': hosts.join('\n'),
    // No name server: a look-up fails at once instead of waiting for the host's, which is out of reach.
    '/etc/resolv.conf': '# no name server on this node',
    // sshd turns away a root account whose password is locked with "!", even for keys.
    '/etc/shadow': 'root:*:20000:0:99999:7:::\nsshd:!:20000::::::',
  };
  const binds: [string, string][] = [];
  for (const [path, content] of Object.entries(files)) {
    if (!existsSync(path)) continue;
    const own = join(node.dir, 'root', path);
    await mkdir(dirname(own), { recursive: true });
    await writeFile(own, `${content}\n`, { mode: path === '/etc/shadow' ? 0o600 : 0o644 });
    binds.push([own, path]);
  }
  return binds;
}
