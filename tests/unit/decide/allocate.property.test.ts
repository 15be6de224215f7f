import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Allocation, allocate } from '../../../src/runtime/decide/allocate.ts';
import { ALLOCATED_FROM } from '../../../src/runtime/decide/service-request.ts';
import type { Pool } from '../../../src/runtime/model/config.ts';
import { formatKey, type ServiceView } from '../../../src/runtime/model/service.ts';
import { config, ip, pool, service } from '../../support/views.ts';

// Small pools and many Services, so that exhaustion, sharing, moves and conflicts are the rule.
const RANGES = [
  ['10.0.0.1-10.0.0.3'],
  ['10.0.1.0/30', 'fd00:1::/126'],
  ['fd00:2::/64'],
  ['10.0.2.254-10.0.3.1', 'fd00:3::1/128'],
];

const anyPool = (index: number): fc.Arbitrary<Pool> =>
  fc
    .record({
      autoAssign: fc.boolean(),
      avoidBuggyIps: fc.boolean(),
      allocation: fc.option(
        fc.record({
          priority: fc.integer({ min: 0, max: 2 }),
          restrictsNamespaces: fc.boolean(),
          namespaces: fc.subarray(['default', 'other']),
          serviceSelectors: fc.subarray([{ matchLabels: { tier: 'web' } }]),
        }),
      ),
      frozen: fc.integer({ min: 0, max: 9 }),
    })
    .map(({ autoAssign, avoidBuggyIps, allocation, frozen }) =>
      pool(`p${index}`, RANGES[index] ?? [], {
        autoAssign,
        avoidBuggyIps,
        ...(allocation === null ? {} : { serviceAllocation: allocation }),
        ...(frozen === 0 ? { frozen: true as const } : {}),
      }),
    );

const anyConfig = fc
  .tuple(anyPool(0), anyPool(1), anyPool(2), anyPool(3), fc.subarray([0, 1, 2, 3]))
  .map(([a, b, c, d, used]) => config({ pools: [a, b, c, d].filter((_, i) => used.includes(i)) }));

const ADDRESSES = [
  '10.0.0.1',
  '10.0.0.2',
  '10.0.1.0',
  '10.0.1.1',
  '10.0.3.0',
  'fd00:1::',
  'fd00:2::5',
  'fd00:3::1',
  '192.0.2.9',
];
const anyAnnotations = fc.record(
  {
    'metallb.io/address-pool': fc.constantFrom('p0', 'p1', 'p3', 'nowhere'),
    'metallb.io/loadBalancerIPs': fc.constantFrom(...ADDRESSES, '10.0.1.1,fd00:1::2', 'nonsense'),
    'metallb.io/allow-shared-ip': fc.constantFrom('a', 'b'),
    'metallb.io/ip-allocated-from-pool': fc.constantFrom('p0', 'p1'),
  },
  { requiredKeys: [] },
);

const anyService = fc
  .record({
    namespace: fc.constantFrom('default', 'other'),
    createdAtMs: fc.integer({ min: 0, max: 3 }),
    type: fc.constantFrom('LoadBalancer', 'LoadBalancer', 'LoadBalancer', 'ClusterIP'),
    annotations: anyAnnotations,
    labels: fc.constantFrom({}, { tier: 'web' }),
    families: fc.constantFrom(['10.68.0.1'], ['fd00::1'], ['10.68.0.1', 'fd00::1'], ['fd00::1', '10.68.0.1'], []),
    ipFamilyPolicy: fc.constantFrom('SingleStack' as const, 'PreferDualStack' as const, 'RequireDualStack' as const),
    externalTrafficPolicy: fc.constantFrom('Cluster' as const, 'Local' as const),
    port: fc.constantFrom(80, 443, 53),
    held: fc.subarray(ADDRESSES, { maxLength: 3 }),
    deleting: fc.integer({ min: 0, max: 9 }).map((draw) => draw === 0),
  })
  .map(({ families, port, held, ...given }) => ({
    ...given,
    clusterIps: families.map(ip),
    ports: [{ protocol: 'TCP' as const, port }],
    ingress: held.map((text) => ({ ip: ip(text) })),
  }));

const anyWorld = fc.record({
  config: anyConfig,
  services: fc
    .array(anyService, { maxLength: 12 })
    .map((list) => list.map((given, i) => service(`s${i}`, { ...given, selector: { app: `a${i % 2}` } }))),
  loadBalancerClass: fc.constant(undefined),
});

/** What the API holds once the allocation is written. */
function applied(services: readonly ServiceView[], allocations: readonly Allocation[]): ServiceView[] {
  const decided = new Map(allocations.map((allocation) => [formatKey(allocation.service), allocation]));
  return services.map((view) => {
    const allocation = decided.get(formatKey(view));
    if (allocation === undefined) return view;
    const { [`metallb.io/${ALLOCATED_FROM}`]: _, ...rest } = view.annotations;
    const annotations =
      allocation.pool === undefined ? rest : { ...rest, [`metallb.io/${ALLOCATED_FROM}`]: allocation.pool };
    return { ...view, annotations, ingress: allocation.ips.map((address) => ({ ip: address })) };
  });
}

const outcome = ({ service: view, ips, pool: name, reason, message }: Allocation) => ({
  key: formatKey(view),
  ips,
  name,
  reason,
  message,
});

describe('allocation', () => {
  test('no two Services hold one address unless they may share it', () => {
    fc.assert(
      fc.property(anyWorld, (world) => {
        const holders = new Map<string, ServiceView[]>();
        for (const { service: view, ips } of allocate(world)) {
          for (const address of ips) holders.set(address, [...(holders.get(address) ?? []), view]);
        }
        for (const sharers of holders.values()) {
          const keys = new Set(sharers.map((view) => view.annotations['metallb.io/allow-shared-ip']));
          const ports = new Set(sharers.map((view) => view.ports[0]?.port));
          if (sharers.length > 1)
            expect([keys.size, keys.has(undefined), ports.size]).toEqual([1, false, sharers.length]);
          const backends = new Set(
            sharers.map((view) => (view.externalTrafficPolicy === 'Local' ? JSON.stringify(view.selector) : '')),
          );
          expect(backends.size).toBe(1);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('every address given is of the pool named, at most one of a family', () => {
    fc.assert(
      fc.property(anyWorld, (world) => {
        for (const { ips, pool: name } of allocate(world)) {
          const ranges = world.config.pools.find((candidate) => candidate.name === name)?.ranges ?? [];
          for (const address of ips) {
            const value = address.includes(':') ? 'ipv6' : 'ipv4';
            expect(ranges.some((range) => range.family === value)).toBe(true);
          }
          expect(new Set(ips.map((address) => address.includes(':'))).size).toBe(ips.length);
          expect(name === undefined).toBe(ips.length === 0);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('the order of the input does not matter', () => {
    fc.assert(
      fc.property(anyWorld, fc.func(fc.nat()), (world, shuffle) => {
        const shuffled = [...world.services].sort((a, b) => shuffle(a.name) - shuffle(b.name));
        expect(allocate({ ...world, services: shuffled }).map(outcome)).toEqual(allocate(world).map(outcome));
      }),
      { numRuns: 1000 },
    );
  });

  test('deciding again on what was decided changes nothing', () => {
    fc.assert(
      fc.property(anyWorld, (world) => {
        const first = allocate(world);
        const services = applied(world.services, first);
        const second = allocate({ ...world, services });
        const still = first.filter(({ service: view }) => view.type === 'LoadBalancer');
        expect(second.map(outcome)).toEqual(still.map(outcome));
        expect(second.filter(({ verdict }) => verdict === 'assign' || verdict === 'release')).toEqual([]);
      }),
      { numRuns: 3000 },
    );
  });
});
