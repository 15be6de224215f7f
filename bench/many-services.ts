/**
 * Ten thousand Services that hold addresses: how long the controller takes from its start until it is ready, what it
 * writes meanwhile (nothing), and what memory it needs. Against a bare control plane: nodes that would have to serve as
 * many Services measure themselves.
 *
 * The controller is the image's own bundle, run as in a pod (pod-process.ts), and it gives the addresses itself first, so
 * that what it finds later is what it leaves. The floor of a start is a process that reads the same Services by pages and
 * ends.
 */
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type ControlPlane, findBinaries, startControlPlane } from '../tests/support/control-plane.ts';
import { formatWrites, readWriteCounts, type WriteCounts, writesBetween } from './api-writes.ts';
import type { BenchCluster } from './bench-cluster.ts';
import { monotonicMs } from './machine.ts';
import { formatRatio, formatRow, type Percentiles, percentiles, type Unit } from './percentiles.ts';
import { PodPrograms } from './pod-process.ts';
import { formatMemory, readResidentMemory } from './process-memory.ts';
import { perSecond } from './rates.ts';
import { collect, READY_WITHIN_MS, withController } from './running-controller.ts';
import { BenchServices, inParallel } from './services.ts';

const SERVICES = 10_000;
const CLIENTS = 16;
const PATIENCE_MS = 300_000;
const RESTARTS = 5;
/** A restart with one more Service, that has no address yet. */
const RESTARTS_WITH_ONE_MORE = 3;
const IDLE_MS = 20_000;
/** After it is ready, everything that follows from its first decision has been written by then. */
const SETTLED_MS = 3_000;
const CRDS = path.resolve(import.meta.dirname, '../roles/cluster-addon/files/metallb/crds');
const NAMESPACE = 'metallb-system';
/** 65,536 addresses. */
const POOL = '10.64.0.0/16';
const UNIT: Unit = { name: 'ms', digits: 0 };

/** What a measurement on the bare control plane works with. */
interface Stage {
  readonly plane: ControlPlane;
  readonly services: BenchServices;
  readonly programs: PodPrograms;
}

export async function measureManyServices(cluster: BenchCluster): Promise<string[]> {
  const binaries = findBinaries();
  if (typeof binaries === 'string') throw new Error(binaries);
  const plane = await startControlPlane(binaries);
  cluster.alsoClose(() => plane.stop());
  try {
    await configure(plane);
    const services = new BenchServices({ kubeconfigPath: plane.kubeconfig });
    const programs = await PodPrograms.make(plane.kubeconfig);
    cluster.alsoClose(() => programs.remove());
    try {
      await services.start();
      return await measureOn({ plane, services, programs });
    } finally {
      await services.leave();
      await programs.remove();
    }
  } finally {
    await plane.stop();
  }
}

async function measureOn(stage: Stage): Promise<string[]> {
  return [...(await giveAddresses(stage)), ...(await restartAll(stage)), ...(await restartWithOneMore(stage))];
}

async function configure({ kubectl }: ControlPlane): Promise<void> {
  const pool = {
    apiVersion: 'metallb.io/v1beta1',
    kind: 'IPAddressPool',
    metadata: { namespace: NAMESPACE, name: 'default' },
    spec: { addresses: [POOL] },
  };
  for (const { args, input } of [
    { args: ['apply', '--server-side', '-f', CRDS] },
    { args: ['wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all'] },
    { args: ['create', 'namespace', NAMESPACE] },
    { args: ['apply', '-f', '-'], input: JSON.stringify(pool) },
  ]) {
    const { exitCode, stderr } = await kubectl(args, input === undefined ? {} : { input });
    if (exitCode !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  }
}

/** Makes the Services, has a controller give all of them addresses, and looks at its memory afterwards. */
async function giveAddresses({ services, programs }: Stage): Promise<string[]> {
  const names = Array.from({ length: SERVICES }, (_, index) => `many-${index}`);
  await inParallel(names, (name) => services.create({ name, endpoints: 'none' }), CLIENTS);
  const shown = Promise.all(names.map((name) => services.hasAddress(name, PATIENCE_MS)));
  const [visibleMs, memory] = await withController(programs, async (controller) => {
    const seenMs = await Promise.race([shown, controller.died]);
    await pause(IDLE_MS);
    return [seenMs, await readResidentMemory(controller.pid)] as const;
  });
  return [
    `${SERVICES} Services that waited for a controller: ${perSecond(visibleMs).toFixed(0)} addresses a second`,
    formatMemory('memory, having given the addresses', memory),
  ];
}

async function restartAll({ plane, programs }: Stage): Promise<string[]> {
  const floor: number[] = [];
  const ready: number[] = [];
  const written: WriteCounts[] = [];
  const memory: string[] = [];
  await assertSeesWrites(plane);
  for (let round = 0; round < RESTARTS; round++) {
    floor.push(await listServices(programs));
    const before = await writeCounts(plane);
    await withController(programs, async (controller) => {
      ready.push(await controller.ready());
      await pause(SETTLED_MS);
      written.push(writesBetween(before, await writeCounts(plane)));
      if (round < RESTARTS - 1) return;
      await pause(IDLE_MS);
      memory.push(formatMemory('memory, restarted', await readResidentMemory(controller.pid)));
    });
  }
  const [floorTimes, readyTimes]: readonly Percentiles[] = [percentiles(floor), percentiles(ready)];
  if (floorTimes === undefined || readyTimes === undefined) throw new Error('there are two');
  const wrote = written.filter((writes) => writes.size > 0).map(formatWrites);
  return [
    ...memory,
    formatRow('start, list all, end (the floor)', floorTimes, UNIT),
    formatRow(`start until ready, ${RESTARTS} times`, readyTimes, UNIT),
    formatRatio(readyTimes, floorTimes),
    `written by ${RESTARTS} restarts (there is nothing to write): ${wrote.length === 0 ? 'nothing' : wrote.join('; ')}`,
  ];
}

/** Its first decision shows in a Service that came while there was no controller. */
async function restartWithOneMore({ services, programs }: Stage): Promise<string[]> {
  const times: number[] = [];
  for (let round = 0; round < RESTARTS_WITH_ONE_MORE; round++) {
    const name = `meanwhile-${round}`;
    await services.create({ name, endpoints: 'none' });
    const shown = services.hasAddress(name, READY_WITHIN_MS);
    await withController(programs, async (controller) => {
      times.push((await Promise.race([shown, controller.died])) - controller.beganMs);
      await controller.ready();
    });
  }
  return [formatRow('start until one more has its address', percentiles(times), UNIT)];
}

async function listServices(programs: PodPrograms): Promise<number> {
  const beganMs = monotonicMs();
  const child = programs.start('list-services');
  const output = collect(child);
  const [code] = await once(child, 'exit');
  const tookMs = monotonicMs() - beganMs;
  const { text } = output;
  if (code !== 0 || Number(text) < SERVICES) throw new Error(`list-services ended with ${code}: ${text}`);
  return tookMs;
}

/** Counters that miss the writes of the controller that gave the addresses would miss all others. */
async function assertSeesWrites(plane: ControlPlane): Promise<void> {
  const count = (await writeCounts(plane)).get('services/status') ?? 0;
  if (count < SERVICES) throw new Error(`the API server's metrics show ${count} writes of ${SERVICES} statuses`);
}

async function writeCounts({ kubectl }: ControlPlane): Promise<WriteCounts> {
  const { exitCode, stdout, stderr } = await kubectl(['get', '--raw', '/metrics']);
  if (exitCode !== 0) throw new Error(`the API server's metrics: ${stderr}`);
  return readWriteCounts(stdout);
}
