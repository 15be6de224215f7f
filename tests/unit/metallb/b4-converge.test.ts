/** MetalLB's steps for one Service, in their order. Part B.4; see docs/metallb-compatibility.md. */
import { describe, expect, test } from '@jest/globals';
import type { Pool } from '../../../src/runtime/model/config.ts';
import type { ServiceView } from '../../../src/runtime/model/service.ts';
import { asks, DUAL, held, PREFER, REQUIRE, ServiceWorld } from '../../support/service-world.ts';
import { ip, pool, service } from '../../support/views.ts';

const POOL = pool('default', ['10.0.0.0/30']);
const TWO_FAMILIES = pool('two', ['10.0.0.0/30', 'fd00::/126']);
const FROM = 'metallb.io/ip-allocated-from-pool';

/** What one Service comes to, and what was told on the way. */
function settled(pools: readonly Pool[], given: Partial<ServiceView>) {
  const world = new ServiceWorld(pools, [service('s', given)]);
  world.settle();
  return { shows: world.shows('s'), pool: world.poolOf('s'), events: world.takeEvents() };
}

describe('what clears a Service, or is left as it is', () => {
  test('B.4 step 3: without a cluster address there is none to forward to, and a reason is given', () => {
    expect(settled([POOL], { clusterIps: [] })).toEqual({
      shows: 'NoClusterIP',
      pool: undefined,
      events: [
        's Warning AllocationFailed: Failed to allocate IP for "default/s": the Service has no cluster address to forward to',
      ],
    });
  });

  test('B.4 step 3: one that lost its cluster address loses its own', () => {
    const { shows, pool: from } = settled([POOL], {
      clusterIps: [],
      ...held('10.0.0.1'),
      ...asks({ [FROM]: 'default' }),
    });
    expect([shows, from]).toEqual(['NoClusterIP', undefined]);
  });

  test('B.4 step 4: a host name beside our address goes', () => {
    const ingress = [{ ip: ip('10.0.0.2') }, { hostname: 'lb.example.com' }];
    expect(settled([POOL], { ingress }).shows).toBe('10.0.0.2 Allocated');
  });

  test('B.4 step 5: RequireDualStack with one cluster address is refused in MetalLB’s words', () => {
    const { shows, events } = settled([TWO_FAMILIES], { ipFamilyPolicy: 'RequireDualStack' });
    expect(shows).toBe('NotEnoughClusterIPs');
    expect(events).toEqual([expect.stringMatching(/^s Warning not enough clusterips: /)]);
  });

  test('B.4 step 5: and loses the address it had', () => {
    const { shows } = settled([TWO_FAMILIES], { ipFamilyPolicy: 'RequireDualStack', ...held('10.0.0.1') });
    expect(shows).toBe('NotEnoughClusterIPs');
  });
});

describe('families of the status and of the cluster addresses', () => {
  test.each([
    {
      name: 'B.4 step 6: of three addresses one of each family stays',
      given: { ...PREFER, ...held('10.0.0.1', '10.0.0.2', 'fd00::1') },
      want: '10.0.0.1 fd00::1 Allocated',
      event: /Warning nolbIPsIPFamily: 10\.0\.0\.2 is more than the Service asks for/,
    },
    {
      name: 'B.4 step 6: of two addresses of one family the first stays',
      given: held('10.0.0.2', '10.0.0.1'),
      want: '10.0.0.2 Allocated',
      event: /Warning nolbIPsIPFamily: 10\.0\.0\.1 is more/,
    },
    {
      name: 'B.4 step 6: an address of another family than the cluster address is replaced',
      given: { clusterIps: [ip('fd68::1')], ...held('10.0.0.1') },
      want: 'fd00:: Allocated',
      event: /Normal IPAllocated: Assigned IP \["fd00::"\]/,
    },
    {
      name: 'B.4 step 6: the second family goes when the Service has one family only',
      given: held('10.0.0.2', 'fd00::2'),
      want: '10.0.0.2 Allocated',
      event: /Warning nolbIPsIPFamily: fd00::2 is of a family that the Service has not/,
    },
    {
      name: 'B.4 step 6: one address of two families is enough for PreferDualStack, and the other is added',
      given: { ...PREFER, ...held('10.0.0.2') },
      want: '10.0.0.2 fd00:: Allocated',
      event: /Normal IPAllocated: Assigned additional IP \["fd00::"\]/,
    },
  ])('$name', ({ given, want, event }) => {
    const { shows, events } = settled([TWO_FAMILIES], given as Partial<ServiceView>);
    expect(shows).toBe(want);
    expect(events).toContainEqual(expect.stringMatching(event));
  });
});

describe('an address that may no longer be held', () => {
  test('B.4 step 7: ClearAssignment says why, and another one follows at once', () => {
    const { shows, events } = settled([POOL], { ...held('192.0.2.1'), ...asks({ [FROM]: 'gone' }) });
    expect(shows).toBe('10.0.0.0 Allocated');
    expect(events).toEqual([
      's Normal ClearAssignment: current IP for "default/s" not allowed by config, will attempt for new IP assignment: ["192.0.2.1"] is not allowed in config: no pool contains it',
      's Normal IPAllocated: Assigned IP ["10.0.0.0"]',
    ]);
  });

  test('B.4 step 7: another pool asked for moves it there, without ClearAssignment', () => {
    const world = new ServiceWorld([POOL, pool('other', ['10.1.0.0/30'])], [service('s')]);
    world.settle();
    world.takeEvents();
    world.annotate('s', { 'metallb.io/address-pool': 'other' });
    world.settle();
    expect([world.shows('s'), world.poolOf('s')]).toEqual(['10.1.0.0 Allocated', 'other']);
    expect(world.takeEvents()).toEqual(['s Normal IPAllocated: Assigned IP ["10.1.0.0"]']);
  });

  test.each([
    {
      name: 'B.4 step 7: a request that is no address keeps the current one',
      request: 'ten',
      want: '"ten" is not an IP address',
    },
    {
      name: 'B.4 step 7: two requests of one family keep the current one',
      request: '10.0.0.1,10.0.0.2',
      want: 'names more than one address of a family',
    },
  ])('$name', ({ request, want }) => {
    const world = new ServiceWorld([POOL], [service('s')]);
    world.settle();
    world.takeEvents();
    world.annotate('s', { 'metallb.io/loadBalancerIPs': request });
    world.settle();
    expect(world.shows('s')).toBe('10.0.0.0 RequestMalformed');
    expect(world.takeEvents()).toEqual([
      expect.stringMatching(/^s Warning LoadBalancerFailed: invalid requested loadbalancer IPs: /),
    ]);
    expect(world.condition('s')?.message).toContain(want);
  });

  test('B.4 step 7: other addresses than it has are asked for and given, in whatever order', () => {
    const world = new ServiceWorld([TWO_FAMILIES], [service('s', PREFER)]);
    world.settle();
    world.annotate('s', { 'metallb.io/loadBalancerIPs': 'fd00::2,10.0.0.2' });
    world.settle();
    expect(world.shows('s')).toBe('fd00::2 10.0.0.2 Allocated');
    world.takeEvents();
    world.annotate('s', { 'metallb.io/loadBalancerIPs': '10.0.0.2, fd00::2' });
    world.settle();
    // The same two: nothing is asked for that it has not.
    expect([world.shows('s'), world.takeEvents()]).toEqual(['fd00::2 10.0.0.2 Allocated', []]);
  });
});

describe('the second family', () => {
  test('B.4 step 8: comes from the pool of the first, or AdditionalAssignFailed says why not', () => {
    const pools = [POOL, pool('six', ['fd00::/126'])];
    const { shows, events } = settled(pools, { ...PREFER, ...held('10.0.0.1') });
    expect(shows).toBe('10.0.0.1 AllocatedOneFamily');
    expect(events).toEqual([
      's Normal AdditionalAssignFailed: no ipv6 address beside 10.0.0.1: pool "default": FamilyMissing',
    ]);
  });

  test('B.4 step 8: RequireDualStack is not served by halves', () => {
    expect(settled([POOL], REQUIRE).shows).toBe('NoPoolAllowed');
    expect(settled([TWO_FAMILIES], REQUIRE).shows).toBe('10.0.0.0 fd00:: Allocated');
  });
});

describe('what is written', () => {
  test('B.4 step 9: IPAllocated lists the addresses as Go prints them', () => {
    expect(settled([TWO_FAMILIES], PREFER).events).toEqual(['s Normal IPAllocated: Assigned IP ["10.0.0.0" "fd00::"]']);
  });

  test('B.4 step 9: AllocationFailed names the Service and the reason', () => {
    const { shows, events } = settled([pool('p', ['fd00::/126'])], {});
    expect(shows).toBe('NoPoolAllowed');
    expect(events).toEqual([
      's Warning AllocationFailed: Failed to allocate IP for "default/s": no available IPs: no pool may serve this Service (p: FamilyMissing)',
    ]);
  });

  test('B.4 step 11: the status holds the addresses alone, the annotation the pool', () => {
    const world = new ServiceWorld([POOL], [service('s')]);
    world.settle();
    expect(world.get('s').ingress).toEqual([{ ip: '10.0.0.0', ipMode: 'VIP' }]);
    expect(world.poolOf('s')).toBe('default');
  });

  test('B.4 deprecated annotations: each is told when its Service is given or refused an address', () => {
    const old = { 'metallb.universe.tf/address-pool': 'default', 'metallb.universe.tf/allow-shared-ip': 'k' };
    expect(settled([POOL], asks(old)).events).toEqual([
      's Warning deprecatedAnnotation: Service uses deprecated annotation metallb.universe.tf/address-pool',
      's Warning deprecatedAnnotation: Service uses deprecated annotation metallb.universe.tf/allow-shared-ip',
      's Normal IPAllocated: Assigned IP ["10.0.0.0"]',
    ]);
  });

  test('B.4 deprecated annotations: one that is added later is told when it changes the addresses', () => {
    const world = new ServiceWorld([POOL, pool('other', ['10.1.0.0/30'])], [service('s')]);
    world.settle();
    world.takeEvents();
    world.annotate('s', { 'metallb.universe.tf/address-pool': 'other' });
    world.settle();
    expect(world.takeEvents()).toContain(
      's Warning deprecatedAnnotation: Service uses deprecated annotation metallb.universe.tf/address-pool',
    );
  });

  test('B.4 a single-stack Service of two cluster addresses gets one of the primary family', () => {
    expect(settled([TWO_FAMILIES], { ...DUAL, ipFamilyPolicy: 'SingleStack' }).shows).toBe('10.0.0.0 Allocated');
  });
});
