/** What goes beyond MetalLB, on the cluster a user has: addresses that wait, are skipped, are limited, and move. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Cluster, cluster, install, type KubeObject } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const SOON_MS = 20_000;
const POOL = 'beyond';

let c: Cluster;
beforeAll(async () => {
  c = await cluster();
});

afterAll(async () => {
  await c.kubectl('delete', 'services', '-l', `test=${POOL}`, '--ignore-not-found');
  await c.kubectl('delete', 'ipaddresspools', '-n', 'metallb-system', POOL, '--ignore-not-found');
});

/** Two of its addresses are nodes', which are .1 to .3. */
function setPool(spec: object): Promise<void> {
  return c.apply(
    JSON.stringify({
      apiVersion: 'metallb.io/v1beta1',
      kind: 'IPAddressPool',
      metadata: { namespace: 'metallb-system', name: POOL },
      spec: { addresses: [`${c.network}.2-${c.network}.7`], autoAssign: false, ...spec },
    }),
  );
}

function service(name: string, annotations: object = {}): Promise<void> {
  return c.apply(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, labels: { test: POOL }, annotations: { 'metallb.io/address-pool': POOL, ...annotations } },
      spec: { type: 'LoadBalancer', selector: { app: 'nginx' }, ports: [{ port: 80 }] },
    }),
  );
}

function address(name: string): Promise<string> {
  return waitFor(`an address of ${name}`, () => c.externalIp(name), { withinMs: SOON_MS });
}

function says(name: string, reason: string): Promise<KubeObject> {
  return waitFor(
    `${name} says ${reason}`,
    async () => {
      const found = await c.get('service', name);
      return JSON.stringify(found.status?.conditions ?? []).includes(`"${reason}"`) ? found : undefined;
    },
    { withinMs: SOON_MS },
  );
}

const remove = (name: string): Promise<string> => c.kubectl('delete', 'service', name);

describe('a pool with retention and a limit, around the nodes’ own addresses', () => {
  test('skips what is a node’s, and says so; the rest is given', async () => {
    await setPool({ retention: '1h', maxAddressesPerNamespace: 2 });
    await service('a');
    expect(await address('a')).toBe(`${c.network}.4`);
    const skipped = await waitFor(
      'the pool says what it skips',
      async () => (await c.get('ipaddresspool', '-n', 'metallb-system', POOL)).status?.skipped,
      { withinMs: SOON_MS },
    );
    expect(JSON.stringify(skipped)).toContain(`${c.network}.2`);
    await service('asks', { 'metallb.io/loadBalancerIPs': `${c.network}.2` });
    await says('asks', 'RequestedAddressExcluded');
    await remove('asks');
  }, 120_000);

  test('keeps the address of a deleted Service for its return, past a rollout of the controllers', async () => {
    await service('b');
    expect(await address('b')).toBe(`${c.network}.5`);
    await remove('a');
    await c.kubectl('rollout', 'restart', '-n', 'metallb-system', 'deployment/controller');
    await c.kubectl('rollout', 'status', '-n', 'metallb-system', 'deployment/controller', '--timeout=60s');
    await service('other');
    expect(await address('other')).toBe(`${c.network}.6`);
    await remove('other');
    await service('a');
    expect(await address('a')).toBe(`${c.network}.4`);
  }, 120_000);

  test('gives a namespace no more than it may have; explain says so, and what to do', async () => {
    await service('c');
    await says('c', 'RequestedPoolRefused');
    const one = await install(['explain', '-i', c.inventory, 'service/c']);
    expect(one.output).toMatch(/RequestedPoolRefused[\s\S]*beyond +PoolQuotaReached[\s\S]*what to do:/);
    expect(one.exitCode).toBe(1);
    const all = await install(['explain', '-i', c.inventory, '-A']);
    expect(all.output).toContain('default/c ');
    // Those that have an address are shown for a reason of their own: nothing announces this pool.
    expect(all.output).toContain('default/a  no-advertisement-for-pool');
    await remove('c');
  }, 120_000);

  test('drained, its Services move where they can be served', async () => {
    await c.kubectl('annotate', 'service', 'a', 'b', 'metallb.io/address-pool-');
    await setPool({ drain: 'MoveServices' });
    const both = async (): Promise<string> =>
      (await Promise.all(['a', 'b'].map((name) => c.externalIp(name)))).sort().join();
    await waitFor('both move to the default pool', async () => (await both()) === `${c.network}.21,${c.network}.22`, {
      withinMs: SOON_MS,
    });
    await c.reachable('client', `${c.network}.21`, SOON_MS);
  }, 60_000);
});
