/** MetalLB's order of claims, which keeps addresses over a restart. Part B.2; see docs/metallb-compatibility.md. */
import { describe, expect, test } from '@jest/globals';
import { Allocator } from '../../../src/runtime/decide/allocation/allocator.ts';
import { asks, held, PREFER, ServiceWorld } from '../../support/service-world.ts';
import { config, pool, service } from '../../support/views.ts';

describe('a restart', () => {
  test('B.2 order: two addresses before one, one before none, whatever the age', () => {
    const two = pool('p', ['10.0.0.1/32', 'fd00::1/128']);
    const world = new ServiceWorld(
      [two],
      [
        service('none', { createdAtMs: 1 }),
        service('one', { ...held('10.0.0.1'), createdAtMs: 2 }),
        service('both', { ...PREFER, ...held('10.0.0.1', 'fd00::1'), createdAtMs: 3 }),
      ],
    );
    world.settle();
    expect(world.shows('both')).toBe('10.0.0.1 fd00::1 Allocated');
    expect([world.shows('one'), world.shows('none')]).toEqual(['PoolsExhausted', 'PoolsExhausted']);
  });

  test('B.2 restarts: two with addresses and two without, on a pool of two, five times over', () => {
    const names = ['d', 'b', 'c', 'a'];
    const world = new ServiceWorld(
      [pool('p', ['192.168.10.100/32', '192.168.20.200/32'])],
      names.map((name, i) => service(name, { createdAtMs: i })),
    );
    world.settle();
    const before = names.map((name) => world.shows(name));
    expect(before).toEqual([
      '192.168.10.100 Allocated',
      '192.168.20.200 Allocated',
      'PoolsExhausted',
      'PoolsExhausted',
    ]);
    const { writes } = world;
    for (let restart = 0; restart < 5; restart++) world.settle();
    expect([names.map((name) => world.shows(name)), world.writes]).toEqual([before, writes]);
  });

  test('B.2 restarts: a controller that was told of every change holds what a new one would', () => {
    const p = pool('p', ['10.0.0.1-10.0.0.2']);
    const views = [service('a'), service('b'), service('c')];
    const rules = { config: config({ pools: [p] }), loadBalancerClass: undefined };
    const told = new Allocator(rules, []);
    for (const view of [...views].reverse()) told.update(new Map([[`default/${view.name}`, view]]));
    // Told one by one, the last came first; what its status says from then on is what a restart goes by.
    const shown = told
      .list()
      .map(({ service: view, ips }) => ({ ...view, ingress: ips.map((each) => ({ ip: each })) }));
    const anew = new Allocator(rules, shown);
    expect(anew.list().map(({ ips }) => ips)).toEqual(told.list().map(({ ips }) => ips));
  });

  test('B.2 one address, two holders: the first in order keeps it, the other gets another one with ClearAssignment', () => {
    const both = (createdAtMs: number) => ({
      ...held('10.0.0.1'),
      ...asks({ 'metallb.io/ip-allocated-from-pool': 'p' }),
      createdAtMs,
    });
    const world = new ServiceWorld([pool('p', ['10.0.0.1-10.0.0.9'])], [service('a', both(2)), service('b', both(1))]);
    world.settle();
    expect([world.shows('a'), world.shows('b')]).toEqual(['10.0.0.2 Allocated', '10.0.0.1 Allocated']);
    expect(world.takeEvents()).toEqual([
      expect.stringMatching(/^a Normal ClearAssignment: .*10\.0\.0\.1 is held by default\/b/),
      'a Normal IPAllocated: Assigned IP ["10.0.0.2"]',
    ]);
  });
});
