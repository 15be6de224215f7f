/**
 * Daemons that outlive this program: started detached with a log of their own, and written down with what tells a
 * process apart from a later one of the same number (its start time, and the boot it belongs to). Nothing is ever ended
 * that is not so identified.
 *
 * A daemon's first act is to enter the instance's control group, before the program itself runs: after a crash between
 * start and record it is found there.
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { lastLines } from './command.ts';
import { SandboxError } from './errors.ts';

export interface ProcessRecord {
  /** Node or other place it runs in. */
  readonly host: string;
  readonly service: string;
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat: clock ticks from boot to its start. */
  readonly startTicks: string;
  readonly bootId: string;
  readonly logFile: string;
}

export interface DaemonStart {
  readonly host: string;
  readonly service: string;
  readonly argv: readonly string[];
  readonly logFile: string;
  /** Where the record goes. */
  readonly processesDir: string;
  /** cgroup.procs of the control group that the daemon enters first. */
  readonly cgroupProcs: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A daemon as seen by the run that started it. */
export interface Daemon {
  readonly record: ProcessRecord;
  /** Throws when the daemon has ended, with the last words of its log. */
  assertAlive(): void;
}

export async function startDaemon(start: DaemonStart): Promise<Daemon> {
  // Nothing is awaited before the program runs: a boot that was given up cannot start one afterwards.
  mkdirSync(dirname(start.logFile), { recursive: true });
  mkdirSync(start.processesDir, { recursive: true });
  const log = openSync(start.logFile, 'a', 0o640);
  // $0 is the cgroup.procs file; "exec" keeps the number, so the shell's is the daemon's.
  const child = spawn('/bin/sh', ['-c', 'echo $$ > "$0" && exec "$@"', start.cgroupProcs, ...start.argv], {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: '/',
    env: { ...process.env, ...start.env },
  });
  closeSync(log);
  let ended: string | undefined;
  child.on('exit', (code, signal) => {
    ended = signal === null ? `exit code ${code}` : `signal ${signal}`;
  });
  child.on('error', (error) => {
    ended = error.message;
  });
  child.unref();
  const identity = child.pid === undefined ? undefined : readIdentity(child.pid);
  if (child.pid === undefined || identity === undefined) throw endedError(start, ended ?? 'it ended at once');
  const record: ProcessRecord = {
    host: start.host,
    service: start.service,
    pid: child.pid,
    ...identity,
    logFile: start.logFile,
  };
  await writeFile(join(start.processesDir, `${start.host}-${start.service}.json`), `${JSON.stringify(record)}\n`);
  return {
    record,
    assertAlive() {
      if (ended !== undefined) throw endedError(start, ended);
    },
  };
}

/** All that is written down; unreadable records (a crash while writing) are left out. */
export async function readRecords(processesDir: string): Promise<ProcessRecord[]> {
  let files: string[];
  try {
    files = await readdir(processesDir);
  } catch {
    return [];
  }
  const records: ProcessRecord[] = [];
  for (const file of files.sort()) {
    try {
      records.push(JSON.parse(await readFile(join(processesDir, file), 'utf8')) as ProcessRecord);
    } catch {
      // Half written: the process is found by its control group instead.
    }
  }
  return records;
}

/** Whether the very process that was recorded still runs. */
export function isAlive(record: ProcessRecord): boolean {
  const identity = readIdentity(record.pid);
  return identity?.startTicks === record.startTicks && identity.bootId === record.bootId;
}

/** The start ticks in the text of /proc/<pid>/stat, or undefined for a process that has ended and awaits its parent. */
export function parseStat(stat: string): string | undefined {
  // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  return state === 'Z' || state === 'X' ? undefined : fields[19];
}

function readIdentity(pid: number): { startTicks: string; bootId: string } | undefined {
  try {
    const startTicks = parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return startTicks === undefined ? undefined : { startTicks, bootId };
  } catch {
    return undefined;
  }
}

function endedError(start: DaemonStart, how: string): SandboxError {
  const log = lastLines(readFileSync(start.logFile, 'utf8'), 2);
  return new SandboxError({
    problem: `${start.service} on ${start.host} ended by itself (${how})${log === '' ? '' : `: ${log}`}`,
    hint: `the whole story is in ${start.logFile}`,
    logFile: start.logFile,
  });
}
