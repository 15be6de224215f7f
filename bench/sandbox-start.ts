/**
 * How long a cluster takes from nothing to three Ready nodes, with programs and images in their caches. The floor is its
 * smallest part that does something: etcd and the API server alone, until they serve.
 */
import { findBinaries, startControlPlane } from '../tests/support/control-plane.ts';
import type { BenchCluster } from './bench-cluster.ts';
import { monotonicMs } from './machine.ts';

export async function measureSandboxStart(cluster: BenchCluster): Promise<string[]> {
  // The boot comes first: it brings the programs that the floor needs.
  const { milliseconds, steps, handle } = await cluster.boot();
  const floorMs = await controlPlaneAlone();
  const row = (name: string, time: number) => `${name.padEnd(44)} ${(time / 1000).toFixed(1).padStart(6)} s`;
  return [
    row('etcd and API server alone (the floor)', floorMs),
    row(`${handle.nodes.length} nodes Ready`, milliseconds),
    ...steps.map((step) => row(`  ${step.name}`, step.milliseconds)),
  ];
}

async function controlPlaneAlone(): Promise<number> {
  const binaries = findBinaries();
  if (typeof binaries === 'string') throw new Error(binaries);
  const beganMs = monotonicMs();
  const plane = await startControlPlane(binaries);
  const milliseconds = monotonicMs() - beganMs;
  await plane.stop();
  return milliseconds;
}
