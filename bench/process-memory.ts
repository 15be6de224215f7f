/** Resident memory of processes, as the kernel counts it in /proc/PID/status. */
import { readFile } from 'node:fs/promises';

/** Bytes. */
export interface ResidentMemory {
  readonly total: number;
  /** Heaps and stacks: what this process alone pays for. */
  readonly anonymous: number;
  /** Program and libraries, shared by all processes that run the same file. */
  readonly file: number;
}

export async function readResidentMemory(pid: number): Promise<ResidentMemory> {
  return parseStatus(await readFile(`/proc/${pid}/status`, 'utf8'));
}

/** Reads the text of /proc/PID/status; throws for a process that has no memory (any more). */
export function parseStatus(text: string): ResidentMemory {
  const field = (name: string): number => {
    const [, kilobytes] = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text) ?? [];
    if (kilobytes === undefined) throw new Error(`no ${name} in the process’s status: it has ended`);
    return Number(kilobytes) * 1024;
  };
  return { total: field('VmRSS'), anonymous: field('RssAnon'), file: field('RssFile') };
}

/** A row for people. Megabytes are 10⁶ bytes. */
export function formatMemory(name: string, { total, anonymous, file }: ResidentMemory): string {
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1).padStart(6)} MB`;
  return `${name.padEnd(38)} ${megabytes(total)}   of it anonymous ${megabytes(anonymous)}, file ${megabytes(file)}`;
}

/** The sandbox's node in the text of /proc/PID/cgroup: its control groups lie at /sandbox-<instance>/<node>. */
export function parseNode(cgroup: string, instance: string): string | undefined {
  return cgroup
    .split('\n')
    .map((line) => line.split(':').slice(2).join(':').split('/'))
    .find(([, top]) => top === `sandbox-${instance}`)?.[2];
}
