/**
 * MetalLB's behaviour where the API is the point: what it writes, tells and counts on a real API server. The rules
 * themselves are in tests/unit/metallb/; docs/metallb-compatibility.md maps each to its test.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type ApiObject, ControllerWorld, NS } from '../support/controller-world.ts';

const PREFER = { ipFamilyPolicy: 'PreferDualStack' };
const REQUIRE = { ipFamilyPolicy: 'RequireDualStack' };
const LARGEST = Number(2n ** 63n - 1024n);

let world: ControllerWorld;

beforeAll(async () => {
  world = await ControllerWorld.start({ health: 27572, metrics: 27573 }, 'dual-stack');
}, 120_000);
afterAll(async () => world?.stop());
beforeEach(() => world.begin(), 60_000);
afterEach(() => world.end(), 60_000);

describe('Events', () => {
  test('B.11 each reason, as it arrives', async () => {
    await world.pool('default', ['10.6.204.20-10.6.204.29']);
    await world.service('plain');
    await world.service('half', PREFER);
    await world.service('refused', {}, { 'metallb.io/address-pool': 'nowhere' });
    await world.service('require', { ipFamilyPolicy: 'SingleStack' }, { 'metallb.universe.tf/allow-shared-ip': 'k' });
    expect(await world.event('plain', 'IPAllocated')).toMatchObject({
      type: 'Normal',
      message: expect.stringMatching(/^Assigned IP \["10\.6\.204\.2\d"\]$/),
      source: { component: 'metallb-controller' },
      involvedObject: { kind: 'Service', name: 'plain' },
    });
    expect(await world.event('half', 'AdditionalAssignFailed')).toMatchObject({ type: 'Normal' });
    expect(await world.event('refused', 'AllocationFailed')).toMatchObject({
      type: 'Warning',
      message: expect.stringContaining(`Failed to allocate IP for "${world.apps}/refused": unknown pool "nowhere"`),
    });
    expect(await world.event('require', 'deprecatedAnnotation')).toMatchObject({
      type: 'Warning',
      message: 'Service uses deprecated annotation metallb.universe.tf/allow-shared-ip',
    });
    await world.patch('plain', { spec: { loadBalancerIP: 'ten' } });
    expect(await world.event('plain', 'LoadBalancerFailed')).toMatchObject({
      type: 'Warning',
      message: expect.stringMatching(/^invalid requested loadbalancer IPs: /),
    });
  }, 60_000);

  test('B.11 ClearAssignment and nolbIPsIPFamily, of what a Service held before', async () => {
    await world.pool('default', ['10.6.204.20-10.6.204.29']);
    await world.service('moved');
    await world.shows('moved', '10.6.204.20 Allocated');
    await world.pool('default', ['10.6.204.25-10.6.204.29']);
    await world.shows('moved', '10.6.204.25 Allocated');
    expect(await world.event('moved', 'ClearAssignment')).toMatchObject({
      type: 'Normal',
      message: expect.stringMatching(
        /^current IP for "apps-\d+\/moved" not allowed by config, will attempt for new IP assignment: \["10\.6\.204\.20"\] is not allowed in config/,
      ),
    });
    await world.patchIngress('moved', [{ ip: '10.6.204.25' }, { ip: '10.6.204.26' }]);
    expect(await world.event('moved', 'nolbIPsIPFamily')).toMatchObject({ type: 'Warning' });
    await world.shows('moved', '10.6.204.25 Allocated');
  }, 60_000);
});

describe('loadBalancerClass', () => {
  const classes = async () => {
    await world.pool('default', ['10.6.204.20-10.6.204.29']);
    await world.service('unset');
    await world.service('ours', { loadBalancerClass: 'example.com/ours' });
    await world.service('other', { loadBalancerClass: 'example.com/other' });
  };

  test('B.3 without --lb-class: those without a class', async () => {
    await classes();
    await world.shows('unset', '10.6.204.20 Allocated');
    await world.quiet();
    expect([await world.shown('ours'), await world.shown('other')]).toEqual(['', '']);
  }, 60_000);

  test('B.3 with --lb-class: those of the class', async () => {
    await world.restartController('--lb-class', 'example.com/ours');
    await classes();
    await world.shows('ours', '10.6.204.20 Allocated');
    await world.quiet();
    expect([await world.shown('unset'), await world.shown('other')]).toEqual(['', '']);
  }, 60_000);
});

describe('annotations', () => {
  test.each(['metallb.io', 'metallb.universe.tf'])(
    'B.9 under %s/',
    async (prefix) => {
      await world.pool('a', ['10.6.204.20-10.6.204.29']);
      await world.pool('b', ['10.6.205.20-10.6.205.29']);
      await world.service('pool', {}, { [`${prefix}/address-pool`]: 'b' });
      await world.shows('pool', '10.6.205.20 Allocated');
      await world.service(
        'address',
        {},
        { [`${prefix}/loadBalancerIPs`]: '10.6.205.25', [`${prefix}/allow-shared-ip`]: 'k' },
      );
      await world.shows('address', '10.6.205.25 Allocated');
      await world.service(
        'shared',
        { ports: [{ port: 443 }] },
        { [`${prefix}/loadBalancerIPs`]: '10.6.205.25', [`${prefix}/allow-shared-ip`]: 'k' },
      );
      await world.shows('shared', '10.6.205.25 Allocated');
      const { metadata } = await world.get('service', '-n', world.apps, 'shared');
      expect(metadata.annotations['metallb.io/ip-allocated-from-pool']).toBe('b');
      expect(metadata.annotations).not.toHaveProperty(['metallb.universe.tf/ip-allocated-from-pool']);
    },
    60_000,
  );
});

describe('pool status', () => {
  test('B.10 a huge IPv6 pool counts as the largest number, and a counter edited by hand is put right', async () => {
    await world.pool('huge', ['10.6.204.0/24', 'fd00::/64', 'fd01::/48', 'fd02::/120'], { avoidBuggyIPs: true });
    await world.service('pair', REQUIRE);
    await world.service('six', { ipFamilies: ['IPv6'], ipFamilyPolicy: 'SingleStack' });
    await world.shows('pair', '10.6.204.1 fd00:: Allocated');
    await world.shows('six', 'fd00::1 Allocated');
    const want = { assignedIPv4: 1, availableIPv4: 253, assignedIPv6: 2, availableIPv6: LARGEST };
    await world.counts('huge', want);
    const patch = JSON.stringify({ status: { assignedIPv4: 77, availableIPv6: 5 } });
    await world.kubectl(
      'patch',
      'ipaddresspool',
      '-n',
      NS,
      'huge',
      '--subresource=status',
      '--type=merge',
      '-p',
      patch,
    );
    await world.counts('huge', want);
    expect(await world.metrics()).toContain('metallb_allocator_ipv4_addresses_total{pool="huge"} 254');
    await world.kubectl('delete', 'service', '-n', world.apps, 'pair');
    await world.counts('huge', { assignedIPv4: 0, availableIPv4: 254, assignedIPv6: 1 });
  }, 60_000);
});

describe('restarts', () => {
  test('B.2 two with addresses and two without keep what they have, five times over', async () => {
    await world.pool('default', ['192.168.10.100/32', '192.168.20.200/32']);
    await world.service('a');
    await world.shows('a', '192.168.10.100 Allocated');
    await world.service('b');
    await world.shows('b', '192.168.20.200 Allocated');
    await world.service('c');
    await world.shows('c', 'PoolsExhausted');
    await world.service('d');
    await world.shows('d', 'PoolsExhausted');
    const before = await world.versions();
    for (let restart = 0; restart < 5; restart++) {
      await world.restartController();
      await world.quiet();
      expect(await world.versions()).toEqual(before);
    }
    await world.kubectl('delete', 'service', '-n', world.apps, 'a');
    await world.shows('c', '192.168.10.100 Allocated');
    expect(await world.shown('d')).toBe('PoolsExhausted');
  }, 120_000);
});

describe('pools that change while they are in use', () => {
  test('B.8 shrunk, renamed, restricted, closed', async () => {
    await world.pool('default', ['10.6.204.0-10.6.204.9']);
    await world.service('web');
    await world.shows('web', '10.6.204.0 Allocated');
    await world.pool('default', ['10.6.204.0-10.6.204.9'], { avoidBuggyIPs: true });
    await world.shows('web', '10.6.204.1 Allocated');
    await world.pool('default', ['10.6.204.0-10.6.204.9'], { autoAssign: false, serviceAllocation: { priority: 7 } });
    await world.quiet();
    expect(await world.shown('web')).toBe('10.6.204.1 Allocated');
    await world.pool('other', ['10.6.205.0/32'], { autoAssign: false });
    await world.pool('default', ['10.6.204.5-10.6.204.9']);
    await world.shows('web', '10.6.204.5 Allocated');
    await world.pool('default', ['10.6.204.5-10.6.204.9'], { serviceAllocation: { namespaces: ['elsewhere'] } });
    await world.shows('web', 'NoPoolAllowed');
    await world.pool('default', ['10.6.204.5-10.6.204.9'], { serviceAllocation: { namespaces: [world.apps] } });
    await world.shows('web', '10.6.204.5 Allocated');
    await world.kubectl('delete', 'ipaddresspool', '-n', NS, 'default');
    await world.pool('renamed', ['10.6.204.5-10.6.204.9']);
    await world.shows('web', '10.6.204.5 Allocated');
    const { metadata } = await world.get('service', '-n', world.apps, 'web');
    expect(metadata.annotations['metallb.io/ip-allocated-from-pool']).toBe('renamed');
    await world.counts('renamed', { assignedIPv4: 1, availableIPv4: 4 });
  }, 90_000);
});

describe('sharing', () => {
  const KEY = { 'metallb.io/allow-shared-ip': 'k' };
  const policy = (name: string, externalTrafficPolicy: string) =>
    world.patch(name, { spec: { externalTrafficPolicy } });

  test('B.7 an address comes and goes with traffic policy and selector', async () => {
    await world.pool('default', ['10.6.204.20/32']);
    await world.service('a', { selector: { app: 'x' } }, KEY);
    await world.shows('a', '10.6.204.20 Allocated');
    await world.service('b', { selector: { app: 'x' }, ports: [{ port: 443 }], externalTrafficPolicy: 'Local' }, KEY);
    await world.shows('b', 'PoolsExhausted');
    await policy('b', 'Cluster');
    await world.shows('b', '10.6.204.20 Allocated');
    await policy('b', 'Local');
    await world.shows('b', 'PoolsExhausted');
    await policy('a', 'Local');
    await world.shows('b', '10.6.204.20 Allocated');
    await world.patch('b', { spec: { selector: { app: 'y' } } });
    await world.shows('b', 'PoolsExhausted');
    await world.patch('b', { spec: { selector: { app: 'x' } } });
    await world.shows('b', '10.6.204.20 Allocated');
    await world.counts('default', { assignedIPv4: 1, availableIPv4: 0 });
    await world.annotate('b', 'metallb.io/allow-shared-ip=other');
    await world.shows('b', 'PoolsExhausted');
    expect(await world.shown('a')).toBe('10.6.204.20 Allocated');
  }, 90_000);
});

describe('two families', () => {
  test('B.6 a pair comes from one pool, IPv4 first, and a second address joins when the pool has it', async () => {
    await world.pool('four', ['10.6.204.20-10.6.204.29']);
    await world.service('prefer', PREFER);
    await world.service('require', REQUIRE);
    await world.service('six-first', { ...PREFER, ipFamilies: ['IPv6', 'IPv4'] });
    await world.shows('prefer', '10.6.204.20 AllocatedOneFamily');
    await world.shows('require', 'NoPoolAllowed');
    await world.shows('six-first', '10.6.204.21 AllocatedOneFamily');
    await world.pool('four', ['10.6.204.20-10.6.204.29', 'fd00:204::20-fd00:204::29']);
    await world.shows('prefer', '10.6.204.20 fd00:204::20 Allocated');
    await world.shows('six-first', '10.6.204.21 fd00:204::21 Allocated');
    await world.shows('require', '10.6.204.22 fd00:204::22 Allocated');
    const told = (await world.events('prefer')).map(({ message }: ApiObject) => message);
    expect(told).toContain('Assigned additional IP ["fd00:204::20"]');
  }, 60_000);
});
