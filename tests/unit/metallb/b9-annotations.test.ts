/** MetalLB's annotations, under both prefixes. Part B.9; see docs/metallb-compatibility.md. */
import { describe, expect, test } from '@jest/globals';
import { asks, held, ServiceWorld } from '../../support/service-world.ts';
import { pool, service } from '../../support/views.ts';

const POOLS = [pool('a', ['10.0.0.0/24']), pool('b', ['10.1.0.0/24'])];

function shown(annotations: Readonly<Record<string, string>>): string {
  const world = new ServiceWorld(POOLS, [service('s', asks(annotations))]);
  world.settle();
  return world.shows('s');
}

describe.each([{ prefix: 'metallb.io' }, { prefix: 'metallb.universe.tf' }])('$prefix', ({ prefix }) => {
  test.each([
    {
      name: 'B.9 address-pool: restricts to a pool, under either prefix',
      annotations: { 'address-pool': 'b' },
      want: '10.1.0.0',
    },
    { name: 'B.9 address-pool: an empty one restricts nothing', annotations: { 'address-pool': '' }, want: '10.0.0.0' },
    {
      name: 'B.9 loadBalancerIPs: asks for addresses, under either prefix',
      annotations: { loadBalancerIPs: '10.1.0.7' },
      want: '10.1.0.7',
    },
  ])('$name', ({ annotations, want }) => {
    const named = Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`${prefix}/${key}`, value]));
    expect(shown(named)).toBe(`${want} Allocated`);
  });

  test('B.9 allow-shared-ip: lets two meet, under either prefix', () => {
    const shares = asks({ [`${prefix}/allow-shared-ip`]: 'k' });
    const world = new ServiceWorld(POOLS, [
      service('x', shares),
      service('y', { ...shares, ports: [{ protocol: 'TCP', port: 443 }] }),
    ]);
    world.settle();
    expect(world.shows('y')).toBe('10.0.0.0 Allocated');
  });
});

test.each([
  { name: 'B.9 both prefixes: the new address-pool wins', key: 'address-pool', now: 'b', old: 'a', want: '10.1.0.0' },
  {
    name: 'B.9 both prefixes: the new loadBalancerIPs wins',
    key: 'loadBalancerIPs',
    now: '10.1.0.7',
    old: '10.0.0.7',
    want: '10.1.0.7',
  },
  {
    name: 'B.9 both prefixes: an empty new address-pool wins too',
    key: 'address-pool',
    now: '',
    old: 'b',
    want: '10.0.0.0',
  },
])('$name', ({ key, now, old, want }) => {
  expect(shown({ [`metallb.io/${key}`]: now, [`metallb.universe.tf/${key}`]: old })).toBe(`${want} Allocated`);
});

describe('ip-allocated-from-pool', () => {
  test('B.9 ip-allocated-from-pool: is written with the address, and goes with it', () => {
    const world = new ServiceWorld(POOLS, [service('s')]);
    world.settle();
    expect(world.poolOf('s')).toBe('a');
    world.edit('s', { type: 'ClusterIP' });
    world.settle();
    expect(world.get('s').annotations).toEqual({});
  });

  test('B.9 ip-allocated-from-pool: the old one is replaced by the new one, and the address stays', () => {
    const old = { 'metallb.universe.tf/ip-allocated-from-pool': 'a' };
    const world = new ServiceWorld(POOLS, [service('s', { ...asks(old), ...held('10.0.0.9') })]);
    world.settle();
    expect(world.shows('s')).toBe('10.0.0.9 Allocated');
    expect(world.get('s').annotations).toEqual({ 'metallb.io/ip-allocated-from-pool': 'a' });
  });

  test('B.9 ip-allocated-from-pool: edited by hand it is put right, and moves nothing', () => {
    const world = new ServiceWorld(POOLS, [service('s')]);
    world.settle();
    world.annotate('s', { 'metallb.io/ip-allocated-from-pool': 'b' });
    world.settle();
    expect([world.shows('s'), world.poolOf('s')]).toEqual(['10.0.0.0 Allocated', 'a']);
  });
});
