/** The controller that gives out addresses dies with -9, or stops in order, while Services are being created. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Cluster, cluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

// A Lease of five seconds runs out; the rest is what a busy machine adds.
const TAKE_OVER_MS = 30_000;
const LABEL = 'test=take-over';

let c: Cluster;
beforeAll(async () => {
  c = await cluster();
  await c.apply(
    JSON.stringify({
      apiVersion: 'metallb.io/v1beta1',
      kind: 'IPAddressPool',
      metadata: { namespace: 'metallb-system', name: 'take-over' },
      spec: { addresses: [`${c.network}.192/26`], autoAssign: false },
    }),
  );
});

afterAll(async () => {
  await c.kubectl('delete', 'services', '-l', LABEL, '--ignore-not-found');
  await c.kubectl('delete', 'ipaddresspool', '-n', 'metallb-system', 'take-over', '--ignore-not-found');
});

function create(names: readonly string[]): Promise<void> {
  const items = names.map((name) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, labels: { test: 'take-over' }, annotations: { 'metallb.io/address-pool': 'take-over' } },
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
  }));
  return c.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
}

/** A pod's name: a container that is started again in it goes on with the Lease. */
async function leader(): Promise<string> {
  const lease = await c.get('lease', '-n', 'metallb-system', 'controller');
  return String(lease.spec.holderIdentity);
}

/** The name of the pod that holds the Lease. */
async function podOf(holder: string): Promise<string> {
  const pods = await c.list('pods', '-n', 'metallb-system', '-l', 'component=controller');
  const pod = pods.find(({ metadata }) => holder.includes(metadata.name));
  if (pod === undefined) throw new Error(`nobody is ${holder}`);
  return pod.metadata.name;
}

const otherLeads = (than: string): Promise<string> =>
  waitFor(
    'another one leads',
    async () => {
      const now = await leader();
      return now === '' || now === than ? undefined : now;
    },
    { withinMs: TAKE_OVER_MS },
  );

/** Waits until all have an address, no two the same. Resolves with "name address", sorted. */
function allServed(count: number): Promise<readonly string[]> {
  return waitFor(
    `${count} Services served`,
    async () => {
      const services = await c.list('services', '-l', LABEL);
      const ips = services.map(({ status }) => status?.loadBalancer?.ingress?.[0]?.ip);
      if (ips.length !== count || ips.includes(undefined)) return undefined;
      expect(new Set(ips).size).toBe(count);
      return services.map(({ metadata }, index) => `${metadata.name} ${ips[index]}`).sort();
    },
    { withinMs: TAKE_OVER_MS },
  );
}

const named = (prefix: string): readonly string[] => Array.from({ length: 10 }, (_, index) => `${prefix}-${index}`);

test('killed with -9, and started again by the kubelet: nothing is lost or given twice', async () => {
  const killed = await podOf(await leader());
  const creation = create(named('first'));
  process.kill(await c.pidOf('controller', killed), 'SIGKILL');
  await creation;
  await create(named('second'));
  await allServed(20);
}, 120_000);

test('frozen: another one leads; thawed, it does not lead any more', async () => {
  const frozen = await leader();
  const pid = await c.pidOf('controller', await podOf(frozen));
  process.kill(pid, 'SIGSTOP');
  try {
    await create(named('third'));
    await otherLeads(frozen);
    await allServed(30);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await create(named('fourth'));
  await allServed(40);
  expect(await leader()).not.toBe(frozen);
}, 120_000);

test('stopped in order: the other takes over, and everybody keeps what they have', async () => {
  const before = await allServed(40);
  const stopped = await leader();
  await c.kubectl('delete', 'pod', '-n', 'metallb-system', await podOf(stopped), '--wait=false');
  await create(named('fifth'));
  await otherLeads(stopped);
  const after = await allServed(50);
  expect(after).toEqual(expect.arrayContaining([...before]));
  await c.kubectl('rollout', 'status', '-n', 'metallb-system', 'deployment/controller', '--timeout=60s');
}, 120_000);
