import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { shapeOf, wantOtherLocalPref } from '../../../../src/runtime/decide/configuration/bgp-conflicts.ts';
import {
  type ConfigResources,
  configFromResources,
} from '../../../../src/runtime/decide/configuration/config-from-resources.ts';
import type { RawResource } from '../../../../src/runtime/model/resource.ts';
import { rawPool, rawResource } from '../../../support/raw-resources.ts';
import { l2Advertisement, pool, range } from '../../../support/views.ts';

function resources(given: Partial<ConfigResources>): ConfigResources {
  return { pools: [], l2Advertisements: [], namespaces: [], ...given };
}

const advertisement = (name: string, spec: unknown, given: Partial<RawResource> = {}) =>
  rawResource('L2Advertisement', name, spec, given);

const errorsOf = (given: Partial<ConfigResources>) =>
  configFromResources(resources(given)).errors.map(({ path, message, kind }) => `${kind} ${path}: ${message}`);

const AT = 'IPAddressPool metallb-system/p spec';

describe('a pool in order', () => {
  test('has its defaults filled in', () => {
    const { config, errors } = configFromResources(
      resources({ pools: [rawPool('p', ['10.0.0.1/24', '10.0.1.1 - 10.0.1.9'])] }),
    );
    expect(errors).toEqual([]);
    expect(config.pools).toEqual([pool('p', ['10.0.0.0/24', '10.0.1.1-10.0.1.9'])]);
  });

  test.each([
    { name: 'names', allocation: { namespaces: ['b', 'a'] }, want: ['a', 'b'], restricts: true },
    {
      name: 'a selector',
      allocation: { namespaceSelectors: [{ matchLabels: { team: 'x' } }] },
      want: ['dev', 'prod'],
      restricts: true,
    },
    {
      name: 'a selector that matches nothing',
      allocation: { namespaceSelectors: [{ matchLabels: { team: 'y' } }] },
      want: [],
      restricts: true,
    },
    { name: 'priority alone', allocation: { priority: 5 }, want: [], restricts: false },
  ])('restricts namespaces by $name', ({ allocation, want, restricts }) => {
    const namespaces = ['prod', 'dev', 'test'].map((name) => ({ name, labels: name === 'test' ? {} : { team: 'x' } }));
    const { config } = configFromResources(
      resources({ namespaces, pools: [rawPool('p', ['10.0.0.0/24'], { spec: { serviceAllocation: allocation } })] }),
    );
    expect(config.pools[0]?.serviceAllocation).toMatchObject({ namespaces: want, restrictsNamespaces: restricts });
  });
});

describe('what a pool holds back', () => {
  const read = (spec: object) => configFromResources(resources({ pools: [rawPool('p', ['10.0.0.0/24'], { spec })] }));

  test('all of it', () => {
    const { config, errors } = read({
      excludeAddresses: ['10.0.0.1', ' 10.0.0.8/30 ', '10.0.0.20 - 10.0.0.29', '192.0.2.1', '2001:db8::1'],
      retention: '24h',
      quarantine: '1m30s',
      drain: 'MoveServices',
      onConflict: 'Reallocate',
      maxAddressesPerNamespace: 5,
    });
    expect(errors).toEqual([]);
    expect(config.pools[0]).toEqual({
      ...pool('p', ['10.0.0.0/24']),
      excludeAddresses: ['10.0.0.1/32', '10.0.0.8/30', '10.0.0.20-10.0.0.29', '192.0.2.1/32', '2001:db8::1/128'].map(
        range,
      ),
      retentionMs: 86_400_000,
      quarantineMs: 90_000,
      drain: 'MoveServices',
      onConflict: 'Reallocate',
      maxAddressesPerNamespace: 5,
    });
  });

  test.each([
    {
      name: 'nulls',
      spec: { excludeAddresses: null, retention: null, quarantine: null, drain: null, onConflict: null },
    },
    { name: 'nothing said', spec: { excludeAddresses: [], retention: '0s', quarantine: '0', onConflict: 'Keep' } },
  ])('$name leave nothing behind', ({ spec }) => {
    expect(read(spec)).toMatchObject({ errors: [] });
    expect(read(spec).config.pools).toEqual([pool('p', ['10.0.0.0/24'])]);
  });
});

describe('every fault of a pool is told with its place', () => {
  const selector = { matchLabels: { a: 'b' } };
  test.each([
    { name: 'no addresses', spec: {}, want: [`invalid ${AT}.addresses: is required`] },
    {
      name: 'an empty list',
      spec: { addresses: [] },
      want: [`invalid ${AT}.addresses: must hold at least one CIDR or range`],
    },
    {
      name: 'no list',
      spec: { addresses: '10.0.0.0/24' },
      want: [`invalid ${AT}.addresses: must be a list, not "10.0.0.0/24"`],
    },
    {
      name: 'several',
      spec: { addresses: ['10.0.0.0/33', '10.0.0.9-10.0.0.1'], autoAssign: 'yes', avoidBuggyIPs: 1 },
      want: [
        `invalid ${AT}.addresses[0]: "10.0.0.0/33" is not a CIDR: the prefix length must be a number from 0 to 32`,
        `invalid ${AT}.addresses[1]: the range is reversed: 10.0.0.9 comes after 10.0.0.1; write 10.0.0.1-10.0.0.9`,
        `invalid ${AT}.autoAssign: must be true or false, not "yes"`,
        `invalid ${AT}.avoidBuggyIPs: must be true or false, not 1`,
      ],
    },
    {
      name: 'what it holds back',
      spec: {
        addresses: ['10.0.0.0/24'],
        excludeAddresses: ['10.0.0.300', '10.0.0.9-10.0.0.1', 7, '10.0.0.0/33'],
        retention: '1d',
        quarantine: '-5m',
        drain: 'Yes',
        onConflict: 'Fight',
        maxAddressesPerNamespace: 0,
      },
      want: [
        `invalid ${AT}.drain: "Yes" is no way to drain; there are NoNewAddresses and MoveServices`,
        `invalid ${AT}.excludeAddresses[0]: "10.0.0.300" is no address (10.0.0.1), no CIDR (10.0.0.0/24) and no range (10.0.0.1-10.0.0.9)`,
        `invalid ${AT}.excludeAddresses[1]: the range is reversed: 10.0.0.9 comes after 10.0.0.1; write 10.0.0.1-10.0.0.9`,
        `invalid ${AT}.excludeAddresses[2]: must be text, not 7`,
        `invalid ${AT}.excludeAddresses[3]: "10.0.0.0/33" is not a CIDR: the prefix length must be a number from 0 to 32`,
        `invalid ${AT}.maxAddressesPerNamespace: must be at least 1; leave it out for no limit`,
        `invalid ${AT}.onConflict: "Fight" is no way to meet a conflict; there are Keep, Reallocate and Defend`,
        `invalid ${AT}.quarantine: "-5m" is negative; leave it out for none`,
        `invalid ${AT}.retention: "1d" is not a duration: write a number and a unit, like 90s, 10m or 1h30m`,
      ],
    },
    {
      name: 'what it holds back, of the wrong types',
      spec: {
        addresses: ['10.0.0.0/24'],
        excludeAddresses: '10.0.0.1',
        retention: 60,
        quarantine: '9000h',
        drain: true,
        onConflict: 1,
        maxAddressesPerNamespace: 1.5,
      },
      want: [
        `invalid ${AT}.drain: must be text, not true`,
        `invalid ${AT}.excludeAddresses: must be a list, not "10.0.0.1"`,
        `invalid ${AT}.maxAddressesPerNamespace: must be a whole number, not 1.5`,
        `invalid ${AT}.onConflict: must be text, not 1`,
        `invalid ${AT}.quarantine: "9000h" is longer than 8760h, a year`,
        `invalid ${AT}.retention: must be text, not 60`,
      ],
    },
    {
      name: 'an overlap with itself',
      spec: { addresses: ['10.0.0.0/24', '10.0.0.7-10.0.0.9'] },
      want: [
        `invalid ${AT}.addresses[1]: 10.0.0.7-10.0.0.9 overlaps 10.0.0.0/24 of this pool; an address belongs to one pool only`,
      ],
    },
    {
      name: 'repetitions and operators',
      spec: {
        addresses: ['10.0.0.0/24'],
        serviceAllocation: {
          namespaces: ['a', 'a'],
          serviceSelectors: [
            selector,
            selector,
            {
              matchExpressions: [
                { key: 'k', operator: 'Has' },
                { key: 'k', operator: 'In' },
              ],
            },
          ],
        },
      },
      want: [
        `invalid ${AT}.serviceAllocation.namespaces[1]: "a" is listed twice`,
        `invalid ${AT}.serviceAllocation.serviceSelectors[1]: says the same as another selector of this list`,
        `invalid ${AT}.serviceAllocation.serviceSelectors[2].matchExpressions[0].operator: "Has" is not an operator; there are In, NotIn, Exists, DoesNotExist`,
        `invalid ${AT}.serviceAllocation.serviceSelectors[2].matchExpressions[1].values: operator In needs at least one value`,
      ],
    },
  ])('$name', ({ spec, want }) => {
    expect(errorsOf({ pools: [rawResource('IPAddressPool', 'p', spec)] })).toEqual(want);
  });
});

describe('a faulty pool', () => {
  const good = rawPool('a', ['10.0.0.0/24']);
  const broken = { ...good, generation: 2, spec: { addresses: ['10.0.0.0/24', '10.1.0.0/99'] } };
  const other = rawPool('b', ['10.2.0.0/24']);

  test('changes nothing: its last good version stays, the others are applied', () => {
    const first = configFromResources(resources({ pools: [good] }));
    const second = configFromResources(resources({ pools: [broken, other] }), first.lastGood);
    expect(second.config.pools).toEqual([pool('a', ['10.0.0.0/24']), pool('b', ['10.2.0.0/24'])]);
    expect(second.faulty.map(({ object }) => object.name)).toEqual(['a']);
    const third = configFromResources(resources({ pools: [broken, other] }), second.lastGood);
    expect(third.config).toEqual(second.config);
  });

  test('without a last good version stands frozen with what is well-formed of it', () => {
    const { config } = configFromResources(resources({ pools: [broken] }));
    expect(config.pools).toEqual([pool('a', ['10.0.0.0/24'], { autoAssign: false, frozen: true })]);
  });

  test('that is deleted is gone, last good version and all', () => {
    const first = configFromResources(resources({ pools: [good] }));
    const second = configFromResources(resources({ pools: [] }), first.lastGood);
    expect(second.config.pools).toEqual([]);
    expect(second.lastGood.size).toBe(0);
  });
});

describe('of two pools that overlap', () => {
  const refused = { conditions: [{ type: 'Accepted', status: 'False', observedGeneration: 1 }] };
  test.each([
    { name: 'the younger is faulty', a: { createdAtMs: 2 }, b: { createdAtMs: 1 }, want: 'a' },
    { name: 'of one age the later name is faulty', a: {}, b: {}, want: 'b' },
    {
      name: 'the one refused before stays refused',
      a: { createdAtMs: 1, status: refused },
      b: { createdAtMs: 2 },
      want: 'a',
    },
  ])('$name', ({ a, b, want }) => {
    const pools = [rawPool('a', ['10.0.0.0/24'], a), rawPool('b', ['10.0.0.128/25'], b)];
    expect(configFromResources(resources({ pools })).faulty.map(({ object }) => object.name)).toEqual([want]);
  });

  test('the one in force stays, although the other is older', () => {
    const a = rawPool('a', ['10.1.0.0/24'], { createdAtMs: 1 });
    const b = rawPool('b', ['10.0.0.128/25'], { createdAtMs: 2 });
    const { lastGood } = configFromResources(resources({ pools: [a, b] }));
    const grown = { ...a, generation: 2, spec: { addresses: ['10.0.0.0/16'] } };
    const { config, faulty } = configFromResources(resources({ pools: [grown, b] }), lastGood);
    expect(faulty.map(({ object }) => object.name)).toEqual(['a']);
    expect(config.pools).toEqual([pool('a', ['10.1.0.0/24']), pool('b', ['10.0.0.128/25'])]);
  });
});

describe('advertisements', () => {
  const pools = [rawPool('a', ['10.0.0.0/24'], { labels: { zone: 'x' } }), rawPool('b', ['10.0.1.0/24'])];
  test.each([
    { name: 'without names and selectors cover every pool', spec: {}, want: ['a', 'b'] },
    { name: 'without a spec do so, too', spec: undefined, want: ['a', 'b'] },
    { name: 'cover what they name', spec: { ipAddressPools: ['b'] }, want: ['b'] },
    { name: 'cover what they select', spec: { ipAddressPoolSelectors: [{ matchLabels: { zone: 'x' } }] }, want: ['a'] },
    { name: 'that name nothing that exists cover nothing', spec: { ipAddressPools: ['nowhere'] }, want: [] },
  ])('$name', ({ spec, want }) => {
    const { config } = configFromResources(resources({ pools, l2Advertisements: [advertisement('l2', spec)] }));
    expect(config.l2Advertisements).toEqual([l2Advertisement('l2', { pools: want })]);
  });

  test('that name a pool that is not there are in force and wait for it', () => {
    const result = configFromResources(
      resources({ l2Advertisements: [advertisement('l2', { ipAddressPools: ['later'] })] }),
    );
    expect(result.config.l2Advertisements).toEqual([l2Advertisement('l2', { pools: [] })]);
    expect(result.errors).toMatchObject([{ kind: 'dangling', message: 'there is no IPAddressPool "later"' }]);
  });

  test('with a fault keep their last good version, or are left out', () => {
    const good = advertisement('l2', { interfaces: ['eth0'] });
    const broken = { ...good, spec: { interfaces: 'eth0' } };
    expect(configFromResources(resources({ l2Advertisements: [broken] })).config.l2Advertisements).toEqual([]);
    const { lastGood } = configFromResources(resources({ l2Advertisements: [good] }));
    const { config } = configFromResources(resources({ l2Advertisements: [broken] }), lastGood);
    expect(config.l2Advertisements[0]?.interfaces).toEqual(['eth0']);
  });
});

describe('properties', () => {
  const anyText = fc.oneof(
    fc.constantFrom('10.0.0.0/24', '10.0.0.9-10.0.0.20', 'fd00::/64', '10.0.0.128/25', 'x'),
    fc.string(),
  );
  const anyPool = fc
    .tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.oneof(fc.array(anyText), fc.anything()), fc.nat(3))
    .map(([name, addresses, createdAtMs]) => rawPool(name, addresses, { createdAtMs }));
  const anyPools = fc.uniqueArray(anyPool, { selector: ({ name }) => name, maxLength: 4 });

  test('whatever the objects hold, the configuration’s ranges never overlap, and the order does not matter', () => {
    fc.assert(
      fc.property(anyPools, fc.anything(), (pools, spec) => {
        const l2Advertisements = [advertisement('l2', spec)];
        const { config } = configFromResources(resources({ pools, l2Advertisements }));
        const ranges = config.pools.flatMap((each) => each.ranges);
        for (const [i, a] of ranges.entries()) {
          for (const b of ranges.slice(i + 1)) {
            expect(a.family === b.family && a.first <= b.last && b.first <= a.last).toBe(false);
          }
        }
        expect(configFromResources(resources({ pools: pools.toReversed(), l2Advertisements })).config).toEqual(config);
      }),
      { numRuns: 2000 },
    );
  });

  const NAMES = ['a', 'b', 'c'];
  const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 3 });
  const names = fc.subarray([...NAMES, 'gone']);
  const selectors = fc.subarray([{ matchLabels: { rack: '1' } }, { matchLabels: { rack: '2' } }]);
  const specs = {
    IPAddressPool: fc.record({ addresses: fc.subarray(['10.0.0.0/24', '10.0.0.128/25', 'fd00::/64', '10.1.0.0/30']) }),
    L2Advertisement: fc.record({ ipAddressPools: maybe(names), interfaces: maybe(names) }),
    BGPPeer: fc.record({
      myASN: fc.constantFrom(64500, 0),
      peerASN: fc.constantFrom(64501, 64500),
      peerAddress: fc.constantFrom('10.0.0.1', '10.0.0.2'),
      bfdProfile: maybe(fc.constantFrom(...NAMES)),
      nodeSelectors: selectors,
    }),
    BGPAdvertisement: fc.record({
      ipAddressPools: maybe(names),
      aggregationLength: maybe(fc.constantFrom(24, 30, 33)),
      localPref: maybe(fc.constantFrom(100, 200)),
      communities: maybe(fc.subarray(['blue', '64500:1', 'x:y'])),
      peers: maybe(names),
      nodeSelectors: selectors,
    }),
    Community: fc.record({
      communities: fc.array(
        fc.record({ name: fc.constantFrom('blue', 'red'), value: fc.constantFrom('1:2', 'nine') }),
        {
          maxLength: 2,
        },
      ),
    }),
    BFDProfile: fc.record({ echoMode: fc.boolean(), detectMultiplier: fc.constantFrom(3, 300) }),
  };
  const objectsOf = (kind: keyof typeof specs): fc.Arbitrary<RawResource[]> =>
    fc.uniqueArray(
      fc
        .tuple(fc.constantFrom(...NAMES), specs[kind] as fc.Arbitrary<unknown>, fc.nat(1), fc.nat(1))
        .map(([name, spec, createdAtMs, generation]) => rawResource(kind, name, spec, { createdAtMs, generation })),
      { selector: ({ name }) => name },
    );
  const world = fc.record({
    pools: objectsOf('IPAddressPool'),
    l2Advertisements: objectsOf('L2Advertisement'),
    bgpPeers: objectsOf('BGPPeer'),
    bgpAdvertisements: objectsOf('BGPAdvertisement'),
    communities: objectsOf('Community'),
    bfdProfiles: objectsOf('BFDProfile'),
  });
  const turned = (given: Partial<ConfigResources>): ConfigResources => ({
    ...resources({}),
    ...Object.fromEntries(Object.entries(given).map(([key, list]) => [key, (list as unknown[]).toReversed()])),
  });

  test('of all kinds, the order of the objects does not matter, with a past and without', () => {
    let faulty = 0;
    fc.assert(
      fc.property(world, world, (before, now) => {
        const first = configFromResources(resources(before));
        expect(configFromResources(turned(before))).toEqual(first);
        const second = configFromResources(resources(now), first.lastGood);
        expect(configFromResources(turned(now), first.lastGood)).toEqual(second);
        faulty += second.faulty.length;
      }),
      { numRuns: 1000 },
    );
    expect(faulty).toBeGreaterThan(1000);
  });

  test('deciding again from what was decided changes nothing', () => {
    fc.assert(
      fc.property(world, world, (before, now) => {
        const { lastGood } = configFromResources(resources(before));
        const once = configFromResources(resources(now), lastGood);
        expect(configFromResources(resources(now), once.lastGood).config).toEqual(once.config);
      }),
      { numRuns: 1000 },
    );
  });

  test('no two advertisements in force want different local preferences for one route', () => {
    fc.assert(
      fc.property(world, world, (before, now) => {
        const { lastGood } = configFromResources(resources(before));
        const { config } = configFromResources(resources(now), lastGood);
        for (const { name, ...pool } of config.pools) {
          const shape = shapeOf({ name, ...pool });
          const on = config.bgpAdvertisements.filter(({ pools }) => pools.includes(name));
          for (const a of on) for (const b of on) expect(wantOtherLocalPref(a, b, shape, undefined)).toBe(false);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('whatever a BGP object holds, reading it gives a verdict', () => {
    fc.assert(
      fc.property(fc.anything(), (spec) => {
        const of = (kind: string) => [rawResource(kind, 'x', spec)];
        configFromResources(
          resources({
            bgpPeers: of('BGPPeer'),
            bgpAdvertisements: of('BGPAdvertisement'),
            communities: of('Community'),
            bfdProfiles: of('BFDProfile'),
          }),
        );
      }),
      { numRuns: 2000 },
    );
  });
});
