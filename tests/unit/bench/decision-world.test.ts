/** The world that decisions are measured in: what its head says is what the allocator makes of it. */
import { describe, expect, test } from '@jest/globals';
import { countVerdicts, decisionWorld, written } from '../../../bench/decision-world.ts';
import { allocate } from '../../../src/runtime/decide/allocation/allocate.ts';
import { formatKey } from '../../../src/runtime/model/service.ts';

const COUNT = 1000;

function decide(world = decisionWorld(COUNT), services = world.services) {
  return allocate({ config: world.config, services, loadBalancerClass: undefined });
}

describe('a world of a thousand Services', () => {
  test('who holds keeps, who waits for the full pool is refused, all others are given what they ask for', () => {
    const allocations = decide();
    expect(countVerdicts(allocations)).toEqual({ keep: 800, assign: 190, refuse: 10, release: 0 });
    expect(new Set(allocations.map(({ reason }) => reason))).toEqual(new Set(['Allocated', 'RequestedPoolRefused']));
  });

  test('is as mixed as it says', () => {
    const { services, config } = decisionWorld(COUNT);
    const asking = (name: string) => services.filter(({ annotations }) => annotations[`metallb.io/${name}`]);
    expect(new Set(services.map(formatKey)).size).toBe(COUNT);
    expect(config.pools).toHaveLength(100);
    expect(config.pools.filter(({ serviceAllocation }) => serviceAllocation)).toHaveLength(10);
    expect(services.filter(({ ingress }) => ingress.length === 2)).toHaveLength(100);
    expect(asking('allow-shared-ip')).toHaveLength(100);
    expect(new Set(asking('allow-shared-ip').map(({ ingress }) => ingress[0]?.ip)).size).toBe(25);
    expect(asking('loadBalancerIPs')).toHaveLength(100);
    expect(asking('address-pool')).toHaveLength(60);
  });

  test('is the same each time', () => {
    expect(decisionWorld(COUNT)).toMatchObject({ services: decisionWorld(COUNT).services });
  });

  test('once written it is settled, and has room for one more', () => {
    const world = decisionWorld(COUNT);
    const settled = decide(world).map(written);
    const more = world.oneMore(0);
    const again = decide(world, [...settled, more]);
    expect(countVerdicts(again)).toEqual({ keep: 990, assign: 1, refuse: 10, release: 0 });
    expect(again.find(({ verdict }) => verdict === 'assign')?.service).toBe(more);
  });

  test('others wait for the address of one that is wanted, nobody for that of one that is not', () => {
    const world = decisionWorld(COUNT);
    const settled = decide(world).map(written);
    const without = (gone: string) =>
      countVerdicts(
        decide(
          world,
          settled.filter((view) => formatKey(view) !== gone),
        ),
      );
    expect(without(formatKey(world.wanted(0)))).toEqual({ keep: 989, assign: 1, refuse: 9, release: 0 });
    expect(without(formatKey(world.unwanted(0)))).toEqual({ keep: 989, assign: 0, refuse: 10, release: 0 });
  });
});

test('a number of Services that the shares do not divide is a mistake', () => {
  expect(() => decisionWorld(1050)).toThrow('1050');
});
