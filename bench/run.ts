/**
 * `npm run bench`: measures, each figure against a floor taken in the same run, and prints lines for people.
 *
 *     npm run bench                          everything
 *     npm run bench -- neighbours image      these, in the order below
 *
 * Needs root on Linux; what else it needs is installed on the way. What needs a cluster boots one of its own (sandbox
 * "bench") and takes it down at the end, also after a failure or an interrupt. Exit codes: 0 all measured, 1 some could not
 * be, 2 no such measurement.
 */
import { SandboxError } from '../src/sandbox/errors.ts';
import { installRouters, prepareMachine } from '../tests/support/prepare-machine.ts';
import { measureAllocation } from './allocation.ts';
import { measureAnnouncement } from './announcement.ts';
import { BenchCluster } from './bench-cluster.ts';
import { benchBfd } from './bfd.ts';
import { benchBgp } from './bgp.ts';
import { benchBgpFailover } from './bgp-failover.ts';
import { benchBgpPeers } from './bgp-peers.ts';
import { benchBgpRestart } from './bgp-restart.ts';
import { measureDecision } from './decision.ts';
import { measureElection } from './election.ts';
import { measureFailover } from './failover.ts';
import { measureImageSize } from './image-size.ts';
import { describeLoad, describeMachine, monotonicMs } from './machine.ts';
import { benchManyAddresses } from './many-addresses.ts';
import { measureManyServices } from './many-services.ts';
import { measureMemory } from './memory.ts';
import { benchNeighbourLatency } from './neighbour-latency.ts';
import { measureSandboxStart } from './sandbox-start.ts';
import { measureThroughput } from './throughput.ts';

interface Measurement {
  readonly name: string;
  readonly title: string;
  /** Brings what it needs to the machine, and costs nothing where that is there. What boots a cluster does so itself. */
  readonly prepare?: () => Promise<void>;
  /** Lines for people, without indentation. */
  measure(cluster: BenchCluster): Promise<readonly string[]>;
}

/** First what wants the machine for itself, before there is a cluster. */
const measurements: readonly Measurement[] = [
  { name: 'image', title: 'image size', measure: measureImageSize },
  { name: 'neighbours', title: 'ARP and NDP reply', measure: benchNeighbourLatency },
  { name: 'bfd', title: '64 BFD sessions', prepare: installRouters, measure: benchBfd },
  { name: 'bgp', title: 'routes to a router', prepare: installRouters, measure: benchBgp },
  { name: 'bgp-peers', title: '128 routers of one node', prepare: installRouters, measure: benchBgpPeers },
  {
    name: 'bgp-failover',
    title: 'a node goes, as a router with BFD sees it',
    prepare: installRouters,
    measure: benchBgpFailover,
  },
  {
    name: 'bgp-restart',
    title: 'a speaker dies and begins anew, with 1,000 addresses',
    prepare: prepareMachine,
    measure: benchBgpRestart,
  },
  { name: 'addresses', title: '5,000 addresses on one node', measure: benchManyAddresses },
  { name: 'decision', title: 'who gets which address, decided alone', measure: measureDecision },
  {
    name: 'election',
    title: 'who announces which address, and what routers are told, decided alone',
    measure: measureElection,
  },
  {
    name: 'restart',
    title: 'restart with 10,000 Services, and memory',
    prepare: prepareMachine,
    measure: measureManyServices,
  },
  { name: 'start', title: 'sandbox start, caches warm', measure: measureSandboxStart },
  { name: 'allocation', title: 'Service created → external address visible', measure: measureAllocation },
  { name: 'throughput', title: 'a thousand Services at once', measure: measureThroughput },
  { name: 'announcement', title: 'external address visible → first ARP reply', measure: measureAnnouncement },
  { name: 'failover', title: 'a node or its speaker goes, as the client sees it', measure: measureFailover },
  { name: 'memory', title: 'resident memory', measure: measureMemory },
];

async function main(wanted: readonly string[]): Promise<number> {
  const unknown = wanted.filter((name) => !measurements.some((measurement) => measurement.name === name));
  if (unknown.length > 0) {
    console.error(`error: no measurement is called ${unknown.join(', ')}`);
    console.error(`  hint: there are ${measurements.map(({ name }) => name).join(', ')}`);
    return 2;
  }
  for (const line of [...describeMachine(), `         ${describeLoad()}`]) console.log(line);
  const chosen = measurements.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  const cluster = new BenchCluster();
  const interrupt = interruption();
  try {
    return await Promise.race([measureAll(chosen, cluster), interrupt]);
  } finally {
    await cluster.close();
  }
}

async function measureAll(chosen: readonly Measurement[], cluster: BenchCluster): Promise<number> {
  let failures = 0;
  for (const { title, prepare, measure } of chosen) {
    console.log(`\n${title}`);
    const beganMs = monotonicMs();
    try {
      await prepare?.();
      for (const line of await measure(cluster)) console.log(`  ${line}`);
    } catch (error) {
      failures += 1;
      console.error(`  error: ${describeError(error)}`);
    }
    console.log(`  (${((monotonicMs() - beganMs) / 1000).toFixed(0)} s; ${describeLoad()})`);
  }
  return failures === 0 ? 0 : 1;
}

function describeError(error: unknown): string {
  if (error instanceof SandboxError) return `${error.problem}\n  hint: ${error.hint}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Resolves with the exit code that says so when somebody interrupts; a second interrupt ends the program at once. */
function interruption(): Promise<number> {
  return new Promise((resolve) => {
    for (const [signal, exitCode] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      process.once(signal, () => {
        console.error('\n  interrupted: taking the cluster down');
        resolve(exitCode);
      });
    }
  });
}

// Explicitly: after an interrupt the measurement that was under way still has timers and connections.
process.exit(await main(process.argv.slice(2)));
