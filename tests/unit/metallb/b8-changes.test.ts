/** MetalLB's reactions to changes of Services, pools and namespaces. Part B.8; see docs/metallb-compatibility.md. */
import { describe, expect, test } from '@jest/globals';
import type { Pool } from '../../../src/runtime/model/config.ts';
import type { ServiceView } from '../../../src/runtime/model/service.ts';
import { asks, only, PREFER, ServiceWorld } from '../../support/service-world.ts';
import { pool, service } from '../../support/views.ts';

const ONE = pool('one', ['10.0.0.1/32']);

/** One Service at rest, after which only what follows counts. */
function settled(pools: readonly Pool[], given: Partial<ServiceView> = {}): ServiceWorld {
  const world = new ServiceWorld(pools, [service('s', given)]);
  world.settle();
  world.takeEvents();
  world.writes = 0;
  return world;
}

describe('of a Service', () => {
  test.each([
    {
      name: 'B.8 deletion: its address goes to the one that waits',
      change: (world: ServiceWorld) => world.delete('s'),
    },
    {
      name: 'B.8 another type: its address goes to the one that waits',
      change: (world: ServiceWorld) => world.edit('s', { type: 'NodePort' }),
    },
  ])('$name', ({ change }) => {
    const world = settled([ONE]);
    world.add(service('waits', { createdAtMs: 1 }));
    world.settle();
    expect(world.shows('waits')).toBe('PoolsExhausted');
    change(world);
    world.settle();
    expect(world.shows('waits')).toBe('10.0.0.1 Allocated');
  });

  test('B.8 request: a new address is given instead of the old one', () => {
    const world = settled([pool('p', ['10.0.0.0/24'])]);
    world.annotate('s', { 'metallb.io/loadBalancerIPs': '10.0.0.7' });
    world.settle();
    expect(world.shows('s')).toBe('10.0.0.7 Allocated');
  });

  test('B.8 request: removed again, the address it brought stays', () => {
    const world = settled([pool('p', ['10.0.0.0/24'])], asks({ 'metallb.io/loadBalancerIPs': '10.0.0.7' }));
    world.annotate('s', { 'metallb.io/loadBalancerIPs': null });
    world.settle();
    expect([world.shows('s'), world.writes]).toEqual(['10.0.0.7 Allocated', 0]);
  });

  test('B.8 exhausted: it waits with a reason, and is told once', () => {
    const world = settled([ONE]);
    world.add(service('waits', { createdAtMs: 1 }));
    world.settle();
    world.settle();
    expect(world.takeEvents()).toEqual([expect.stringMatching(/^waits Warning AllocationFailed: .*one: Exhausted/)]);
  });
});

describe('of a pool in use', () => {
  test('B.8 shrunk: who is outside gets another address, with ClearAssignment; who is inside stays', () => {
    const world = new ServiceWorld([pool('p', ['10.0.0.1-10.0.0.2'])], [service('a'), service('b')]);
    world.settle();
    world.takeEvents();
    world.pools = [pool('p', ['10.0.0.2-10.0.0.3'])];
    world.settle();
    expect([world.shows('a'), world.shows('b')]).toEqual(['10.0.0.3 Allocated', '10.0.0.2 Allocated']);
    expect(world.takeEvents()).toEqual([
      expect.stringMatching(/^a Normal ClearAssignment: .*\["10\.0\.0\.1"\] is not allowed in config/),
      'a Normal IPAllocated: Assigned IP ["10.0.0.3"]',
    ]);
  });

  test('B.8 shrunk: where nothing is left, the status is emptied with ClearAssignment and AllocationFailed', () => {
    const world = new ServiceWorld([pool('p', ['10.0.0.1-10.0.0.2'])], [service('a'), service('b')]);
    world.settle();
    world.takeEvents();
    world.pools = [pool('p', ['10.0.0.2/32'])];
    world.settle();
    expect([world.shows('a'), world.poolOf('a')]).toEqual(['PoolsExhausted', undefined]);
    expect(world.takeEvents().map((text) => text.split(':')[0])).toEqual([
      'a Normal ClearAssignment',
      'a Warning AllocationFailed',
    ]);
  });

  test('B.8 deleted: its Services move to another pool that serves them', () => {
    const world = settled([ONE, pool('two', ['10.1.0.1/32'])]);
    world.pools = [pool('two', ['10.1.0.1/32'])];
    world.settle();
    expect([world.shows('s'), world.poolOf('s')]).toEqual(['10.1.0.1 Allocated', 'two']);
  });

  test('B.8 renamed: the address stays and is noted under the new name, without an Event', () => {
    const world = settled([ONE]);
    world.pools = [pool('renamed', ['10.0.0.1/32'])];
    world.settle();
    expect([world.shows('s'), world.poolOf('s'), world.takeEvents()]).toEqual(['10.0.0.1 Allocated', 'renamed', []]);
  });

  test('B.8 split: each stays where its address went', () => {
    const world = new ServiceWorld([pool('p', ['10.0.0.1-10.0.0.2'])], [service('a'), service('b')]);
    world.settle();
    world.pools = [pool('p', ['10.0.0.1/32']), pool('q', ['10.0.0.2/32'])];
    world.settle();
    expect(['a', 'b'].map((name) => `${world.shows(name)} ${world.poolOf(name)}`)).toEqual([
      '10.0.0.1 Allocated p',
      '10.0.0.2 Allocated q',
    ]);
  });

  test('B.8 split: a pair that is of two pools now is brought together again', () => {
    const world = settled([pool('p', ['10.0.0.1/32', 'fd00::1/128'])], PREFER);
    world.pools = [pool('p', ['10.0.0.1/32', 'fd01::1/128']), pool('q', ['fd00::1/128'])];
    world.settle();
    expect([world.shows('s'), world.poolOf('s')]).toEqual(['10.0.0.1 fd01::1 Allocated', 'p']);
  });

  test('B.8 avoidBuggyIPs: who holds .0 gets another address', () => {
    const world = settled([pool('p', ['10.0.0.0/24'])]);
    world.pools = [pool('p', ['10.0.0.0/24'], { avoidBuggyIps: true })];
    world.settle();
    expect(world.shows('s')).toBe('10.0.0.1 Allocated');
    expect(world.takeEvents()[0]).toContain('ClearAssignment');
  });

  test('B.8 serviceAllocation: who is not let in any more loses the address, and is told', () => {
    const world = settled([ONE]);
    world.pools = [pool('one', ['10.0.0.1/32'], only({ namespaces: ['other'] }))];
    world.settle();
    expect(world.shows('s')).toBe('NoPoolAllowed');
    expect(world.takeEvents()[0]).toMatch(/ClearAssignment: .* no longer serves this Service: NamespaceNotAllowed/);
  });

  test.each<{ readonly name: string; readonly pools: readonly Pool[] }>([
    {
      name: 'B.8 autoAssign: off changes nothing for who has an address',
      pools: [pool('one', ['10.0.0.1/32'], { autoAssign: false })],
    },
    {
      name: 'B.8 priority: changes nothing for who has an address',
      pools: [pool('one', ['10.0.0.1/32'], only({ priority: 9 }))],
    },
    {
      name: 'B.8 a better pool: changes nothing for who has an address',
      pools: [pool('best', ['10.9.0.0/24'], only({ priority: 1 })), ONE],
    },
  ])('$name', ({ pools }) => {
    const world = settled([ONE]);
    world.pools = pools;
    world.settle();
    expect([world.shows('s'), world.writes]).toEqual(['10.0.0.1 Allocated', 0]);
  });

  test('B.8 pools: who waited for one is served when it appears', () => {
    const world = settled([pool('other', ['fd00::/64'])]);
    expect(world.shows('s')).toBe('NoPoolAllowed');
    world.pools = [pool('other', ['fd00::/64']), ONE];
    world.settle();
    expect(world.shows('s')).toBe('10.0.0.1 Allocated');
  });
});
