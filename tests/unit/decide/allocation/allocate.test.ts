import { describe, expect, test } from '@jest/globals';
import { allocate } from '../../../../src/runtime/decide/allocation/allocate.ts';
import { Allocator } from '../../../../src/runtime/decide/allocation/allocator.ts';
import type { Pool } from '../../../../src/runtime/model/config.ts';
import type { ServiceView } from '../../../../src/runtime/model/service.ts';
import { config, ip, pool, service } from '../../../support/views.ts';

const DEFAULT = pool('default', ['10.0.0.0/30']);
const held = (...texts: readonly string[]) => ({ ingress: texts.map((text) => ({ ip: ip(text) })) });
const asks = (annotations: Record<string, string>) => ({ annotations });
const DUAL = { clusterIps: [ip('10.68.0.1'), ip('fd68::1')], ipFamilies: ['ipv4', 'ipv6'] as const };

function decide(pools: readonly Pool[], services: readonly ServiceView[], loadBalancerClass?: string) {
  return allocate({ config: config({ pools }), services, loadBalancerClass });
}

/** "name: addresses verdict reason" of each Service that is ours. */
function summary(pools: readonly Pool[], ...services: readonly ServiceView[]): string[] {
  return decide(pools, services).map(
    ({ service: { name }, ips, verdict, reason }) => `${name}: ${[...ips, verdict, reason].join(' ')}`,
  );
}

describe('one Service', () => {
  const allocation = (given: object) => ({
    serviceAllocation: { priority: 0, restrictsNamespaces: false, namespaces: [], serviceSelectors: [], ...given },
  });
  test.each([
    { name: 'gets the lowest address', pools: [DEFAULT], given: {}, want: '10.0.0.0 assign Allocated' },
    {
      name: 'not .0 where those are avoided',
      pools: [pool('p', ['10.0.0.0/24'], { avoidBuggyIps: true })],
      given: {},
      want: '10.0.0.1 assign Allocated',
    },
    {
      name: 'the first address of a /64 at once',
      pools: [pool('p', ['fd00::/64'])],
      given: { clusterIps: [ip('fd68::1')] },
      want: 'fd00:: assign Allocated',
    },
    { name: 'none without pools', pools: [], given: {}, want: 'refuse NoPools' },
    {
      name: 'none of a pool that does not assign by itself',
      pools: [pool('p', ['10.0.0.0/30'], { autoAssign: false })],
      given: {},
      want: 'refuse NoPoolAllowed',
    },
    {
      name: 'one of it when it asks for it',
      pools: [pool('p', ['10.0.0.0/30'], { autoAssign: false })],
      given: asks({ 'metallb.io/address-pool': 'p' }),
      want: '10.0.0.0 assign Allocated',
    },
    {
      name: 'none where a selector matches no namespace',
      pools: [pool('p', ['10.0.0.0/30'], allocation({ restrictsNamespaces: true }))],
      given: asks({ 'metallb.io/address-pool': 'p' }),
      want: 'refuse RequestedPoolRefused',
    },
    {
      name: 'the requested address',
      pools: [DEFAULT],
      given: asks({ 'metallb.io/loadBalancerIPs': ' 10.0.0.2 ' }),
      want: '10.0.0.2 assign Allocated',
    },
    {
      name: 'the address of spec.loadBalancerIP',
      pools: [DEFAULT],
      given: { loadBalancerIp: '10.0.0.3' },
      want: '10.0.0.3 assign Allocated',
    },
    {
      name: 'the address of the old annotation',
      pools: [DEFAULT],
      given: asks({ 'metallb.universe.tf/loadBalancerIPs': '10.0.0.3' }),
      want: '10.0.0.3 assign Allocated',
    },
    {
      name: 'that of the new one of both',
      pools: [DEFAULT],
      given: asks({ 'metallb.universe.tf/loadBalancerIPs': '10.0.0.3', 'metallb.io/loadBalancerIPs': '10.0.0.1' }),
      want: '10.0.0.1 assign Allocated',
    },
    {
      name: 'none for two requests',
      pools: [DEFAULT],
      given: { loadBalancerIp: '10.0.0.3', ...asks({ 'metallb.io/loadBalancerIPs': '10.0.0.2' }) },
      want: 'refuse RequestsConflict',
    },
    { name: 'none for nonsense', pools: [DEFAULT], given: { loadBalancerIp: 'ten' }, want: 'refuse RequestMalformed' },
    {
      name: 'none of the wrong family',
      pools: [DEFAULT],
      given: { loadBalancerIp: 'fd00::1' },
      want: 'refuse RequestFamilyMismatch',
    },
    {
      name: 'none outside all pools',
      pools: [DEFAULT],
      given: { loadBalancerIp: '10.9.9.9' },
      want: 'refuse RequestedAddressNotInPool',
    },
    {
      name: 'none of another pool than asked for',
      pools: [DEFAULT, pool('q', ['10.1.0.0/30'])],
      given: { loadBalancerIp: '10.1.0.1', ...asks({ 'metallb.io/address-pool': 'default' }) },
      want: 'refuse RequestedAddressRefused',
    },
    {
      name: 'none of a pool that is not there',
      pools: [DEFAULT],
      given: asks({ 'metallb.io/address-pool': 'q' }),
      want: 'refuse RequestedPoolUnknown',
    },
    { name: 'none without a cluster address', pools: [DEFAULT], given: { clusterIps: [] }, want: 'refuse NoClusterIP' },
    {
      name: 'none of a frozen pool',
      pools: [pool('p', ['10.0.0.0/30'], { autoAssign: false, frozen: true })],
      given: asks({ 'metallb.io/address-pool': 'p' }),
      want: 'refuse RequestedPoolRefused',
    },
    {
      name: 'keeps that of a frozen pool',
      pools: [pool('p', ['10.0.0.0/30'], { autoAssign: false, frozen: true })],
      given: { ...held('10.0.0.2'), ...asks({ 'metallb.io/ip-allocated-from-pool': 'p' }) },
      want: '10.0.0.2 keep Allocated',
    },
    {
      name: 'both families',
      pools: [DEFAULT, pool('two', ['10.1.0.1/32', 'fd00::1/128'])],
      given: { ...DUAL, ipFamilyPolicy: 'RequireDualStack' },
      want: '10.1.0.1 fd00::1 assign Allocated',
    },
    {
      name: 'not one of two that it requires',
      pools: [DEFAULT],
      given: { ...DUAL, ipFamilyPolicy: 'RequireDualStack' },
      want: 'refuse NoPoolAllowed',
    },
    {
      name: 'one of two that it prefers',
      pools: [DEFAULT],
      given: { ...DUAL, ipFamilyPolicy: 'PreferDualStack' },
      want: '10.0.0.0 assign AllocatedOneFamily',
    },
    {
      name: 'the second when its pool has it now',
      pools: [pool('p', ['10.0.0.0/30', 'fd00::/126'])],
      given: { ...DUAL, ipFamilyPolicy: 'PreferDualStack', ...held('10.0.0.2') },
      want: '10.0.0.2 fd00:: assign Allocated',
    },
    {
      name: 'just one when it has one cluster address',
      pools: [pool('p', ['10.0.0.0/30', 'fd00::/126'])],
      given: {
        ipFamilyPolicy: 'PreferDualStack',
        ...held('10.0.0.2'),
        ...asks({ 'metallb.io/ip-allocated-from-pool': 'p' }),
      },
      want: '10.0.0.2 keep Allocated',
    },
    {
      name: 'another when its pool is gone',
      pools: [DEFAULT],
      given: { ...held('10.9.9.9'), ...asks({ 'metallb.io/ip-allocated-from-pool': 'gone' }) },
      want: '10.0.0.0 assign Allocated',
    },
    {
      name: 'none when its pool is gone and no other serves it',
      pools: [pool('other', ['10.0.9.0/30'], { autoAssign: false })],
      given: { ...held('10.9.9.9'), ...asks({ 'metallb.io/ip-allocated-from-pool': 'gone' }) },
      want: 'release NoPoolAllowed',
    },
    {
      name: 'what it has while there is no pool at all',
      pools: [],
      given: { ...held('10.9.9.9'), ...asks({ 'metallb.io/ip-allocated-from-pool': 'gone' }) },
      want: '10.9.9.9 keep NoPools',
    },
    {
      name: 'the old one when the new request fails',
      pools: [DEFAULT],
      given: {
        ...held('10.0.0.2'),
        ...asks({ 'metallb.io/ip-allocated-from-pool': 'default', 'metallb.io/loadBalancerIPs': '10.9.9.9' }),
      },
      want: '10.0.0.2 keep RequestedAddressNotInPool',
    },
    {
      name: 'the old one while it is being deleted',
      pools: [DEFAULT],
      given: {
        deleting: true,
        ...held('10.0.0.2'),
        ...asks({ 'metallb.io/ip-allocated-from-pool': 'default', 'metallb.io/loadBalancerIPs': '10.0.0.1' }),
      },
      want: '10.0.0.2 keep Allocated',
    },
    {
      name: 'nothing new while it is being deleted',
      pools: [DEFAULT],
      given: { deleting: true },
      want: 'refuse NoPoolAllowed',
    },
    {
      name: 'its annotation when it holds an address of ours without one',
      pools: [DEFAULT],
      given: held('10.0.0.2'),
      want: '10.0.0.2 assign Allocated',
    },
    {
      name: 'nothing as a ClusterIP',
      pools: [DEFAULT],
      given: { type: 'ClusterIP', ...asks({ 'metallb.io/ip-allocated-from-pool': 'default' }) },
      want: 'release NotLoadBalancer',
    },
  ])('$name', ({ pools, given, want }) => {
    expect(summary(pools, service('s', given as Partial<ServiceView>))).toEqual([`s: ${want}`]);
  });
});

describe('what is not ours', () => {
  test.each([
    { name: 'another class', given: { loadBalancerClass: 'other' } },
    { name: 'a host name that somebody else wrote', given: { ingress: [{ hostname: 'lb.example.com' }] } },
    { name: 'an address of no pool, and no annotation', given: held('192.0.2.1') },
    { name: 'another type, and no annotation', given: { type: 'NodePort' } },
  ])('$name', ({ given }) => {
    expect(summary([DEFAULT], service('s', given))).toEqual([]);
    expect(summary([], service('s', given))).toEqual([]);
  });

  test('with a class of our own, Services without', () => {
    const services = [service('plain'), service('ours', { loadBalancerClass: 'x' })];
    expect(decide([DEFAULT], services, 'x').map(({ service: { name } }) => name)).toEqual(['ours']);
  });
});

describe('several Services', () => {
  const shares = (key: string) => asks({ 'metallb.io/allow-shared-ip': key });
  const port = (number: number) => ({ ports: [{ protocol: 'TCP' as const, port: number }] });
  const ONE = pool('one', ['10.0.0.1/32']);

  test('holders come before the older ones without', () => {
    const holder = service('b', {
      createdAtMs: 9,
      ...held('10.0.0.1'),
      ...asks({ 'metallb.io/ip-allocated-from-pool': 'one' }),
    });
    expect(summary([ONE], service('a', { createdAtMs: 1 }), holder)).toEqual([
      'a: refuse PoolsExhausted',
      'b: 10.0.0.1 keep Allocated',
    ]);
  });

  test('the older comes first, then the name', () => {
    const three = [
      service('c', { createdAtMs: 1 }),
      service('b', { createdAtMs: 2 }),
      service('a', { createdAtMs: 2 }),
    ];
    expect(summary([pool('two', ['10.0.0.1-10.0.0.2'])], ...three)).toEqual([
      'a: 10.0.0.2 assign Allocated',
      'b: refuse PoolsExhausted',
      'c: 10.0.0.1 assign Allocated',
    ]);
  });

  test('two that hold one address may not both keep it', () => {
    const both = ['a', 'b'].map((name) =>
      service(name, { ...held('10.0.0.1'), ...asks({ 'metallb.io/ip-allocated-from-pool': 'one' }) }),
    );
    expect(summary([ONE], ...both)).toEqual(['a: 10.0.0.1 keep Allocated', 'b: release PoolsExhausted']);
  });

  test.each([
    { name: 'the same key and other ports share', a: {}, b: {}, want: '10.0.0.1' },
    { name: 'the same port does not', a: {}, b: port(80), want: '' },
    {
      name: 'the same port of another protocol does',
      a: {},
      b: { ports: [{ protocol: 'UDP', port: 80 }] },
      want: '10.0.0.1',
    },
    { name: 'another key does not', a: {}, b: shares('other'), want: '' },
    { name: 'no key does not', a: { annotations: {} }, b: { annotations: {} }, want: '' },
    {
      name: 'an empty new key wins over an old one',
      a: {},
      b: asks({ 'metallb.io/allow-shared-ip': '', 'metallb.universe.tf/allow-shared-ip': 'k' }),
      want: '',
    },
    {
      name: 'Local with another selector does not',
      a: { externalTrafficPolicy: 'Local' },
      b: { externalTrafficPolicy: 'Local' },
      want: '',
    },
    {
      name: 'Local with the same selector does',
      a: { externalTrafficPolicy: 'Local', selector: { x: 'y' } },
      b: { externalTrafficPolicy: 'Local', selector: { x: 'y' } },
      want: '10.0.0.1',
    },
    {
      name: 'Local and Cluster do not',
      a: { selector: {} },
      b: { externalTrafficPolicy: 'Local', selector: {} },
      want: '',
    },
  ])('sharing: $name', ({ a, b, want }) => {
    const first = service('a', { ...shares('k'), ...port(80), ...a } as Partial<ServiceView>);
    const second = service('b', { ...shares('k'), ...port(443), ...b } as Partial<ServiceView>);
    const [, decided] = decide([ONE], [first, second]);
    expect(decided?.ips.join(' ')).toBe(want);
  });

  test('an address that one moves away from goes to the one that waits for it', () => {
    const moves = service('a', { ...held('10.0.0.1'), ...asks({ 'metallb.io/loadBalancerIPs': '10.0.0.2' }) });
    const waits = service('b', {
      ...held('10.0.0.3'),
      ...asks({ 'metallb.io/loadBalancerIPs': '10.0.0.1' }),
      createdAtMs: -1,
    });
    expect(summary([DEFAULT], moves, waits)).toEqual(['a: 10.0.0.2 assign Allocated', 'b: 10.0.0.1 assign Allocated']);
  });
});

test('who asks for an address by name comes before older ones who take any', () => {
  const any = service('any', { createdAtMs: 1 });
  const named = service('named', { createdAtMs: 2, loadBalancerIp: '10.0.0.0' });
  expect(summary([DEFAULT], any, named)).toEqual([
    'any: 10.0.0.1 assign Allocated',
    'named: 10.0.0.0 assign Allocated',
  ]);
});

describe('the order of pools', () => {
  const restricted = (name: string, address: string, priority: number) =>
    pool(name, [`${address}/32`], {
      serviceAllocation: { priority, restrictsNamespaces: true, namespaces: ['default'], serviceSelectors: [] },
    });

  test('restricted ones by priority, 0 last, then those for everybody by name', () => {
    const pools = [
      pool('a', ['10.0.0.1/32']),
      restricted('b', '10.0.0.2', 0),
      restricted('c', '10.0.0.3', 20),
      restricted('d', '10.0.0.4', 10),
      pool('e', ['10.0.0.5/32']),
    ];
    const services = Array.from({ length: 5 }, (_, i) => service(`s${i}`));
    expect(decide(pools, services).map(({ pool: name }) => name)).toEqual(['d', 'c', 'b', 'a', 'e']);
  });

  test('each pool that did not serve is named with its reason', () => {
    const elsewhere = pool('x', ['10.0.1.0/30'], {
      serviceAllocation: { priority: 0, restrictsNamespaces: true, namespaces: ['other'], serviceSelectors: [] },
    });
    const [refused] = decide(
      [elsewhere, pool('y', ['10.0.2.0/30'], { autoAssign: false }), pool('z', ['fd00::/64'])],
      [service('s')],
    );
    expect(refused?.message).toBe(
      'no available IPs: no pool may serve this Service (x: NamespaceNotAllowed, y: AutoAssignOff, z: FamilyMissing)',
    );
    expect(refused?.pools).toEqual([
      { pool: 'x', reason: 'NamespaceNotAllowed' },
      { pool: 'y', reason: 'AutoAssignOff' },
      { pool: 'z', reason: 'FamilyMissing' },
    ]);
  });
});

test('a pool’s use counts shared addresses once and leaves out what is avoided', () => {
  const p = pool('p', ['10.0.0.0/23', 'fd00::/64'], { avoidBuggyIps: true });
  const share = asks({ 'metallb.io/allow-shared-ip': 'k' });
  const services = [
    service('a', share),
    service('b', { ...share, ports: [{ protocol: 'TCP', port: 443 }] }),
    service('c'),
  ];
  const allocator = new Allocator({ config: config({ pools: [p] }), loadBalancerClass: undefined }, services);
  expect(allocator.usage()).toMatchObject([
    { services: 3, pool: 'p', assigned: { ipv4: 2, ipv6: 0 }, capacity: { ipv4: 508n, ipv6: 2n ** 64n } },
  ]);
});
