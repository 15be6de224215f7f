/**
 * Resident memory of every controller and speaker, freshly started: with no Service, and with a thousand that all
 * have an address and are answered for on the LAN. The floor is a Node that does nothing, the image's own binary. The
 * controller with ten thousand is measured in many-services.ts, where there are no nodes that would have to serve them.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { findBaseSources } from '../image/base-layer.ts';
import { cgroupPids } from '../src/sandbox/cgroups.ts';
import { planLayout } from '../src/sandbox/layout.ts';
import type { SandboxHandle } from '../src/sandbox/sandbox.ts';
import { waitFor } from '../tests/support/wait-for.ts';
import { type BenchCluster, kubectl } from './bench-cluster.ts';
import { askForAll } from './lan-client.ts';
import { formatMemory, parseNode, type ResidentMemory, readResidentMemory } from './process-memory.ts';
import { type BenchServices, inParallel, withServices } from './services.ts';

const SERVICES = 1000;
const IDLE_MS = 30_000;
const ALL_HAVE_ADDRESSES_MS = 300_000;
const GIVE_UP_SECONDS = 60;
const PROGRAMS = ['controller', 'speaker'] as const;
/** MetalLB's own programs (Go), measured once by the same recipe. */
const METALLB: Readonly<Record<(typeof PROGRAMS)[number], string>> = { controller: '80', speaker: '76–78' };

interface ProgramProcess {
  readonly program: (typeof PROGRAMS)[number];
  readonly node: string;
  readonly pid: number;
}

export async function measureMemory(cluster: BenchCluster): Promise<string[]> {
  const handle = await cluster.withAddon();
  const lines = [formatMemory('Node that does nothing (the floor)', await idleNode())];
  await restart(handle);
  const controllers = await replicas(handle);
  const what = `${controllers} controllers and a speaker a node`;
  const programs = await waitFor(what, () => findPrograms(handle, controllers), { withinMs: 30_000 });
  await pause(IDLE_MS);
  lines.push(...(await describe('no Service', programs)));
  await withServices(handle, async (services) => {
    await announceAll(handle, services);
    await pause(IDLE_MS);
    await assertSame(handle, programs);
    lines.push(...(await describe(`${SERVICES} Services`, programs)));
  });
  return lines;
}

/** How many controllers there are, of which one works and the others wait for its end. */
async function replicas(handle: SandboxHandle): Promise<number> {
  const path = 'jsonpath={.spec.replicas}';
  return Number(await kubectl(handle, '-n', 'metallb-system', 'get', 'deployment/controller', '-o', path));
}

/** What earlier measurements have made the programs keep is not to be counted. */
async function restart(handle: SandboxHandle): Promise<void> {
  for (const workload of ['deployment/controller', 'daemonset/speaker']) {
    await kubectl(handle, '-n', 'metallb-system', 'rollout', 'restart', workload);
  }
  for (const workload of ['deployment/controller', 'daemonset/speaker']) {
    await kubectl(handle, '-n', 'metallb-system', 'rollout', 'status', workload, '--timeout=180s');
  }
}

async function announceAll(handle: SandboxHandle, services: BenchServices): Promise<void> {
  const names = Array.from({ length: SERVICES }, (_, index) => `many-${index}`);
  const shown = Promise.all(names.map((name) => services.hasAddress(name, ALL_HAVE_ADDRESSES_MS)));
  await Promise.all([inParallel(names, (name) => services.create({ name, endpoints: 'nginx' })), shown]);
  await askForAll(handle, { ips: names.map((name) => services.addressOf(name)), giveUpSeconds: GIVE_UP_SECONDS });
}

/** Undefined while there are others than there should be, such as a pod that is being replaced. */
async function findPrograms(
  handle: SandboxHandle,
  controllers: number,
): Promise<readonly ProgramProcess[] | undefined> {
  const { name, subnet, nodes, stateDir } = handle;
  const layout = planLayout({ name, subnet, nodes: nodes.length, stateRoot: path.dirname(stateDir) });
  const found: ProgramProcess[] = [];
  for (const pid of await cgroupPids(layout)) {
    const cmdline = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    const program = PROGRAMS.find((candidate) => cmdline.split('\0').includes(`/app/${candidate}.js`));
    if (program === undefined) continue;
    const node = parseNode(await readFile(`/proc/${pid}/cgroup`, 'utf8'), name);
    if (node !== undefined) found.push({ program, node, pid });
  }
  const count = (program: string) => found.filter((process) => process.program === program).length;
  if (count('controller') !== controllers || count('speaker') !== nodes.length) return undefined;
  return found.sort((a, b) => `${a.program} ${a.node}`.localeCompare(`${b.program} ${b.node}`));
}

/** A program that was started anew has not lived through the Services' coming, and must not be restarted by it either. */
async function assertSame(handle: SandboxHandle, before: readonly ProgramProcess[]): Promise<void> {
  const controllers = before.filter(({ program }) => program === 'controller').length;
  const now = (await findPrograms(handle, controllers)) ?? [];
  const gone = before.filter(({ pid }) => !now.some((process) => process.pid === pid));
  if (gone.length === 0) return;
  const ends = await kubectl(
    handle,
    ...['-n', 'metallb-system', 'get', 'pods', '-o'],
    'jsonpath={range .items[*].status.containerStatuses[*]}{.name}: {.lastState.terminated}{"\\n"}{end}',
  );
  const events = await kubectl(handle, '-n', 'metallb-system', 'get', 'events', '--field-selector', 'type=Warning');
  const names = gone.map(({ program, node }) => `the ${program} on ${node}`).join(', ');
  throw new Error(`${names} ended during the measurement\n${ends}\n${events}`);
}

async function describe(situation: string, programs: readonly ProgramProcess[]): Promise<string[]> {
  const lines: string[] = [];
  for (const { program, node, pid } of programs) {
    const memory = await readResidentMemory(pid);
    lines.push(`${formatMemory(`${situation}: ${program} on ${node}`, memory)}   MetalLB ${METALLB[program]} MB`);
  }
  return lines;
}

async function idleNode(): Promise<ResidentMemory> {
  const { node } = await findBaseSources(path.resolve(import.meta.dirname, '..'));
  const script = 'process.stdout.write("up"); setInterval(() => {}, 60_000)';
  const child = spawn(node, ['--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    await pause(1000);
    if (child.pid === undefined) throw new Error('it has written, so it runs');
    return await readResidentMemory(child.pid);
  } finally {
    child.kill();
  }
}
