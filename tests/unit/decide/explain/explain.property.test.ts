import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { AddressBook } from '../../../../src/runtime/decide/allocation/address-book.ts';
import { allocate } from '../../../../src/runtime/decide/allocation/allocate.ts';
import { conditionMessage } from '../../../../src/runtime/decide/allocation/allocated-condition.ts';
import { Allocator } from '../../../../src/runtime/decide/allocation/allocator.ts';
import { sharingOf } from '../../../../src/runtime/decide/allocation/service-request.ts';
import { explainProblems, explainService } from '../../../../src/runtime/decide/explain/explain.ts';
import { sharingObstacles } from '../../../../src/runtime/decide/explain/sharing-obstacles.ts';
import { formatKey } from '../../../../src/runtime/model/service.ts';
import { anyService, anyWorld, type World } from '../../../support/any-world.ts';
import { ip, service } from '../../../support/views.ts';
import { worldOf } from './explain-world.ts';

/** Advice that is nothing but asking for a pool. */
const RECOMMENDED =
  /^(?:set annotation metallb.io\/address-pool=(?<a>\w+) to get an address of pool "\w+", which is not given out automatically|ask for pool "\w+", which would serve it: annotation metallb.io\/address-pool=(?<b>\w+))$/;

const asExplained = (world: World) => worldOf(world.config, world.services, { ...world, controllerState: '' });

describe('explanation', () => {
  test('says what allocation says, of every Service', () => {
    fc.assert(
      fc.property(anyWorld, (world) => {
        const decided = new Map(allocate(world).map((each) => [formatKey(each.service), each]));
        for (const view of world.services) {
          const { allocation } = explainService(asExplained(world), formatKey(view));
          const own = decided.get(formatKey(view));
          if (own === undefined) expect(['not-ours']).toContain(allocation.verdict);
          else {
            expect(allocation).toMatchObject({
              verdict: own.verdict,
              reason: own.reason,
              message: conditionMessage(own),
              addresses: own.ips,
            });
            expect(allocation.pool).toBe(own.pool);
            // The condition's word on each pool, unless the pool is the one that serves.
            for (const { pool, reason } of own.pools.filter((told) => told.pool !== own.pool)) {
              expect(allocation.pools.find((told) => told.pool === pool)?.reason).toBe(reason);
            }
            if (own.service.type === 'LoadBalancer') expect(allocation.pools).toHaveLength(world.config.pools.length);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  test('asking changes nothing', () => {
    fc.assert(
      fc.property(anyWorld, (world) => {
        const [asked, unasked] = [new Allocator(world, world.services), new Allocator(world, world.services)];
        for (const view of world.services) {
          for (const pool of world.config.pools) asked.obstacles(formatKey(view), pool);
          for (const { ip: address } of view.ingress) if (address !== undefined) asked.standing(address);
        }
        const again = new Map(world.services.map((view) => [formatKey(view), view]));
        for (const allocator of [asked, unasked]) allocator.update(again);
        expect(JSON.stringify([asked.list(), asked.usage()], bigints)).toBe(
          JSON.stringify([unasked.list(), unasked.usage()], bigints),
        );
      }),
      { numRuns: 200 },
    );
  });

  test('whoever has no address for want of a pool meets something in every pool’s way', () => {
    fc.assert(
      fc.property(anyWorld, (world) => {
        for (const view of world.services) {
          const { allocation } = explainService(asExplained(world), formatKey(view));
          if (allocation.reason !== 'PoolsExhausted' && allocation.reason !== 'QuotaReached') continue;
          expect(allocation.pools.filter(({ reason }) => reason === 'CouldServe' || reason === 'NotAsked')).toEqual([]);
          expect(allocation.advice.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('a pool that is recommended serves the Service once it is asked for', () => {
    let followed = 0;
    fc.assert(
      fc.property(anyWorld.map(withoutAutoAssign), (world) => {
        for (const view of world.services) {
          const { allocation } = explainService(asExplained(world), formatKey(view));
          if (allocation.addresses.length > 0 || allocation.requested.length > 0) continue;
          for (const pool of allocation.advice.flatMap((text) => recommendedPool(text) ?? [])) {
            const annotations = { ...view.annotations, 'metallb.io/address-pool': pool };
            const asking = { ...view, annotations };
            const services = world.services.map((each) => (each === view ? asking : each));
            const after = explainService(asExplained({ ...world, services }), formatKey(view));
            expect([pool, after.allocation.pool]).toEqual([pool, pool]);
            followed++;
          }
        }
      }),
      { numRuns: 300 },
    );
    expect(followed).toBeGreaterThan(50);
  });

  test('what keeps two from sharing is told exactly where they may not share', () => {
    fc.assert(
      fc.property(anyService, anyService, (a, b) => {
        const [one, other] = [service('one', a), service('other', b)];
        const book = new AddressBook({ limits: 'none' });
        book.hold(ip('10.0.0.1'), 'p', 'x/other', sharingOf(other));
        const isRefused = book.obstacle(ip('10.0.0.1'), 'x/one', sharingOf(one)) !== undefined;
        expect(sharingObstacles(one, other).length > 0).toBe(isRefused);
      }),
      { numRuns: 2000 },
    );
  });

  test('the list of problems is all that have less, and those only', () => {
    fc.assert(
      fc.property(anyWorld, (world) => {
        const explain = asExplained(world);
        const listed = explainProblems(explain).map(({ service: each }) => formatKey(each));
        const lacking = world.services
          .filter(({ type }) => type === 'LoadBalancer')
          .map((view) => formatKey(view))
          .filter((key) => !explainService(explain, key).asAsked);
        expect(listed).toEqual(lacking.sort());
      }),
      { numRuns: 200 },
    );
  });
});

/** Recommendations are the rule where no pool is given out by itself, and nobody asks for one. */
function withoutAutoAssign(world: World): World {
  const pools = world.config.pools.map((pool) => ({ ...pool, autoAssign: false }));
  const services = world.services.map((view) => {
    const { 'metallb.io/address-pool': _p, 'metallb.io/loadBalancerIPs': _i, ...annotations } = view.annotations;
    return { ...view, annotations, type: 'LoadBalancer' };
  });
  return { ...world, config: { ...world.config, pools }, services };
}

function recommendedPool(advice: string): string | undefined {
  const { a, b } = RECOMMENDED.exec(advice)?.groups ?? {};
  return a ?? b;
}

function bigints(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
