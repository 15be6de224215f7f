/** MetalLB's Events on Services. Part B.11; see docs/metallb-compatibility.md. */
import { describe, expect, test } from '@jest/globals';
import { allocate } from '../../../src/runtime/decide/allocation/allocate.ts';
import type { ServiceView } from '../../../src/runtime/model/service.ts';
import { serviceEvents } from '../../../src/runtime/programs/controller/service-diff.ts';
import { asks, held, PREFER, ServiceWorld } from '../../support/service-world.ts';
import { config, pool, service } from '../../support/views.ts';

const POOL = pool('p', ['10.0.0.1-10.0.0.2']);

describe('by type and reason', () => {
  test.each<{ readonly name: string; readonly given: Partial<ServiceView>; readonly want: readonly string[] }>([
    { name: 'B.11 IPAllocated is Normal', given: {}, want: ['Normal IPAllocated'] },
    {
      name: 'B.11 ClearAssignment is Normal',
      given: { ...held('192.0.2.1'), ...asks({ 'metallb.io/ip-allocated-from-pool': 'gone' }) },
      want: ['Normal ClearAssignment', 'Normal IPAllocated'],
    },
    {
      name: 'B.11 AdditionalAssignFailed is Normal',
      given: { ...PREFER, ...held('10.0.0.1') },
      want: ['Normal AdditionalAssignFailed'],
    },
    {
      name: 'B.11 AllocationFailed is a Warning',
      given: asks({ 'metallb.io/address-pool': 'q' }),
      want: ['Warning AllocationFailed'],
    },
    {
      name: 'B.11 LoadBalancerFailed is a Warning',
      given: { ...held('10.0.0.1'), loadBalancerIp: 'ten' },
      want: ['Warning LoadBalancerFailed'],
    },
    {
      name: 'B.11 nolbIPsIPFamily is a Warning',
      given: held('10.0.0.1', '10.0.0.2'),
      want: ['Warning nolbIPsIPFamily'],
    },
    {
      name: 'B.11 not enough clusterips is a Warning, spaces and all',
      given: { ipFamilyPolicy: 'RequireDualStack' },
      want: ['Warning not enough clusterips'],
    },
    {
      name: 'B.11 deprecatedAnnotation is a Warning',
      given: asks({ 'metallb.universe.tf/allow-shared-ip': 'k' }),
      want: ['Warning deprecatedAnnotation', 'Normal IPAllocated'],
    },
  ])('$name', ({ given, want }) => {
    const world = new ServiceWorld([POOL], [service('s', given)]);
    world.settle();
    expect(world.takeEvents().map((text) => text.split(':')[0])).toEqual(want.map((text) => `s ${text}`));
  });
});

test('B.11 the object of an Event is the Service', () => {
  const [allocation] = allocate({
    config: config({ pools: [POOL] }),
    services: [service('s')],
    loadBalancerClass: undefined,
  });
  const objects = allocation === undefined ? [] : serviceEvents(allocation).map(({ object }) => object);
  expect(objects).toEqual([{ apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 's', uid: 'uid-s' }]);
});

test('B.11 nothing is told twice: a world at rest tells nothing', () => {
  const world = new ServiceWorld(
    [POOL],
    [
      service('a', PREFER),
      service('b', { createdAtMs: 1, loadBalancerIp: 'ten' }),
      service('c', { createdAtMs: 2 }),
      service('d', { createdAtMs: 3 }),
      service('e', { ipFamilyPolicy: 'RequireDualStack' }),
    ],
  );
  world.settle();
  expect(world.takeEvents()).toHaveLength(6);
  world.settle();
  expect(world.takeEvents()).toEqual([]);
});
