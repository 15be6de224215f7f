/**
 * From a Service's creation (its POST is sent) until a watch shows its external address, one Service at a time on an
 * idle cluster. The floor is what the API server itself takes of that: the bench creates a Service of a class that
 * nobody serves, and as soon as the answer is there writes an address into its status, seen by the same watch. One and
 * the other alternate.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { BenchCluster } from './bench-cluster.ts';
import { monotonicMs } from './machine.ts';
import { formatRatio, formatRow, MILLISECONDS, percentiles } from './percentiles.ts';
import { type BenchServices, withServices } from './services.ts';

const SERVICES = 200;
/** Left out: they warm up connections and compilers. */
const WARM_UP = 5;
/** Lets the work that a deletion makes pass. */
const PAUSE_MS = 100;
const NOBODYS_CLASS = 'bench.invalid/nobody';
/** TEST-NET-1: routed nowhere. */
const SOME_ADDRESS = '192.0.2.1';

export async function measureAllocation(cluster: BenchCluster): Promise<string[]> {
  const handle = await cluster.withAddon();
  const floor: number[] = [];
  const ours: number[] = [];
  await withServices(handle, async (services) => {
    for (let index = 0; index < WARM_UP + SERVICES; index++) {
      floor.push(await byOurselves(services, `floor-${index}`));
      ours.push(await byController(services, `service-${index}`));
    }
  });
  const [floorTimes, ourTimes] = [percentiles(floor.slice(WARM_UP)), percentiles(ours.slice(WARM_UP))];
  return [
    formatRow('POST and PATCH alone (the floor)', floorTimes, MILLISECONDS),
    formatRow(`addon, ${ourTimes.count} Services`, ourTimes, MILLISECONDS),
    formatRatio(ourTimes, floorTimes),
  ];
}

async function byController(services: BenchServices, name: string): Promise<number> {
  const shown = services.hasAddress(name);
  const sentMs = monotonicMs();
  const [shownMs] = await Promise.all([shown, services.create({ name, endpoints: 'none' })]);
  await cleanUp(services, name);
  return shownMs - sentMs;
}

async function byOurselves(services: BenchServices, name: string): Promise<number> {
  const shown = services.hasAddress(name);
  const sentMs = monotonicMs();
  const written = services
    .create({ name, endpoints: 'none', loadBalancerClass: NOBODYS_CLASS })
    .then(() => services.setAddress(name, SOME_ADDRESS));
  const [shownMs] = await Promise.all([shown, written]);
  await cleanUp(services, name);
  return shownMs - sentMs;
}

async function cleanUp(services: BenchServices, name: string): Promise<void> {
  await services.delete(name);
  await pause(PAUSE_MS);
}
