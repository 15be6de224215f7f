/** MetalLB's counters in the status of an IPAddressPool. Part B.10; see docs/metallb-compatibility.md. */
import { describe, expect, test } from '@jest/globals';
import { Allocator } from '../../../src/runtime/decide/allocation/allocator.ts';
import type { Pool } from '../../../src/runtime/model/config.ts';
import type { ServiceView } from '../../../src/runtime/model/service.ts';
import { saysAlready } from '../../../src/runtime/programs/configuration-state.ts';
import { poolStatus } from '../../../src/runtime/programs/controller/config-diff.ts';
import { rawPool } from '../../support/raw-resources.ts';
import { asks, PREFER, V6 } from '../../support/service-world.ts';
import { config, pool, service } from '../../support/views.ts';

const NOW = '2026-01-02T03:04:05Z';

/** The counters as the API would hold them. */
function counters(p: Pool, services: readonly ServiceView[] = []) {
  const allocator = new Allocator({ config: config({ pools: [p] }), loadBalancerClass: undefined }, services);
  const status = poolStatus(rawPool(p.name, []), allocator.usage()[0], [], NOW);
  const { assignedIPv4, availableIPv4, assignedIPv6, availableIPv6 } = JSON.parse(JSON.stringify(status));
  return { assignedIPv4, availableIPv4, assignedIPv6, availableIPv6 };
}

test('B.10 assigned: different addresses in use, a shared one once; available: the rest', () => {
  const shares = asks({ 'metallb.io/allow-shared-ip': 'k' });
  const services = [
    service('a', shares),
    service('b', { ...shares, ports: [{ protocol: 'TCP', port: 443 }] }),
    service('c', PREFER),
    service('d', V6),
  ];
  expect(counters(pool('p', ['10.0.0.0/24', 'fd00::/120']), services)).toEqual({
    assignedIPv4: 2,
    availableIPv4: 254,
    assignedIPv6: 2,
    availableIPv6: 254,
  });
});

test('B.10 changes: counted anew with every Service that comes, changes or goes', () => {
  const rules = { config: config({ pools: [pool('p', ['10.0.0.0/24'])] }), loadBalancerClass: undefined };
  const allocator = new Allocator(rules, [service('a')]);
  const inUse = () => allocator.usage()[0]?.assigned.ipv4;
  expect([inUse(), Array.from(allocator.takeChangedPools())]).toEqual([1, ['p']]);
  allocator.update(new Map([['default/b', service('b')]]));
  expect([inUse(), Array.from(allocator.takeChangedPools())]).toEqual([2, ['p']]);
  allocator.update(new Map([['default/a', undefined]]));
  expect([inUse(), Array.from(allocator.takeChangedPools())]).toEqual([1, ['p']]);
});

describe('what a pool can give', () => {
  test.each([
    { name: 'B.10 capacity: every address of a CIDR', ranges: ['10.0.0.0/24'], avoid: false, want: 256 },
    { name: 'B.10 capacity: every address of a range', ranges: ['10.0.0.10-10.0.0.20'], avoid: false, want: 11 },
    { name: 'B.10 capacity: avoidBuggyIPs takes two of each /24', ranges: ['10.0.0.0/22'], avoid: true, want: 1016 },
    { name: 'B.10 capacity: and one of the first quarter of a /24', ranges: ['10.0.0.0/26'], avoid: true, want: 63 },
    { name: 'B.10 capacity: none of its middle', ranges: ['10.0.0.64/26'], avoid: true, want: 64 },
    { name: 'B.10 capacity: and what a range reaches over', ranges: ['10.0.0.250-10.0.1.5'], avoid: true, want: 10 },
  ])('$name', ({ ranges, avoid, want }) => {
    expect(counters(pool('p', ranges, { avoidBuggyIps: avoid })).availableIPv4).toBe(want);
  });

  test.each([
    { name: 'B.10 capacity: a smaller IPv6 prefix is counted exactly', ranges: ['fd00::/76'], want: 2 ** 52 },
    { name: 'B.10 capacity: an IPv6 /64 counts as the largest number', ranges: ['fd00::/64'], want: 2 ** 63 - 1024 },
    {
      name: 'B.10 capacity: as do several, with more behind them',
      ranges: ['fd00::/64', 'fd01::/64', 'fd02::/120', 'fd03::/48'],
      want: 2 ** 63 - 1024,
    },
    { name: 'B.10 capacity: in whatever order', ranges: ['fd02::/120', 'fd00::/8'], want: 2 ** 63 - 1024 },
  ])('$name', ({ ranges, want }) => {
    const { availableIPv6 } = counters(pool('p', ranges));
    expect(availableIPv6).toBe(want);
    // The server reads int64.
    expect(BigInt(availableIPv6)).toBeLessThanOrEqual(2n ** 63n - 1n);
    expect(availableIPv6).toBeGreaterThan(0);
  });
});

test('B.10 by hand: a status that was edited is not the one that is wanted', () => {
  const allocator = new Allocator(
    { config: config({ pools: [pool('p', ['10.0.0.0/24'])] }), loadBalancerClass: undefined },
    [service('a')],
  );
  const wanted = poolStatus(rawPool('p', []), allocator.usage()[0], [], NOW);
  expect(saysAlready(rawPool('p', [], { status: wanted }), { ...wanted })).toBe(true);
  expect(saysAlready(rawPool('p', [], { status: { ...wanted, assignedIPv4: 7 } }), { ...wanted })).toBe(false);
});
