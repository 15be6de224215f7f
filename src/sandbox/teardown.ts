/**
 * Removes an instance, whatever state it is in: processes, mounts, control groups, network, files. Nothing here asks the
 * instance for help, so it works after a crash, and twice.
 *
 * Processes are ended at once (SIGKILL): what they would tidy up is removed as a whole. A process belongs to the
 * instance when it is recorded (with its start time), when it is in one of the instance's control groups, or when its
 * network is one of the instance's namespaces, such as a shell that was left open there.
 */
import { readFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cgroupPids, removeCgroups } from './cgroups.ts';
import { runCommand } from './command.ts';
import { SandboxError } from './errors.ts';
import { releaseHost } from './host-claims.ts';
import { type Layout, namespacesOf } from './layout.ts';
import { removeNetwork } from './network.ts';
import { isRunning, namespacePids, signalPid } from './node-processes.ts';
import { isAlive, readRecords } from './processes.ts';

const END_TIMEOUT_MS = 20_000;

/**
 * `keepLogs` leaves the logs folder for whoever looks into a boot that failed, and the claim on the host: the next `up`
 * or `down` finishes the work.
 */
export async function tearDown(layout: Layout, { keepLogs }: { readonly keepLogs: boolean }): Promise<void> {
  await endProcesses(layout);
  await removeCgroups(layout);
  await removeNetwork(layout);
  await unmountBelow(layout.stateDir);
  if (!keepLogs) {
    await rm(layout.stateDir, { recursive: true, force: true });
    await releaseHost(layout);
    return;
  }
  for (const entry of await readdir(layout.stateDir).catch(() => [])) {
    if (entry !== 'logs') await rm(join(layout.stateDir, entry), { recursive: true, force: true });
  }
}

async function endProcesses(layout: Layout): Promise<void> {
  const deadline = performance.now() + END_TIMEOUT_MS;
  for (;;) {
    const pids = await livingPids(layout);
    if (pids.length === 0) return;
    if (performance.now() > deadline) {
      throw new SandboxError({
        problem: `these processes of the sandbox "${layout.name}" do not end: ${pids.join(', ')}`,
        hint: 'they hang in the kernel (see "ps -o pid,stat,wchan,args"); run "sandbox down" again later',
      });
    }
    for (const pid of pids) signalPid(pid, 'SIGKILL');
    await sleep(50);
  }
}

async function livingPids(layout: Layout): Promise<number[]> {
  const recorded = (await readRecords(layout.processesDir)).filter(isAlive).map((record) => record.pid);
  const pids = new Set([...recorded, ...(await cgroupPids(layout)), ...namespacePids(namespacesOf(layout))]);
  // Someone may run this from inside, as "sandbox exec … sandbox down"; one does not saw off one's own branch.
  pids.delete(process.pid);
  return [...pids].filter(isRunning);
}

/** The nodes' mounts went with their processes; this is for whatever else was mounted on the instance's files. */
async function unmountBelow(directory: string): Promise<void> {
  for (const mount of parseMountsBelow(readFileSync('/proc/self/mountinfo', 'utf8'), directory)) {
    await runCommand(['umount', '--lazy', mount]);
  }
}

/** Mount points below a directory, the innermost first, in mountinfo's text. */
export function parseMountsBelow(mountinfo: string, directory: string): string[] {
  return mountinfo
    .split('\n')
    .flatMap((line) => line.split(' ')[4] ?? [])
    .map((path) => path.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))))
    .filter((path) => path.startsWith(`${directory}/`))
    .reverse();
}
