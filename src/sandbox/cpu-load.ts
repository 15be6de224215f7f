/**
 * Load on the processors: programs that count and never wait, at ordinary priority, as other programs of a node would.
 * The nodes share this machine's processors, so all of them feel it; a node of its own only says whose the programs are.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { daemonsProcs } from './cgroups.ts';
import type { Layout } from './layout.ts';
import { signalPid } from './node-processes.ts';
import { isAlive, type ProcessRecord, readRecords, startDaemon } from './processes.ts';

const SPIN = 'while :; do :; done';

/** Starts spinners on a node, which `enter` leads to. They go with the instance, if not before. */
export async function startSpinners(
  layout: Layout,
  { node, enter, count }: { readonly node: string; readonly enter: readonly string[]; readonly count: number },
): Promise<void> {
  const cgroupProcs = await daemonsProcs(layout);
  for (let index = 0; index < count; index++) {
    await startDaemon({
      host: node,
      service: `spinner-${index}`,
      argv: [...enter, '/bin/sh', '-c', SPIN],
      logFile: join(layout.logsDir, node, 'spinners.log'),
      processesDir: spinnersDir(layout),
      cgroupProcs,
    });
  }
}

/** Ends those of a node. */
export async function endSpinners(layout: Layout, node: string): Promise<void> {
  for (const record of await recorded(layout, node)) {
    if (isAlive(record)) signalPid(record.pid, 'SIGKILL');
    await rm(join(spinnersDir(layout), `${record.host}-${record.service}.json`), { force: true });
  }
}

/** How many spin on a node now. */
export async function countSpinners(layout: Layout, node: string): Promise<number> {
  return (await recorded(layout, node)).filter(isAlive).length;
}

async function recorded(layout: Layout, node: string): Promise<ProcessRecord[]> {
  return (await readRecords(spinnersDir(layout))).filter(({ host }) => host === node);
}

function spinnersDir(layout: Layout): string {
  return join(layout.stateDir, 'spinners');
}
