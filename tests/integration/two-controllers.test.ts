/**
 * Two controllers against a real API server, with Services being created and deleted all the while: who leads after a
 * planned stop, after kill -9 at any point, and after having been stopped for longer than a lease. What is asserted is the
 * history of the Services, revision by revision.
 */
import { resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type ControlPlane, startControlPlaneForTests } from '../support/control-plane.ts';
import {
  type ControllerPorts,
  type ControllerProcess,
  freeControllerPorts,
  startController,
} from '../support/controller-process.ts';
import { type CountingProxy, openCountingProxy } from '../support/counting-proxy.ts';
import { seededDice } from '../support/dice.ts';
import { ServiceChurn } from '../support/service-churn.ts';
import { ServiceHistory } from '../support/service-history.ts';
import { waitFor } from '../support/wait-for.ts';

const CRDS = resolve(import.meta.dirname, '../../roles/cluster-addon/files/metallb/crds');
const NS = 'metallb-system';
/** More than ever live at a time, and few enough that addresses come round again and again. */
const POOL = { addresses: ['10.6.204.1-10.6.204.60'], size: 60 };
const LIVING = 25;
/** Kills at random points; a third of them of the leader's pod as a whole, see below. */
const KILLS = 52;
/** A leader stopped for longer than its lease, so often. */
const STOPS = 6;
const SHORT_LEASE = ['--leader-lease-seconds', '1'];
const SHORT_LEASE_MS = 1000;

let plane: ControlPlane;
let history: ServiceHistory;
let churn: ServiceChurn;
let controllers: Controllers;
let testNumber = 0;

beforeAll(async () => {
  plane = await startControlPlaneForTests();
  await kubectl('apply', '--server-side', '-f', CRDS);
  await kubectl('wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all');
  await kubectl('create', 'namespace', NS);
  const pool = {
    apiVersion: 'metallb.io/v1beta1',
    kind: 'IPAddressPool',
    metadata: { namespace: NS, name: 'default' },
    spec: { addresses: POOL.addresses },
  };
  await plane.kubectl(['apply', '-f', '-'], { input: JSON.stringify(pool) });
}, 180_000);
afterAll(async () => plane?.stop());

beforeEach(async () => {
  testNumber += 1;
  const namespace = `churn-${testNumber}`;
  await kubectl('create', 'namespace', namespace);
  history = new ServiceHistory(plane.kubeconfig);
  await history.start();
  const dice = seededDice(testNumber);
  churn = new ServiceChurn({ kubeconfig: plane.kubeconfig, namespace, living: LIVING, everyMs: 25, dice });
  controllers = new Controllers(await freeControllerPorts(2));
}, 60_000);
afterEach(async () => {
  await churn.stop();
  await controllers.stop();
  churn.close();
  await history.stop();
  await kubectl('delete', 'services', '-n', `churn-${testNumber}`, '--all');
  await kubectl('delete', 'lease', '-n', NS, 'controller', '--ignore-not-found');
}, 60_000);

const kubectl = (...args: readonly string[]): Promise<string> => plane.run(...args);

const pause = (milliseconds: number): Promise<void> => new Promise((done) => setTimeout(done, milliseconds));
const other = (index: number): number => 1 - index;

/** The two of them, by index. */
class Controllers {
  readonly #ports: readonly ControllerPorts[];
  readonly #running: (ControllerProcess | undefined)[] = [undefined, undefined];

  constructor(ports: readonly ControllerPorts[]) {
    this.#ports = ports;
  }

  async start(index: number, args: readonly string[], kubeconfig: string = plane.kubeconfig): Promise<void> {
    const ports = this.#ports[index] ?? { health: 0, metrics: 0 };
    const podName = `controller-${'ab'[index]}`;
    this.#running[index] = await startController(kubeconfig, ports, { args, podName, wait: 'not' });
  }

  at(index: number): ControllerProcess {
    const found = this.#running[index];
    if (found === undefined) throw new Error(`controller ${index} was not started`);
    return found;
  }

  isReady(index: number): Promise<true> {
    return waitFor(
      `controller ${index} is ready`,
      async () => (await this.at(index).get('health', '/readyz')).status === 200 || undefined,
      { withinMs: 60_000, everyMs: 50 },
    );
  }

  /** The index of the one that leads. */
  async leader(): Promise<number> {
    const { index } = await waitFor(
      'one of the controllers leads',
      async () => {
        const leads = await Promise.all(this.#running.map((each) => each?.leads() ?? false));
        const found = leads.indexOf(true);
        return found < 0 ? undefined : { index: found };
      },
      { withinMs: 60_000, everyMs: 20 },
    );
    return index;
  }

  leads(index: number): Promise<true> {
    return waitFor(`controller ${index} leads`, async () => (await this.at(index).leads()) || undefined, {
      withinMs: 60_000,
      everyMs: 10,
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.map((each) => each?.stop('SIGKILL')));
  }
}

/** Every living Service has exactly one address, none is given twice, and the pool counts what is given. */
async function allIsWell(): Promise<void> {
  await churn.stop();
  await waitFor(
    'every Service has its address',
    async () => {
      const living = history.living();
      const bare = living.filter(({ ips }) => ips.length !== 1).map(({ name }) => name);
      if (living.length !== churn.names.length) throw new Error(`${living.length} live, not ${churn.names.length}`);
      if (bare.length > 0) throw new Error(`not yet: ${bare.join(', ')}`);
      return true;
    },
    { withinMs: 60_000, everyMs: 100 },
  );
  const ips = history.living().flatMap((service) => service.ips);
  expect(new Set(ips).size).toBe(churn.names.length);
  expect(history.violations).toEqual([]);
  const want = { assignedIPv4: ips.length, availableIPv4: POOL.size - ips.length };
  await waitFor(
    `the pool counts ${JSON.stringify(want)}`,
    async () => {
      const { status } = JSON.parse(await kubectl('get', 'ipaddresspool', '-n', NS, 'default', '-o', 'json'));
      if (status?.assignedIPv4 === want.assignedIPv4 && status?.availableIPv4 === want.availableIPv4) return true;
      throw new Error(`it says ${JSON.stringify(status)}`);
    },
    { withinMs: 20_000, everyMs: 200 },
  );
}

test('a planned stop: the other leads within a second, and no Service notices', async () => {
  await controllers.start(0, []);
  await controllers.isReady(0);
  expect(await controllers.leader()).toBe(0);
  await controllers.start(1, []);
  await controllers.isReady(1);
  churn.start();
  const took: number[] = [];
  for (let round = 0; round < 6; round++) {
    await pause(500);
    const index = await controllers.leader();
    const began = performance.now();
    const ended = controllers.at(index).stop('SIGTERM');
    await controllers.leads(other(index));
    took.push(performance.now() - began);
    expect(await ended).toBe(0);
    await controllers.start(index, []);
    // A standby is as ready as a leader: a rollout goes on to the next pod only then.
    await controllers.isReady(index);
  }
  await allIsWell();
  const sorted = [...took].sort((a, b) => a - b).map((milliseconds) => Math.round(milliseconds));
  process.stdout.write(`  planned stop → the other leads, ms: ${sorted.join(', ')}\n`);
  expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThan(1000);
  expect(history.served.size).toBeGreaterThan(50);
  const lease = JSON.parse(await kubectl('get', 'lease', '-n', NS, 'controller', '-o', 'json'));
  expect(lease.spec.leaseTransitions).toBe(6);
}, 180_000);

test('without the right to the Lease nobody leads, and it is said why', async () => {
  await kubectl('delete', 'lease', '-n', NS, 'controller', '--ignore-not-found');
  const proxy = await openCountingProxy(plane.kubeconfig, { 'Impersonate-User': 'nobody' });
  try {
    await controllers.start(0, [], proxy.kubeconfig);
    const ready = await waitFor(
      'it says what it waits for',
      async () => {
        const answer = await controllers.at(0).get('health', '/readyz');
        return answer.body.includes('cannot get resource "leases"') && answer;
      },
      { withinMs: 60_000 },
    );
    expect(ready.status).toBe(503);
    expect(await controllers.at(0).leads()).toBe(false);
  } finally {
    await proxy.close();
  }
}, 90_000);

describe('kill -9', () => {
  test(`at ${KILLS} random points, with Services being created and deleted, loses and duplicates nothing`, async () => {
    const dice = seededDice(20_26);
    for (const index of [0, 1]) await controllers.start(index, SHORT_LEASE);
    for (const index of [0, 1]) await controllers.isReady(index);
    churn.start();
    const takeOvers: number[] = [];
    const resumed: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const index = await controllers.leader();
      await pause(dice(300));
      const began = performance.now();
      await controllers.at(index).stop('SIGKILL');
      switch (dice(3)) {
        case 0:
          // The kubelet starts the container again at once: whoever is first leads.
          await controllers.start(index, SHORT_LEASE);
          await controllers.leader();
          resumed.push(performance.now() - began);
          break;
        case 1:
          // The node is gone: the other takes over when the Lease has run out.
          await controllers.leads(other(index));
          takeOvers.push(performance.now() - began);
          await controllers.start(index, SHORT_LEASE);
          break;
        default:
          // Both at once, or the second while it takes over.
          await pause(dice(800));
          await controllers.at(other(index)).stop('SIGKILL');
          await Promise.all([0, 1].map((each) => controllers.start(each, SHORT_LEASE)));
      }
    }
    await controllers.leader();
    await allIsWell();
    const longest = (times: readonly number[]): number => Math.round(Math.max(...times));
    process.stdout.write(
      `  ${KILLS} kills, ${churn.created} Services created, ${history.served.size} served, ${history.events} events; ` +
        `longest take-over by the other ${longest(takeOvers)} ms, by whoever was first ${longest(resumed)} ms ` +
        `(lease ${SHORT_LEASE_MS} ms)\n`,
    );
    expect(takeOvers.length).toBeGreaterThan(5);
    expect(history.served.size).toBeGreaterThan(KILLS);
    // A lease and a look at everything; the rest is for a machine that is out of breath while fifty programs start.
    expect(longest(takeOvers)).toBeLessThan(SHORT_LEASE_MS + 9000);
  }, 550_000);
});

describe('a leader that was stopped for longer than its lease', () => {
  let proxies: CountingProxy[];
  beforeEach(async () => {
    proxies = await Promise.all([openCountingProxy(plane.kubeconfig), openCountingProxy(plane.kubeconfig)]);
  });
  afterEach(async () => {
    await controllers.stop();
    await Promise.all(proxies.map((proxy) => proxy.close()));
  });

  /** What one of them wrote besides the Lease, since then. */
  function writesSince(index: number, sinceMs: number): string[] {
    return (proxies[index]?.requests ?? [])
      .filter(({ method, path, atMs }) => atMs >= sinceMs && method !== 'GET' && !path.includes('/leases'))
      .map(({ method, path, status }) => `${method} ${path}: ${status}`);
  }

  test('writes nothing when it goes on, and stands by', async () => {
    const dice = seededDice(7);
    for (const index of [0, 1]) await controllers.start(index, SHORT_LEASE, proxies[index]?.kubeconfig);
    for (const index of [0, 1]) await controllers.isReady(index);
    churn.start();
    for (let round = 0; round < STOPS; round++) {
      const stale = await controllers.leader();
      // In the midst of its writes: Services come and go all the while.
      await pause(200 + dice(300));
      expect(writesSince(stale, performance.now() - 5000).length).toBeGreaterThan(0);
      controllers.at(stale).kill('SIGSTOP');
      await controllers.leads(other(stale));
      await pause(500);
      expect(writesSince(other(stale), performance.now() - 400).length).toBeGreaterThan(0);
      const resumedAt = performance.now();
      controllers.at(stale).kill('SIGCONT');
      await pause(1500);
      expect({ round, writes: writesSince(stale, resumedAt) }).toEqual({ round, writes: [] });
      expect(await controllers.at(stale).leads()).toBe(false);
      expect(controllers.at(stale).log()).toContain('not leading any more');
      expect(await controllers.leader()).toBe(other(stale));
    }
    await allIsWell();
  }, 240_000);
});
