/**
 * The custom resource definitions before a real API server: which objects it takes, and what it says of those it does
 * not. This is the place to look when MetalLB takes an object that this project refuses, or the other way round.
 */

import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type ControlPlane, startControlPlaneForTests } from '../support/control-plane.ts';
import { bgpAdvertisements, bgpPeers, communities, l2Advertisements, others, pools, type Row } from './crd-rows.ts';

const crds = resolve(import.meta.dirname, '../../roles/cluster-addon/files/metallb/crds');
const namespace = 'default';
const net = '2001:0db8:1111:2222:3333:4444:5555';
const emptyPool = { apiVersion: 'metallb.io/v1beta1', kind: 'IPAddressPool' };

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlaneForTests();
  const applied = await plane.kubectl(['apply', '--server-side', '-f', crds]);
  expect(applied).toMatchObject({ exitCode: 0, stderr: '' });
  await plane.kubectl(['wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all']);
}, 120_000);
afterAll(async () => plane?.stop());

async function create(object: object, flags: readonly string[] = ['--dry-run=server']) {
  return plane.kubectl(['create', '--validate=strict', '-n', namespace, ...flags, '-f', '-', '-o', 'json'], {
    input: JSON.stringify(object),
  });
}

async function expectRow({ object, want }: Row): Promise<void> {
  const done = await create({ ...object, metadata: { name: 'sample' } });
  if (want === 'accepted') expect(done).toMatchObject({ exitCode: 0 });
  else {
    expect(done.exitCode).not.toBe(0);
    expect(done.stderr).toContain(want);
  }
}

test('there are enough rows to speak of a table', () => {
  const rows = [...pools, ...l2Advertisements, ...bgpAdvertisements, ...bgpPeers, ...communities, ...others];
  expect(rows.length).toBeGreaterThan(90);
});

describe('IPAddressPool', () => {
  test.each(pools)('$name', expectRow);

  test.each([
    { name: 'IPv4', entry: (n: number) => `100.100.${100 + (n >> 7)}.${100 + (n & 127)} - 100.100.255.255` },
    { name: 'IPv6', entry: (n: number) => `${net}:${n.toString(16).padStart(4, '0')} - ${net}:ffff` },
  ])('4096 ranges of the longest $name addresses are within the cost that the API server allows', async ({ entry }) => {
    const spec = { addresses: Array.from({ length: 4096 }, (_, n) => entry(n)) };
    const done = await create({ ...emptyPool, metadata: { name: 'large' }, spec });
    expect(done).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test('the defaults are filled in', async () => {
    const spec = { addresses: ['192.0.2.0/28'] };
    const done = await create({ ...emptyPool, metadata: { name: 'defaults' }, spec });
    expect(JSON.parse(done.stdout).spec).toEqual({
      addresses: ['192.0.2.0/28'],
      autoAssign: true,
      avoidBuggyIPs: false,
    });
  });
});
describe('L2Advertisement', () => {
  test.each(l2Advertisements)('$name', expectRow);
});
describe('BGPAdvertisement', () => {
  test.each(bgpAdvertisements)('$name', expectRow);
});
describe('Community', () => {
  test.each(communities)('$name', expectRow);
});
describe('BFDProfile and the status kinds', () => {
  test.each(others)('$name', expectRow);

  test('whom a status speaks of is fixed', async () => {
    const status = { node: 'node1', serviceName: 'web', serviceNamespace: 'default' };
    const object = { apiVersion: 'metallb.io/v1beta1', kind: 'ServiceL2Status', metadata: { name: 'fixed' } };
    await create(object, []);
    const patch = (node: string) =>
      plane.kubectl([
        ...['patch', 'servicel2status', 'fixed', '-n', namespace, '--subresource=status', '--type=merge'],
        ...['-p', JSON.stringify({ status: { ...status, node } })],
      ]);
    expect(await patch('node1')).toMatchObject({ exitCode: 0 });
    expect((await patch('node2')).stderr).toContain("node is fixed for the object's life");
  });
});

describe('BGPPeer', () => {
  test.each(bgpPeers)('$name', expectRow);

  test('what is written as v1beta1 is read as v1beta2, with a warning', async () => {
    const spec = {
      myASN: 64512,
      peerASN: 64513,
      peerAddress: '192.0.2.1',
      holdTime: '90s',
      nodeSelectors: [{ matchExpressions: [{ key: 'rack', operator: 'In', values: ['a'] }] }],
    };
    const created = await create(
      { apiVersion: 'metallb.io/v1beta1', kind: 'BGPPeer', metadata: { name: 'old' }, spec },
      [],
    );
    expect(created).toMatchObject({ exitCode: 0 });
    expect(created.stderr).toContain('metallb.io/v1beta1 BGPPeer is deprecated');
    const read = await plane.kubectl(['get', 'bgppeers.v1beta2.metallb.io', 'old', '-n', namespace, '-o', 'json']);
    expect(JSON.parse(read.stdout)).toMatchObject({ apiVersion: 'metallb.io/v1beta2', spec });
  });

  test('an edit through v1beta1 keeps the fields that only v1beta2 had', async () => {
    const spec = { myASN: 64512, dynamicASN: 'external', interface: 'eth1', passwordSecret: { name: 'router' } };
    await create({ apiVersion: 'metallb.io/v1beta2', kind: 'BGPPeer', metadata: { name: 'new' }, spec }, []);
    const patched = await plane.kubectl([
      ...['patch', 'bgppeers.v1beta1.metallb.io', 'new', '-n', namespace, '--type=merge'],
      ...['-p', '{"spec":{"holdTime":"30s"}}'],
    ]);
    expect(patched).toMatchObject({ exitCode: 0 });
    const read = await plane.kubectl(['get', 'bgppeers.v1beta2.metallb.io', 'new', '-n', namespace, '-o', 'json']);
    expect(JSON.parse(read.stdout).spec).toMatchObject({ ...spec, holdTime: '30s' });
  });

  test('graceful restart cannot be changed', async () => {
    const spec = { myASN: 64512, peerASN: 64513, peerAddress: '192.0.2.1', enableGracefulRestart: true };
    await create({ apiVersion: 'metallb.io/v1beta2', kind: 'BGPPeer', metadata: { name: 'graceful' }, spec }, []);
    const patched = await plane.kubectl([
      ...['patch', 'bgppeer', 'graceful', '-n', namespace, '--type=merge'],
      ...['-p', '{"spec":{"enableGracefulRestart":false}}'],
    ]);
    expect(patched.stderr).toContain('delete the peer and create it anew');
  });
});

test('kubectl get shows the columns that MetalLB shows', async () => {
  await create({ ...emptyPool, metadata: { name: 'shown' }, spec: { addresses: ['192.0.2.0/28'] } }, []);
  const shown = await plane.kubectl(['get', 'ipaddresspools', '-n', namespace]);
  expect(shown.stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
    ['NAME', 'AUTO ASSIGN', 'AVOID BUGGY IPS', 'ADDRESSES'],
    ['shown', 'true', 'false', '["192.0.2.0/28"]'],
  ]);
});
