/** Taking the addresses off Services as the installer does it, before a real API server. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { KubeObject } from '../../src/installer/kube-object.ts';
import { openCluster } from '../../src/installer/steps/kube-cluster.ts';
import { releaseAddresses } from '../../src/installer/steps/release-addresses.ts';
import { type ControlPlane, startControlPlaneForTests } from '../support/control-plane.ts';

const POOL: KubeObject = {
  apiVersion: 'metallb.io/v1beta1',
  kind: 'IPAddressPool',
  metadata: { name: 'default', namespace: 'metallb-system' },
  spec: { addresses: ['192.0.2.0/28'] },
};
const CONDITION = {
  status: 'True',
  reason: 'Allocated',
  message: '',
  lastTransitionTime: '2026-08-01T10:00:00Z',
};

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlaneForTests();
}, 120_000);
afterAll(async () => plane?.stop());

/** A Service as the controller leaves it, with a condition and an annotation of somebody else. */
async function give(name: string, ip: string, pool: string): Promise<void> {
  const base = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, annotations: { 'metallb.io/ip-allocated-from-pool': pool, 'example.com/kept': 'yes' } },
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
  };
  const write = async (verb: readonly string[], object: object): Promise<void> => {
    const done = await plane.kubectl([...verb, '-f', '-'], { input: JSON.stringify(object) });
    expect(done).toMatchObject({ exitCode: 0 });
  };
  await write(['create'], base);
  const conditions = ['metallb.io/Allocated', 'example.com/Kept'].map((type) => ({ type, ...CONDITION }));
  const status = { loadBalancer: { ingress: [{ ip }] }, conditions };
  await write(['replace', '--subresource=status'], { ...base, status });
}

async function read(name: string): Promise<KubeObject> {
  const { stdout } = await plane.kubectl(['get', 'service', name, '-o', 'json']);
  return JSON.parse(stdout) as KubeObject;
}

test('addresses, annotation and condition go; what others wrote, and a Service of another pool, stay', async () => {
  await give('ours', '192.0.2.1', 'default');
  await give('theirs', '192.0.2.99', 'staying');
  const cluster = openCluster(plane.kubeconfig);
  const staying = [{ ...POOL, metadata: { ...POOL.metadata, name: 'staying' } }];
  const theirs = await read('theirs');
  const { changes, left } = await releaseAddresses(cluster, { removed: [POOL], staying });
  expect(left).toEqual([]);
  expect(changes.map(({ object }) => object)).toEqual(['Service default/ours']);
  const ours = await read('ours');
  expect(ours.metadata['annotations']).toEqual({ 'example.com/kept': 'yes' });
  expect(ours['status']).toEqual({ loadBalancer: {}, conditions: [{ type: 'example.com/Kept', ...CONDITION }] });
  expect(ours['spec']).toMatchObject({ type: 'LoadBalancer' });
  expect(await read('theirs')).toEqual(theirs);
  expect(await releaseAddresses(cluster, { removed: [POOL], staying })).toEqual({ changes: [], left: [] });
});

test('a resource version that is out of date is refused', async () => {
  await give('changing', '192.0.2.2', 'default');
  const cluster = openCluster(plane.kubeconfig);
  const before = await read('changing');
  await plane.kubectl(['annotate', 'service', 'changing', 'example.com/changed=yes']);
  const patch = { metadata: { resourceVersion: before.metadata['resourceVersion'] }, status: { loadBalancer: null } };
  await expect(cluster.patchStatus(before, patch)).rejects.toMatchObject({ status: 409 });
});
