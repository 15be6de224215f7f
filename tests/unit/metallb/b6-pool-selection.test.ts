/** MetalLB's rules of which pool serves whom, in what order. Part B.6; see docs/metallb-compatibility.md. */
import { describe, expect, test } from '@jest/globals';
import { configFromResources } from '../../../src/runtime/decide/configuration/config-from-resources.ts';
import type { Pool } from '../../../src/runtime/model/config.ts';
import type { ServiceView } from '../../../src/runtime/model/service.ts';
import { rawPool } from '../../support/raw-resources.ts';
import { asks, held, only, PREFER, REQUIRE, ServiceWorld } from '../../support/service-world.ts';
import { ip, pool, service } from '../../support/views.ts';

const WEB: Partial<ServiceView> = { labels: { tier: 'web' } };

/** What so many plain Services get, in the order of their names. */
function served(pools: readonly Pool[], count: number, given: Partial<ServiceView> = {}): string[] {
  const names = Array.from({ length: count }, (_, i) => `s${i}`);
  const world = new ServiceWorld(
    pools,
    names.map((name) => service(name, given)),
  );
  world.settle();
  return names.map((name) => world.shows(name));
}

const one = (pools: readonly Pool[], given: Partial<ServiceView> = {}): string => served(pools, 1, given)[0] ?? '';

describe('who may use a pool', () => {
  const BOTH = pool('p', ['10.0.0.1/32'], only({ namespaces: ['team', 'other'], tiers: ['web', 'api'] }));

  test.each([
    {
      name: 'B.6 restriction: namespace and selector both match',
      given: { namespace: 'team', ...WEB },
      want: '10.0.0.1',
    },
    { name: 'B.6 restriction: any of the namespaces will do', given: { namespace: 'other', ...WEB }, want: '10.0.0.1' },
    {
      name: 'B.6 restriction: any of the selectors will do',
      given: { namespace: 'team', labels: { tier: 'api' } },
      want: '10.0.0.1',
    },
    { name: 'B.6 restriction: the namespace alone is not enough', given: { namespace: 'team' }, want: '' },
    { name: 'B.6 restriction: the selector alone is not enough', given: WEB, want: '' },
  ])('$name', ({ given, want }) => {
    const view = service('s', given);
    const world = new ServiceWorld([BOTH], [view]);
    world.settle();
    expect(world.shows(`${view.namespace}/s`)).toBe(want === '' ? 'NoPoolAllowed' : `${want} Allocated`);
  });

  test('B.6 restriction: a pool of nothing but a priority is for everybody, and before the unrestricted ones', () => {
    const pools = [pool('a', ['10.0.0.1/32']), pool('b', ['10.0.0.2/32'], only({ priority: 9 }))];
    expect(served(pools, 2)).toEqual(['10.0.0.2 Allocated', '10.0.0.1 Allocated']);
  });

  test('B.6 restriction: a restricted pool that does not assign by itself is not chosen', () => {
    const pools = [pool('a', ['10.0.0.1/32'], { ...only({ namespaces: ['default'] }), autoAssign: false })];
    expect(one(pools)).toBe('NoPoolAllowed');
  });

  test('B.6 restriction: who is not let in never falls back to a restricted pool', () => {
    const pools = [pool('a', ['10.0.0.1/32'], only({ tiers: ['web'] })), pool('b', ['10.0.0.2/32'])];
    expect(served(pools, 2)).toEqual(['10.0.0.2 Allocated', 'PoolsExhausted']);
  });

  test('B.6 restriction: namespace selectors add the namespaces they match to those that are named', () => {
    const spec = {
      serviceAllocation: { namespaces: ['named'], namespaceSelectors: [{ matchLabels: { team: 'blue' } }] },
    };
    const namespaces = [
      { name: 'blue', labels: { team: 'blue' }, annotations: {} },
      { name: 'red', labels: { team: 'red' }, annotations: {} },
    ];
    const { config } = configFromResources({
      pools: [rawPool('p', ['10.0.0.0/24'], { spec })],
      l2Advertisements: [],
      namespaces,
    });
    expect(config.pools[0]?.serviceAllocation?.namespaces).toEqual(['blue', 'named']);
  });
});

describe('the order of pools', () => {
  test('B.6 priority: lowest positive number first, 0 last, equals by name', () => {
    const pools = [
      pool('a', ['10.0.0.1/32'], only({ priority: 0 })),
      pool('b', ['10.0.0.2/32'], only({ priority: 20 })),
      pool('d', ['10.0.0.4/32'], only({ priority: 10 })),
      pool('c', ['10.0.0.3/32'], only({ priority: 10 })),
    ];
    // The configuration is ordered by name.
    const sorted = [...pools].sort((x, y) => (x.name < y.name ? -1 : 1));
    expect(served(sorted, 4).map((text) => text.slice(0, 8))).toEqual(['10.0.0.3', '10.0.0.4', '10.0.0.2', '10.0.0.1']);
  });

  test('B.6 priority: a negative number is a number, and comes before the positive ones', () => {
    const pools = [
      pool('a', ['10.0.0.1/32'], only({ priority: 1 })),
      pool('b', ['10.0.0.2/32'], only({ priority: -1 })),
      pool('c', ['10.0.0.3/32'], only({ priority: 0 })),
    ];
    expect(served(pools, 3).map((text) => text.slice(0, 8))).toEqual(['10.0.0.2', '10.0.0.1', '10.0.0.3']);
  });

  test('B.6 general pools: when the restricted ones are full, the others serve, by name', () => {
    const pools = [
      pool('a', ['10.0.0.1/32']),
      pool('b', ['10.0.0.2/32']),
      pool('z', ['10.0.0.3/32'], only({ namespaces: ['default'] })),
    ];
    expect(served(pools, 3).map((text) => text.slice(0, 8))).toEqual(['10.0.0.3', '10.0.0.1', '10.0.0.2']);
  });
});

describe('within a pool', () => {
  test('B.6 addresses: ranges in the order they are written, each from its lowest address', () => {
    expect(served([pool('p', ['10.0.9.0/31', '10.0.1.5-10.0.1.6'])], 4)).toEqual([
      '10.0.9.0 Allocated',
      '10.0.9.1 Allocated',
      '10.0.1.5 Allocated',
      '10.0.1.6 Allocated',
    ]);
  });

  test('B.6 addresses: the first of a /24 is its .0, or .1 where those are avoided', () => {
    expect(one([pool('p', ['192.168.10.0/24'])])).toBe('192.168.10.0 Allocated');
    expect(one([pool('p', ['192.168.10.0/24'], { avoidBuggyIps: true })])).toBe('192.168.10.1 Allocated');
  });

  test('B.6 addresses: one that was freed is given again at once', () => {
    const world = new ServiceWorld([pool('p', ['10.0.0.1-10.0.0.9'])], [service('a'), service('b')]);
    world.settle();
    world.delete('a');
    world.add(service('c'));
    world.settle();
    expect(world.shows('c')).toBe('10.0.0.1 Allocated');
  });

  test('B.6 addresses: each family has its own lowest', () => {
    const pools = [pool('p', ['10.0.0.1-10.0.0.9', 'fd00::1-fd00::9'])];
    const world = new ServiceWorld(pools, [service('a'), service('b', { ...PREFER, createdAtMs: 1 })]);
    world.settle();
    expect(world.shows('b')).toBe('10.0.0.2 fd00::1 Allocated');
  });

  test.each([
    { name: 'B.6 avoidBuggyIPs: .0 and .255 are left out', range: '10.0.0.255-10.0.1.1', want: '10.0.1.1 Allocated' },
    {
      name: 'B.6 avoidBuggyIPs: the ends of a smaller network are not',
      range: '10.0.0.64/26',
      want: '10.0.0.64 Allocated',
    },
    { name: 'B.6 avoidBuggyIPs: a pool of nothing else has nothing', range: '10.0.0.0/32', want: 'PoolsExhausted' },
  ])('$name', ({ range, want }) => {
    expect(one([pool('p', [range], { avoidBuggyIps: true })])).toBe(want);
  });

  test('B.6 avoidBuggyIPs: IPv6 is not concerned', () => {
    const pools = [pool('p', ['fd00::ff:0/112'], { avoidBuggyIps: true })];
    expect(one(pools, { clusterIps: [ip('fd68::1')] })).toBe('fd00::ff:0 Allocated');
  });

  test('B.6 avoidBuggyIPs: an address that is asked for is refused as if it were not of the pool', () => {
    const pools = [pool('p', ['10.0.0.0/24'], { avoidBuggyIps: true })];
    expect(one(pools, { loadBalancerIp: '10.0.0.255' })).toBe('RequestedAddressNotInPool');
  });
});

describe('two families', () => {
  const FOUR = pool('a4', ['10.0.0.1/32']);
  const SIX = pool('b6', ['fd00::1/128']);
  const TWO = pool('c46', ['10.2.0.1/32', 'fd02::1/128']);
  const V6_FIRST = {
    clusterIps: [ip('fd68::1'), ip('10.68.0.1')],
    ipFamilies: ['ipv6', 'ipv4'] as const,
    ipFamilyPolicy: 'PreferDualStack' as const,
  };

  test.each([
    {
      name: 'B.6 families: RequireDualStack takes both of one pool only',
      pools: [FOUR, SIX, TWO],
      given: REQUIRE,
      want: '10.2.0.1 fd02::1 Allocated',
    },
    {
      name: 'B.6 families: RequireDualStack never of two pools',
      pools: [FOUR, SIX],
      given: REQUIRE,
      want: 'NoPoolAllowed',
    },
    {
      name: 'B.6 families: PreferDualStack takes both where a later pool has them',
      pools: [FOUR, SIX, TWO],
      given: PREFER,
      want: '10.2.0.1 fd02::1 Allocated',
    },
    {
      name: 'B.6 families: PreferDualStack else takes the primary family',
      pools: [SIX, FOUR],
      given: PREFER,
      want: '10.0.0.1 AllocatedOneFamily',
    },
    {
      name: 'B.6 families: which is IPv6 where that comes first',
      pools: [FOUR, SIX],
      given: V6_FIRST,
      want: 'fd00::1 AllocatedOneFamily',
    },
    { name: 'B.6 families: and else the other one', pools: [SIX], given: PREFER, want: 'fd00::1 AllocatedOneFamily' },
    {
      name: 'B.6 families: the status shows IPv4 first, whichever is primary',
      pools: [TWO],
      given: V6_FIRST,
      want: '10.2.0.1 fd02::1 Allocated',
    },
  ])('$name', ({ pools, given, want }) => {
    expect(one(pools, given)).toBe(want);
  });

  test('B.6 families: who has one address stays when a pool with both appears', () => {
    const world = new ServiceWorld([FOUR], [service('s', PREFER)]);
    world.settle();
    world.pools = [FOUR, TWO];
    world.settle();
    expect([world.shows('s'), world.poolOf('s')]).toEqual(['10.0.0.1 AllocatedOneFamily', 'a4']);
  });

  test('B.6 families: when its own pool gains the family, the second address is added', () => {
    const world = new ServiceWorld([FOUR], [service('s', PREFER)]);
    world.settle();
    world.pools = [pool('a4', ['10.0.0.0/24', 'fd00::/124'])];
    world.settle();
    expect(world.shows('s')).toBe('10.0.0.1 fd00:: Allocated');
  });

  test('B.6 families: when its pool loses one, PreferDualStack keeps the other', () => {
    const world = new ServiceWorld([TWO], [service('s', PREFER)]);
    world.settle();
    world.pools = [pool('c46', ['fd02::1/128']), pool('d46', ['10.4.0.1/32', 'fd04::1/128'])];
    world.settle();
    expect(world.shows('s')).toBe('fd02::1 AllocatedOneFamily');
  });

  test('B.6 families: when its pool loses one, RequireDualStack goes where both are, and else keeps the other', () => {
    const world = new ServiceWorld([TWO], [service('s', REQUIRE)]);
    world.settle();
    world.pools = [pool('c46', ['10.2.0.1/32'])];
    world.settle();
    expect(world.shows('s')).toBe('10.2.0.1 AllocatedOneFamily');
    world.pools = [pool('c46', ['10.2.0.1/32']), pool('d46', ['10.4.0.1/32', 'fd04::1/128'])];
    world.settle();
    expect(world.shows('s')).toBe('10.4.0.1 fd04::1 Allocated');
  });

  test('B.6 families: one that asks for RequireDualStack later keeps its single address where there is no second', () => {
    const world = new ServiceWorld([FOUR], [service('s', PREFER)]);
    world.settle();
    world.edit('s', { ipFamilyPolicy: 'RequireDualStack' });
    world.settle();
    expect(world.shows('s')).toBe('10.0.0.1 AllocatedOneFamily');
  });
});

test('B.6 the default pool is one of the others: a held address of a better pool’s sibling does not move', () => {
  const world = new ServiceWorld([pool('a', ['10.0.0.1/32'])], [service('s', { ...held('10.0.0.1'), ...asks({}) })]);
  world.pools = [pool('a', ['10.0.0.1/32']), pool('b', ['10.0.0.2/32'], only({ priority: 1 }))];
  world.settle();
  expect(world.shows('s')).toBe('10.0.0.1 Allocated');
});
