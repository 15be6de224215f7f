/**
 * The rules that MetalLB's configuration parser has, one by one: what it refuses, and what it lets pass. The table in
 * docs/metallb-compatibility-config.md leads from each of its statements to the test here.
 */
import { describe, expect, test } from '@jest/globals';
import {
  type ConfigResources,
  configFromResources,
} from '../../../../src/runtime/decide/configuration/config-from-resources.ts';
import { err, ok, type Result } from '../../../../src/runtime/model/result.ts';
import { rawPool, rawResource } from '../../../support/raw-resources.ts';

type Given = Partial<ConfigResources>;
interface Row {
  readonly name: string;
  readonly given: Given;
  /** Each fault's beginning, "kind object field: message"; empty: nothing is wrong. */
  readonly want: readonly string[];
}

const all = (given: Given): ConfigResources => ({ pools: [], l2Advertisements: [], namespaces: [], ...given });
const decide = (given: Given) => configFromResources(all(given));
const errorsOf = (given: Given): string[] =>
  decide(given).errors.map(({ kind, path, message }) => `${kind} ${path.replace('metallb-system/', '')}: ${message}`);

function holds({ given, want }: Row): void {
  const errors = errorsOf(given);
  expect(errors).toEqual(want.map((start) => expect.stringContaining(start)));
}

const pool = rawPool;
const PEER = { myASN: 64500, peerASN: 64501, peerAddress: '192.0.2.1' };
const peer = (name: string, spec: object = {}) => rawResource('BGPPeer', name, { ...PEER, ...spec });
const without =
  (name: string, ...fields: readonly (keyof typeof PEER)[]) =>
  (spec: object) =>
    rawResource('BGPPeer', name, {
      ...Object.fromEntries(Object.entries(PEER).filter(([key]) => !fields.includes(key as keyof typeof PEER))),
      ...spec,
    });
const bgp = (name: string, spec: object = {}) => rawResource('BGPAdvertisement', name, spec);
const l2 = (name: string, spec: object = {}) => rawResource('L2Advertisement', name, spec);
const community = (name: string, ...pairs: readonly (readonly [string, string])[]) =>
  rawResource('Community', name, { communities: pairs.map(([alias, value]) => ({ name: alias, value })) });
const bfd = (name: string, spec: object = {}) => rawResource('BFDProfile', name, spec);
const rack = (number: string) => ({ matchLabels: { rack: number } });
const NODES = ['1', '2'].map((number) => ({ name: `node${number}`, labels: { rack: number, zone: 'a' } }));
const V4 = pool('v4', ['10.0.0.0/24']);
const V6 = pool('v6', ['fd00::/112']);
const DUAL = pool('dual', ['10.1.0.0/24', 'fd01::/112']);

describe('pools', () => {
  const AT = 'invalid IPAddressPool p spec';
  const allocation = (serviceAllocation: object) => ({
    pools: [pool('p', ['10.0.0.0/24'], { spec: { serviceAllocation } })],
  });
  test.each<Row>([
    { name: 'a pool without a name is refused', given: { pools: [pool('', ['10.0.0.0/24'])] }, want: ['has no name'] },
    {
      name: 'a pool without addresses is refused',
      given: { pools: [pool('p', undefined)] },
      want: [`${AT}.addresses`],
    },
    {
      name: 'a pool with an empty list of addresses is refused',
      given: { pools: [pool('p', [])] },
      want: [`${AT}.addresses`],
    },
    {
      name: 'a malformed CIDR is refused',
      given: { pools: [pool('p', ['10.0.0.0/33'])] },
      want: [`${AT}.addresses[0]`],
    },
    {
      name: 'a single address without a mask is refused',
      given: { pools: [pool('p', ['10.0.0.1'])] },
      want: [`${AT}.addresses[0]`],
    },
    {
      name: 'a range whose end comes before its start is refused',
      given: { pools: [pool('p', ['10.0.0.9-10.0.0.1'])] },
      want: [`${AT}.addresses[0]`],
    },
    {
      name: 'a range of two families is refused',
      given: { pools: [pool('p', ['10.0.0.1-fd00::1'])] },
      want: [`${AT}.addresses[0]`],
    },
    {
      name: 'an overlap within the pool is refused',
      given: { pools: [pool('p', ['10.0.0.0/24', '10.0.0.0/24'])] },
      want: [`${AT}.addresses[1]`],
    },
    {
      name: 'an overlap with another pool is refused, for one of the two',
      given: { pools: [pool('p', ['10.0.0.0/16']), pool('a', ['10.0.3.0/24'])] },
      want: [`${AT}.addresses[0]: 10.0.0.0/16 overlaps 10.0.3.0/24 of IPAddressPool "a"`],
    },
    {
      name: 'a namespace listed twice is refused',
      given: allocation({ namespaces: ['a', 'a'] }),
      want: [`${AT}.serviceAllocation.namespaces[1]`],
    },
    {
      name: 'a namespace selector listed twice is refused',
      given: allocation({ namespaceSelectors: [rack('1'), rack('1')] }),
      want: [`${AT}.serviceAllocation.namespaceSelectors[1]`],
    },
    {
      name: 'a service selector listed twice is refused, in whatever order its values are',
      given: allocation({
        serviceSelectors: [
          ['a', 'b'],
          ['b', 'a'],
        ].map((values) => ({ matchExpressions: [{ key: 'k', operator: 'In', values }] })),
      }),
      want: [`${AT}.serviceAllocation.serviceSelectors[1]`],
    },
    {
      name: 'an expression that stands twice in a selector is refused',
      given: allocation({
        serviceSelectors: [
          {
            matchExpressions: [
              { key: 'k', operator: 'Exists' },
              { key: 'k', operator: 'Exists' },
            ],
          },
        ],
      }),
      want: [`${AT}.serviceAllocation.serviceSelectors[0].matchExpressions[1]: says the same`],
    },
    {
      name: 'a value that stands twice in an expression is refused',
      given: allocation({
        serviceSelectors: [{ matchExpressions: [{ key: 'k', operator: 'In', values: ['a', 'a'] }] }],
      }),
      want: [`${AT}.serviceAllocation.serviceSelectors[0].matchExpressions[0].values[1]`],
    },
    {
      name: 'an unknown operator is refused',
      given: allocation({ namespaceSelectors: [{ matchExpressions: [{ key: 'k', operator: 'Near' }] }] }),
      want: [`${AT}.serviceAllocation.namespaceSelectors[0].matchExpressions[0].operator`],
    },
    { name: 'a priority alone restricts nothing', given: allocation({ priority: 5 }), want: [] },
  ])('$name', holds);
});

describe('advertisements', () => {
  const kinds = [
    { kind: 'L2Advertisement', key: 'l2Advertisements' },
    { kind: 'BGPAdvertisement', key: 'bgpAdvertisements' },
  ] as const;
  for (const { kind, key } of kinds) {
    const one = (spec: object): Given => ({ pools: [V4], [key]: [rawResource(kind, 'x', spec)] });
    const AT = `invalid ${kind} x spec`;
    test.each<Row>([
      {
        name: 'a pool listed twice is refused',
        given: one({ ipAddressPools: ['v4', 'v4'] }),
        want: [`${AT}.ipAddressPools[1]`],
      },
      {
        name: 'a pool selector listed twice is refused',
        given: one({ ipAddressPoolSelectors: [rack('1'), rack('1')] }),
        want: [`${AT}.ipAddressPoolSelectors[1]`],
      },
      {
        name: 'a node selector listed twice is refused',
        given: one({ nodeSelectors: [rack('1'), rack('1')] }),
        want: [`${AT}.nodeSelectors[1]`],
      },
      {
        name: 'a service selector listed twice is refused',
        given: one({ serviceSelectors: [rack('1'), rack('1')] }),
        want: [`${AT}.serviceSelectors[1]`],
      },
      {
        name: 'the name of no pool is told, and ignored',
        given: one({ ipAddressPools: ['v4', 'gone'] }),
        want: [`dangling ${kind} x spec.ipAddressPools`],
      },
      { name: 'no pools and no pool selectors is every pool', given: one({}), want: [] },
    ])(`${kind}: $name`, holds);
  }

  test.each<Row>([
    {
      name: 'an interface named twice is no fault',
      given: { l2Advertisements: [l2('x', { interfaces: ['eth0', 'eth0'] })] },
      want: [],
    },
    {
      name: 'two identical L2Advertisements are no fault: any of them announces',
      given: { pools: [V4], l2Advertisements: [l2('x'), l2('y')] },
      want: [],
    },
    {
      name: 'a preferred node’s weight is 1 to 100, and both its fields are required',
      given: {
        l2Advertisements: [
          l2('x', { preferredNodeSelectors: [{ weight: 0, preference: {} }, { weight: 101, preference: {} }, {}] }),
        ],
      },
      want: [0, 1]
        .map((i) => `invalid L2Advertisement x spec.preferredNodeSelectors[${i}].weight`)
        .concat(['preferredNodeSelectors[2].preference: is required', 'preferredNodeSelectors[2].weight: is required']),
    },
    {
      name: 'a peer listed twice is refused',
      given: { bgpPeers: [peer('a')], bgpAdvertisements: [bgp('x', { peers: ['a', 'a'] })] },
      want: ['invalid BGPAdvertisement x spec.peers[1]'],
    },
    {
      name: 'the name of no peer is told, and ignored',
      given: { bgpPeers: [peer('a')], bgpAdvertisements: [bgp('x', { peers: ['a', 'gone'] })] },
      want: ['dangling BGPAdvertisement x spec.peers: there is no BGPPeer "gone"'],
    },
    {
      name: 'more than 63 communities are refused',
      given: {
        bgpAdvertisements: [63, 64].map((length) =>
          bgp(`x${length}`, { communities: Array.from({ length }, (_, low) => `64500:${low}`) }),
        ),
      },
      want: ['invalid BGPAdvertisement x64 spec.communities: has 64 entries; 63 is the most'],
    },
    {
      name: 'a community listed twice is refused',
      given: { bgpAdvertisements: [bgp('x', { communities: ['1:2', '1:2'] })] },
      want: ['invalid BGPAdvertisement x spec.communities[1]'],
    },
    {
      name: 'an aggregation length of 1 to 32 is accepted, 0 and 33 are not',
      given: {
        bgpAdvertisements: [0, 1, 32, 33].map((aggregationLength) =>
          bgp(`x${aggregationLength}`, { aggregationLength }),
        ),
      },
      want: ['BGPAdvertisement x0 spec.aggregationLength', 'BGPAdvertisement x33 spec.aggregationLength'],
    },
    {
      name: 'an IPv6 aggregation length above 128 is refused',
      given: { bgpAdvertisements: [bgp('x', { aggregationLengthV6: 129 })] },
      want: ['BGPAdvertisement x spec.aggregationLengthV6'],
    },
    {
      name: 'a local preference beyond 32 bits is refused',
      given: { bgpAdvertisements: [bgp('x', { localPref: 4294967296 })] },
      want: ['BGPAdvertisement x spec.localPref'],
    },
    {
      name: 'service selectors and an aggregation length exclude each other',
      given: {
        bgpAdvertisements: [
          bgp('x', { serviceSelectors: [rack('1')], aggregationLength: 24 }),
          bgp('y', { serviceSelectors: [rack('1')], aggregationLengthV6: 64 }),
          bgp('z', { serviceSelectors: [rack('1')], aggregationLength: 32, aggregationLengthV6: 128 }),
        ],
      },
      want: ['BGPAdvertisement x spec.serviceSelectors', 'BGPAdvertisement y spec.serviceSelectors'],
    },
  ])('$name', holds);
});

describe('an aggregation length that announces more than the pool has is refused', () => {
  const on = (addresses: readonly string[], spec: object): Given => ({
    pools: [pool('p', addresses)],
    bgpAdvertisements: [bgp('x', spec)],
  });
  const AT = 'invalid BGPAdvertisement x spec';
  test.each<Row>([
    {
      name: 'a CIDR longer than the length',
      given: on(['10.0.0.0/25'], { aggregationLength: 24 }),
      want: [
        `${AT}.aggregationLength: 24 announces more than the pool "p" has: the largest block in 10.0.0.0/25 is a /25`,
      ],
    },
    { name: 'a CIDR as long as the length is none', given: on(['10.0.0.0/24'], { aggregationLength: 24 }), want: [] },
    {
      name: 'of a range the largest block counts',
      given: on(['10.0.0.10-10.0.0.20'], { aggregationLength: 30 }),
      want: [],
    },
    {
      name: 'a range without a block of the length',
      given: on(['10.0.0.10-10.0.0.20'], { aggregationLength: 29 }),
      want: [`${AT}.aggregationLength`],
    },
    {
      name: 'the entry that allows least counts',
      given: on(['10.0.0.0/16', '10.1.0.0/28'], { aggregationLength: 24 }),
      want: [`${AT}.aggregationLength: 24 announces more than the pool "p" has: the largest block in 10.1.0.0/28`],
    },
    {
      name: 'IPv6 by the IPv6 length',
      given: on(['fd00::/120'], { aggregationLength: 8, aggregationLengthV6: 112 }),
      want: [`${AT}.aggregationLengthV6`],
    },
    {
      name: 'a pool it does not cover does not matter',
      given: {
        pools: [pool('p', ['10.9.0.0/30']), V4],
        bgpAdvertisements: [bgp('x', { ipAddressPools: ['v4'], aggregationLength: 24 })],
      },
      want: [],
    },
  ])('$name', holds);

  test('and the advertisement stays in force for the other pools', () => {
    const { config } = decide({
      pools: [V4, pool('p', ['10.9.0.0/30'])],
      bgpAdvertisements: [bgp('x', { aggregationLength: 24 })],
    });
    expect(config.bgpAdvertisements.map(({ pools }) => pools)).toEqual([['v4']]);
  });

  test('and one that was in force for the pool before the pool was edited stays so', () => {
    const advertisement = bgp('x', { aggregationLength: 24 });
    const first = decide({ pools: [V4], bgpAdvertisements: [advertisement] });
    const edited = { ...V4, generation: 2, spec: { addresses: ['10.0.0.0/25'] } };
    const later = configFromResources(
      all({ pools: [edited, pool('new', ['10.5.0.0/25'])], bgpAdvertisements: [advertisement] }),
      first.lastGood,
    );
    expect(later.errors.map(({ kind }) => kind)).toEqual(['invalid', 'invalid']);
    expect(later.config.bgpAdvertisements.map(({ pools }) => pools)).toEqual([['v4']]);
  });
});

describe('two local preferences for one route', () => {
  const two = (pools: ConfigResources['pools'], a: object, b: object, more: Given = {}): Given => ({
    pools,
    nodes: NODES,
    bgpPeers: [peer('p'), peer('q', { peerAddress: '192.0.2.2' })],
    bgpAdvertisements: [bgp('a', { localPref: 100, ...a }), bgp('b', { localPref: 200, ...b })],
    ...more,
  });
  const REFUSED = [
    'invalid BGPAdvertisement b spec.localPref: the local preference 200 contradicts 100 of BGPAdvertisement "a"',
  ];
  test.each<Row>([
    { name: 'are refused', given: two([V4], {}, {}), want: REFUSED },
    {
      name: 'are refused where one is unset',
      given: two([V4], { localPref: undefined }, {}),
      want: ['contradicts 0 of'],
    },
    { name: 'that are the same are none', given: two([V4], {}, { localPref: 100 }), want: [] },
    {
      name: 'on different pools are none',
      given: two([V4, V6], { ipAddressPools: ['v4'] }, { ipAddressPools: ['v6'] }),
      want: [],
    },
    { name: 'with other aggregation lengths are none', given: two([V4], {}, { aggregationLength: 24 }), want: [] },
    {
      name: 'with another length for a family that the pool does not have are refused',
      given: two([V4], {}, { aggregationLengthV6: 112 }),
      want: REFUSED,
    },
    {
      name: 'on a pool of both families need both lengths to differ',
      given: two([DUAL], {}, { aggregationLength: 24 }),
      want: REFUSED,
    },
    {
      name: 'on a pool of both families with both lengths different are none',
      given: two([DUAL], {}, { aggregationLength: 24, aggregationLengthV6: 112 }),
      want: [],
    },
    { name: 'to other peers are none', given: two([V4], { peers: ['p'] }, { peers: ['q'] }), want: [] },
    {
      name: 'to some of the same peers are refused',
      given: two([V4], { peers: ['p', 'q'] }, { peers: ['q'] }),
      want: REFUSED,
    },
    { name: 'of which one is to every peer are refused', given: two([V4], {}, { peers: ['q'] }), want: REFUSED },
    {
      name: 'from other nodes are none',
      given: two([V4], { nodeSelectors: [rack('1')] }, { nodeSelectors: [rack('2')] }),
      want: [],
    },
    {
      name: 'from some of the same nodes are refused',
      given: two([V4], { nodeSelectors: [rack('1')] }, { nodeSelectors: [{ matchLabels: { zone: 'a' } }] }),
      want: REFUSED,
    },
    {
      name: 'with an empty list of nodes are treated as without known nodes',
      given: { ...two([V4], {}, {}), nodes: [] },
      want: REFUSED,
    },
    {
      name: 'without known nodes are refused unless the selectors contradict each other',
      given: {
        ...two([V4], { nodeSelectors: [rack('1')] }, { nodeSelectors: [{ matchLabels: { zone: 'b' } }] }),
        nodes: undefined,
      },
      want: REFUSED,
    },
    {
      name: 'without known nodes and with selectors that contradict each other are none',
      given: { ...two([V4], { nodeSelectors: [rack('1')] }, { nodeSelectors: [rack('2')] }), nodes: undefined },
      want: [],
    },
    {
      name: 'with service selectors are not asked about here',
      given: two([V4], {}, { serviceSelectors: [rack('1')] }),
      want: [],
    },
  ])('$name', holds);

  test('never both are in force, even when neither object was edited', () => {
    const labelled = (labels: Record<string, string>) => ({ ...V4, labels });
    const bgpAdvertisements = [
      bgp('a', { localPref: 100, ipAddressPools: ['v4'] }),
      bgp('b', { localPref: 200, ipAddressPoolSelectors: [rack('1')] }),
    ];
    const first = decide({ pools: [labelled({})], bgpAdvertisements });
    expect(first.errors).toEqual([]);
    const later = configFromResources(all({ pools: [labelled({ rack: '1' })], bgpAdvertisements }), first.lastGood);
    expect(later.config.bgpAdvertisements.map(({ name, pools }) => [name, pools])).toEqual([
      ['a', ['v4']],
      ['b', []],
    ]);
  });
});

describe('communities', () => {
  test.each<Row>([
    {
      name: 'a name is looked up in the Community objects',
      given: {
        communities: [community('c', ['blue', '64500:1'])],
        bgpAdvertisements: [bgp('x', { communities: ['blue'] })],
      },
      want: [],
    },
    {
      name: 'what is no name is read as a community',
      given: { bgpAdvertisements: [bgp('x', { communities: ['64500:1', 'large:1:2:3'] })] },
      want: [],
    },
    {
      name: 'a name that nobody gives is waited for',
      given: { bgpAdvertisements: [bgp('x', { communities: ['blue'] })] },
      want: ['unresolved BGPAdvertisement x spec.communities[0]: no Community object gives the name "blue"'],
    },
    {
      name: 'a wrong format is waited for',
      given: { bgpAdvertisements: [bgp('x', { communities: ['1:2:3'] })] },
      want: ['unresolved BGPAdvertisement x spec.communities[0]'],
    },
    {
      name: 'a wrong value is refused',
      given: { bgpAdvertisements: [bgp('x', { communities: ['1:65536'] })] },
      want: ['invalid BGPAdvertisement x spec.communities[0]'],
    },
    {
      name: 'a wrong marker is refused',
      given: { bgpAdvertisements: [bgp('x', { communities: ['huge:1:2:3'] })] },
      want: ['invalid BGPAdvertisement x spec.communities[0]'],
    },
    {
      name: 'a large community’s numbers have 32 bits',
      given: { bgpAdvertisements: [bgp('x', { communities: ['large:4294967295:0:0', 'large:4294967296:0:0'] })] },
      want: ['invalid BGPAdvertisement x spec.communities[1]'],
    },
    {
      name: 'a Community’s value must be a community',
      given: { communities: [community('c', ['blue', 'red'], ['green', '1:70000'])] },
      want: ['invalid Community c spec.communities[0].value', 'invalid Community c spec.communities[1].value'],
    },
    {
      name: 'a name defined twice in one Community is refused',
      given: { communities: [community('c', ['blue', '1:1'], ['blue', '1:1'])] },
      want: ['invalid Community c spec.communities[1].name: "blue" is defined in this object already'],
    },
    {
      name: 'a name defined in two Communities is refused, for one of them',
      given: { communities: [community('d', ['blue', '1:1']), community('c', ['blue', '1:2'])] },
      want: ['invalid Community d spec.communities[0].name: "blue" is defined in Community "c" already'],
    },
  ])('$name', holds);

  test('a name wins over the community that it looks like', () => {
    const { config } = decide({
      communities: [community('c', ['1:1', '64500:9'])],
      bgpAdvertisements: [bgp('x', { communities: ['1:1'] })],
    });
    expect(config.bgpAdvertisements[0]?.communities).toEqual([{ kind: 'standard', high: 64500, low: 9 }]);
  });

  test('an advertisement whose name for a community goes stays in force with what it was', () => {
    const bgpAdvertisements = [bgp('x', { communities: ['blue'] })];
    const first = decide({ pools: [V4], communities: [community('c', ['blue', '64500:1'])], bgpAdvertisements });
    const later = configFromResources(all({ pools: [V4], bgpAdvertisements }), first.lastGood);
    expect(later.config.bgpAdvertisements).toEqual(first.config.bgpAdvertisements);
    expect(later.errors.map(({ kind }) => kind)).toEqual(['unresolved']);
  });
});

describe('peers', () => {
  const AT = 'invalid BGPPeer a spec';
  const one = (spec: object, more: Given = {}): Given => ({ bgpPeers: [peer('a', spec)], ...more });
  const bare = (fields: readonly (keyof typeof PEER)[], spec: object = {}): Given => ({
    bgpPeers: [without('a', ...fields)(spec)],
  });
  const secret = (password: Result<string>) => ok(new Map([['s', { namespace: 'ns', name: 's', password }]]));
  const SECRET = { passwordSecret: { name: 's' } };
  test.each<Row>([
    { name: 'a peer in order is accepted', given: one({}), want: [] },
    { name: 'the local AS number is required', given: bare(['myASN']), want: [`${AT}.myASN: is required`] },
    { name: 'a local AS number of 0 is refused', given: one({ myASN: 0 }), want: [`${AT}.myASN`] },
    {
      name: 'AS numbers have 32 bits',
      given: one({ myASN: 4294967296, peerASN: -1, localASN: 0 }),
      want: [`${AT}.localASN`, `${AT}.myASN`, `${AT}.peerASN`],
    },
    { name: 'peerASN or dynamicASN is required', given: bare(['peerASN']), want: [`${AT}.peerASN`] },
    {
      name: 'peerASN and dynamicASN exclude each other',
      given: one({ dynamicASN: 'external' }),
      want: [`${AT}.dynamicASN`],
    },
    { name: 'dynamicASN alone is accepted', given: bare(['peerASN'], { dynamicASN: 'internal' }), want: [] },
    {
      name: 'dynamicASN is internal or external',
      given: bare(['peerASN'], { dynamicASN: 'any' }),
      want: [`${AT}.dynamicASN`],
    },
    {
      name: 'ebgpMultiHop within one AS is refused',
      given: one({ peerASN: 64500, ebgpMultiHop: true }),
      want: [`${AT}.ebgpMultiHop`],
    },
    { name: 'GTSM over 1 to 254 hops is accepted', given: one({ ttlSecurityHops: 254 }), want: [] },
    ...[0, 255, '1'].map((ttlSecurityHops) => ({
      name: `GTSM over ${JSON.stringify(ttlSecurityHops)} hops is refused`,
      given: one({ ttlSecurityHops }),
      want: [`${AT}.ttlSecurityHops`],
    })),
    {
      name: 'GTSM and ebgpMultiHop exclude each other',
      given: one({ ttlSecurityHops: 2, ebgpMultiHop: true }),
      want: [`${AT}.ttlSecurityHops`],
    },
    { name: 'peerAddress or interface is required', given: bare(['peerAddress']), want: [`${AT}.peerAddress`] },
    {
      name: 'peerAddress and interface exclude each other',
      given: one({ interface: 'eth0' }),
      want: [`${AT}.interface`],
    },
    { name: 'interface alone is accepted', given: bare(['peerAddress'], { interface: 'eth0' }), want: [] },
    {
      name: 'addresses must be addresses',
      given: one({ peerAddress: 'router', routerID: '1', sourceAddress: '10.0.0.0/24' }),
      want: [`${AT}.peerAddress`, `${AT}.routerID`, `${AT}.sourceAddress`],
    },
    {
      name: 'a router ID has the form of an IPv4 address',
      given: one({ routerID: 'fd00::1' }),
      want: [`${AT}.routerID`],
    },
    {
      name: 'a hold time of 0 or at least 3 s is accepted',
      given: {
        bgpPeers: ['0s', '3s', '3.9s'].map((holdTime, i) => peer(`a${i}`, { holdTime, peerAddress: `192.0.2.${i}` })),
      },
      want: [],
    },
    { name: 'a hold time below 3 s is refused', given: one({ holdTime: '2.9s' }), want: [`${AT}.holdTime`] },
    {
      name: 'a keepalive time longer than the hold time is refused',
      given: one({ holdTime: '9s', keepaliveTime: '10s' }),
      want: [`${AT}.keepaliveTime`],
    },
    {
      name: 'a keepalive time whose triple is no hold time is refused',
      given: one({ keepaliveTime: '500ms' }),
      want: [`${AT}.keepaliveTime: gives a hold time of 1.5s`],
    },
    {
      name: 'a time without a unit is refused',
      given: one({ holdTime: '90' }),
      want: [`${AT}.holdTime: "90" has no unit: write "90s"`],
    },
    {
      name: 'a connect time is whole seconds from 1 to 65535',
      given: {
        bgpPeers: ['500ms', '1.5s', '65536s', '1s'].map((connectTime, i) =>
          peer(`a${i}`, { connectTime, peerAddress: `192.0.2.${i}` }),
        ),
      },
      want: ['BGPPeer a0 spec.connectTime', 'BGPPeer a1 spec.connectTime', 'BGPPeer a2 spec.connectTime'],
    },
    {
      name: 'a password and a Secret exclude each other',
      given: one({ password: 'x', ...SECRET }),
      want: [`${AT}.passwordSecret.name`],
    },
    {
      name: 'a Secret that is not there is waited for',
      given: one(SECRET, { secrets: ok(new Map()) }),
      want: ['unresolved BGPPeer a spec.passwordSecret.name: there is no Secret "s" of type kubernetes.io/basic-auth'],
    },
    {
      name: 'Secrets that cannot be read are waited for',
      given: one(SECRET, { secrets: err('403 Forbidden') }),
      want: ['unresolved BGPPeer a spec.passwordSecret.name: the Secret "s" cannot be read: 403 Forbidden'],
    },
    {
      name: 'a Secret without the key is refused',
      given: one(SECRET, { secrets: secret(err('has no key "password"')) }),
      want: [`${AT}.passwordSecret.name: the Secret "s" has no key "password"`],
    },
    {
      name: 'a Secret with an empty password is refused',
      given: one(SECRET, { secrets: secret(ok('')) }),
      want: [`${AT}.passwordSecret.name: the Secret "s" has nothing under its key "password"`],
    },
    {
      name: 'a password of 80 bytes is taken',
      given: one(SECRET, { secrets: secret(ok('ä'.repeat(40))) }),
      want: [],
    },
    {
      name: 'a password longer than TCP MD5 takes is refused, and not shown',
      given: one(SECRET, { secrets: secret(ok(`ä${'b'.repeat(79)}`)) }),
      want: [
        `${AT}.passwordSecret.name: the Secret "s": the password is longer than the 80 bytes that TCP MD5 signatures take`,
      ],
    },
    {
      name: 'a password written in the peer has the same limit',
      given: one({ password: 'b'.repeat(81) }),
      want: [`${AT}.password: the password is longer than the 80 bytes`],
    },
    {
      name: 'a Secret’s namespace does not matter',
      given: one({ passwordSecret: { name: 's', namespace: 'elsewhere' } }, { secrets: secret(ok('x')) }),
      want: [],
    },
    { name: 'Secrets that may not be read are not spoken of', given: one(SECRET), want: [] },
    {
      name: 'a BFDProfile that is not there is waited for',
      given: one({ bfdProfile: 'fast' }),
      want: ['unresolved BGPPeer a spec.bfdProfile: there is no BFDProfile "fast"'],
    },
    {
      name: 'a node selector listed twice is refused',
      given: one({ nodeSelectors: [rack('1'), rack('1')] }),
      want: [`${AT}.nodeSelectors[1]`],
    },
    {
      name: 'everything that only MetalLB’s FRR modes take is taken',
      given: {
        ...bare(['peerAddress', 'peerASN'], {
          interface: 'eth0',
          dynamicASN: 'external',
          localASN: 65000,
          keepaliveTime: '5s',
          connectTime: '5s',
          vrf: 'red',
          enableGracefulRestart: true,
          disableMP: true,
          dualStackAddressFamily: true,
          bfdProfile: 'fast',
        }),
        bfdProfiles: [bfd('fast')],
        pools: [V6],
        bgpAdvertisements: [bgp('x', { communities: ['large:1:2:3'] })],
      },
      want: [],
    },
  ])('$name', holds);

  test.each([
    { name: 'keepalive from hold', spec: { holdTime: '9s' }, want: { holdTimeSeconds: 9, keepaliveTimeMs: 3000 } },
    {
      name: 'hold from keepalive',
      spec: { keepaliveTime: '5s' },
      want: { holdTimeSeconds: 15, keepaliveTimeMs: 5000 },
    },
    {
      name: 'hold rounded down to seconds',
      spec: { holdTime: '10.9s', keepaliveTime: '1s' },
      want: { holdTimeSeconds: 10, keepaliveTimeMs: 1000 },
    },
    { name: 'neither: left to the session', spec: {}, want: {} },
  ])('of the two times one follows from the other: $name', ({ spec, want }) => {
    const { holdTimeSeconds, keepaliveTimeMs } = decide(one(spec)).config.bgpPeers[0] ?? {};
    expect({ holdTimeSeconds, keepaliveTimeMs }).toEqual({
      holdTimeSeconds: undefined,
      keepaliveTimeMs: undefined,
      ...want,
    });
  });

  test('a message never shows a password', () => {
    expect(errorsOf(one({ password: 123456 })).join()).not.toContain('123456');
  });

  test('a peer whose BFDProfile goes stays in force with the profile it had', () => {
    const bgpPeers = [peer('a', { bfdProfile: 'fast' })];
    const first = decide({ bgpPeers, bfdProfiles: [bfd('fast', { detectMultiplier: 5 })] });
    const later = configFromResources(all({ bgpPeers }), first.lastGood);
    expect(later.config).toEqual(first.config);
    expect(configFromResources(all({ bgpPeers }), later.lastGood).config).toEqual(first.config);
  });

  test('a peer whose Secret goes stays in force with the password it had', () => {
    const bgpPeers = [peer('a', SECRET)];
    const first = decide({ bgpPeers, secrets: secret(ok('x')) });
    const later = configFromResources(all({ bgpPeers, secrets: ok(new Map()) }), first.lastGood);
    expect(later.config.bgpPeers[0]?.password).toBe('x');
  });
});

describe('two sessions of one node', () => {
  const two = (a: object, b: object): Given => ({ nodes: NODES, bgpPeers: [peer('a', a), peer('b', b)] });
  const REFUSED = [
    'invalid BGPPeer b spec.peerAddress: BGPPeer "a" has a session with 192.0.2.1 from the same node already',
  ];
  test.each<Row>([
    { name: 'to one address are refused', given: two({}, {}), want: REFUSED },
    { name: 'to one address in other VRFs are accepted', given: two({}, { vrf: 'red' }), want: [] },
    { name: 'to one address at other ports are accepted', given: two({}, { peerPort: 1790 }), want: [] },
    {
      name: 'to one address from other nodes are accepted',
      given: two({ nodeSelectors: [rack('1')] }, { nodeSelectors: [rack('2')] }),
      want: [],
    },
    {
      name: 'may have different router IDs',
      given: two({ routerID: '1.1.1.1' }, { routerID: '2.2.2.2', peerAddress: '192.0.2.2' }),
      want: [],
    },
    {
      name: 'may have different AS numbers on this side',
      given: two({}, { myASN: 64999, peerAddress: '192.0.2.2' }),
      want: [],
    },
  ])('$name', holds);
});

describe('BFD', () => {
  const limits = (field: string, least: number, most: number): Row => ({
    name: `${field} is from ${least} to ${most}`,
    given: { bfdProfiles: [least - 1, least, most, most + 1].map((value, i) => bfd(`p${i}`, { [field]: value })) },
    want: [`invalid BFDProfile p0 spec.${field}`, `invalid BFDProfile p3 spec.${field}`],
  });
  const echo = (pools: ConfigResources['pools'], spec: object): Given => ({
    pools,
    bfdProfiles: [bfd('echo', { echoMode: true })],
    bgpPeers: [peer('a', { bfdProfile: 'echo' }), peer('b', { peerAddress: '192.0.2.2' })],
    bgpAdvertisements: [bgp('x', spec)],
  });
  const REFUSED = [
    'invalid BGPAdvertisement x spec.peers: the pool "v6" has IPv6 addresses, and the BGPPeer "a" is watched by BFD in echo mode',
  ];
  test.each<Row>([
    limits('receiveInterval', 10, 60000),
    limits('transmitInterval', 10, 60000),
    limits('echoInterval', 10, 60000),
    limits('detectMultiplier', 2, 255),
    limits('minimumTtl', 1, 254),
    { name: 'echo mode and a pool with IPv6 addresses exclude each other', given: echo([V6], {}), want: REFUSED },
    { name: 'echo mode and IPv4 pools go together', given: echo([V4], {}), want: [] },
    {
      name: 'echo mode of a peer that does not hear of the pool is no matter',
      given: echo([V6], { peers: ['b'] }),
      want: [],
    },
  ])('$name', holds);

  test('what is absent takes its default', () => {
    expect(decide({ bfdProfiles: [bfd('p')] }).config.bfdProfiles).toEqual([
      {
        name: 'p',
        receiveIntervalMs: 300,
        transmitIntervalMs: 300,
        detectMultiplier: 3,
        echoIntervalMs: 50,
        echoMode: false,
        passiveMode: false,
        minimumTtl: 254,
      },
    ]);
  });
});

describe('a speaker looks at its own node’s peers and BGP advertisements only', () => {
  const [node] = NODES;
  const onOther = { nodeSelectors: [rack('2')] };
  test.each<Row>([
    {
      name: 'a fault of another node’s peer is not told',
      given: { node, bgpPeers: [peer('a', { ...onOther, myASN: 0 })] },
      want: [],
    },
    {
      name: 'a fault of a peer of this node is',
      given: { node, bgpPeers: [peer('a', { nodeSelectors: [rack('1')], myASN: 0 })] },
      want: ['BGPPeer a spec.myASN'],
    },
    {
      name: 'a fault of a peer of every node is',
      given: { node, bgpPeers: [peer('a', { myASN: 0 })] },
      want: ['BGPPeer a spec.myASN'],
    },
    {
      name: 'a fault of another node’s advertisement is not told',
      given: { node, bgpAdvertisements: [bgp('x', { ...onOther, localPref: -1 })] },
      want: [],
    },
    {
      name: 'an L2Advertisement is looked at on every node',
      given: { node, l2Advertisements: [l2('x', { ...onOther, interfaces: 'eth0' })] },
      want: ['L2Advertisement x spec.interfaces'],
    },
    {
      name: 'another node’s peer exists nonetheless',
      given: { node, bgpPeers: [peer('a', onOther)], bgpAdvertisements: [bgp('x', { peers: ['a'] })] },
      want: [],
    },
  ])('$name', holds);

  test('what is of other nodes is not in force here', () => {
    const { config } = decide({
      node,
      bgpPeers: [peer('a', onOther), peer('b')],
      bgpAdvertisements: [bgp('x', onOther), bgp('y')],
    });
    expect([config.bgpPeers, config.bgpAdvertisements].map((list) => list.map(({ name }) => name))).toEqual([
      ['b'],
      ['y'],
    ]);
  });
});

describe('one faulty object takes no other down', () => {
  test('its last good version stays in force, in every kind', () => {
    const good = all({
      pools: [V4],
      l2Advertisements: [l2('l', { interfaces: ['eth0'] })],
      bgpPeers: [peer('a')],
      bgpAdvertisements: [bgp('x', { localPref: 100 })],
      communities: [community('c', ['blue', '1:1'])],
      bfdProfiles: [bfd('p', { detectMultiplier: 5 })],
    });
    const first = configFromResources(good);
    expect(first.errors).toEqual([]);
    const broken = Object.fromEntries(
      (['pools', 'l2Advertisements', 'bgpPeers', 'bgpAdvertisements', 'communities', 'bfdProfiles'] as const).map(
        (key) => [
          key,
          (good[key] ?? []).map((object) => ({
            ...object,
            generation: 2,
            spec: {
              addresses: 1,
              interfaces: 1,
              myASN: 0,
              localPref: -1,
              communities: [{ name: 'red', value: 'x' }],
              detectMultiplier: 0,
            },
          })),
        ],
      ),
    );
    const later = configFromResources(all(broken), first.lastGood);
    expect(later.faulty.map(({ object }) => object.kind)).toEqual([
      'BFDProfile',
      'BGPAdvertisement',
      'BGPPeer',
      'Community',
      'IPAddressPool',
      'L2Advertisement',
    ]);
    expect(later.config).toEqual(first.config);
  });

  test('without one it is left out', () => {
    const { config } = decide({
      bgpPeers: [peer('a', { myASN: 0 }), peer('b')],
      bfdProfiles: [bfd('p', { detectMultiplier: 0 })],
      communities: [community('c', ['blue', '1:1'], ['red', 'x'])],
    });
    expect(config.bgpPeers.map(({ name }) => name)).toEqual(['b']);
    expect(config.bfdProfiles).toEqual([]);
    expect(config.communities.map(({ name }) => name)).toEqual(['blue']);
  });
});
