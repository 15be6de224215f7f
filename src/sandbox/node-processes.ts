/**
 * Which processes are whose: those of an instance's network namespaces, of a node as a whole, and of one program in the
 * node's pods. Found in /proc and in the control groups, so that it works while a node is frozen and while no API server
 * answers.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { groupMembers } from './cgroups.ts';
import type { Layout, NodeLayout } from './layout.ts';
import { parseStat } from './processes.ts';

/** Processes whose network is one of these named namespaces. */
export function namespacePids(namespaces: readonly string[]): number[] {
  const inodes = new Set(namespaces.flatMap((netns) => inodeOf(`/run/netns/${netns}`)));
  if (inodes.size === 0) return [];
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => inodeOf(`/proc/${pid}/ns/net`).some((inode) => inodes.has(inode)))
    .map(Number);
}

/** Everything that runs on a node: its daemons, by their network, and its pods, by their control groups. */
export async function nodePids(layout: Layout, node: NodeLayout): Promise<number[]> {
  const pods = (await groupMembers(layout, node.name)).flat();
  const pids = new Set([...namespacePids([node.netns]), ...pods]);
  // Someone may run this from inside, as "sandbox exec … sandbox fault".
  pids.delete(process.pid);
  return [...pids];
}

/** The processes of those containers of a node's pods in which the program runs. */
export async function programPids(layout: Layout, node: NodeLayout, program: string): Promise<number[]> {
  const groups = await groupMembers(layout, node.name);
  return groups.filter((pids) => pids.some((pid) => runs(commandLineOf(pid), program))).flat();
}

/** "speaker" for `/usr/bin/node --flag /app/speaker.js --port=1` as well as for `/speaker`. */
export function runs(commandLine: readonly string[], program: string): boolean {
  return commandLine.some((argument) => argument !== '' && basename(argument, extname(argument)) === program);
}

/** Whether a signal has stopped the process: state T in /proc/<pid>/stat. */
export function isStopped(pid: number): boolean {
  const stat = readStat(pid);
  return stat?.slice(stat.lastIndexOf(')') + 2).startsWith('T') === true;
}

/** Whether there is something to end: a process that is dead already may wait for its parent to notice. */
export function isRunning(pid: number): boolean {
  const stat = readStat(pid);
  return stat !== undefined && parseStat(stat) !== undefined;
}

/** Sends a signal, to a process that may have ended in between. */
export function signalPid(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function readStat(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
}

function commandLineOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/** Device and inode of a namespace file; empty when it cannot be read. */
function inodeOf(path: string): string[] {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return [`${dev}:${ino}`];
  } catch {
    return [];
  }
}
