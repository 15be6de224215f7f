import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { allocate } from '../../../../src/runtime/decide/allocation/allocate.ts';
import type { Allocation } from '../../../../src/runtime/decide/allocation/allocation.ts';
import { Allocator } from '../../../../src/runtime/decide/allocation/allocator.ts';
import { ALLOCATED_FROM } from '../../../../src/runtime/decide/allocation/service-request.ts';
import { rangeContains } from '../../../../src/runtime/model/range.ts';
import { formatKey, type ServiceView } from '../../../../src/runtime/model/service.ts';
import { anyService, anyWorld, type ValueOf, type World } from '../../../support/any-world.ts';
import { service } from '../../../support/views.ts';

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
function take(step: ValueOf<typeof anyStep>, services: Map<string, ServiceView>): Map<string, ServiceView | undefined> {
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
