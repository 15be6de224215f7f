/** What allocation does that MetalLB's does not: holding back, waiting, limiting, emptying, several at once. */
import { describe, expect, test } from '@jest/globals';
import { type AllocationRules, Allocator } from '../../../../src/runtime/decide/allocation/allocator.ts';
import type { Pool } from '../../../../src/runtime/model/config.ts';
import type { Exclusion } from '../../../../src/runtime/model/exclusion.ts';
import type { Release } from '../../../../src/runtime/model/release.ts';
import type { ServiceView } from '../../../../src/runtime/model/service.ts';
import { config, ip, pool, range, service } from '../../../support/views.ts';

const HOUR = 3_600_000;
const held = (...texts: readonly string[]) => ({ ingress: texts.map((text) => ({ ip: ip(text) })) });
const asks = (annotations: Record<string, string>) => ({ annotations });
const DUAL = { clusterIps: [ip('10.68.0.1'), ip('fd68::1')], ipFamilyPolicy: 'PreferDualStack' as const };

function world(pools: readonly Pool[], services: readonly ServiceView[], given: Partial<AllocationRules> = {}) {
  return new Allocator({ config: config({ pools }), loadBalancerClass: undefined, ...given }, services);
}

/** "name: addresses verdict reason", ordered by name. */
function summary(allocator: Allocator): string[] {
  return allocator
    .list()
    .map(({ service: { name }, ips, verdict, reason }) => `${name}: ${[...ips, verdict, reason].join(' ')}`);
}

describe('addresses that are somebody else’s', () => {
  const exclusion = (text: string, reason: Exclusion['reason'], detail = ''): Exclusion => ({
    range: range(text),
    reason,
    detail,
  });
  const exclusions = [
    exclusion('10.0.0.1/32', 'NodeAddress', 'node master'),
    exclusion('10.0.0.2/32', 'Gateway', 'node master'),
    exclusion('10.0.1.0/24', 'PodNetwork'),
  ];
  const p = pool('p', ['10.0.0.1-10.0.0.4', '10.0.1.0/24'], { excludeAddresses: [range('10.0.0.3/32')] });

  test('are skipped, and reported with their reason', () => {
    const allocator = world([p], [service('a'), service('b')], { exclusions });
    expect(summary(allocator)).toEqual(['a: 10.0.0.4 assign Allocated', 'b: refuse PoolsExhausted']);
    const [usage] = allocator.usage();
    expect(usage?.capacity.ipv4).toBe(1n);
    expect(usage?.skipped.map(({ reason, range: { first, last } }) => `${reason} ${last - first + 1n}`)).toEqual([
      'NodeAddress 1',
      'Gateway 1',
      'Listed 1',
      'PodNetwork 256',
    ]);
  });

  test('are not given to whom asks for one by name either', () => {
    const [given] = world([p], [service('a', { loadBalancerIp: '10.0.0.1' })], { exclusions }).list();
    expect(given?.reason).toBe('RequestedAddressExcluded');
    expect(given?.message).toContain('NodeAddress, node master');
  });

  test('stay with who holds one already, and count as a conflict', () => {
    const allocator = world([p], [service('a', { ...held('10.0.0.2') })], { exclusions });
    expect(summary(allocator)).toEqual(['a: 10.0.0.2 assign AddressConflict']);
    expect(allocator.usage()[0]?.conflicting).toBe(1);
  });

  test('an excluded network of any size costs nothing, wherever it lies', () => {
    const wide = pool('wide', ['fd00::/48']);
    const network = [exclusion('fd00::/64', 'ServiceNetwork')];
    const v6 = { clusterIps: [ip('fd68::1')] };
    expect(summary(world([wide], [service('a', v6)], { exclusions: network }))).toEqual([
      'a: fd00:0:0:1:: assign Allocated',
    ]);
  });
});

describe('addresses that a foreign host on the LAN holds', () => {
  const inUse = (...texts: readonly string[]): Partial<AllocationRules> => ({
    exclusions: texts.map((text) => ({
      range: range(`${text}/${text.includes(':') ? 128 : 32}`),
      reason: 'InUseOnLan' as const,
      detail: 'host 52:54:00:00:00:99, seen by node n1',
    })),
  });
  const keeping = pool('p', ['10.0.0.1-10.0.0.3']);
  const moving = pool('p', ['10.0.0.1-10.0.0.3'], { onConflict: 'Reallocate' });

  test('nobody new gets one, whatever the pool says of those who have', () => {
    for (const p of [keeping, moving, pool('p', ['10.0.0.1-10.0.0.3'], { onConflict: 'Defend' })]) {
      const services = [service('a'), service('b', { loadBalancerIp: '10.0.0.1' })];
      expect(summary(world([p], services, inUse('10.0.0.1')))).toEqual([
        'a: 10.0.0.2 assign Allocated',
        'b: refuse RequestedAddressExcluded',
      ]);
    }
  });

  test.each([
    { onConflict: undefined, follows: 'is not announced until that ends' },
    { onConflict: 'Defend' as const, follows: 'is announced all the same' },
  ])('$onConflict: who has one keeps it, and is told whose it is and what follows', ({ onConflict, follows }) => {
    const p = pool('p', ['10.0.0.1-10.0.0.3'], onConflict === undefined ? {} : { onConflict });
    const allocator = world([p], [service('a', held('10.0.0.1'))], inUse('10.0.0.1'));
    expect(summary(allocator)).toEqual(['a: 10.0.0.1 assign AddressConflict']);
    expect(allocator.list()[0]?.message).toBe(
      `10.0.0.1 ${follows}: it is in use on the LAN (host 52:54:00:00:00:99, seen by node n1); ask for another address`,
    );
    expect(allocator.usage()[0]?.conflicting).toBe(1);
  });

  test('Reallocate: who has one gets another, and is told why', () => {
    const allocator = world(
      [moving],
      [service('a', held('10.0.0.1')), service('b', held('10.0.0.2'))],
      inUse('10.0.0.1'),
    );
    expect(summary(allocator)).toEqual(['a: 10.0.0.3 assign Allocated', 'b: 10.0.0.2 assign Allocated']);
    expect(allocator.list()[0]?.lost).toEqual({
      reason: 'AddressConflict',
      message: '10.0.0.1 is in use on the LAN (host 52:54:00:00:00:99, seen by node n1): the Service leaves it',
      pools: [],
    });
  });

  test('Reallocate: who asks for it by name keeps it', () => {
    const services = [service('a', { ...held('10.0.0.1'), loadBalancerIp: '10.0.0.1' })];
    expect(summary(world([moving], services, inUse('10.0.0.1')))).toEqual(['a: 10.0.0.1 assign AddressConflict']);
  });

  test('Reallocate: who asks for the pool gets another of it', () => {
    const services = [service('a', { ...held('10.0.0.1'), ...asks({ 'metallb.io/address-pool': 'p' }) })];
    expect(summary(world([moving], services, inUse('10.0.0.1')))).toEqual(['a: 10.0.0.2 assign Allocated']);
  });

  test('Reallocate: only what is held by others is replaced', () => {
    const dual = pool('p', ['10.0.0.1-10.0.0.3', 'fd00::/126'], { onConflict: 'Reallocate' });
    const services = [service('a', { ...held('10.0.0.1', 'fd00::'), ...DUAL })];
    expect(summary(world([dual], services, inUse('fd00::')))).toEqual(['a: 10.0.0.1 fd00::1 assign Allocated']);
  });

  test('Reallocate: with nothing left in its pool it moves to another, else it keeps what it has and says so', () => {
    const small = pool('p', ['10.0.0.1/32'], { onConflict: 'Reallocate' });
    const a = service('a', held('10.0.0.1'));
    expect(summary(world([small, pool('q', ['10.0.1.0/24'])], [a], inUse('10.0.0.1')))).toEqual([
      'a: 10.0.1.0 assign Allocated',
    ]);
    const stuck = world([small], [a], inUse('10.0.0.1'));
    expect(summary(stuck)).toEqual(['a: 10.0.0.1 assign AddressConflict']);
    expect(stuck.list()[0]?.message).toBe(
      'a foreign host on the LAN holds 10.0.0.1, and there is no other address for this Service (p: FamilyMissing)',
    );
  });

  test('Reallocate: who was stuck moves as soon as an address is free', () => {
    const p = pool('p', ['10.0.0.1-10.0.0.2'], { onConflict: 'Reallocate' });
    const b = service('b', held('10.0.0.2'));
    const allocator = world([p], [service('a', held('10.0.0.1')), b], inUse('10.0.0.1'));
    expect(summary(allocator)[0]).toBe('a: 10.0.0.1 assign AddressConflict');
    expect([...allocator.update(new Map([['default/b', undefined]]))].sort()).toEqual(['default/a', 'default/b']);
    expect(summary(allocator)).toEqual(['a: 10.0.0.2 assign Allocated']);
  });

  test('Reallocate: a conflict of another kind moves nobody', () => {
    const exclusions = [{ range: range('10.0.0.1/32'), reason: 'NodeAddress' as const, detail: '' }];
    expect(summary(world([moving], [service('a', held('10.0.0.1'))], { exclusions }))).toEqual([
      'a: 10.0.0.1 assign AddressConflict',
    ]);
  });
});

describe('retention', () => {
  const p = pool('p', ['10.0.0.1-10.0.0.2'], { retentionMs: HOUR });
  const a = service('a', { uid: 'first', ...held('10.0.0.1') });

  test('a deleted Service’s address waits for a Service of its name, and for nobody else', () => {
    const allocator = world([p], [a], { nowMs: 0 });
    allocator.update(new Map([['default/a', undefined]]), 1000);
    expect(allocator.releases()).toEqual([
      { ip: '10.0.0.1', pool: 'p', owner: 'default/a', releasedAtMs: 1000, cause: 'Deleted' },
    ]);
    allocator.update(new Map([['default/b', service('b')]]), 2000);
    allocator.update(new Map([['default/c', service('c', { createdAtMs: 1 })]]), 2000);
    allocator.update(new Map([['default/a', service('a', { uid: 'second', createdAtMs: 2 })]]), 3000);
    expect(summary(allocator)).toEqual([
      'a: 10.0.0.1 assign Allocated',
      'b: 10.0.0.2 assign Allocated',
      'c: refuse PoolsExhausted',
    ]);
    expect(allocator.releases()).toEqual([]);
  });

  test('deleted and made anew between two looks is given its address back', () => {
    const allocator = world([p], [a, service('b', { createdAtMs: 5 })]);
    allocator.update(new Map([['default/a', service('a', { uid: 'second', createdAtMs: 9 })]]));
    expect(allocator.get('default/a')?.ips).toEqual(['10.0.0.1']);
  });

  test('ends when its time is over, and whoever waits is served', () => {
    const allocator = world([p], [a, service('b', held('10.0.0.2')), service('c')], { nowMs: 0 });
    allocator.update(new Map([['default/a', undefined]]), 0);
    expect(allocator.get('default/c')?.ips).toEqual([]);
    expect(allocator.nextEndMs()).toBe(HOUR);
    expect(Array.from(allocator.recall([], HOUR - 1))).toEqual([]);
    expect(Array.from(allocator.recall([], HOUR))).toEqual(['default/c']);
    expect(allocator.get('default/c')?.ips).toEqual(['10.0.0.1']);
    expect(allocator.nextEndMs()).toBeUndefined();
  });

  test('asking for the waiting address by name is refused, with the reason', () => {
    const allocator = world([p], [a]);
    allocator.update(new Map([['default/a', undefined]]));
    allocator.update(new Map([['default/b', service('b', { loadBalancerIp: '10.0.0.1' })]]));
    expect(allocator.get('default/b')).toMatchObject({ reason: 'RequestedAddressReserved', verdict: 'refuse' });
    expect(allocator.get('default/b')?.message).toContain('is kept for default/a (retention of pool "p"');
  });

  test('another controller’s memory counts as its own', () => {
    const release: Release = { ip: ip('10.0.0.1'), pool: 'p', owner: 'default/a', releasedAtMs: 0, cause: 'Deleted' };
    expect(summary(world([p], [service('b'), service('a')], { releases: [release], nowMs: 1 }))).toEqual([
      'a: 10.0.0.1 assign Allocated',
      'b: 10.0.0.2 assign Allocated',
    ]);
  });

  test('of two that shared an address each gets it back', () => {
    const sharing = asks({ 'metallb.io/allow-shared-ip': 'k' });
    const one = service('one', { ...sharing, ...held('10.0.0.1'), uid: '1' });
    const two = service('two', { ...sharing, ...held('10.0.0.1'), uid: '2', ports: [{ protocol: 'UDP', port: 53 }] });
    const allocator = world([p], [one, two]);
    allocator.update(new Map([['default/one', undefined]]));
    allocator.update(new Map([['default/two', undefined]]));
    allocator.update(new Map([['default/x', service('x')]]));
    const { ingress: _, ...fresh } = two;
    allocator.update(new Map([['default/two', service('two', { ...fresh, uid: '3' })]]));
    allocator.update(new Map([['default/one', service('one', { ...sharing, uid: '4' })]]));
    expect(summary(allocator)).toEqual([
      'one: 10.0.0.1 assign Allocated',
      'two: 10.0.0.1 assign Allocated',
      'x: 10.0.0.2 assign Allocated',
    ]);
  });

  test('an address that its pool has come to avoid meanwhile is not given back', () => {
    const avoiding = pool('p', ['10.0.0.0-10.0.0.2'], { retentionMs: HOUR, avoidBuggyIps: true });
    const releases: readonly Release[] = [
      { ip: ip('10.0.0.0'), pool: 'p', owner: 'default/a', releasedAtMs: 0, cause: 'Deleted' },
    ];
    expect(summary(world([avoiding], [service('a')], { releases, nowMs: 1 }))).toEqual([
      'a: 10.0.0.1 assign Allocated',
    ]);
  });

  test('a pool without retention remembers nothing', () => {
    const allocator = world([pool('p', ['10.0.0.1/32'])], [a]);
    allocator.update(new Map([['default/a', undefined]]));
    expect(allocator.releases()).toEqual([]);
    allocator.update(new Map([['default/b', service('b')]]));
    expect(allocator.get('default/b')?.ips).toEqual(['10.0.0.1']);
  });
});

describe('quarantine', () => {
  const p = pool('p', ['10.0.0.1-10.0.0.2'], { quarantineMs: 60_000 });

  test('an address given up by a move rests before somebody else gets it', () => {
    const a = service('a', { ...held('10.0.0.1'), loadBalancerIp: '10.0.0.2' });
    const allocator = world([p], [a], { nowMs: 0 });
    allocator.update(new Map([['default/b', service('b')]]), 1);
    expect(summary(allocator)).toEqual(['a: 10.0.0.2 assign Allocated', 'b: refuse PoolsExhausted']);
    allocator.recall([], 60_000);
    expect(allocator.get('default/b')?.ips).toEqual(['10.0.0.1']);
  });

  test('the old owner may have it back at any time', () => {
    const allocator = world([p], [service('a', held('10.0.0.1'))], { nowMs: 0 });
    allocator.update(new Map([['default/a', undefined]]), 0);
    allocator.update(new Map([['default/a', service('a', { uid: 'x', loadBalancerIp: '10.0.0.1' })]]), 1);
    expect(allocator.get('default/a')?.ips).toEqual(['10.0.0.1']);
  });

  test('a Service of another type gives its address to the quarantine', () => {
    const from = asks({ 'metallb.io/ip-allocated-from-pool': 'p' });
    const allocator = world([p], [service('a', { ...held('10.0.0.1'), ...from })], { nowMs: 0 });
    allocator.update(new Map([['default/a', service('a', { ...held('10.0.0.1'), ...from, type: 'ClusterIP' })]]), 5);
    expect(allocator.releases()).toMatchObject([{ ip: '10.0.0.1', owner: 'default/a', cause: 'Moved' }]);
    expect(allocator.usage()[0]).toMatchObject({ retained: 0, quarantined: 1 });
  });
});

describe('quotas', () => {
  const p = pool('p', ['10.0.0.0/24']);
  const limits = { namespaceLimits: new Map([['default', 1]]) };

  test('a namespace gets no more addresses than it may have', () => {
    const services = [service('a'), service('b', { createdAtMs: 1 }), service('c', { namespace: 'other' })];
    expect(summary(world([p], services, limits))).toEqual([
      'a: 10.0.0.0 assign Allocated',
      'b: refuse QuotaReached',
      'c: 10.0.0.1 assign Allocated',
    ]);
  });

  test('a pool may limit every namespace by itself', () => {
    const small = pool('p', ['10.0.0.0/24'], { maxAddressesPerNamespace: 1 });
    const [, b] = world([small, pool('q', ['10.0.1.0/24'])], [service('a'), service('b')]).list();
    expect(b).toMatchObject({ ips: ['10.0.1.0'], reason: 'Allocated' });
    const [, alone] = world([small], [service('a'), service('b')]).list();
    expect(alone?.pools).toEqual([{ pool: 'p', reason: 'PoolQuotaReached' }]);
  });

  test('an address that the namespace shares costs nothing more', () => {
    const sharing = asks({ 'metallb.io/allow-shared-ip': 'k' });
    const other = service('b', { ...sharing, createdAtMs: 1, ports: [{ protocol: 'TCP', port: 443 }] });
    expect(summary(world([p], [service('a', sharing), other], limits))).toEqual([
      'a: 10.0.0.0 assign Allocated',
      'b: 10.0.0.0 assign Allocated',
    ]);
  });

  test('nobody loses an address to a quota that came later, and moving within it is possible', () => {
    const services = [
      service('a', held('10.0.0.0')),
      service('b', { ...held('10.0.0.1'), loadBalancerIp: '10.0.0.9' }),
    ];
    expect(summary(world([p], services, { namespaceLimits: new Map([['default', 2]]) }))).toEqual([
      'a: 10.0.0.0 assign Allocated',
      'b: 10.0.0.9 assign Allocated',
    ]);
    expect(summary(world([p], services, limits))).toEqual([
      'a: 10.0.0.0 assign Allocated',
      'b: 10.0.0.1 assign RequestedAddressRefused',
    ]);
  });

  test('who waited for the quota is served when there is room', () => {
    const allocator = world([p], [service('a'), service('b', { createdAtMs: 1 })], limits);
    expect(Array.from(allocator.update(new Map([['default/a', undefined]])))).toContain('default/b');
    expect(allocator.get('default/b')?.ips).toEqual(['10.0.0.0']);
  });
});

describe('several addresses', () => {
  const three = asks({ 'metallb.io/address-count': '3' });

  test('of one pool, as many as asked for, of each family', () => {
    const p = pool('p', ['10.0.0.0/24', 'fd00::/64']);
    expect(summary(world([p], [service('a', { ...three, ...DUAL })]))).toEqual([
      'a: 10.0.0.0 10.0.0.1 10.0.0.2 fd00:: fd00::1 fd00::2 assign Allocated',
    ]);
  });

  test('fewer where there are no more, and the rest as soon as there are', () => {
    const p = pool('p', ['10.0.0.0-10.0.0.2']);
    const allocator = world([p], [service('b', held('10.0.0.1')), service('a', three)]);
    expect(allocator.get('default/a')).toMatchObject({ ips: ['10.0.0.0', '10.0.0.2'], reason: 'AllocatedFewer' });
    allocator.update(new Map([['default/b', undefined]]));
    expect(allocator.get('default/a')).toMatchObject({
      ips: ['10.0.0.0', '10.0.0.1', '10.0.0.2'],
      reason: 'Allocated',
    });
  });

  test('a pool that has all of them goes before one that has some', () => {
    const pools = [pool('few', ['10.0.0.0/31']), pool('many', ['10.0.1.0/24'])];
    expect(world(pools, [service('a', three)]).get('default/a')?.pool).toBe('many');
  });

  test('those asked for by name are among them, and fewer are given back from the end', () => {
    const p = pool('p', ['10.0.0.0/24']);
    const wants = service('a', { ...asks({ ...three.annotations, 'metallb.io/loadBalancerIPs': '10.0.0.7' }) });
    expect(world([p], [wants]).get('default/a')?.ips).toEqual(['10.0.0.7', '10.0.0.0', '10.0.0.1']);
    const less = service('a', { ...asks({ 'metallb.io/address-count': '1' }), ...held('10.0.0.7', '10.0.0.0') });
    expect(world([p], [less]).get('default/a')).toMatchObject({ ips: ['10.0.0.7'], verdict: 'assign' });
  });

  test.each(['0', '65', 'many', '-1', '1.5'])('"%s" is no number of addresses', (count) => {
    const [given] = world(
      [pool('p', ['10.0.0.0/24'])],
      [service('a', asks({ 'metallb.io/address-count': count }))],
    ).list();
    expect(given).toMatchObject({ reason: 'RequestMalformed', verdict: 'refuse' });
    expect(given?.message).toContain('not a number from 1 to 64');
  });
});

describe('draining', () => {
  const draining = pool('old', ['10.0.0.0/24'], { drain: 'NoNewAddresses' });
  const moving = pool('old', ['10.0.0.0/24'], { drain: 'MoveServices' });
  const next = pool('new', ['10.0.1.0/24']);

  test('a draining pool gives nothing new and takes nothing away', () => {
    expect(summary(world([draining], [service('a', held('10.0.0.0')), service('b')]))).toEqual([
      'a: 10.0.0.0 assign Allocated',
      'b: refuse NoPoolAllowed',
    ]);
  });

  test('MoveServices moves everybody who can be moved', () => {
    const services = [
      service('a', held('10.0.0.0')),
      service('b', { ...held('10.0.0.1'), loadBalancerIp: '10.0.0.1' }),
    ];
    expect(summary(world([moving, next], services))).toEqual([
      'a: 10.0.1.0 assign Allocated',
      'b: 10.0.0.1 assign Allocated',
    ]);
  });

  test('who cannot be moved keeps what it has, and the reason says so', () => {
    const v6Only = pool('new', ['fd00::/64']);
    expect(summary(world([moving, v6Only], [service('a', held('10.0.0.0'))]))).toEqual([
      'a: 10.0.0.0 assign PoolDraining',
    ]);
  });

  test('a Service may ask to leave on its own', () => {
    const leaves = service('a', { ...held('10.0.0.0'), ...asks({ 'metallb.io/leave-draining-pool': 'true' }) });
    expect(summary(world([draining, next], [leaves, service('b', held('10.0.0.1'))]))).toEqual([
      'a: 10.0.1.0 assign Allocated',
      'b: 10.0.0.1 assign Allocated',
    ]);
  });

  test('a dual-stack Service is not moved to where one family is missing', () => {
    const dual = pool('old', ['10.0.0.0/24', 'fd00::/64'], { drain: 'MoveServices' });
    const a = service('a', { ...held('10.0.0.0', 'fd00::'), ...DUAL });
    expect(summary(world([dual, next], [a]))).toEqual(['a: 10.0.0.0 fd00:: assign PoolDraining']);
  });
});
