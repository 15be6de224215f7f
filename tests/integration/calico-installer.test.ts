/** Handing pools to Calico and taking them back as the installer does it, before a real API server. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { planHandOver, planTakeBack } from '../../src/installer/steps/calico.ts';
import { readCalico } from '../../src/installer/steps/calico-objects.ts';
import { checkCalico } from '../../src/installer/steps/calico-preflight.ts';
import { openCluster } from '../../src/installer/steps/kube-cluster.ts';
import { bgpConfigurationDefinition, bgpPeerDefinition } from '../support/calico-definitions.ts';
import { type ControlPlane, startControlPlaneForTests } from '../support/control-plane.ts';
import { makePlan } from '../unit/installer/plan/make-plan.ts';

const PLAN = makePlan('metallb_vip_pool: "10.9.0.0/24"\nmetallb_protocol: calico\n');
const GROUP = 'crd.projectcalico.org';
const OBJECT = `bgpconfiguration.${GROUP}`;

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlaneForTests();
}, 120_000);
afterAll(async () => plane?.stop());

async function kubectl(args: readonly string[], object?: object): Promise<string> {
  const done = await plane.kubectl(args, object === undefined ? {} : { input: JSON.stringify(object) });
  if (done.exitCode !== 0) throw new Error(done.stderr);
  return done.stdout;
}

const read = async () => JSON.parse(await kubectl(['get', OBJECT, 'default', '-o', 'json']));

test('a cluster without Calico has none; with it the pools come in, beside what others wrote, and go out again', async () => {
  const cluster = openCluster(plane.kubeconfig);
  expect(await readCalico(cluster)).toBeUndefined();
  await kubectl(['apply', '-f', '-'], bgpConfigurationDefinition(GROUP));
  await kubectl(['apply', '-f', '-'], bgpPeerDefinition(GROUP));
  await kubectl(['wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all']);

  const { calico, warnings } = await checkCalico(cluster, PLAN);
  expect(calico).toMatchObject({ ref: { apiVersion: `${GROUP}/v1` }, peers: [] });
  expect(warnings).toEqual([expect.stringContaining('Calico has no BGPPeer')]);
  await planHandOver(cluster, PLAN, calico).write();
  expect((await read()).spec).toEqual({ serviceLoadBalancerIPs: [{ cidr: '10.9.0.0/24' }] });

  const others = {
    spec: { asNumber: 64_512, serviceLoadBalancerIPs: [{ cidr: '192.0.2.0/24' }, { cidr: '10.9.0.0/24' }] },
  };
  await kubectl(['patch', OBJECT, 'default', '--type=merge', '-p', JSON.stringify(others)]);
  const before = await read();
  const again = planHandOver(cluster, PLAN, await readCalico(cluster));
  expect(again.changes).toEqual([{ action: 'unchanged', object: 'BGPConfiguration default', fields: [] }]);
  await again.write();
  expect((await read()).metadata.resourceVersion).toBe(before.metadata.resourceVersion);

  await planTakeBack(cluster, await readCalico(cluster)).write();
  const after = await read();
  expect(after.spec).toEqual({ asNumber: 64_512, serviceLoadBalancerIPs: [{ cidr: '192.0.2.0/24' }] });
  expect(after.metadata.annotations?.['metallb.io/calico-blocks']).toBeUndefined();
  expect(planTakeBack(cluster, await readCalico(cluster)).changes).toEqual([]);
}, 60_000);

test('a version that is out of date is refused', async () => {
  const cluster = openCluster(plane.kubeconfig);
  const object = await read();
  await kubectl(['annotate', OBJECT, 'default', 'example.com/changed=yes']);
  const patch = {
    metadata: { resourceVersion: object.metadata.resourceVersion },
    spec: { serviceLoadBalancerIPs: [] },
  };
  await expect(cluster.patch(object, patch)).rejects.toMatchObject({ status: 409 });
});
