/** MetalLB's rules of which Services are served at all. Part B.3; see docs/metallb-compatibility.md. */
import { describe, expect, test } from '@jest/globals';
import type { ServiceView } from '../../../src/runtime/model/service.ts';
import { asks, held, ServiceWorld } from '../../support/service-world.ts';
import { pool, service } from '../../support/views.ts';

const POOL = pool('default', ['10.0.0.1-10.0.0.3']);
const FROM = 'metallb.io/ip-allocated-from-pool';
const OURS = 'example.com/ours';

describe('the class', () => {
  test.each([
    { name: 'B.3 class: neither set is served', flag: undefined, given: undefined, want: '10.0.0.1 Allocated' },
    { name: 'B.3 class: set on the Service alone is skipped', flag: undefined, given: OURS, want: '' },
    { name: 'B.3 class: set on the controller alone is skipped', flag: OURS, given: undefined, want: '' },
    { name: 'B.3 class: a different one is skipped', flag: OURS, given: 'example.com/other', want: '' },
    { name: 'B.3 class: the same one is served', flag: OURS, given: OURS, want: '10.0.0.1 Allocated' },
  ])('$name', ({ flag, given, want }) => {
    const world = new ServiceWorld(
      [POOL],
      [service('s', given === undefined ? {} : { loadBalancerClass: given })],
      flag,
    );
    world.settle();
    expect(world.shows('s')).toBe(want);
  });

  test('B.3 class: what is skipped keeps the status that somebody else gave it', () => {
    const other = service('s', { loadBalancerClass: 'example.com/other', ...held('10.0.0.1') });
    const world = new ServiceWorld([POOL], [other, service('t')]);
    world.settle();
    expect(world.get('s')).toEqual(other);
  });
});

test('B.3 deletion: a key that nobody knows is no trouble', () => {
  const world = new ServiceWorld([POOL], [service('s')]);
  world.settle();
  world.delete('nobody');
  world.settle();
  expect(world.writes).toBe(1);
});

describe('another type', () => {
  const settled: Partial<ServiceView> = { ...held('10.0.0.1'), ...asks({ [FROM]: 'default' }) };

  test('B.3 another type: address, annotation and condition go, and the address is free', () => {
    const world = new ServiceWorld([POOL], [service('s')]);
    world.settle();
    world.edit('s', { type: 'ClusterIP' });
    world.add(service('t'));
    world.settle();
    expect([world.shows('s'), world.poolOf('s'), world.shows('t')]).toEqual(['', undefined, '10.0.0.1 Allocated']);
  });

  test.each(['ClusterIP', 'NodePort', 'ExternalName'])('B.3 another type: %s is written once only', (type) => {
    const world = new ServiceWorld([POOL], [service('s', { ...settled, type })]);
    world.settle();
    expect([world.shows('s'), world.writes]).toEqual(['', 1]);
    world.settle();
    expect(world.writes).toBe(1);
  });

  test('B.3 another type: nothing is written where there is nothing of ours', () => {
    const world = new ServiceWorld([POOL], [service('s', { type: 'NodePort' })]);
    world.settle();
    expect(world.writes).toBe(0);
  });
});
