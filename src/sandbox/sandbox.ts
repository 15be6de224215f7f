/**
 * A real Kubernetes cluster on this machine, without Docker: every node is a network namespace with its own containerd,
 * kubelet, kube-proxy and sshd, on a LAN of its own. For trying the addon out and for end-to-end tests.
 *
 *     const cluster = await up({ reporter });
 *     await exec(cluster, 'client', ['curl', 'http://10.6.204.240/']);
 *     await down({ name: cluster.name });
 *
 * All functions throw SandboxError. Several instances can run side by side if name and subnet differ. The cluster
 * outlives the process that booted it. Needs root on Linux.
 */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { openApi, readNodes } from './api.ts';
import { obtainBinaries } from './binaries/obtain.ts';
import { bootCluster, importCommand, type Provisions } from './boot.ts';
import { type CommandResult, runCommand, tryCommand } from './command.ts';
import { errorText, SandboxError } from './errors.ts';
import { enterHost, handleOf, layoutOfHandle, type SandboxHandle } from './handle.ts';
import { assertNameFree, claimHost, readClaims } from './host-claims.ts';
import { BUSYBOX_IMAGE, NGINX_IMAGE, obtainImages } from './images.ts';
import { writeUserKubeconfig } from './kubeconfig.ts';
import { type Families, type Layout, planLayout } from './layout.ts';
import { withLock } from './lock.ts';
import { ensurePackages, findCniDirectory } from './packages.ts';
import { checkClashes, checkMachine, kernelHasIpv6 } from './preflight.ts';
import { isAlive, readRecords } from './processes.ts';
import { type Reporter, silentReporter } from './progress.ts';
import { type InstanceRecord, readInstance, writeInstance } from './record.ts';
import { tearDown } from './teardown.ts';

export interface SandboxOptions {
  /** Default "metallb"; at most 12 characters. */
  readonly name?: string;
  /** The LAN, default "10.6.204.0/24": nodes from .1, client .100, this machine .250. */
  readonly subnet?: string;
  /** Default 3: master, node1, node2. */
  readonly nodes?: number;
  /** Default "dual-stack" where the kernel has IPv6. */
  readonly families?: Families;
  /** Searched for programs before PATH; default the environment's METALLB_SANDBOX_BIN. */
  readonly binDir?: string;
  readonly reporter?: Reporter;
}

export type { SandboxHandle } from './handle.ts';

export interface SandboxStatus {
  readonly name: string;
  /** "broken": there is something, but not all of it runs. */
  readonly state: 'absent' | 'running' | 'broken';
  readonly stateDir: string;
  readonly logsDir: string;
  readonly handle?: SandboxHandle;
  /** What is wrong, a line each; empty unless broken. */
  readonly problems: readonly string[];
  readonly services: readonly { host: string; service: string; pid: number; alive: boolean; logFile: string }[];
  /** As the API server sees them; absent while it cannot be asked. */
  readonly nodes?: readonly { readonly name: string; readonly ready: boolean }[];
}

export interface ExecOptions {
  /** "pipe" (default) returns what the program printed, "inherit" lends it this process's terminal. */
  readonly stdio?: 'inherit' | 'pipe';
  readonly timeoutMs?: number;
}

/** An image that is on every node: nginx with its welcome page on port 80. */
export const nginxImage = NGINX_IMAGE;
/**
 * An image that is on every node: busybox with its commands (sh, nc, wget …); its entry point takes a command's name.
 * Debian 12's wget crashes on -T: limit its time by "timeout 5 wget …".
 */
export const busyboxImage = BUSYBOX_IMAGE;

/** A first boot on a machine may have to build every program. */
const LOCK_TIMEOUT_MS = 60 * 60_000;

/**
 * Boots the cluster, or finds it running: then nothing is changed. What a boot that failed or a crash left behind is
 * removed first.
 */
export function up(options: SandboxOptions = {}): Promise<SandboxHandle> {
  const reporter = options.reporter ?? silentReporter;
  const layout = layoutOf(options);
  return exclusively(layout, reporter, async () => {
    const found = await inspect(layout.stateDir);
    if (found?.whole === true) {
      assertSameShape(found.record, options);
      reporter.note(`the sandbox "${layout.name}" is running already`);
      return handleOf(layoutOfRecord(found.record), found.record.bin);
    }
    reporter.step('checking this machine');
    await checkMachine();
    await ensurePackages(reporter);
    if (found !== undefined || (await readClaims()).get(layout.name) === layout.stateDir) {
      for (const problem of found?.problems ?? ['an earlier boot did not end']) reporter.note(problem);
      reporter.note(`removing what is left of the sandbox "${layout.name}"`);
      await tearDown(found === undefined ? layout : layoutOfRecord(found.record), { keepLogs: false });
    }
    await assertNameFree(layout);
    await checkClashes(layout);
    reporter.done();
    if (options.families === undefined && !kernelHasIpv6())
      reporter.note('this kernel has no IPv6 (ipv6.disable=1?): the cluster speaks IPv4 alone');
    const provisions = await provide(options, reporter);
    return boot(layout, provisions, reporter);
  });
}

/** Removes the cluster and everything that belongs to it, except the cache of programs and images. */
export function down(options: SandboxOptions = {}): Promise<void> {
  const reporter = options.reporter ?? silentReporter;
  const planned = layoutOf(options);
  return exclusively(planned, reporter, async () => {
    const record = await readInstance(planned.stateDir);
    const layout = record === undefined ? planned : layoutOfRecord(record);
    if (!(await isThere(layout))) {
      reporter.note(`there is no sandbox "${layout.name}"`);
      return;
    }
    await checkMachine();
    reporter.step(`removing the sandbox "${layout.name}"`);
    await tearDown(layout, { keepLogs: false });
    reporter.done();
  });
}

/** The running cluster; undefined when there is none or not all of it runs. */
export async function open(options: SandboxOptions = {}): Promise<SandboxHandle | undefined> {
  const found = await inspect(layoutOf(options).stateDir);
  return found?.whole === true ? handleOf(layoutOfRecord(found.record), found.record.bin) : undefined;
}

export async function status(options: SandboxOptions = {}): Promise<SandboxStatus> {
  const { name, stateDir, logsDir } = layoutOf(options);
  const found = await inspect(stateDir);
  if (found === undefined) return { name, state: 'absent', stateDir, logsDir, problems: [], services: [] };
  const layout = layoutOfRecord(found.record);
  const problems = [...found.problems];
  let nodes: SandboxStatus['nodes'];
  try {
    nodes = await askNodes(layout);
    problems.push(...nodes.filter((node) => !node.ready).map((node) => `the node ${node.name} is not Ready`));
  } catch (error) {
    problems.push(`the API server does not answer: ${errorText(error)}`);
  }
  return {
    name,
    state: problems.length === 0 ? 'running' : 'broken',
    stateDir,
    logsDir,
    problems,
    services: found.services,
    ...(nodes === undefined ? {} : { nodes }),
    ...(found.whole ? { handle: handleOf(layout, found.record.bin) } : {}),
  };
}

/**
 * Runs a program on a node, on the client ("client") or on this machine ("host"), with kubectl, helm and KUBECONFIG at
 * hand. The program's exit code is part of the answer, not an error.
 */
export async function exec(
  handle: SandboxHandle,
  host: string,
  argv: readonly string[],
  options: ExecOptions = {},
): Promise<CommandResult> {
  const folders = new Set([dirname(handle.bin.kubectl), dirname(handle.bin.helm)]);
  // A change of mount namespace forgets the current folder; and env looks the program up in the PATH given here.
  const command = [...(await enterHost(handle, host)), 'env', `--chdir=${process.cwd()}`, ...argv];
  return tryCommand(command, {
    ...options,
    env: {
      KUBECONFIG: handle.kubeconfigPath,
      PATH: [...folders, process.env['PATH'] ?? '/usr/sbin:/usr/bin'].join(':'),
    },
  });
}

/** Imports an image tar (docker or OCI archive) into every node. */
export async function loadImage(handle: SandboxHandle, tarPath: string): Promise<void> {
  const tar = resolve(tarPath);
  if (!existsSync(tar)) {
    throw new SandboxError({
      problem: `there is no image file ${tar}`,
      hint: 'build the image first, or give its path',
    });
  }
  await Promise.all(
    handle.nodes.map(async (node) => runCommand([...(await enterHost(handle, node.name)), ...importCommand(tar)])),
  );
}

/** A kubeconfig for another user, who may do what RBAC grants that name and those groups; returns the file. */
export function createUserKubeconfig(handle: SandboxHandle, user: string, groups: readonly string[]): Promise<string> {
  return writeUserKubeconfig(layoutOfHandle(handle), user, groups);
}

async function provide(options: SandboxOptions, reporter: Reporter): Promise<Provisions> {
  const cacheDir = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'metallb-addon');
  const binDir = options.binDir ?? process.env['METALLB_SANDBOX_BIN'];
  reporter.step('finding programs and images');
  const [bin, images] = await Promise.all([
    obtainBinaries({ cacheDir, reporter, ...(binDir ? { binDir: resolve(binDir) } : {}) }),
    obtainImages(cacheDir, reporter),
  ]);
  reporter.done();
  const cniDir = findCniDirectory();
  if (cniDir === undefined) throw new Error('ensurePackages has found the CNI plugins');
  return { bin, images, cniDir };
}

async function boot(layout: Layout, provisions: Provisions, reporter: Reporter): Promise<SandboxHandle> {
  const { kubectl, helm } = provisions.bin;
  const record: InstanceRecord = {
    version: 1,
    phase: 'starting',
    name: layout.name,
    subnet: layout.subnet,
    nodes: layout.nodes.length,
    families: layout.families,
    bin: { kubectl, helm },
  };
  await claimHost(layout);
  await writeInstance(layout.stateDir, record);
  try {
    await bootCluster(layout, provisions, reporter);
  } catch (error) {
    await tearDown(layout, { keepLogs: true });
    throw error;
  }
  await writeInstance(layout.stateDir, { ...record, phase: 'running' });
  return handleOf(layout, record.bin);
}

interface Inspection {
  readonly record: InstanceRecord;
  readonly whole: boolean;
  readonly problems: readonly string[];
  readonly services: SandboxStatus['services'];
}

/** Looks at what is written down and whether it still runs; asks no server. */
async function inspect(stateDir: string): Promise<Inspection | undefined> {
  const record = await readInstance(stateDir);
  if (record === undefined) return undefined;
  const services = (await readRecords(join(stateDir, 'processes'))).map((process) => ({
    host: process.host,
    service: process.service,
    pid: process.pid,
    alive: isAlive(process),
    logFile: process.logFile,
  }));
  const problems = services
    .filter((service) => !service.alive)
    .map((service) => `${service.service} on ${service.host} has ended; its log: ${service.logFile}`);
  if (record.phase === 'starting') problems.unshift('its boot has not ended');
  return { record, services, problems, whole: problems.length === 0 };
}

function assertSameShape(record: InstanceRecord, options: SandboxOptions): void {
  const wanted = layoutOf({ ...options, name: record.name });
  const { families = 'ipv4' } = record;
  const differs =
    (options.subnet !== undefined && wanted.subnet !== record.subnet) ||
    (options.nodes !== undefined && options.nodes !== record.nodes) ||
    (options.families !== undefined && options.families !== families);
  if (!differs) return;
  const speaks = families === 'ipv4' ? 'IPv4 alone' : 'IPv4 and IPv6';
  throw new SandboxError({
    problem: `the sandbox "${record.name}" is running with ${record.nodes} nodes on ${record.subnet} and ${speaks}, not as asked`,
    hint: `end it first (sandbox down --name ${record.name}), or choose another --name`,
  });
}

async function askNodes(layout: Layout): Promise<NonNullable<SandboxStatus['nodes']>> {
  const api = await openApi(layout);
  try {
    return await readNodes(api);
  } finally {
    api.close();
  }
}

async function isThere(layout: Layout): Promise<boolean> {
  return existsSync(layout.stateDir) || (await readClaims()).get(layout.name) === layout.stateDir;
}

function exclusively<T>(layout: Layout, reporter: Reporter, work: () => Promise<T>): Promise<T> {
  const onWait = () => reporter.note(`another command is working on the sandbox "${layout.name}": waiting for it`);
  return withLock({ name: `instance/${layout.name}`, timeoutMs: LOCK_TIMEOUT_MS, onWait }, work);
}

function layoutOf(options: SandboxOptions): Layout {
  return planLayout({
    stateRoot: resolve(process.env['METALLB_SANDBOX_STATE'] || '/var/lib/metallb-addon/sandbox'),
    families: options.families ?? (kernelHasIpv6() ? 'dual-stack' : 'ipv4'),
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.subnet === undefined ? {} : { subnet: options.subnet }),
    ...(options.nodes === undefined ? {} : { nodes: options.nodes }),
  });
}

function layoutOfRecord({ name, subnet, nodes, families = 'ipv4' }: InstanceRecord): Layout {
  return layoutOf({ name, subnet, nodes, families });
}
