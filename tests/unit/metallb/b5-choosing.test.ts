/** MetalLB's rules of which addresses a Service is given. Part B.5; see docs/metallb-compatibility.md. */
import { describe, expect, test } from '@jest/globals';
import { allocate } from '../../../src/runtime/decide/allocation/allocate.ts';
import type { Pool } from '../../../src/runtime/model/config.ts';
import type { ServiceView } from '../../../src/runtime/model/service.ts';
import { asks, DUAL, held, only, PREFER, REQUIRE, V6 } from '../../support/service-world.ts';
import { config, ip, pool, service } from '../../support/views.ts';

const FOUR = pool('four', ['10.0.0.0/30']);
const SIX = pool('six', ['fd00::/126']);
const TWO_FAMILIES = pool('two', ['10.2.0.0/30', 'fd02::/126']);
const BY_HAND = pool('by-hand', ['10.3.0.0/30'], { autoAssign: false });
const ELSEWHERE = pool('elsewhere', ['10.4.0.0/30'], only({ namespaces: ['other'] }));
const IPS = 'metallb.io/loadBalancerIPs';
const POOL = 'metallb.io/address-pool';

/** "addresses reason", and the message. */
function given(pools: readonly Pool[], view: Partial<ServiceView>, others: readonly ServiceView[] = []) {
  const decided = allocate({
    config: config({ pools }),
    services: [service('s', view), ...others],
    loadBalancerClass: undefined,
  });
  const found = decided.find(({ service: { name } }) => name === 's');
  return { shows: [...(found?.ips ?? []), found?.reason ?? 'not ours'].join(' '), message: found?.message ?? '' };
}

describe('a. the family', () => {
  test.each([
    { name: 'B.5a family: IPv4 of an IPv4 cluster address', view: {}, want: '10.0.0.0 Allocated' },
    { name: 'B.5a family: IPv6 of an IPv6 cluster address', view: V6, want: 'fd00:: Allocated' },
    {
      name: 'B.5a family: the cluster addresses count, not ipFamilies',
      view: { clusterIps: [ip('fd68::1')], ipFamilies: ['ipv4'] as const },
      want: 'fd00:: Allocated',
    },
  ])('$name', ({ view, want }) => {
    expect(given([FOUR, SIX], view).shows).toBe(want);
  });

  test('B.5a family: both of two cluster addresses', () => {
    expect(given([FOUR, SIX, TWO_FAMILIES], REQUIRE).shows).toBe('10.2.0.0 fd02:: Allocated');
  });
});

describe('b. addresses asked for', () => {
  test.each([
    {
      name: 'B.5b request: white space around an address does not count',
      view: asks({ [IPS]: ' 10.0.0.2 ' }),
      want: '10.0.0.2 Allocated',
    },
    {
      name: 'B.5b request: both addresses of a dual-stack Service, in either order',
      view: { ...PREFER, ...asks({ [IPS]: 'fd02::1, 10.2.0.1' }) },
      want: 'fd02::1 10.2.0.1 Allocated',
    },
    {
      name: 'B.5b request: an empty annotation asks for nothing',
      view: asks({ [IPS]: '' }),
      want: '10.0.0.0 Allocated',
    },
    {
      name: 'B.5b request: an empty annotation leaves spec.loadBalancerIP alone',
      view: { loadBalancerIp: '10.0.0.3', ...asks({ [IPS]: '' }) },
      want: '10.0.0.3 Allocated',
    },
    {
      name: 'B.5b request: a pool that does not assign by itself gives what is asked for',
      view: { loadBalancerIp: '10.3.0.1' },
      want: '10.3.0.1 Allocated',
    },
    {
      name: 'B.5b request: address and pool of one pool',
      view: { loadBalancerIp: '10.3.0.1', ...asks({ [POOL]: 'by-hand' }) },
      want: '10.3.0.1 Allocated',
    },
  ])('$name', ({ view, want }) => {
    expect(given([FOUR, SIX, TWO_FAMILIES, BY_HAND, ELSEWHERE], view).shows).toBe(want);
  });

  test.each([
    {
      name: 'B.5b request: annotation and spec.loadBalancerIP at once are refused',
      view: { loadBalancerIp: '10.0.0.2', ...asks({ [IPS]: '10.0.0.3' }) },
      want: 'RequestsConflict',
      says: 'service can not have both',
    },
    {
      name: 'B.5b request: an annotation that is no address is named',
      view: asks({ [IPS]: '10.0.0.300' }),
      want: 'RequestMalformed',
      says: 'metallb.io/loadBalancerIPs: "10.0.0.300"',
    },
    {
      name: 'B.5b request: a spec.loadBalancerIP that is no address is named',
      view: { loadBalancerIp: 'ten' },
      want: 'RequestMalformed',
      says: 'spec.loadBalancerIP: "ten"',
    },
    {
      name: 'B.5b request: two of one family are refused',
      view: asks({ [IPS]: '10.0.0.1,10.0.0.2' }),
      want: 'RequestMalformed',
      says: 'more than one address of a family',
    },
    {
      name: 'B.5b request: three are refused',
      view: { ...PREFER, ...asks({ [IPS]: '10.2.0.1,fd02::1,fd02::2' }) },
      want: 'RequestMalformed',
      says: 'more than one address of a family',
    },
    {
      name: 'B.5b request: another family than the Service’s is refused',
      view: { loadBalancerIp: 'fd00::1' },
      want: 'RequestFamilyMismatch',
      says: "does not match the Service's ipv4",
    },
    {
      name: 'B.5b request: one address of two is refused, for PreferDualStack too',
      view: { ...PREFER, loadBalancerIp: '10.2.0.1' },
      want: 'RequestFamilyMismatch',
      says: 'one address of each family',
    },
    {
      name: 'B.5b request: the addresses of two pools are not allowed together',
      view: { ...PREFER, ...asks({ [IPS]: '10.0.0.1,fd00::1' }) },
      want: 'RequestedAddressNotInPool',
      says: '10.0.0.1, fd00::1',
    },
    {
      name: 'B.5b request: an address of another pool than the one asked for is refused',
      view: { loadBalancerIp: '10.0.0.1', ...asks({ [POOL]: 'by-hand' }) },
      want: 'RequestedAddressRefused',
      says: 'not compatible with the requested pool "by-hand"',
    },
    {
      name: 'B.5b request: serviceAllocation holds for what is asked for',
      view: { loadBalancerIp: '10.4.0.1' },
      want: 'RequestedAddressRefused',
      says: 'NamespaceNotAllowed',
    },
  ])('$name', ({ view, want, says }) => {
    const { shows, message } = given([FOUR, SIX, TWO_FAMILIES, BY_HAND, ELSEWHERE], view);
    expect(shows).toBe(want);
    expect(message).toContain(says);
  });
});

describe('c. a pool asked for', () => {
  const FULL = pool('full', ['10.5.0.1/32']);
  const holder = service('holder', held('10.5.0.1'));

  test.each([
    {
      name: 'B.5c pool: one that there is not is named',
      pools: [FOUR],
      view: asks({ [POOL]: 'q' }),
      want: 'RequestedPoolUnknown',
      says: 'unknown pool "q"',
    },
    {
      name: 'B.5c pool: one that is full is not replaced by another',
      pools: [FOUR, FULL],
      view: asks({ [POOL]: 'full' }),
      want: 'RequestedPoolRefused',
      says: '"full" does not serve this Service: Exhausted',
    },
    {
      name: 'B.5c pool: one of the other family says so',
      pools: [FOUR, SIX],
      view: asks({ [POOL]: 'six' }),
      want: 'RequestedPoolRefused',
      says: 'FamilyMissing',
    },
    {
      name: 'B.5c pool: RequireDualStack needs both of it',
      pools: [FOUR, TWO_FAMILIES],
      view: { ...REQUIRE, ...asks({ [POOL]: 'four' }) },
      want: 'RequestedPoolRefused',
      says: 'FamilyMissing',
    },
    {
      name: 'B.5c pool: PreferDualStack takes the one that it has',
      pools: [FOUR, TWO_FAMILIES],
      view: { ...PREFER, ...asks({ [POOL]: 'four' }) },
      want: '10.0.0.0 AllocatedOneFamily',
      says: 'no ipv6 address',
    },
    {
      name: 'B.5c pool: autoAssign does not count',
      pools: [FOUR, BY_HAND],
      view: asks({ [POOL]: 'by-hand' }),
      want: '10.3.0.0 Allocated',
      says: '',
    },
    {
      name: 'B.5c pool: serviceAllocation does',
      pools: [FOUR, ELSEWHERE],
      view: asks({ [POOL]: 'elsewhere' }),
      want: 'RequestedPoolRefused',
      says: 'NamespaceNotAllowed',
    },
    {
      name: 'B.5c pool: priority does not count',
      pools: [
        pool('first', ['10.6.0.0/30'], only({ priority: 1 })),
        pool('last', ['10.7.0.0/30'], only({ priority: 9 })),
      ],
      view: asks({ [POOL]: 'last' }),
      want: '10.7.0.0 Allocated',
      says: '',
    },
  ])('$name', ({ pools, view, want, says }) => {
    const { shows, message } = given(pools, view, [holder]);
    expect(shows).toBe(want);
    expect(message).toContain(says);
  });
});

describe('d. neither', () => {
  const PINNED = pool('pinned', ['10.8.0.1/32'], only({ namespaces: ['default'] }));

  test('B.5d automatic: pools for some Services come before those for all', () => {
    expect(given([FOUR, PINNED], {}).shows).toBe('10.8.0.1 Allocated');
  });

  test('B.5d automatic: an address of a pool for some is taken before two of a pool for all', () => {
    expect(given([PINNED, TWO_FAMILIES], PREFER).shows).toBe('10.8.0.1 AllocatedOneFamily');
    expect(given([PINNED, TWO_FAMILIES], REQUIRE).shows).toBe('10.2.0.0 fd02:: Allocated');
  });

  test('B.5d automatic: when no pool has any, the message begins in MetalLB’s words', () => {
    const { shows, message } = given([pool('one', ['10.9.0.1/32'])], { createdAtMs: 1 }, [service('holder')]);
    expect(shows).toBe('PoolsExhausted');
    expect(message).toMatch(/^no available IPs: .*\(one: Exhausted\)$/);
  });

  test('B.5a a dual-stack cluster with a single-stack policy is served its primary family', () => {
    const six = { clusterIps: [ip('fd68::1'), ip('10.68.0.1')], ipFamilyPolicy: 'SingleStack' as const };
    expect(given([FOUR, SIX], { ...DUAL, ipFamilyPolicy: 'SingleStack' }).shows).toBe('10.0.0.0 Allocated');
    expect(given([FOUR, SIX], six).shows).toBe('fd00:: Allocated');
  });
});
