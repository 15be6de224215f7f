import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Layer2Facts } from '../../../../src/runtime/decide/layer2/layer2-facts.ts';
import type { Claim } from '../../../../src/runtime/model/claim.ts';
import {
  claimsAfter,
  cluster,
  LAN,
  loads,
  plan,
  planOne,
  services,
  servicesOf,
  unevenness,
  VIP,
} from '../../../support/layer2-facts.ts';
import { config, ip, l2Advertisement, node, pool, service } from '../../../support/views.ts';

const claim = (nodeName: string, epoch: number, address = VIP): Claim => ({ ip: address, node: nodeName, epoch });
const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `n${String(i).padStart(2, '0')}`);

describe('whom the claims name', () => {
  const rows: { name: string; claims: readonly Claim[]; want: string | undefined }[] = [
    { name: 'no claim', claims: [], want: undefined },
    { name: 'the highest epoch', claims: [claim('node1', 1), claim('node2', 3), claim('master', 2)], want: 'node2' },
    { name: 'of two alike the lower name', claims: [claim('node2', 3), claim('node1', 3)], want: 'node1' },
    { name: 'a claim to another address', claims: [claim('node1', 9, ip('10.6.204.99'))], want: undefined },
  ];
  test.each(rows)('$name', ({ claims, want }) => {
    expect(planOne({ claims }).holder).toBe(want);
    expect(planOne({ claims: [...claims].reverse() }).holder).toBe(want);
  });

  test('the holder stays the owner while it is a candidate', () => {
    for (const holder of ['master', 'node1', 'node2']) {
      expect(planOne({ claims: [claim(holder, 4)] })).toMatchObject({ owner: holder, why: 'holder' });
    }
  });

  test.each<{ name: string; given: Partial<Layer2Facts> }>([
    { name: 'a node that is gone', given: { nodes: [node('node1')] } },
    { name: 'a speaker that is dead', given: { speakers: cluster(['node1'], []).speakers } },
    { name: 'a speaker that leaves', given: { leaving: new Set(['node2']) } },
  ])('$name owns nothing, whatever it claimed', ({ given }) => {
    const planned = planOne({ claims: [claim('node1', 1), claim('node2', 4)], ...given });
    expect(planned).toMatchObject({ holder: 'node2', why: 'least-loaded' });
    expect(planned.owner).not.toBe('node2');
  });

  test('one that leaves and that nobody can follow stays the owner as long as it lives', () => {
    const alone = { nodes: [node('node1')], leaving: new Set(['node1']) };
    expect(planOne({ ...alone, claims: [claim('node1', 1)] })).toMatchObject({ owner: 'node1', why: 'holder' });
    expect(planOne(alone)).toMatchObject({ reason: 'no-candidate-node' });
  });
});

describe('an even spread', () => {
  test('from nothing: no two nodes differ by more than one address, whichever belong to one Service', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.nat({ max: 14 }), { minLength: 1, maxLength: 50 }),
        (size, numbers) => {
          const nodes = names(size);
          const carried = servicesOf(numbers);
          const plans = plan(cluster(nodes, carried));
          expect(unevenness(plans, nodes)).toBeLessThanOrEqual(1);
          for (const { ingress } of carried) {
            const own = plans.filter((planned) => ingress.some((entry) => entry.ip === planned.ip));
            expect(unevenness(own, nodes)).toBeLessThanOrEqual(1);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test('a node with fewer addresses gets the next one', () => {
    const carried = services(1, 1, 1, 1);
    const claims = [
      claim('n00', 1, ip('10.6.204.1')),
      claim('n00', 2, ip('10.6.204.2')),
      claim('n01', 3, ip('10.6.204.4')),
    ];
    const plans = plan({ ...cluster(names(3), carried), claims });
    expect(plans.map(({ owner, why }) => [owner, why])).toEqual([
      ['n00', 'holder'],
      ['n00', 'holder'],
      ['n02', 'least-loaded'],
      ['n01', 'holder'],
    ]);
  });

  test('a second address of a Service goes to another node, though the first one’s has the least', () => {
    const carried = services(2, 1, 1);
    const claims = [
      claim('n00', 1, ip('10.6.204.1')),
      claim('n01', 2, ip('10.6.204.3')),
      claim('n01', 3, ip('10.6.204.4')),
    ];
    const [, second] = plan({ ...cluster(names(2), carried), claims });
    expect(second).toMatchObject({ owner: 'n01' });
  });

  test('but not to one that has two more than the least', () => {
    const carried = services(2, 1, 1, 1);
    const claims = [
      claim('n00', 1, ip('10.6.204.1')),
      ...[3, 4, 5].map((last, index) => claim('n01', 2 + index, ip(`10.6.204.${last}`))),
    ];
    const [, second] = plan({ ...cluster(names(2), carried), claims });
    expect(second).toMatchObject({ owner: 'n00' });
  });

  test('the two families of a Service keep apart as well, and part where one node has both', () => {
    const dual = service('dual', { ingress: [{ ip: ip('10.6.204.1') }, { ip: ip('fd00::1') }] });
    const facts = {
      ...cluster(['n00', 'n01'], [dual]),
      config: config({
        pools: [pool('default', [LAN, 'fd00::/64'])],
        l2Advertisements: [l2Advertisement('a', { interfaces: ['eth0'] })],
      }),
    };
    expect(plan(facts).map(({ owner }) => owner)).toEqual(expect.arrayContaining(['n00', 'n01']));
    const claims = [claim('n00', 1, ip('10.6.204.1')), claim('n00', 2, ip('fd00::1'))];
    expect(plan({ ...facts, claims }).map(({ owner }) => owner)).toEqual(['n00', 'n00']);
    const parted = plan({ ...facts, claims, handBack: 'allowed' });
    expect(parted.map(({ owner, why }) => `${owner} ${why}`)).toEqual(['n01 hand-back', 'n00 holder']);
  });

  test('equals take turns: which node is first depends on the address', () => {
    const nodes = names(8);
    const firsts = Array.from({ length: 60 }, (_, last) => {
      const one = service('one', { ingress: [{ ip: ip(`10.6.204.${last + 1}`) }] });
      return plan(cluster(nodes, [one]))[0]?.owner;
    });
    const counts = nodes.map((name) => firsts.filter((first) => first === name).length);
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(Math.max(...counts)).toBeLessThan(20);
  });
});

describe('stability', () => {
  const anyCluster = fc
    .record({
      size: fc.integer({ min: 2, max: 8 }),
      counts: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 20 }),
      pick: fc.nat(),
    })
    .map(({ size, counts, pick }) => ({ nodes: names(size), carried: services(...counts), pick }));
  const ownersOf = (plans: ReturnType<typeof plan>) => new Map(plans.map(({ ip: address, owner }) => [address, owner]));

  test('all speakers plan alike, in whatever order they learn of things', () => {
    fc.assert(
      fc.property(
        anyCluster,
        fc.constantFrom('spread' as const, 'metallb' as const),
        ({ nodes, carried, pick }, election) => {
          const turn = <T>(list: readonly T[]): T[] =>
            list.map((_, i) => list[(i + pick) % list.length] as T).reverse();
          const world = { ...cluster(nodes, carried), election };
          const some = plan(world).filter((_, index) => (index + pick) % 3 !== 0);
          const claims = some.flatMap(({ ip: address, owner }, index) =>
            owner === undefined
              ? []
              : [claim(owner, index % 5, address), claim(nodes[index % nodes.length] ?? '', 2, address)],
          );
          const turned = {
            ...world,
            nodes: turn(world.nodes),
            speakers: turn(world.speakers),
            services: turn(world.services),
            claims: turn(claims),
          };
          expect(plan(turned)).toEqual(plan({ ...world, claims }));
        },
      ),
    );
  });

  test('what was planned, claimed, changes nothing, hand-backs allowed or not', () => {
    fc.assert(
      fc.property(anyCluster, ({ nodes, carried }) => {
        const world = cluster(nodes, carried);
        const before = plan(world);
        const after = plan({ ...world, claims: claimsAfter(before), handBack: 'allowed' });
        expect(ownersOf(after)).toEqual(ownersOf(before));
        expect(after.every(({ why }) => why === 'holder')).toBe(true);
      }),
    );
  });

  test('a node that goes moves its own addresses only, and they go evenly to the others', () => {
    fc.assert(
      fc.property(anyCluster, ({ nodes, carried, pick }) => {
        const before = plan(cluster(nodes, carried));
        const lost = nodes[pick % nodes.length];
        const left = nodes.filter((name) => name !== lost);
        const world = cluster(left, carried);
        const claims = claimsAfter(before);
        const after = plan({ ...world, claims });
        for (const [index, planned] of after.entries()) {
          if (before[index]?.owner !== lost)
            expect(planned).toMatchObject({ owner: before[index]?.owner, why: 'holder' });
        }
        // Its share, rounded up, and one: a Service's addresses keep apart as long as that costs no more.
        expect(Math.max(...Object.values(loads(after)))).toBeLessThanOrEqual(Math.ceil(after.length / left.length) + 1);
      }),
    );
  });

  test('a node that comes moves nothing while no hand-back is allowed', () => {
    fc.assert(
      fc.property(anyCluster, ({ nodes, carried }) => {
        const before = plan(cluster(nodes, carried));
        const after = plan({ ...cluster([...nodes, 'a-new-one', 'z-new-one'], carried), claims: claimsAfter(before) });
        expect(ownersOf(after)).toEqual(ownersOf(before));
      }),
    );
  });
});
