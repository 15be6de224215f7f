/**
 * How many BFD sessions go down that should not, and what they cost: 64 with BIRD on the other side of a link, against the
 * floor, FRR's bfdd in our place on the same link in the same run. At 3 × 50 ms and at 3 × 300 ms, once with the machine
 * left alone, and once with every core kept busy by somebody else, and with a thread of our own process that never yields
 * for 200 ms at a time, as the Kubernetes client's may; then also with our thread in real time.
 *
 *     npm run bench -- bfd          each for 20 s
 *     node bench/bfd.ts 600         each for so many seconds
 *     node bench/bfd.ts 600 busy    those alone that may not have any: ours, cores busy, at 3 × 300 ms, and at 3 × 50 ms in
 *                                   real time
 *
 * BIRD runs on the same cores: some downs are its own lateness, and the floor has those as well. "told": BIRD took the
 * session down, because it heard nothing of us for 150 ms. "silent": we heard nothing of BIRD.
 */
import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Ip } from '../src/runtime/model/ip.ts';
import type { WantedBfd } from '../src/runtime/programs/speaker/bgp/bfd-route.ts';
import { BfdChild } from '../tests/support/bfd-child.ts';
import { type BfdRouterNeighbour, Bird, Frr } from '../tests/support/bfd-routers.ts';
import { makeFolder } from '../tests/support/interop/folder.ts';
import { createLan, type LanHost } from '../tests/support/netns.ts';
import { bfdProfile } from '../tests/support/views.ts';
import { waitFor } from '../tests/support/wait-for.ts';
import { monotonicMs } from './machine.ts';
import { readCpuMs } from './process-cpu.ts';

const SESSIONS = 64;
const RUN_MS = 20_000;
const MULTIPLIER = 3;
const INTERVALS_MS = [50, 300] as const;
const UP_WITHIN_MS = 60_000;

const numbers = Array.from({ length: SESSIONS }, (_, index) => index + 1);
const nodeAddress = (number: number) => `10.9.0.${number}`;
const routerAddress = (number: number) => `10.9.1.${number}`;

interface Outcome {
  readonly downs: string;
  /** Share of one core. */
  readonly cpu: number;
}

interface Site {
  readonly node: LanHost;
  readonly folder: string;
  readonly intervalMs: number;
  readonly runMs: number;
}

/** Needs root. Takes about five minutes. */
export async function benchBfd(): Promise<string[]> {
  return await runAll(RUN_MS, runAt);
}

async function runAll(runMs: number, run: (site: Site) => Promise<string[]>): Promise<string[]> {
  const folder = await makeFolder();
  const lan = await createLan({
    node: numbers.map((number) => `${nodeAddress(number)}/16`),
    router: numbers.map((number) => `${routerAddress(number)}/16`),
  });
  const bird = new Bird(lan.host('router'), path.join(folder, 'bird'));
  const lines: string[] = [];
  try {
    for (const intervalMs of INTERVALS_MS) {
      await bird.configure(numbers.map((number) => neighbour(nodeAddress(number), routerAddress(number), intervalMs)));
      lines.push(`${MULTIPLIER} × ${intervalMs} ms`);
      lines.push(...(await run({ node: lan.host('node'), folder, intervalMs, runMs })).map((line) => `  ${line}`));
    }
  } finally {
    await bird.stop();
    await lan.remove();
    await rm(folder, { recursive: true, force: true });
  }
  return [...lines, `each for ${runMs / 1000} s, once all ${SESSIONS} were up`];
}

async function runAt(site: Site): Promise<string[]> {
  return [
    row("FRR's bfdd (the floor)", await runFloor(site)),
    row('ours', await runOurs(site, [])),
    ...(await whileBusy(async () => [
      row("cores busy, FRR's bfdd (the floor)", await runFloor(site)),
      await runBusy(site, 'ordinary'),
      await runBusy(site, 'real time'),
    ])),
  ];
}

/** What may have no false down: the shorter interval in real time. */
async function runStrictlyAt(site: Site): Promise<string[]> {
  const scheduling = site.intervalMs === Math.min(...INTERVALS_MS) ? 'real time' : 'ordinary';
  return await whileBusy(async () => [await runBusy(site, scheduling)]);
}

async function runBusy(site: Site, scheduling: 'ordinary' | 'real time'): Promise<string> {
  if (scheduling === 'ordinary') return row('cores busy, ours', await runOurs(site, ['--busy-thread']));
  return row('cores busy, ours in real time', await runOurs(site, ['--busy-thread', '--real-time']));
}

/** Runs it while somebody else keeps every core busy. */
async function whileBusy(run: () => Promise<string[]>): Promise<string[]> {
  const hogs = Array.from({ length: os.availableParallelism() }, () =>
    spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
  );
  try {
    return await run();
  } finally {
    for (const hog of hogs) hog.kill('SIGKILL');
  }
}

async function runOurs({ node, intervalMs, runMs }: Site, options: readonly string[]): Promise<Outcome> {
  const child = new BfdChild(node, options, 'all');
  try {
    await child.ready();
    if (options.includes('--real-time') && child.scheduling !== 'real time') {
      return { downs: `not measured: ${child.scheduling}`, cpu: Number.NaN };
    }
    child.set(numbers.map((number) => wanted(number, intervalMs)));
    const isUp = async () => Object.values((await child.report()).views).every(({ state }) => state === 'up');
    await waitFor('all sessions', isUp, { withinMs: UP_WITHIN_MS, everyMs: 500 });
    const [before, began, seen] = [await child.report(), monotonicMs(), child.events.length];
    await pause(runMs);
    const [after, ended] = [await child.report(), monotonicMs()];
    const downs = child.events.slice(seen).flatMap(({ event }) => (event.kind === 'down' ? [event.reason] : []));
    const packets = (report: typeof before) =>
      Object.values(report.views).reduce(
        (sum, { packetsSent, packetsReceived }) => sum + packetsSent + packetsReceived,
        0,
      );
    const perSecond = ((packets(after) - packets(before)) / (ended - began)) * 1000;
    const silent = downs.filter((reason) => reason.includes('nothing was heard')).length;
    return {
      downs: `${downs.length} (told ${downs.length - silent}, silent ${silent})   ${perSecond.toFixed(0)} packets/s both ways`,
      // The thread that keeps busy is no cost of BFD's.
      cpu: options.includes('--busy-thread') ? Number.NaN : (after.cpuMs - before.cpuMs) / (ended - began),
    };
  } finally {
    await child.close();
  }
}

async function runFloor({ node, folder, intervalMs, runMs }: Site): Promise<Outcome> {
  const frr = new Frr(node, path.join(folder, `frr-${monotonicMs()}`));
  try {
    await frr.configure(numbers.map((number) => neighbour(routerAddress(number), nodeAddress(number), intervalMs)));
    const isUp = async () => {
      const counters = await frr.counters();
      return counters.length === SESSIONS && counters.every((one) => one['session-up'] > one['session-down']);
    };
    await waitFor("all of bfdd's sessions", isUp, { withinMs: UP_WITHIN_MS, everyMs: 500 });
    const downs = async () => (await frr.counters()).reduce((sum, one) => sum + one['session-down'], 0);
    const pid = await frr.pid();
    const [before, cpuBefore, began] = [await downs(), await readCpuMs(pid), monotonicMs()];
    await pause(runMs);
    const cpu = ((await readCpuMs(pid)) - cpuBefore) / (monotonicMs() - began);
    return { downs: `${(await downs()) - before}`, cpu };
  } finally {
    await frr.stop();
  }
}

function row(name: string, { downs, cpu }: Outcome): string {
  const cost = Number.isNaN(cpu) ? '' : `   ${(cpu * 100).toFixed(1)} % of a core`;
  return `${name.padEnd(36)} false downs ${downs}${cost}`;
}

function neighbour(address: string, local: string, intervalMs: number): BfdRouterNeighbour {
  return { address, local, intervalMs, multiplier: MULTIPLIER };
}

function wanted(number: number, intervalMs: number): WantedBfd {
  return {
    name: `${number}`,
    peer: routerAddress(number) as Ip,
    local: nodeAddress(number) as Ip,
    hops: 'single',
    profile: bfdProfile({
      receiveIntervalMs: intervalMs,
      transmitIntervalMs: intervalMs,
      detectMultiplier: MULTIPLIER,
    }),
  };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}

if (import.meta.main) {
  const [, , seconds, which] = process.argv;
  const runMs = seconds === undefined ? RUN_MS : Number(seconds) * 1000;
  console.log((await runAll(runMs, which === 'busy' ? runStrictlyAt : runAt)).join('\n'));
}
