/**
 * The distribution's programs that a sandbox uses, and those that a caller wants besides. What is missing is installed
 * on Debian and Ubuntu (as root, without starting or enabling any service); elsewhere the error names it.
 */
import { constants, existsSync } from 'node:fs';
import { access, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lastLines, tryCommand } from './command.ts';
import { SandboxError } from './errors.ts';
import type { Reporter } from './progress.ts';

/** Command → the Debian package that has it. */
export type Commands = Readonly<Record<string, string>>;

const COMMANDS: Commands = {
  ip: 'iproute2',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  mount: 'mount',
  hostname: 'hostname',
  openssl: 'openssl',
  curl: 'curl',
  tar: 'tar',
  'dpkg-deb': 'dpkg',
  containerd: 'containerd',
  ctr: 'containerd',
  runc: 'runc',
  buildah: 'buildah',
  iptables: 'iptables',
  nft: 'nftables',
  conntrack: 'conntrack',
  modprobe: 'kmod',
  sshd: 'openssh-server',
  ssh: 'openssh-client',
  'ssh-keygen': 'openssh-client',
  arping: 'arping',
  tcpdump: 'tcpdump',
};

const CNI_PACKAGE = 'containernetworking-plugins';
export const CNI_PLUGINS = ['ptp', 'host-local', 'portmap', 'loopback', 'tuning'] as const;
const CNI_DIRECTORIES = ['/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni'];

/** Units that Debian's packages enable when they are installed. */
const UNITS_OF: Readonly<Record<string, readonly string[]>> = {
  'openssh-server': ['ssh.service', 'ssh.socket'],
  containerd: ['containerd.service'],
  frr: ['frr.service'],
  bird2: ['bird.service'],
  gobgpd: ['gobgpd.service'],
  exabgp: ['exabgp.service'],
};

/** Debian's way to say which services may start while packages are configured; 101 is "none". */
const POLICY_FILE = '/usr/sbin/policy-rc.d';

/** Makes sure that all is there: what a sandbox uses, and `others`. */
export async function ensurePackages(reporter: Reporter, others: Commands = {}): Promise<void> {
  const commands = { ...COMMANDS, ...others };
  const missing = await missingPackages(commands);
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || !(await findCommand('apt-get'))) {
    throw new SandboxError({
      problem: `programs are missing; Debian has them in: ${missing.join(' ')}`,
      hint: `install them with this system's package manager (Debian: apt-get install ${missing.join(' ')})`,
    });
  }
  reporter.note(`installing packages: ${missing.join(' ')} …`);
  await installPackages(missing);
  const still = await missingPackages(commands);
  if (still.length > 0) {
    throw new SandboxError({
      problem: `apt-get installed ${still.join(' ')}, yet their programs are not on PATH`,
      hint: 'make sure that PATH has /usr/sbin and /usr/bin, and that the packages are whole (dpkg --verify)',
    });
  }
}

/** Packages whose programs are not on this machine. */
async function missingPackages(commands: Commands): Promise<string[]> {
  const missing = new Set<string>();
  for (const [command, name] of Object.entries(commands)) if (!(await findCommand(command))) missing.add(name);
  if (findCniDirectory() === undefined) missing.add(CNI_PACKAGE);
  return [...missing];
}

/** Absolute path of a command on PATH or in the system's folders. */
export async function findCommand(name: string): Promise<string | undefined> {
  const folders = [
    ...(process.env['PATH'] ?? '').split(':'),
    '/usr/local/sbin',
    '/usr/sbin',
    '/sbin',
    '/usr/bin',
    '/bin',
  ];
  for (const folder of new Set(folders)) {
    const path = join(folder, name);
    try {
      if (folder.startsWith('/')) {
        await access(path, constants.X_OK);
        return path;
      }
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** The folder that holds every CNI plugin the sandbox uses. */
export function findCniDirectory(): string | undefined {
  return CNI_DIRECTORIES.find((directory) => CNI_PLUGINS.every((plugin) => existsSync(join(directory, plugin))));
}

async function installPackages(names: readonly string[]): Promise<void> {
  const install = ['apt-get', 'install', '--yes', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120', ...names];
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const result = await withoutServices(async () => {
    const first = await tryCommand(install, { env });
    if (first.exitCode === 0) return first;
    await tryCommand(['apt-get', 'update'], { env });
    return tryCommand(install, { env });
  });
  if (result.exitCode !== 0) {
    throw new SandboxError({
      problem: `apt-get could not install ${names.join(' ')}: ${lastLines(result.stderr, 2)}`,
      hint: 'repair the package sources (apt-get update) or install these packages by hand',
      cause: new Error(`${result.stdout}\n${result.stderr}`),
    });
  }
  // Nor are they to come up with the next boot. Fails harmlessly where there is no such unit, or no systemd.
  for (const unit of names.flatMap((name) => UNITS_OF[name] ?? [])) await tryCommand(['systemctl', 'disable', unit]);
}

/** Runs `work` while no package may start a service. A policy that the machine has already is left as it is. */
async function withoutServices<T>(work: () => Promise<T>): Promise<T> {
  if (existsSync(POLICY_FILE)) return work();
  await writeFile(POLICY_FILE, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    return await work();
  } finally {
    await rm(POLICY_FILE, { force: true });
  }
}
