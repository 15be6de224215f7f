/** An IPv6 address is announced as an IPv4 one is: one node owns it, a client finds it by itself, and it moves. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { unplug } from '../../src/sandbox/faults.ts';
import { exec } from '../../src/sandbox/sandbox.ts';
import { firstFrameAfter, monotonicMs, recordNeighbours } from '../support/client-probes.ts';
import { type Cluster, cluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const NAME = 'ipv6';
const SOON_MS = 20_000;
const FAILOVER_MS = 30_000;

let c: Cluster;
let v4: string;
let v6: string;
beforeAll(async () => {
  c = await cluster();
  [v4, v6] = [`${c.network}.31`, `${c.network6}:31`];
  const metadata = { namespace: 'metallb-system', name: NAME };
  const apiVersion = 'metallb.io/v1beta1';
  const items = [
    { apiVersion, kind: 'IPAddressPool', metadata, spec: { addresses: [`${v4}/32`, `${v6}/128`], autoAssign: false } },
    { apiVersion, kind: 'L2Advertisement', metadata, spec: { ipAddressPools: [NAME] } },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: NAME, annotations: { 'metallb.io/address-pool': NAME } },
      spec: {
        type: 'LoadBalancer',
        ipFamilyPolicy: 'PreferDualStack',
        selector: { app: 'nginx' },
        ports: [{ port: 80 }],
      },
    },
  ];
  await c.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  await waitFor('two addresses', async () => (await c.externalIps(NAME)).length === 2, { withinMs: SOON_MS });
});

afterAll(async () => {
  await c.kubectl('delete', 'service', NAME, '--ignore-not-found');
  for (const kind of ['l2advertisement', 'ipaddresspool']) {
    await c.kubectl('delete', kind, '-n', 'metallb-system', NAME, '--ignore-not-found');
  }
});

test('the client finds the IPv6 address by neighbour discovery, and nginx answers at both', async () => {
  await c.reachable('client', v6, SOON_MS);
  await c.reachable('client', v4, SOON_MS);
});

test('exactly one node advertises it', async () => {
  const owners = await c.owners(v6);
  expect(owners).toHaveLength(1);
  await c.nodeOf(String(owners[0]));
});

test('a host that wants the address for itself is told that it is taken (RFC 4862 §5.4)', async () => {
  const run = (...argv: string[]) => exec(c.handle, 'client', argv);
  await run('ip', '-6', 'address', 'add', `${v6}/64`, 'dev', 'eth0');
  try {
    await waitFor(
      'the kernel gives it up',
      async () => (await run('ip', '-6', 'address', 'show', 'dev', 'eth0')).stdout.includes('dadfailed'),
      { withinMs: SOON_MS },
    );
  } finally {
    await run('ip', '-6', 'address', 'del', `${v6}/64`, 'dev', 'eth0');
  }
});

test('its node is unplugged: another advertises it unasked, overriding, and the client follows', async () => {
  const [mac = ''] = await c.owners(v6);
  const owner = await c.nodeOf(mac);
  const frames = await recordNeighbours(await c.in('client'), [v6]);
  try {
    const cutMs = monotonicMs();
    await c.during(owner, unplug, async () => {
      const taken = await waitFor('another owner', async () => firstFrameAfter(frames.soFar(), cutMs, mac), {
        withinMs: FAILOVER_MS,
        everyMs: 20,
      });
      expect(taken).toMatchObject({ kind: 'advertisement', gratuitous: true, flags: { override: true } });
      expect(await c.nodeOf(taken.mac)).not.toBe(owner);
      await c.reachable('client', v6, FAILOVER_MS);
    });
    await c.kubectl('wait', '--for=condition=Ready', `node/${owner}`, '--timeout=90s');
  } finally {
    await frames.stop();
  }
}, 240_000);
