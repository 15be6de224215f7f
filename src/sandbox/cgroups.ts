/**
 * The instance's control groups. Each node has one, which its kubelet takes for its root; one more holds the daemons, so
 * that every process of the instance, pods included, can be found by group.
 *
 *     cgroup v1: <hierarchy>/sandbox-<name>/{<node>,daemons} in every hierarchy
 *     cgroup v2: /sys/fs/cgroup/sandbox-<name>/{<node>,daemons}, controllers handed down to the nodes
 *
 * Both versions are served. Only v1 (with and without systemd's named hierarchy) has been run; v2 follows the kernel's
 * Documentation/admin-guide/cgroup-v2.rst and has not.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorText, SandboxError } from './errors.ts';
import type { Layout } from './layout.ts';

export interface CgroupMounts {
  readonly version: 1 | 2;
  /** Mount points: all v1 hierarchies (a hybrid's v2 one comes last and is only cleaned), or the one of v2. */
  readonly hierarchies: readonly { readonly path: string; readonly type: 'cgroup' | 'cgroup2' }[];
}

/** v2 controllers that a kubelet asks for; others are handed down when they are there. */
const NEEDED_V2_CONTROLLERS = ['cpu', 'cpuset', 'memory', 'pids'];

/** Reads the mount points out of /proc/self/mountinfo's text. */
export function parseCgroupMounts(mountinfo: string): CgroupMounts | undefined {
  const hierarchies = mountinfo.split('\n').flatMap((line) => {
    const [left = '', right = ''] = line.split(' - ');
    const path = left.split(' ')[4];
    const type = right.split(' ')[0];
    return path !== undefined && (type === 'cgroup' || type === 'cgroup2') ? [{ path, type } as const] : [];
  });
  // The same hierarchy may be mounted twice, in a container's view for one.
  const unique = [...new Map(hierarchies.map((hierarchy) => [hierarchy.path, hierarchy])).values()];
  const v1 = unique.filter((hierarchy) => hierarchy.type === 'cgroup');
  const v2 = unique.filter((hierarchy) => hierarchy.type === 'cgroup2');
  if (v1.length > 0) return { version: 1, hierarchies: [...v1, ...v2] };
  return v2.length > 0 ? { version: 2, hierarchies: v2.slice(0, 1) } : undefined;
}

export async function readCgroupMounts(): Promise<CgroupMounts> {
  const mounts = parseCgroupMounts(await readFile('/proc/self/mountinfo', 'utf8'));
  if (mounts !== undefined) return mounts;
  throw new SandboxError({
    problem: 'no control groups are mounted on this machine',
    hint: 'mount them (systemd does: mount -t cgroup2 none /sys/fs/cgroup); kubelet cannot run pods without',
  });
}

/** Makes the groups; returns the cgroup.procs file that daemons enter. */
export async function createCgroups(layout: Layout): Promise<string> {
  const mounts = await readCgroupMounts();
  const groups = [...layout.nodes.map((node) => node.name), 'daemons'];
  if (mounts.version === 2) return createV2(mounts.hierarchies[0]?.path ?? '/sys/fs/cgroup', layout, groups);
  const hierarchies = mounts.hierarchies.filter((hierarchy) => hierarchy.type === 'cgroup');
  for (const { path } of hierarchies) {
    await makeV1Group(path, layout.cgroup);
    for (const group of groups) await makeV1Group(join(path, layout.cgroup), group);
  }
  return daemonsProcs(layout);
}

/** The cgroup.procs file that daemons enter; the groups have to be there. */
export async function daemonsProcs(layout: Layout): Promise<string> {
  return join(await trackingHierarchy(), layout.cgroup, 'daemons', 'cgroup.procs');
}

/** Every process in the instance's groups. */
export async function cgroupPids(layout: Layout): Promise<number[]> {
  const pids = new Set<number>();
  for (const { path } of (await readCgroupMounts()).hierarchies) {
    for (const group of await groupsBelow(join(path, layout.cgroup))) {
      for (const pid of await pidsIn(group)) pids.add(pid);
    }
  }
  return [...pids];
}

/** The processes of a node's pods, a list for each group that has any: a container has one. */
export async function groupMembers(layout: Layout, node: string): Promise<number[][]> {
  const groups = await groupsBelow(join(await trackingHierarchy(), layout.cgroup, node));
  return (await Promise.all(groups.map(pidsIn))).filter((pids) => pids.length > 0);
}

/** Any hierarchy tells who belongs to the instance; one without a resource behind it changes nothing else. */
async function trackingHierarchy(): Promise<string> {
  const { version, hierarchies } = await readCgroupMounts();
  const own = hierarchies.filter(({ type }) => type === (version === 2 ? 'cgroup2' : 'cgroup'));
  const tracking =
    own.find(({ path }) => basename(path) === 'systemd') ?? own.find(({ path }) => basename(path) === 'pids') ?? own[0];
  return tracking?.path ?? '';
}

async function pidsIn(group: string): Promise<number[]> {
  const lines = (await readFile(join(group, 'cgroup.procs'), 'utf8').catch(() => '')).split('\n');
  return lines.filter((pid) => pid !== '' && pid !== '0').map(Number);
}

/** Removes the groups. Their processes have to be dead; the kernel needs a moment after the last one. */
export async function removeCgroups(layout: Layout): Promise<void> {
  for (const { path } of (await readCgroupMounts()).hierarchies) {
    const groups = await groupsBelow(join(path, layout.cgroup));
    for (const group of groups.reverse()) await removeGroup(group);
  }
}

async function createV2(root: string, layout: Layout, groups: readonly string[]): Promise<string> {
  const top = join(root, layout.cgroup);
  await handDown(root);
  await mkdir(top, { recursive: true });
  await handDown(top);
  for (const group of groups) await mkdir(join(top, group), { recursive: true });
  for (const node of layout.nodes) await handDown(join(top, node.name));
  return join(top, 'daemons', 'cgroup.procs');
}

/** Lets the children of a v2 group use every controller that the group has. */
async function handDown(group: string): Promise<void> {
  const list = async (file: string) => (await readFile(join(group, file), 'utf8')).trim().split(/\s+/);
  const available = await list('cgroup.controllers');
  const enabled = await list('cgroup.subtree_control');
  const absent = NEEDED_V2_CONTROLLERS.filter((controller) => !available.includes(controller));
  if (absent.length > 0) {
    throw new SandboxError({
      problem: `the control group ${group} lacks the controllers ${absent.join(', ')}`,
      hint: 'kubelet needs them: run on the machine itself, or in a container that has them delegated',
    });
  }
  for (const controller of available.filter((name) => !enabled.includes(name))) {
    try {
      await writeFile(join(group, 'cgroup.subtree_control'), `+${controller}`);
    } catch (error) {
      if (!NEEDED_V2_CONTROLLERS.includes(controller)) continue;
      throw new SandboxError({
        problem: `the controller ${controller} cannot be handed down from ${group}: ${errorText(error)}`,
        hint: 'a v2 group with processes of its own cannot have children with controllers; in a container, move them to a group below first',
        cause: error,
      });
    }
  }
}

async function makeV1Group(parent: string, name: string): Promise<void> {
  const group = join(parent, name);
  await mkdir(group, { recursive: true });
  // A cpuset group starts empty and takes no process until both are filled in.
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if (existsSync(join(group, file))) await writeFile(join(group, file), await readFile(join(parent, file), 'utf8'));
  }
}

/** The group and all below it, parents first; empty when there is none. */
async function groupsBelow(group: string): Promise<string[]> {
  let entries: { name: string; isDirectory(): boolean }[];
  try {
    entries = await readdir(group, { withFileTypes: true });
  } catch {
    return [];
  }
  const below: string[] = [group];
  for (const entry of entries) if (entry.isDirectory()) below.push(...(await groupsBelow(join(group, entry.name))));
  return below;
}

async function removeGroup(group: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await rmdir(group);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return;
      if (code !== 'EBUSY' || attempt >= 50) {
        throw new SandboxError({
          problem: `the control group ${group} could not be removed: ${errorText(error)}`,
          hint: `see which processes are in it (cat ${group}/cgroup.procs), end them and run "sandbox down" again`,
          cause: error,
        });
      }
      await sleep(100);
    }
  }
}
