/**
 * The traps of MetalLB's allocation, each with a test named after it: what happens there, and does not happen here. See
 * docs/metallb-compatibility.md. Those that need a real API server are in tests/integration/traps.test.ts.
 */
import { describe, expect, test } from '@jest/globals';
import { Allocator } from '../../../src/runtime/decide/allocation/allocator.ts';
import { configFromResources } from '../../../src/runtime/decide/configuration/config-from-resources.ts';
import type { Pool } from '../../../src/runtime/model/config.ts';
import type { ServiceView } from '../../../src/runtime/model/service.ts';
import { rawPool } from '../../support/raw-resources.ts';
import { asks, held, PREFER, ServiceWorld, V6 } from '../../support/service-world.ts';
import { config, ip, pool, service } from '../../support/views.ts';

const POOL = pool('default', ['10.0.0.1-10.0.0.9']);
const IPS = 'metallb.io/loadBalancerIPs';
const FROM = 'metallb.io/ip-allocated-from-pool';

/** At rest; from here on only what follows counts. */
function settled(pools: readonly Pool[], ...services: readonly ServiceView[]): ServiceWorld {
  const world = new ServiceWorld(pools, services);
  world.settle();
  world.takeEvents();
  world.writes = 0;
  return world;
}

describe('no status is touched of a Service that another implementation serves', () => {
  const OTHERS: readonly { readonly name: string; readonly given: Partial<ServiceView> }[] = [
    { name: 'trap: a host name', given: { ingress: [{ hostname: 'lb.example.com' }] } },
    { name: 'trap: an address of no pool', given: held('192.0.2.1') },
    { name: 'trap: several of them', given: { ingress: [{ ip: ip('192.0.2.1') }, { hostname: 'lb.example.com' }] } },
    { name: 'trap: an address that is none', given: { ingress: [{ malformedIp: 'pending' }] } },
    { name: 'trap: another class', given: { loadBalancerClass: 'example.com/other', ...held('10.0.0.1') } },
    {
      name: 'trap: a request that we could meet',
      given: { ingress: [{ hostname: 'lb.example.com' }], ...asks({ [IPS]: '10.0.0.2' }) },
    },
  ];
  test.each(OTHERS)('$name', ({ given }) => {
    const view = service('other', given);
    for (const pools of [[POOL], [], [pool('elsewhere', ['10.9.0.0/24'])]]) {
      const world = new ServiceWorld(pools, [view]);
      world.settle();
      expect([world.get('other'), world.takeEvents()]).toEqual([view, []]);
    }
  });
});

describe('with no pool nothing is wiped', () => {
  test('trap: the last pool deleted takes no address, and the condition says what is missing', () => {
    const world = settled([POOL], service('s'));
    world.pools = [];
    world.settle();
    expect([world.shows('s'), world.poolOf('s')]).toEqual(['10.0.0.1 NoPools', 'default']);
    expect(world.condition('s')).toMatchObject({
      status: 'True',
      message: expect.stringContaining('create an IPAddressPool'),
    });
  });

  test('trap: recreated, it takes its Services back as they were', () => {
    const world = settled([POOL], service('a'), service('b'));
    world.pools = [];
    world.settle();
    world.add(service('late', { createdAtMs: 1 }));
    world.settle();
    world.pools = [POOL];
    world.settle();
    expect(['a', 'b', 'late'].map((name) => world.shows(name))).toEqual([
      '10.0.0.1 Allocated',
      '10.0.0.2 Allocated',
      '10.0.0.3 Allocated',
    ]);
  });
});

describe('a failed or malformed new request keeps the address that works', () => {
  const OTHER = service('other', { ...held('10.0.0.9'), ...asks({ [FROM]: 'default' }) });
  const FULL = pool('full', ['10.1.0.1/32']);
  const HOLDER = service('holder', { ...held('10.1.0.1'), ...asks({ [FROM]: 'full' }) });

  test.each<{ readonly name: string; readonly edit: Partial<ServiceView>; readonly reason: string }>([
    {
      name: 'trap: an address of somebody else',
      edit: asks({ [IPS]: '10.0.0.9', [FROM]: 'default' }),
      reason: 'RequestedAddressInUse',
    },
    {
      name: 'trap: an address of no pool',
      edit: asks({ [IPS]: '192.0.2.1', [FROM]: 'default' }),
      reason: 'RequestedAddressNotInPool',
    },
    {
      name: 'trap: text that is no address',
      edit: asks({ [IPS]: 'ten', [FROM]: 'default' }),
      reason: 'RequestMalformed',
    },
    {
      name: 'trap: an address of another family',
      edit: { loadBalancerIp: 'fd00::1' },
      reason: 'RequestFamilyMismatch',
    },
    {
      name: 'trap: two requests at once',
      edit: { loadBalancerIp: '10.0.0.3', ...asks({ [IPS]: '10.0.0.4', [FROM]: 'default' }) },
      reason: 'RequestsConflict',
    },
    {
      name: 'trap: a pool that there is not',
      edit: asks({ 'metallb.io/address-pool': 'q', [FROM]: 'default' }),
      reason: 'RequestedPoolUnknown',
    },
    {
      name: 'trap: a pool that is full',
      edit: asks({ 'metallb.io/address-pool': 'full', [FROM]: 'default' }),
      reason: 'RequestedPoolRefused',
    },
  ])('$name', ({ edit, reason }) => {
    const world = settled([POOL, FULL], OTHER, HOLDER, service('s'));
    expect(world.shows('s')).toBe('10.0.0.1 Allocated');
    world.edit('s', edit);
    world.settle();
    expect(world.shows('s')).toBe(`10.0.0.1 ${reason}`);
    expect(world.takeEvents()).toEqual([expect.stringContaining('(keeps 10.0.0.1)')]);
  });

  test('trap: until the new one is granted', () => {
    const world = settled([POOL, FULL], OTHER, HOLDER, service('s'));
    world.annotate('s', { [IPS]: '10.0.0.9' });
    world.settle();
    expect(world.shows('s')).toBe('10.0.0.1 RequestedAddressInUse');
    world.delete('other');
    world.settle();
    expect(world.shows('s')).toBe('10.0.0.9 Allocated');
  });
});

describe('PreferDualStack never flaps', () => {
  const TWO = pool('two', ['10.0.0.1-10.0.0.9', 'fd00::1-fd00::9']);
  const SIX = pool('six', ['fd00::1-fd00::9']);

  test.each<{
    readonly name: string;
    readonly pools: readonly Pool[];
    readonly given: Partial<ServiceView>;
    readonly want: string;
    readonly before?: string;
  }>([
    { name: 'trap: a single-stack pool', pools: [POOL], given: PREFER, want: '10.0.0.1 AllocatedOneFamily' },
    {
      name: 'trap: a single-stack pool of the other family',
      pools: [SIX],
      given: PREFER,
      want: 'fd00::1 AllocatedOneFamily',
    },
    {
      name: 'trap: single-stack cluster addresses and a dual-stack pool',
      pools: [TWO],
      given: { ipFamilyPolicy: 'PreferDualStack' },
      want: '10.0.0.1 Allocated',
    },
    {
      name: 'trap: IPv6 cluster addresses and a dual-stack pool',
      pools: [TWO],
      given: { ...V6, ipFamilyPolicy: 'PreferDualStack' },
      want: 'fd00::1 Allocated',
    },
    {
      name: 'trap: dual-stack cluster addresses and a dual-stack pool',
      pools: [TWO],
      given: PREFER,
      want: '10.0.0.1 fd00::1 Allocated',
    },
    { name: 'trap: two single-stack pools', pools: [POOL, SIX], given: PREFER, want: '10.0.0.1 AllocatedOneFamily' },
    {
      name: 'trap: a dual-stack pool that has one family left',
      pools: [pool('two', ['10.0.0.1/32', 'fd00::1-fd00::9'])],
      before: 'older',
      given: { ...PREFER, createdAtMs: 1 },
      want: 'fd00::1 AllocatedOneFamily',
    },
  ])('$name', ({ pools, before, given, want }) => {
    const services = [...(before === undefined ? [] : [service(before)]), service('s', given)];
    const world = new ServiceWorld(pools, services);
    for (let round = 0; round < 5; round++) {
      world.settle();
      expect(world.shows('s')).toBe(want);
    }
    expect(world.writes).toBe(services.length);
    expect(world.takeEvents().filter((text) => text.includes('AdditionalAssignFailed')).length).toBeLessThan(2);
  });
});

describe('no write when nothing changed', () => {
  test('trap: ipMode, which the API server fills in, is no difference', () => {
    const world = settled([POOL], service('s'));
    expect(world.get('s').ingress).toEqual([{ ip: '10.0.0.1', ipMode: 'VIP' }]);
    world.settle();
    expect(world.writes).toBe(0);
  });

  test('trap: a restart writes nothing, on whatever the Services have come to', () => {
    const world = settled(
      [POOL, pool('two', ['10.2.0.1/32', 'fd02::1/128'], { autoAssign: false })],
      service('plain'),
      service('pair', { ...PREFER, ...asks({ 'metallb.io/address-pool': 'two' }) }),
      service('half', PREFER),
      service('malformed', { loadBalancerIp: 'ten' }),
      service('require', { ipFamilyPolicy: 'RequireDualStack' }),
      service('none', { clusterIps: [] }),
      service('old', asks({ 'metallb.universe.tf/allow-shared-ip': 'k' })),
    );
    world.settle();
    expect([world.writes, world.takeEvents()]).toEqual([0, []]);
  });

  test('trap: labels and ports that change nothing are no reason to write', () => {
    const world = settled([POOL], service('s'));
    world.edit('s', { labels: { some: 'label' }, ports: [{ protocol: 'UDP', port: 53 }], selector: { app: 'other' } });
    world.settle();
    expect(world.writes).toBe(0);
  });
});

describe('pool order is deterministic', () => {
  const pools = ['d', 'b', 'a', 'c'].map((name, i) => rawPool(name, [`10.0.${i}.0/30`]));

  test('trap: general pools are asked by name, in whatever order they come', () => {
    for (const order of [pools, [...pools].reverse()]) {
      const { config: read } = configFromResources({ pools: order, l2Advertisements: [], namespaces: [] });
      const world = new ServiceWorld(read.pools, [service('s')]);
      world.settle();
      expect(world.poolOf('s')).toBe('a');
    }
  });

  test('trap: pools of one priority are asked by name', () => {
    const equal = pools.map((resource) => ({
      ...resource,
      spec: { ...(resource.spec as object), serviceAllocation: { priority: 5 } },
    }));
    const { config: read } = configFromResources({ pools: equal, l2Advertisements: [], namespaces: [] });
    const world = new ServiceWorld(read.pools, [service('s')]);
    world.settle();
    expect(world.poolOf('s')).toBe('a');
  });
});

describe('a namespace selector that matches nothing allows nothing', () => {
  const spec = (more: object) => ({
    spec: { serviceAllocation: { namespaceSelectors: [{ matchLabels: { team: 'nobody' } }], ...more } },
  });
  test.each([
    { name: 'trap: automatically', more: {}, given: {} },
    {
      name: 'trap: with a service selector that matches',
      more: { serviceSelectors: [{ matchLabels: { tier: 'web' } }] },
      given: {},
    },
    { name: 'trap: for who asks for the pool', more: {}, given: asks({ 'metallb.io/address-pool': 'p' }) },
    { name: 'trap: for who asks for an address of it', more: {}, given: { loadBalancerIp: '10.0.0.1' } },
  ])('$name', ({ more, given }) => {
    const { config: read } = configFromResources({
      pools: [rawPool('p', ['10.0.0.0/24'], spec(more))],
      l2Advertisements: [],
      namespaces: [{ name: 'default', labels: {}, annotations: {} }],
    });
    const world = new ServiceWorld(read.pools, [service('s', { labels: { tier: 'web' }, ...given })]);
    world.settle();
    expect(world.get('s').ingress).toEqual([]);
    expect(world.condition('s')?.message).toContain('NamespaceNotAllowed');
  });
});

describe('the status order of requested addresses is stable', () => {
  test.each([
    { name: 'trap: IPv6 first', request: 'fd00::9,10.0.0.10', want: 'fd00::9 10.0.0.10 Allocated' },
    { name: 'trap: IPv4 first', request: '10.0.0.10,fd00::9', want: '10.0.0.10 fd00::9 Allocated' },
  ])('$name', ({ request, want }) => {
    const world = settled(
      [pool('p', ['10.0.0.0/24', 'fd00::/64'])],
      service('s', { ...PREFER, ...asks({ [IPS]: request }) }),
    );
    for (let restart = 0; restart < 3; restart++) {
      expect(world.shows('s')).toBe(want);
      world.settle();
    }
    expect(world.writes).toBe(0);
  });
});

describe('with --lb-class, a Service that stops being a LoadBalancer frees its address', () => {
  test('trap: although the class goes with the type', () => {
    const ours = { loadBalancerClass: 'example.com/ours' };
    const world = new ServiceWorld([pool('p', ['10.0.0.1/32'])], [service('s', ours)], 'example.com/ours');
    world.settle();
    const { loadBalancerClass: _, ...left } = world.get('s');
    // As the API server leaves it: no class, no status, our annotation and condition.
    world.add({ ...left, type: 'ClusterIP', ingress: [] });
    world.add(service('waits', { ...ours, createdAtMs: 1 }));
    world.settle();
    expect([world.poolOf('s'), world.condition('s')]).toEqual([undefined, undefined]);
    expect(world.shows('waits')).toBe('10.0.0.1 Allocated');
  });
});

describe('reasons are told, not "<nil>"', () => {
  test.each<{ readonly name: string; readonly given: Partial<ServiceView> }>([
    { name: 'trap: no second family', given: { ...PREFER, ...held('10.0.0.1') } },
    {
      name: 'trap: a pool of the wrong family asked for',
      given: { ...V6, ...asks({ 'metallb.io/address-pool': 'default' }) },
    },
    { name: 'trap: no pool of the family', given: V6 },
  ])('$name', ({ given }) => {
    const world = new ServiceWorld([POOL], [service('s', given)]);
    world.settle();
    const texts = [...world.takeEvents(), world.condition('s')?.message ?? ''];
    expect(texts.join('\n')).not.toMatch(/nil|undefined|null/);
    expect(texts).toContainEqual(expect.stringContaining('FamilyMissing'));
  });

  test('trap: the reason for a refused sharing is told in full', () => {
    const shares = (key: string) => asks({ 'metallb.io/allow-shared-ip': key });
    const world = new ServiceWorld(
      [POOL],
      [
        service('a', { ...shares('k'), ingress: [{ ip: ip('10.0.0.1') }] }),
        service('b', { ...shares('other'), loadBalancerIp: '10.0.0.1', createdAtMs: 1 }),
      ],
    );
    world.settle();
    expect(world.condition('b')?.message).toContain('same allow-shared-ip');
  });
});

describe('two Services on one address after a restart', () => {
  test('trap: the first in order keeps it, in whatever order they come', () => {
    const views = ['b', 'a'].map((name) => service(name, { ...held('10.0.0.5'), ...asks({ [FROM]: 'default' }) }));
    for (const order of [views, [...views].reverse()]) {
      const world = new ServiceWorld([POOL], order);
      world.settle();
      expect([world.shows('a'), world.shows('b')]).toEqual(['10.0.0.5 Allocated', '10.0.0.1 Allocated']);
      expect(world.takeEvents()).toContainEqual(expect.stringMatching(/^b Normal ClearAssignment/));
    }
  });
});

describe('who waits is served in a fixed order', () => {
  test('trap: after a restart the oldest first, then by name', () => {
    const p = pool('p', ['10.0.0.1/32']);
    const views = [
      service('holder', { ...held('10.0.0.1'), ...asks({ [FROM]: 'p' }), createdAtMs: 9 }),
      service('c', { createdAtMs: 1 }),
      service('b', { createdAtMs: 1 }),
      service('a', { createdAtMs: 2 }),
    ];
    for (const order of [views, [...views].reverse()]) {
      const allocator = new Allocator({ config: config({ pools: [p] }), loadBalancerClass: undefined }, order);
      allocator.update(new Map([['default/holder', undefined]]));
      expect(
        allocator
          .list()
          .filter(({ ips }) => ips.length > 0)
          .map(({ service: { name } }) => name),
      ).toEqual(['b']);
    }
  });
});

describe('a host name beside or instead of an address', () => {
  test('trap: a host name alone is another implementation’s and stays', () => {
    const view = service('s', { ingress: [{ hostname: 'lb.example.com' }] });
    const world = new ServiceWorld([POOL], [view]);
    world.settle();
    expect(world.get('s')).toEqual(view);
  });

  test('trap: on a Service that carries our annotation it is replaced', () => {
    const world = new ServiceWorld(
      [POOL],
      [service('s', { ingress: [{ hostname: 'lb.example.com' }], ...asks({ [FROM]: 'default' }) })],
    );
    world.settle();
    expect(world.shows('s')).toBe('10.0.0.1 Allocated');
  });
});
