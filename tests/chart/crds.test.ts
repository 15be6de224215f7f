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
    const spec = {
      addresses: Array.from({ length: 4096 }, (_, n) => entry(n)),
      excludeAddresses: Array.from({ length: 1024 }, (_, n) => entry(n)),
    };
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
describe('the status of an IPAddressPool', () => {
  const counters = { assignedIPv4: 0, assignedIPv6: 0, availableIPv4: 16, availableIPv6: 0 };
  const skipped = [
    { addresses: '192.0.2.1/32', reason: 'Gateway', detail: 'of node master' },
    { addresses: '192.0.2.9/32', reason: 'InUseOnLan', detail: 'host 52:54:00:00:00:99, seen by node master' },
  ];
  const released = [
    { address: '192.0.2.9', service: 'web/shop', releasedAt: '2026-08-01T10:00:00Z', cause: 'Deleted' },
  ];
  const pool = { ...emptyPool, metadata: { name: 'reporting' }, spec: { addresses: ['192.0.2.0/28'] } };
  const report = (status: object) =>
    plane.kubectl(['replace', '-n', namespace, '--subresource=status', '-o', 'json', '-f', '-'], {
      input: JSON.stringify({ ...pool, status: { ...counters, ...status } }),
    });
  beforeAll(async () => {
    await create({ ...emptyPool, metadata: { name: 'reporting' }, spec: { addresses: ['192.0.2.0/28'] } }, []);
  });

  afterAll(() => plane.kubectl(['delete', 'ipaddresspool', 'reporting', '-n', namespace]));

  test('says what is skipped and what is remembered', async () => {
    const done = await report({ skipped, released });
    expect(done).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(done.stdout).status).toEqual({ ...counters, skipped, released });
  });

  test.each([
    { name: 'an unknown reason', status: { skipped: [{ ...skipped[0], reason: 'Whim' }] }, want: 'Unsupported value' },
    { name: 'a time that is none', status: { released: [{ ...released[0], releasedAt: 'soon' }] }, want: 'date-time' },
    { name: 'an unknown cause', status: { released: [{ ...released[0], cause: 'Lost' }] }, want: 'Unsupported value' },
    {
      name: 'more than is of use',
      status: { skipped: Array.from({ length: 257 }, () => skipped[0]) },
      want: 'must have at most 256 items',
    },
  ])('$name is refused', async ({ status, want }) => {
    expect((await report(status)).stderr).toContain(want);
  });

  test('as many released addresses as there may be, of the longest names, fit into the object', async () => {
    const service = `${'n'.repeat(63)}/${'s'.repeat(63)}`;
    const many = Array.from({ length: 4096 }, (_, n) => ({
      ...released[0],
      address: `${net}:ffff:${n.toString(16)}`,
      service,
    }));
    expect(await report({ released: many })).toMatchObject({ exitCode: 0 });
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
