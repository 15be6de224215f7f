/** The sandbox's cluster has both families everywhere: nodes, pods, Services, and the way from a host outside to them. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exec } from '../../src/sandbox/sandbox.ts';
import { type Cluster, cluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const SOON_MS = 20_000;
const NAME = 'dual-stack';

let c: Cluster;
let v4: string;
let v6: string;
beforeAll(async () => {
  c = await cluster();
  [v4, v6] = [`${c.network}.30`, `${c.network6}:30`];
  await c.apply(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'List',
      items: [
        {
          apiVersion: 'metallb.io/v1beta1',
          kind: 'IPAddressPool',
          metadata: { namespace: 'metallb-system', name: NAME },
          spec: { addresses: [`${v4}/32`, `${v6}/128`], autoAssign: false },
        },
        {
          apiVersion: 'metallb.io/v1beta1',
          kind: 'L2Advertisement',
          metadata: { namespace: 'metallb-system', name: NAME },
          spec: { ipAddressPools: [NAME] },
        },
        {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: NAME, annotations: { 'metallb.io/address-pool': NAME } },
          spec: {
            type: 'LoadBalancer',
            ipFamilyPolicy: 'RequireDualStack',
            selector: { app: 'nginx' },
            ports: [{ port: 80 }],
          },
        },
      ],
    }),
  );
});

afterAll(async () => {
  await c.kubectl('delete', 'service', NAME, '--ignore-not-found');
  for (const kind of ['l2advertisement', 'ipaddresspool']) {
    await c.kubectl('delete', kind, '-n', 'metallb-system', NAME, '--ignore-not-found');
  }
});

describe('both families', () => {
  test('nodes have an address and a pod network of each', async () => {
    const nodes = await c.list('nodes');
    const found = nodes.map(({ metadata, spec, status }) => ({
      name: metadata.name,
      ips: status.addresses
        .filter(({ type }: { type: string }) => type === 'InternalIP')
        .map(({ address }: { address: string }) => address),
      podNetworks: spec.podCIDRs.map((cidr: string) => (cidr.includes(':') ? 'IPv6' : 'IPv4')),
    }));
    expect(found.sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual(
      c.handle.nodes.map(({ name, ip, ip6 }) => ({ name, ips: [ip, ip6], podNetworks: ['IPv4', 'IPv6'] })),
    );
  });

  test('pods reach each other’s web server over either, across nodes', async () => {
    const pods = await c.list('pods', '-l', 'app=nginx');
    expect(pods.length).toBeGreaterThan(1);
    for (const { status } of pods) {
      expect(status.podIPs).toHaveLength(2);
      for (const { ip } of status.podIPs) {
        for (const { name } of c.handle.nodes) await c.reachable(name, ip, SOON_MS);
      }
    }
  });

  test('a Service that requires both gets an address of each, and answers over IPv4 from the client', async () => {
    await waitFor('two addresses', async () => (await c.externalIps(NAME)).length === 2, { withinMs: SOON_MS });
    expect([...(await c.externalIps(NAME))].sort()).toEqual([v4, v6].sort());
    const { spec } = await c.get('service', NAME);
    expect(spec.clusterIPs).toHaveLength(2);
    for (const ip of spec.clusterIPs) await c.reachable('node1', ip, SOON_MS);
    await c.reachable('client', v4, SOON_MS);
  });

  test('it answers over IPv6 on every node, for whoever sends it there', async () => {
    for (const { name, ip6 } of c.handle.nodes) {
      const route = ['ip', '-6', 'route', 'replace', v6, 'via', String(ip6)];
      expect(await exec(c.handle, 'client', route)).toMatchObject({ exitCode: 0 });
      await c.reachable('client', v6, SOON_MS);
      await c.reachable(name, v6, SOON_MS);
    }
    await exec(c.handle, 'client', ['ip', '-6', 'route', 'del', v6]);
  });
});
