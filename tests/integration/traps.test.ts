/**
 * The traps of MetalLB's controller that only a real API server can set: what it fills in by itself, what it changes along
 * with an edit, and what counts as a write. The others are in tests/unit/metallb/traps.test.ts.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type ApiObject, ControllerWorld, NS } from '../support/controller-world.ts';

const PREFER = { ipFamilyPolicy: 'PreferDualStack' };
const OURS = 'example.com/ours';

let world: ControllerWorld;

beforeAll(async () => {
  world = await ControllerWorld.start({ health: 27582, metrics: 27583 }, 'dual-stack');
}, 120_000);
afterAll(async () => world?.stop());
beforeEach(() => world.begin(), 60_000);
afterEach(() => world.end(), 60_000);

/** Nothing is written any more, now or by another controller. */
async function expectRest(): Promise<void> {
  await world.quiet();
  const before = await world.versions();
  await world.quiet();
  expect(await world.versions()).toEqual(before);
  await world.restartController();
  await world.quiet();
  expect(await world.versions()).toEqual(before);
}

describe('trap: no status is touched of a Service that another implementation serves', () => {
  const OTHERS: readonly { readonly name: string; readonly ingress: readonly object[] }[] = [
    { name: 'a host name', ingress: [{ hostname: 'lb.example.com' }] },
    {
      name: 'an address of no pool, with its ports',
      ingress: [{ ip: '192.0.2.1', ports: [{ port: 80, protocol: 'TCP' }] }],
    },
    { name: 'an address in proxy mode', ingress: [{ ip: '192.0.2.1', ipMode: 'Proxy' }] },
  ];
  test.each(OTHERS)(
    '$name',
    async ({ ingress }) => {
      await world.stopController();
      await world.service('other');
      await world.patchIngress('other', ingress);
      const { status } = await world.get('service', '-n', world.apps, 'other');
      await world.startController();
      await world.pool('default', ['10.6.204.20/30']);
      await world.service('ours');
      await world.shows('ours', '10.6.204.20 Allocated');
      await world.kubectl('delete', 'ipaddresspool', '-n', NS, 'default');
      await world.shows('ours', '10.6.204.20 NoPools');
      await world.quiet();
      expect((await world.get('service', '-n', world.apps, 'other')).status).toEqual(status);
      expect(await world.events('other')).toEqual([]);
    },
    60_000,
  );
});

describe('trap: no write when nothing changed', () => {
  test('ipMode is the API server’s, and no reason to write; nor is a restart', async () => {
    await world.pool('default', ['10.6.204.20/30']);
    await world.service('web');
    await world.shows('web', '10.6.204.20 Allocated');
    const { status } = await world.get('service', '-n', world.apps, 'web');
    expect(status.loadBalancer.ingress).toEqual([{ ip: '10.6.204.20', ipMode: 'VIP' }]);
    await expectRest();
  }, 60_000);

  test('edits that change nothing for us are not answered', async () => {
    await world.pool('default', ['10.6.204.20/30']);
    await world.service('web');
    await world.shows('web', '10.6.204.20 Allocated');
    await world.kubectl('label', 'service', '-n', world.apps, 'web', 'some=label');
    await world.patch('web', { spec: { ports: [{ port: 81, protocol: 'TCP' }] } });
    const { metadata } = await world.get('service', '-n', world.apps, 'web');
    await world.quiet();
    expect((await world.get('service', '-n', world.apps, 'web')).metadata.resourceVersion).toBe(
      metadata.resourceVersion,
    );
  }, 60_000);
});

describe('trap: PreferDualStack never flaps', () => {
  test('on a single-stack pool it is told once', async () => {
    await world.pool('four', ['10.6.204.20/30']);
    await world.service('web', PREFER);
    await world.shows('web', '10.6.204.20 AllocatedOneFamily');
    await expectRest();
    const told = (await world.events('web')).filter(({ reason }: ApiObject) => reason === 'AdditionalAssignFailed');
    expect(told).toEqual([expect.objectContaining({ count: 1 })]);
  }, 60_000);

  test('with one cluster address on a dual-stack pool it has one, and keeps it', async () => {
    await world.pool('two', ['10.6.204.20/30', 'fd00:204::20/126']);
    await world.service('web', { ...PREFER, ipFamilies: ['IPv4', 'IPv6'] });
    await world.shows('web', '10.6.204.20 fd00:204::20 Allocated');
    // The API server takes the second cluster address away.
    const { spec } = await world.get('service', '-n', world.apps, 'web');
    await world.patch('web', {
      spec: { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'], clusterIPs: [spec.clusterIPs[0]] },
    });
    await world.shows('web', '10.6.204.20 Allocated');
    await expectRest();
    expect((await world.event('web', 'nolbIPsIPFamily')).message).toContain('fd00:204::20');
  }, 60_000);
});

describe('trap: the status order of requested addresses is stable', () => {
  test.each([
    { name: 'IPv6 first', request: 'fd00:204::9,10.6.204.10', want: 'fd00:204::9 10.6.204.10 Allocated' },
    { name: 'IPv4 first', request: '10.6.204.10,fd00:204::9', want: '10.6.204.10 fd00:204::9 Allocated' },
  ])(
    '$name',
    async ({ request, want }) => {
      await world.pool('two', ['10.6.204.0/24', 'fd00:204::/64']);
      await world.service('web', PREFER, { 'metallb.io/loadBalancerIPs': request });
      await world.shows('web', want);
      await expectRest();
      expect(await world.shown('web')).toBe(want);
    },
    60_000,
  );
});

describe('trap: with --lb-class a Service that stops being a LoadBalancer frees its address', () => {
  test('although the API server takes its class away', async () => {
    await world.restartController('--lb-class', OURS);
    await world.pool('default', ['10.6.204.20/32']);
    await world.service('web', { loadBalancerClass: OURS });
    await world.shows('web', '10.6.204.20 Allocated');
    await world.service('waits', { loadBalancerClass: OURS });
    await world.shows('waits', 'PoolsExhausted');
    await world.patch('web', { spec: { type: 'ClusterIP', loadBalancerClass: null } });
    await world.shows('waits', '10.6.204.20 Allocated');
    await world.shows('web', '');
    const { metadata } = await world.get('service', '-n', world.apps, 'web');
    expect(metadata.annotations ?? {}).not.toHaveProperty(['metallb.io/ip-allocated-from-pool']);
  }, 60_000);
});

describe('trap: a failed new request keeps the address that works', () => {
  test('until what it asks for is there', async () => {
    await world.pool('default', ['10.6.204.20/30']);
    await world.service('web');
    await world.shows('web', '10.6.204.20 Allocated');
    await world.annotate('web', 'metallb.io/address-pool=later');
    await world.shows('web', '10.6.204.20 RequestedPoolUnknown');
    await world.annotate('web', 'metallb.io/loadBalancerIPs=10.6.205.20');
    await world.shows('web', '10.6.204.20 RequestedAddressNotInPool');
    await world.pool('later', ['10.6.205.20/30']);
    await world.shows('web', '10.6.205.20 Allocated');
  }, 60_000);
});

describe('trap: two Services on one address after a restart', () => {
  test('the older keeps it, the other gets another one and is told', async () => {
    await world.pool('default', ['10.6.204.20/30']);
    await world.service('a');
    await world.shows('a', '10.6.204.20 Allocated');
    await world.service('b');
    await world.shows('b', '10.6.204.21 Allocated');
    await world.stopController();
    await world.patchIngress('b', [{ ip: '10.6.204.20' }]);
    await world.startController();
    await world.shows('b', '10.6.204.21 Allocated');
    expect(await world.shown('a')).toBe('10.6.204.20 Allocated');
    expect((await world.event('b', 'ClearAssignment')).message).toContain(`10.6.204.20 is held by ${world.apps}/a`);
  }, 60_000);
});

describe('trap: a namespace selector that matches nothing allows nothing', () => {
  test('not even to who asks for the pool by name', async () => {
    const serviceAllocation = { namespaceSelectors: [{ matchLabels: { team: 'nobody' } }] };
    await world.pool('team', ['10.6.204.20/30'], { serviceAllocation });
    await world.service('named', {}, { 'metallb.io/address-pool': 'team' });
    await world.shows('named', 'RequestedPoolRefused');
    await world.service('address', { loadBalancerIP: '10.6.204.21' });
    await world.shows('address', 'RequestedAddressRefused');
  }, 60_000);
});

describe('trap: a write of a controller that was overtaken is refused', () => {
  test('by the resource version that it was decided on', async () => {
    await world.pool('default', ['10.6.204.20/30']);
    await world.service('web');
    await world.shows('web', '10.6.204.20 Allocated');
    const { metadata } = await world.get('service', '-n', world.apps, 'web');
    await world.kubectl('label', 'service', '-n', world.apps, 'web', 'some=label');
    const stale = { metadata: { resourceVersion: metadata.resourceVersion }, status: { loadBalancer: {} } };
    await expect(world.patch('web', stale, '--subresource=status')).rejects.toThrow(/the object has been modified/);
  }, 60_000);
});
