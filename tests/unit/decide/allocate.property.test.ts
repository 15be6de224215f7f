import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { allocate } from '../../../src/runtime/decide/allocate.ts';
import type { Allocation } from '../../../src/runtime/decide/allocation.ts';
import { Allocator } from '../../../src/runtime/decide/allocator.ts';
import { ALLOCATED_FROM } from '../../../src/runtime/decide/service-request.ts';
import type { Pool } from '../../../src/runtime/model/config.ts';
import { rangeContains } from '../../../src/runtime/model/range.ts';
import { formatKey, type ServiceView } from '../../../src/runtime/model/service.ts';
import { config, ip, pool, range, service } from '../../support/views.ts';

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
      drain: fc.constantFrom(undefined, undefined, undefined, 'NoNewAddresses' as const, 'MoveServices' as const),
      quota: fc.option(fc.integer({ min: 1, max: 3 }), { freq: 3 }),
      retentionMs: fc.constantFrom(0, 0, 1000),
      quarantineMs: fc.constantFrom(0, 0, 500),
    })
    .map(({ autoAssign, avoidBuggyIps, allocation, frozen, drain, quota, retentionMs, quarantineMs }) =>
      pool(`p${index}`, RANGES[index] ?? [], {
        autoAssign,
        avoidBuggyIps,
        ...(allocation === null ? {} : { serviceAllocation: allocation }),
        ...(frozen === 0 ? { frozen: true as const } : {}),
        ...(drain === undefined ? {} : { drain }),
        ...(quota === null ? {} : { maxAddressesPerNamespace: quota }),
        retentionMs,
        quarantineMs,
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
    'metallb.io/address-count': fc.constantFrom('1', '2', '3'),
    'metallb.io/leave-draining-pool': fc.constant('true'),
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
  exclusions: fc.subarray([
    { range: range('10.0.0.2/32'), reason: 'NodeAddress' as const, detail: 'node a' },
    { range: range('fd00:2::/120'), reason: 'PodNetwork' as const, detail: '' },
  ]),
  namespaceLimits: fc.constantFrom(new Map(), new Map([['default', 2]])),
  releases: fc.array(
    fc.record({
      ip: fc.constantFrom(...ADDRESSES.map(ip)),
      pool: fc.constant('p0'),
      owner: fc.constantFrom('default/s0', 'other/s1', 'default/s2'),
      releasedAtMs: fc.constantFrom(0, 200, 600),
      cause: fc.constantFrom('Deleted' as const, 'Moved' as const),
    }),
    { maxLength: 3 },
  ),
  nowMs: fc.constant(1000),
});

type World = StepOf<typeof anyWorld>;
type StepOf<Arbitrary> = Arbitrary extends fc.Arbitrary<infer Value> ? Value : never;

/** What the API holds once the allocation is written. */
function applied(services: readonly ServiceView[], allocations: readonly Allocation[]): ServiceView[] {
  const decided = new Map(allocations.map((allocation) => [formatKey(allocation.service), allocation]));
  return services.map((view) => {
    const allocation = decided.get(formatKey(view));
    if (allocation === undefined) return view;
    const { [`metallb.io/${ALLOCATED_FROM}`]: _, ...rest } = view.annotations;
    if (allocation.verdict === 'keep') return view;
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

/** Of the pool named, and no more of a family than asked for. */
function expectOfItsPool({ ips, pool: name, reason, service: view }: Allocation, world: World): void {
  expect(name === undefined).toBe(ips.length === 0);
  const ranges = world.config.pools.find((candidate) => candidate.name === name)?.ranges ?? [];
  for (const address of ips) expect(ranges.some((each) => rangeContains(each, address))).toBe(true);
  // What cannot be read keeps what is there, however many that are.
  if (reason.startsWith('Request')) return;
  const count = Number(view.annotations['metallb.io/address-count'] ?? 1);
  expect(ips.filter((address) => address.includes(':')).length).toBeLessThanOrEqual(count);
  expect(ips.filter((address) => !address.includes(':')).length).toBeLessThanOrEqual(count);
}

const anyStep = fc.record({ index: fc.nat({ max: 11 }), next: fc.option(anyService, { freq: 3 }) });

/** Makes the step in the world (a Service appears, changes or goes) and returns what an informer would tell of it. */
function take(step: StepOf<typeof anyStep>, services: Map<string, ServiceView>): Map<string, ServiceView | undefined> {
  const name = `s${step.index}`;
  const old = services.get(name);
  const told = new Map<string, ServiceView | undefined>();
  if (old !== undefined) told.set(formatKey(old), undefined);
  services.delete(name);
  if (step.next === null) return told;
  // One that moves to another namespace is another Service; else it stays what it was, with its status.
  const isSame = old?.namespace === step.next.namespace;
  const kept = isSame ? { uid: old.uid, ingress: old.ingress } : { uid: `${name}-${step.next.namespace}` };
  const view = service(name, { ...step.next, ...kept });
  services.set(name, view);
  return told.set(formatKey(view), view);
}

describe('allocation', () => {
  test('no two Services hold one address unless they may share it', () => {
    fc.assert(
      fc.property(anyWorld, (world) => {
        if (world.config.pools.length === 0) return;
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

  test('every address given is of the pool named, at most as many of a family as asked for', () => {
    fc.assert(
      fc.property(anyWorld, (world) => {
        if (world.config.pools.length === 0) return;
        for (const allocation of allocate(world)) expectOfItsPool(allocation, world);
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
        const allocator = new Allocator(world, world.services);
        const first = allocator.list();
        const services = applied(world.services, first);
        const second = allocate({ ...world, services, releases: allocator.releases() });
        const still = first.filter(({ service: view }) => view.type === 'LoadBalancer');
        expect(second.map(outcome)).toEqual(still.map(outcome));
        expect(second.filter(({ verdict }) => verdict === 'assign' || verdict === 'release')).toEqual([]);
      }),
      { numRuns: 3000 },
    );
  });

  test('no address is new to anybody that is excluded, or reserved for somebody else', () => {
    fc.assert(
      fc.property(anyWorld, (world) => {
        const allocator = new Allocator(world, world.services);
        const shownBefore = new Set(world.services.flatMap(({ ingress }) => ingress.map((entry) => entry.ip)));
        const reserved = new Map(allocator.releases().map((release) => [release.ip, release.owner]));
        for (const { ips, service: view } of allocator.list()) {
          for (const address of ips.filter((each) => !shownBefore.has(each))) {
            expect(world.exclusions.filter((exclusion) => rangeContains(exclusion.range, address))).toEqual([]);
            expect(reserved.get(address) ?? formatKey(view)).toBe(formatKey(view));
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('no namespace gets more new addresses than its limits leave', () => {
    fc.assert(
      fc.property(anyWorld, (world) => {
        const before = new Set(world.services.flatMap(({ ingress }) => ingress.map((entry) => entry.ip)));
        const inNamespace = allocate(world).filter(({ service: view }) => view.namespace === 'default');
        const all = new Set(inNamespace.flatMap(({ ips }) => ips));
        const fresh = Array.from(all).filter((address) => !before.has(address));
        const limit = world.namespaceLimits.get('default');
        if (limit !== undefined && fresh.length > 0 && world.config.pools.length > 0) {
          expect(all.size).toBeLessThanOrEqual(limit);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('told of changes one by one, it comes to what a fresh look comes to', () => {
    fc.assert(
      fc.property(
        anyWorld,
        fc.array(fc.array(anyStep, { minLength: 1, maxLength: 4 }), { maxLength: 4 }),
        (world, turns) => {
          const rules = { ...world, releases: [] };
          const services = new Map(
            applied(world.services, allocate(rules)).map((view): [string, ServiceView] => [view.name, view]),
          );
          const allocator = new Allocator(rules, services.values());
          for (const steps of turns) {
            const before = new Map(allocator.list().map((allocation) => [formatKey(allocation.service), allocation]));
            // Told of several things at once, as after an outage.
            const told = new Map(steps.flatMap((step) => Array.from(take(step, services))));
            const touched = allocator.update(told);
            for (const allocation of allocator.list()) {
              const key = formatKey(allocation.service);
              if (!touched.has(key)) expect(outcome(allocation)).toEqual(outcome(before.get(key) ?? allocation));
            }
            for (const view of applied(Array.from(services.values()), allocator.list())) services.set(view.name, view);
            allocator.update(new Map(Array.from(services.values(), (view) => [formatKey(view), view])));
            const fresh = new Allocator({ ...rules, releases: allocator.releases() }, services.values());
            expect(allocator.list().map(outcome)).toEqual(fresh.list().map(outcome));
            expect(allocator.usage()).toEqual(fresh.usage());
            expect(new Map(allocator.pending())).toEqual(new Map(fresh.pending()));
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
