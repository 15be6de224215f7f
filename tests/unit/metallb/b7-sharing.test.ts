/** MetalLB's rules of who may hold an address, alone or together. Part B.7; see docs/metallb-compatibility.md. */
import { describe, expect, test } from '@jest/globals';
import type { ServicePort, ServiceView } from '../../../src/runtime/model/service.ts';
import { asks, PREFER, ServiceWorld } from '../../support/service-world.ts';
import { ip, pool, service } from '../../support/views.ts';

const ONE = pool('one', ['10.0.0.1/32']);
const MANY = pool('many', ['10.0.0.1-10.0.0.9']);
const KEY = 'metallb.io/allow-shared-ip';
const LOCAL = 'Local' as const;

const port = (number: number, protocol: ServicePort['protocol'] = 'TCP') => ({ ports: [{ protocol, port: number }] });

/** "a" came first and asks for port 80, "b" for 443; both with the key, on a pool of one address. */
function meet(a: Partial<ServiceView>, b: Partial<ServiceView>): ServiceWorld {
  const world = new ServiceWorld(
    [ONE],
    [
      service('a', { ...asks({ [KEY]: 'k' }), ...port(80), ...a }),
      service('b', { ...asks({ [KEY]: 'k' }), ...port(443), createdAtMs: 1, ...b }),
    ],
  );
  world.settle();
  return world;
}

const SHARED = '10.0.0.1 Allocated';

describe('what it takes to share', () => {
  test.each([
    {
      name: 'B.7 sharing: no key on either keeps them apart',
      a: { annotations: {} },
      b: { annotations: {} },
      want: false,
    },
    { name: 'B.7 sharing: a key on one is not enough', a: { annotations: {} }, b: {}, want: false },
    { name: 'B.7 sharing: two keys keep them apart', a: {}, b: asks({ [KEY]: 'other' }), want: false },
    { name: 'B.7 sharing: one key and different ports bring them together', a: {}, b: {}, want: true },
    { name: 'B.7 sharing: the same port keeps them apart', a: {}, b: port(80), want: false },
    { name: 'B.7 sharing: TCP/53 and UDP/53 go together', a: port(53), b: port(53, 'UDP'), want: true },
    {
      name: 'B.7 sharing: one clash of several ports is enough',
      a: {},
      b: {
        ports: [
          { protocol: 'TCP', port: 443 },
          { protocol: 'TCP', port: 80 },
        ],
      },
      want: false,
    },
    {
      name: 'B.7 sharing: the old key counts',
      a: {},
      b: asks({ 'metallb.universe.tf/allow-shared-ip': 'k' }),
      want: true,
    },
    {
      name: 'B.7 sharing: an empty new key wins over the old one',
      a: {},
      b: asks({ [KEY]: '', 'metallb.universe.tf/allow-shared-ip': 'k' }),
      want: false,
    },
    {
      name: 'B.7 traffic policy: Cluster and Cluster with different selectors share',
      a: { selector: { app: 'x' } },
      b: { selector: { app: 'y' } },
      want: true,
    },
    {
      name: 'B.7 traffic policy: Local and Local with different selectors do not',
      a: { externalTrafficPolicy: LOCAL },
      b: { externalTrafficPolicy: LOCAL },
      want: false,
    },
    {
      name: 'B.7 traffic policy: Local and Local with one selector do, however it is written',
      a: { externalTrafficPolicy: LOCAL, selector: { app: 'x', tier: 'y' } },
      b: { externalTrafficPolicy: LOCAL, selector: { tier: 'y', app: 'x' } },
      want: true,
    },
    {
      name: 'B.7 traffic policy: Cluster and Local never share',
      a: { selector: {} },
      b: { externalTrafficPolicy: LOCAL, selector: {} },
      want: false,
    },
    { name: 'B.7 sharing: the namespace does not matter', a: {}, b: { namespace: 'other' }, want: true },
  ])('$name', ({ a, b, want }) => {
    const world = meet(a as Partial<ServiceView>, b as Partial<ServiceView>);
    const second = 'namespace' in b ? 'other/b' : 'b';
    expect([world.shows('a'), world.shows(second)]).toEqual([SHARED, want ? SHARED : 'PoolsExhausted']);
  });

  test.each([
    {
      name: 'B.7 a clash of keys is told with who is in the way',
      b: asks({ [KEY]: 'other' }),
      want: '10.0.0.1 is held by default/a, with which it may not be shared',
    },
    {
      name: 'B.7 a clash of ports is told with the port',
      b: port(80),
      want: 'port TCP/80 of 10.0.0.1 is used by default/a',
    },
  ])('$name', ({ b, want }) => {
    const world = meet({ ingress: [{ ip: ip('10.0.0.1') }] }, { ...b, loadBalancerIp: '10.0.0.1' });
    expect(world.shows('b')).toBe('RequestedAddressInUse');
    expect(world.condition('b')?.message).toContain(want);
  });

  test('B.7 one Service may use one port with two protocols', () => {
    const world = new ServiceWorld([ONE], [service('s', { ports: [...port(53).ports, ...port(53, 'UDP').ports] })]);
    world.settle();
    expect(world.shows('s')).toBe(SHARED);
  });
});

describe('which pool owns addresses', () => {
  const pools = [pool('a', ['10.0.0.0/24', 'fd00::/64']), pool('b', ['10.0.1.0/24'])];

  test('B.7 ownership: all addresses asked for must be of one pool', () => {
    const request = (text: string) => ({ ...PREFER, ...asks({ 'metallb.io/loadBalancerIPs': text }) });
    const world = new ServiceWorld(pools, [
      service('good', request('10.0.0.1,fd00::1')),
      service('bad', request('10.0.1.1,fd00::2')),
    ]);
    world.settle();
    expect(world.shows('good')).toBe('10.0.0.1 fd00::1 Allocated');
    expect(world.shows('bad')).toBe('RequestedAddressNotInPool');
  });
});

describe('changes on a shared address', () => {
  test('B.7 in place: the only user of an address changes key and ports and keeps it', () => {
    const world = new ServiceWorld([MANY], [service('s', { ...asks({ [KEY]: 'k' }), loadBalancerIp: '10.0.0.5' })]);
    world.settle();
    world.edit('s', { ...asks({ [KEY]: 'other' }), ...port(8080), externalTrafficPolicy: LOCAL });
    world.settle();
    expect(world.shows('s')).toBe('10.0.0.5 Allocated');
  });

  test('B.7 changes: one that waits is served when the traffic policies agree, and again after they did not', () => {
    const world = meet({}, { externalTrafficPolicy: LOCAL });
    expect(world.shows('b')).toBe('PoolsExhausted');
    world.edit('b', { externalTrafficPolicy: 'Cluster' });
    world.settle();
    expect(world.shows('b')).toBe(SHARED);
    world.edit('b', { externalTrafficPolicy: LOCAL });
    world.settle();
    expect([world.shows('a'), world.shows('b')]).toEqual([SHARED, 'PoolsExhausted']);
    expect(world.takeEvents()).toContainEqual(
      expect.stringMatching(/^b Normal ClearAssignment: .* held by default\/a, with which it may not be shared/),
    );
    world.edit('b', { externalTrafficPolicy: 'Cluster' });
    world.settle();
    expect(world.shows('b')).toBe(SHARED);
  });

  test('B.7 changes: a change of the other Service serves one that waits', () => {
    const world = meet({ externalTrafficPolicy: LOCAL }, {});
    expect(world.shows('b')).toBe('PoolsExhausted');
    world.edit('a', { externalTrafficPolicy: 'Cluster' });
    world.settle();
    expect([world.shows('a'), world.shows('b')]).toEqual([SHARED, SHARED]);
  });

  test('B.7 changes: selectors of Local Services part and meet again', () => {
    const same = { externalTrafficPolicy: LOCAL, selector: { app: 'x' } };
    const world = meet(same, same);
    expect(world.shows('b')).toBe(SHARED);
    world.edit('b', { selector: { app: 'y' } });
    world.settle();
    expect(world.shows('b')).toBe('PoolsExhausted');
    world.edit('b', { selector: { app: 'x' } });
    world.settle();
    expect(world.shows('b')).toBe(SHARED);
  });

  test('B.7 changes: of two that may no longer share, the older keeps the address, whichever changed', () => {
    const world = meet({}, {});
    world.edit('a', { externalTrafficPolicy: LOCAL });
    world.settle();
    expect([world.shows('a'), world.shows('b')]).toEqual([SHARED, 'PoolsExhausted']);
  });
});

describe('where Services of one key end up', () => {
  test('B.7 co-location: on the first address, as long as no port clashes', () => {
    const world = new ServiceWorld(
      [MANY],
      [
        service('a', { ...asks({ [KEY]: 'k' }), ...port(80) }),
        service('b', { ...asks({ [KEY]: 'k' }), ...port(443) }),
        service('c', { ...asks({ [KEY]: 'k' }), ...port(80) }),
      ],
    );
    world.settle();
    expect(['a', 'b', 'c'].map((name) => world.shows(name).split(' ')[0])).toEqual([
      '10.0.0.1',
      '10.0.0.1',
      '10.0.0.2',
    ]);
  });

  test('B.7 co-location: a lower address that is free again wins over the shared one', () => {
    const world = new ServiceWorld(
      [MANY],
      [service('plain'), service('a', { ...asks({ [KEY]: 'k' }), createdAtMs: 1 })],
    );
    world.settle();
    expect(world.shows('a')).toBe('10.0.0.2 Allocated');
    world.delete('plain');
    world.add(service('b', { ...asks({ [KEY]: 'k' }), ...port(443), createdAtMs: 2 }));
    world.settle();
    expect(world.shows('b')).toBe('10.0.0.1 Allocated');
  });

  test('B.7 co-location: both families may be shared at once', () => {
    const world = new ServiceWorld(
      [pool('two', ['10.0.0.1/32', 'fd00::1/128'])],
      [
        service('a', { ...PREFER, ...asks({ [KEY]: 'k' }) }),
        service('b', { ...PREFER, ...asks({ [KEY]: 'k' }), ...port(443) }),
      ],
    );
    world.settle();
    expect([world.shows('a'), world.shows('b')]).toEqual(['10.0.0.1 fd00::1 Allocated', '10.0.0.1 fd00::1 Allocated']);
  });
});
