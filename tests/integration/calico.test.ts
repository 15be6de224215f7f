/**
 * Calico's list of blocks before a real API server: made, kept in step with the pools, others' entries untouched, and
 * what the controller says where that is refused. The tests build on each other, as a cluster's life does.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { bgpConfigurationDefinition, type CalicoGroup, REFUSED_CIDR } from '../support/calico-definitions.ts';
import { type ApiObject, ControllerWorld, NS } from '../support/controller-world.ts';
import { waitFor } from '../support/wait-for.ts';

const SOON = { withinMs: 15_000, everyMs: 100 };
/** A cluster that has no Calico is asked again every half minute. */
const ASKED_AGAIN = { withinMs: 45_000, everyMs: 250 };
const CRD = 'bgpconfiguration.crd.projectcalico.org';
const V3 = 'bgpconfiguration.projectcalico.org';
const RECORD = 'metallb.io/calico-blocks';

let world: ControllerWorld;
beforeAll(async () => {
  world = await ControllerWorld.start({ health: 27582, metrics: 27583 }, 'dual-stack');
  await world.begin();
  await world.restartController('--calico-advertise=pools');
}, 120_000);
afterAll(async () => {
  await world?.stopController();
  await world?.stop();
});

async function define(group: CalicoGroup): Promise<void> {
  await world.apply(bgpConfigurationDefinition(group));
  await world.kubectl('wait', '--for=condition=Established', '--timeout=30s', `crd/bgpconfigurations.${group}`);
}

const blocksOf = (object: ApiObject): string[] =>
  (object.spec.serviceLoadBalancerIPs ?? []).map(({ cidr }: ApiObject) => cidr);

/** Waits until the object lists these blocks, in this order. */
function lists(kind: string, want: readonly string[], within = SOON): Promise<unknown> {
  return waitFor(
    `${kind} lists ${want.join(', ')}`,
    async () => {
      const has = blocksOf(await world.get(kind, 'default'));
      if (has.join() === want.join()) return true;
      throw new Error(`it lists ${has.join(', ')}`);
    },
    within,
  );
}

const patch = (kind: string, change: object): Promise<string> =>
  world.kubectl('patch', kind, 'default', '--type=merge', '-p', JSON.stringify(change));

/** Waits until the controller's ConfigurationState says this. */
function says(result: 'Valid' | 'Invalid', text: string): Promise<unknown> {
  return waitFor(
    `the controller says ${result}: ${text}`,
    async () => {
      const { status } = await world.get('configurationstate', '-n', NS, 'controller');
      if (status?.result === result && (status.errorSummary ?? '').includes(text)) return true;
      throw new Error(`it says ${status?.result}: ${status?.errorSummary}`);
    },
    SOON,
  );
}

test('without Calico the Services get their addresses, and the controller says that nobody advertises them', async () => {
  await world.pool('default', ['10.6.204.16-10.6.204.33', 'fd00:204::/64']);
  await world.service('web');
  await world.shows('web', '10.6.204.16 Allocated');
  await says('Invalid', 'BGPConfiguration default spec.serviceLoadBalancerIPs: this cluster has no Calico with BGP');
}, 60_000);

test('when Calico comes, its object is made, with the pools’ CIDRs', async () => {
  await define('crd.projectcalico.org');
  await lists(CRD, ['10.6.204.16/28', '10.6.204.32/31', 'fd00:204::/64'], ASKED_AGAIN);
  const { metadata } = await world.get(CRD, 'default');
  expect(metadata.annotations[RECORD]).toBe('10.6.204.16/28,10.6.204.32/31,fd00:204::/64');
  await says('Valid', '');
}, 90_000);

test('pools come and go; what others put in and set stays', async () => {
  const theirs = { cidr: '192.0.2.0/24' };
  const { spec } = await world.get(CRD, 'default');
  await patch(CRD, { spec: { asNumber: 64_512, serviceLoadBalancerIPs: [theirs, ...spec.serviceLoadBalancerIPs] } });
  await world.pool('second', ['10.6.205.0/24']);
  const first = ['192.0.2.0/24', '10.6.204.16/28', '10.6.204.32/31', 'fd00:204::/64'];
  await lists(CRD, [...first, '10.6.205.0/24']);
  await world.pool('default', ['10.6.204.16/28']);
  await lists(CRD, ['192.0.2.0/24', '10.6.204.16/28', '10.6.205.0/24']);
  expect((await world.get(CRD, 'default')).spec.asNumber).toBe(64_512);
}, 60_000);

test('who takes ours out sees them come back; in step nothing is written', async () => {
  await patch(CRD, { spec: { serviceLoadBalancerIPs: [{ cidr: '192.0.2.0/24' }] } });
  await lists(CRD, ['192.0.2.0/24', '10.6.204.16/28', '10.6.205.0/24']);
  await world.quiet();
  const before = (await world.get(CRD, 'default')).metadata.resourceVersion;
  await world.restartController('--calico-advertise=pools');
  await world.service('another');
  await world.shows('another', '10.6.204.17 Allocated');
  await world.quiet();
  expect((await world.get(CRD, 'default')).metadata.resourceVersion).toBe(before);
}, 60_000);

test('what the server refuses is said, as a fault and as an Event, and put right with the pool', async () => {
  await world.pool('refused', [REFUSED_CIDR]);
  await says('Invalid', `not ${REFUSED_CIDR}`);
  const event = await waitFor(
    'an Event CalicoNotInStep',
    async () => {
      const { items } = await world.get('events', '-n', NS, '--field-selector', 'reason=CalicoNotInStep');
      return items.find(({ message }: ApiObject) => message.includes('the API server refuses'));
    },
    SOON,
  );
  expect(event).toMatchObject({ type: 'Warning', involvedObject: { kind: 'ConfigurationState', name: 'controller' } });
  await world.kubectl('delete', 'ipaddresspool', '-n', NS, 'refused');
  await says('Valid', '');
  await lists(CRD, ['192.0.2.0/24', '10.6.204.16/28', '10.6.205.0/24']);
}, 60_000);

test('the way back takes out ours and nothing else', async () => {
  await world.restartController('--calico-advertise=none');
  await lists(CRD, ['192.0.2.0/24']);
  const { metadata, spec } = await world.get(CRD, 'default');
  expect(metadata.annotations?.[RECORD]).toBeUndefined();
  expect(spec.asNumber).toBe(64_512);
  await says('Valid', '');
}, 60_000);

test('without the flag Calico is left alone', async () => {
  const before = (await world.get(CRD, 'default')).metadata.resourceVersion;
  await world.restartController();
  await world.pool('third', ['10.6.206.0/24']);
  await world.counts('third', { availableIPv4: 256 });
  await world.quiet();
  expect((await world.get(CRD, 'default')).metadata.resourceVersion).toBe(before);
}, 60_000);

test('where Calico’s own API is served, that is written', async () => {
  await define('projectcalico.org');
  await world.apply({
    apiVersion: 'projectcalico.org/v3',
    kind: 'BGPConfiguration',
    metadata: { name: 'default' },
    spec: { serviceLoadBalancerIPs: [{ cidr: '10.0.0.0/8' }] },
  });
  const before = (await world.get(CRD, 'default')).metadata.resourceVersion;
  await world.pool('outside', ['198.51.100.0/28']);
  await world.restartController('--calico-advertise=pools');
  // The other pools lie in the block that somebody put in.
  await lists(V3, ['10.0.0.0/8', '198.51.100.0/28']);
  await patch(V3, { spec: { serviceLoadBalancerIPs: [{ cidr: '198.51.100.0/28' }] } });
  await lists(V3, ['198.51.100.0/28', '10.6.204.16/28', '10.6.205.0/24', '10.6.206.0/24']);
  expect((await world.get(CRD, 'default')).metadata.resourceVersion).toBe(before);
}, 60_000);
