import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Layer2Facts } from '../../../../src/runtime/decide/layer2/layer2-facts.ts';
import type { AddressPlan } from '../../../../src/runtime/decide/layer2/plan-layer2.ts';
import type { Claim } from '../../../../src/runtime/model/claim.ts';
import type { PreferredNodes } from '../../../../src/runtime/model/config.ts';
import { claimsAfter, cluster, LAN, loads, plan, services, unevenness } from '../../../support/layer2-facts.ts';
import { config, ip, l2Advertisement, pool } from '../../../support/views.ts';

type World = Partial<Layer2Facts>;

/** Every node claims what the plan gives it, again and again, until nothing moves; how many moves that took. */
function settle(world: World, claims: readonly Claim[]): { plans: readonly AddressPlan[]; moves: number } {
  let held = claims;
  for (let moves = 0; moves < 1000; moves++) {
    const plans = plan({ ...world, claims: held, handBack: 'allowed' });
    const moving = plans.filter(({ owner, holder }) => owner !== holder);
    expect(moving.length).toBeLessThanOrEqual(1);
    if (moving.length === 0) return { plans, moves };
    expect(moving[0]?.why).toBe('hand-back');
    held = claimsAfter(plans, held);
  }
  throw new Error('the addresses never came to rest');
}

const held = (...owners: readonly string[]): readonly Claim[] =>
  owners.map((node, index) => ({ ip: ip(`10.6.204.${index + 1}`), node, epoch: index + 1 }));

const preferring = (...preferences: readonly [hostname: string, weight: number][]): Pick<Layer2Facts, 'config'> => ({
  config: config({
    pools: [pool('default', [LAN])],
    l2Advertisements: [
      l2Advertisement('a', {
        preferredNodeSelectors: preferences.map(
          ([hostname, weight]): PreferredNodes => ({
            weight,
            preference: { matchLabels: { 'kubernetes.io/hostname': hostname } },
          }),
        ),
      }),
    ],
  }),
});

describe('one at a time, and only when allowed', () => {
  const uneven = {
    ...cluster(['a', 'b', 'c'], services(1, 1, 1, 1, 1, 1)),
    claims: held('a', 'a', 'a', 'a', 'b', 'b'),
  };

  test('not now: nothing moves', () => {
    expect(plan(uneven).every(({ why }) => why === 'holder')).toBe(true);
  });

  test('allowed: one moves from the node with the most to the one with the least', () => {
    const moving = plan({ ...uneven, handBack: 'allowed' }).filter(({ owner, holder }) => owner !== holder);
    expect(moving).toMatchObject([{ ip: '10.6.204.1', owner: 'c', holder: 'a', why: 'hand-back' }]);
  });

  test('until it is even', () => {
    const { plans, moves } = settle(uneven, uneven.claims);
    expect(loads(plans)).toEqual({ a: 2, b: 2, c: 2 });
    expect(moves).toBe(2);
  });

  test('a difference of one is even', () => {
    const plans = plan({ ...cluster(['a', 'b'], services(1)), claims: held('a'), handBack: 'allowed' });
    expect(plans).toMatchObject([{ owner: 'a', why: 'holder' }]);
  });

  test.each<{ name: string; given: World }>([
    { name: 'an address without a holder', given: { claims: held('a', 'a', 'a', 'a', 'a') } },
    { name: 'a holder that is dead', given: { claims: held('a', 'a', 'a', 'a', 'a', 'x') } },
    { name: 'a holder that leaves', given: { claims: held('a', 'a', 'a', 'a', 'a', 'b'), leaving: new Set(['b']) } },
  ])('not while another address is on its way: $name', ({ given }) => {
    const plans = plan({ ...uneven, ...given, handBack: 'allowed' });
    expect(plans.filter(({ owner, holder }) => owner !== holder)).toHaveLength(1);
    expect(plans.some(({ why }) => why === 'hand-back')).toBe(false);
  });

  test('an address that nobody may announce is not on its way', () => {
    const conflicts = new Map([[ip('10.6.204.6'), {}]]);
    const plans = plan({ ...uneven, claims: held('a', 'a', 'a', 'a', 'a'), conflicts, handBack: 'allowed' });
    expect(plans.filter(({ why }) => why === 'hand-back')).toHaveLength(1);
  });
});

describe('preferred nodes', () => {
  const world = { ...cluster(['a', 'b', 'c'], services(1, 1, 1)), ...preferring(['b', 10], ['c', 10]) };

  test('preference comes before load, and load decides among those preferred alike', () => {
    const plans = plan(world);
    expect(Object.keys(loads(plans)).sort()).toEqual(['b', 'c']);
    expect(unevenness(plans, ['b', 'c'])).toBe(1);
    expect(plans.every(({ why }) => why === 'preferred')).toBe(true);
  });

  test('weights that a node matches are added up, over all advertisements that cover it', () => {
    const summed = config({
      pools: [pool('default', [LAN])],
      l2Advertisements: [
        l2Advertisement('x', {
          preferredNodeSelectors: [
            { weight: 40, preference: { matchLabels: { 'kubernetes.io/hostname': 'a' } } },
            { weight: 30, preference: { matchLabels: { 'kubernetes.io/hostname': 'b' } } },
          ],
        }),
        l2Advertisement('y', {
          preferredNodeSelectors: [
            {
              weight: 20,
              preference: { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['b'] }] },
            },
          ],
        }),
        l2Advertisement('z', {
          nodeSelectors: [{ matchLabels: { 'kubernetes.io/hostname': 'c' } }],
          preferredNodeSelectors: [{ weight: 50, preference: {} }],
        }),
      ],
    });
    // a: 40, b: 30 + 20, c: 50; what z prefers does not count for a node that z does not cover.
    for (const election of ['spread', 'metallb'] as const) {
      const plans = plan({ ...cluster(['a', 'b', 'c'], services(1, 1, 1, 1, 1, 1)), config: summed, election });
      expect(Object.keys(loads(plans)).sort()).toEqual(['b', 'c']);
    }
  });

  test('an owner that works keeps its address when one preferred more comes, until hand-backs are allowed', () => {
    const claims = held('a', 'a', 'a');
    expect(plan({ ...world, claims }).every(({ owner }) => owner === 'a')).toBe(true);
    const { plans, moves } = settle(world, claims);
    expect(moves).toBe(3);
    expect(loads(plans, ['a'])).toMatchObject({ a: 0 });
    expect(unevenness(plans, ['b', 'c'])).toBe(1);
  });

  test('evenness takes nothing away from a preferred node', () => {
    const one = { ...cluster(['a', 'b', 'c'], services(1, 1, 1)), ...preferring(['b', 1]) };
    expect(settle(one, held('b', 'b', 'b'))).toMatchObject({ moves: 0 });
  });
});

describe('addresses of one Service', () => {
  test('that a failure brought together part again, also where the loads are even', () => {
    const world = cluster(['a', 'b'], services(2, 2));
    const { plans } = settle(world, held('a', 'a', 'b', 'b'));
    expect(plans[0]?.owner).not.toBe(plans[1]?.owner);
    expect(plans[2]?.owner).not.toBe(plans[3]?.owner);
    expect(loads(plans)).toEqual({ a: 2, b: 2 });
  });

  test('are not brought together for the sake of evenness', () => {
    const world = cluster(['a', 'b'], services(2, 1, 1));
    const { plans } = settle(world, held('a', 'b', 'a', 'a'));
    expect(plans[0]?.owner).not.toBe(plans[1]?.owner);
    expect(loads(plans)).toEqual({ a: 2, b: 2 });
  });
});

test('from any arrangement, hand-backs end: evenly, and with the addresses of a Service as far apart as they can be', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.array(fc.nat(), { minLength: 4, maxLength: 4 })), {
        minLength: 1,
        maxLength: 10,
      }),
      (size, drawn) => {
        const nodes = ['a', 'b', 'c', 'd', 'e'].slice(0, size);
        const carried = services(...drawn.map(([count]) => count));
        const owners = drawn.flatMap(([count, picks]) =>
          picks.slice(0, count).map((pick) => nodes[pick % size] ?? 'a'),
        );
        const { plans } = settle(cluster(nodes, carried), held(...owners));
        expect(unevenness(plans, nodes)).toBeLessThanOrEqual(1);
        for (const { ingress } of carried) {
          const own = plans.filter((planned) => ingress.some((entry) => entry.ip === planned.ip));
          expect(unevenness(own, nodes)).toBeLessThanOrEqual(1);
        }
      },
    ),
  );
});
