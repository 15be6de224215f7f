/**
 * Objects for the API server to take or refuse: `want` is 'accepted' or a part of what it must say. Objects that MetalLB
 * takes must be taken; a refusal must tell a person what to change.
 */
export interface Row {
  readonly name: string;
  readonly object: object;
  readonly want: string;
}

const of =
  (kind: string, version = 'v1beta1') =>
  (spec: object) => ({ apiVersion: `metallb.io/${version}`, kind, spec });
const rows = (make: (spec: object) => object, table: readonly (readonly [string, object, string])[]): readonly Row[] =>
  table.map(([name, spec, want]) => ({ name: `${name}: ${want}`, object: make(spec), want }));

const pool = of('IPAddressPool');
const addresses = (...entries: readonly string[]) => pool({ addresses: entries });
const malformed4 = 'an IPv4 address is four numbers from 0 to 255, without leading zeros';
const malformed6 = 'an IPv6 address is eight groups of up to four hexadecimal digits';
const neither = 'is neither a CIDR like 192.0.2.0/28 nor a range like 192.0.2.10-192.0.2.20';

/** One entry, and what becomes of a pool that holds just it. */
const entries: readonly (readonly [entry: string, want: string])[] = [
  ['192.0.2.0/28', 'accepted'],
  ['198.51.100.10/24', 'accepted'],
  ['0.0.0.0/0', 'accepted'],
  ['192.0.2.1/32', 'accepted'],
  ['192.0.2.10-192.0.2.20', 'accepted'],
  ['192.0.2.10 - 192.0.2.20', 'accepted'],
  [' 192.0.2.10 -192.0.2.20 ', 'accepted'],
  ['192.0.2.10\t-\t192.0.2.20', 'accepted'],
  ['192.0.2.10-192.0.2.10', 'accepted'],
  ['192.0.2.255-192.0.3.0', 'accepted'],
  ['255.255.255.0-255.255.255.255', 'accepted'],
  ['2001:db8::/120', 'accepted'],
  ['::/0', 'accepted'],
  ['fd00:1:2:3:4:5:6:7/128', 'accepted'],
  ['fd00:1:2:3:4:5:6::/112', 'accepted'],
  ['::1:2:3:4:5:6:7/128', 'accepted'],
  ['FD00::A-fd00::f', 'accepted'],
  ['::ffff:192.0.2.0/124', 'accepted'],
  ['64:ff9b::192.0.2.1 - 64:ff9b::192.0.2.9', 'accepted'],
  ['192.0.2.10', neither],
  ['2001:db8::1', neither],
  ['', neither],
  ['default', neither],
  ['my-pool', malformed4],
  ['192.0.2.10-', neither],
  ['192.0.2.1-192.0.2.2-192.0.2.3', neither],
  ['192.0.2.0/28/2', neither],
  ['192.0.2.0/', neither],
  ['192.0.2.0/255.255.255.0', neither],
  ['192.0.2.0/-1', neither],
  ['10.0.0.1,10.0.0.9', neither],
  ['192.0.2.0/33', '"192.0.2.0/33" has a wrong prefix length: at most 32 for IPv4'],
  ['2001:db8::/129', '"2001:db8::/129" has a wrong prefix length'],
  ['192.0.2.256/32', malformed4],
  ['192.0.2/24', malformed4],
  ['192.0.2.01/32', malformed4],
  ['192.0.2.1.5/32', malformed4],
  ['192.0.2.1-20', malformed4],
  ['192.0.2.1-192.0.2.300', malformed4],
  ['a.b.c.d/24', malformed4],
  ['2001:db8::g/64', malformed6],
  ['2001:db8::1::2/64', malformed6],
  ['2001:db8:1/64', malformed6],
  ['2001:db8:::1/64', malformed6],
  ['2001:db8::12345/64', malformed6],
  [':1:2:3:4:5:6:7/64', malformed6],
  ['192.0.2.1-2001:db8::1', 'mixes IPv4 and IPv6'],
  ['2001:db8::1-192.0.2.1', 'mixes IPv4 and IPv6'],
  ['192.0.2.20-192.0.2.10', '"192.0.2.20-192.0.2.10" is reversed: write the lower address first'],
  ['10.0.1.0 - 10.0.0.255', 'is reversed'],
];

/** One entry of excludeAddresses; what is wrong with one is said as in addresses. */
const exclusions: readonly (readonly [entry: string, want: string])[] = [
  ['192.0.2.1', 'accepted'],
  [' 192.0.2.1 ', 'accepted'],
  ['2001:db8::1', 'accepted'],
  ['::', 'accepted'],
  ['192.0.2.0/30', 'accepted'],
  ['192.0.2.1 - 192.0.2.3', 'accepted'],
  ['203.0.113.7', 'accepted'],
  ['', 'is no address like 192.0.2.1'],
  ['gateway', malformed4],
  ['my_router', 'is no address like 192.0.2.1'],
  ['192.0.2.1,192.0.2.2', 'is no address like 192.0.2.1'],
  ['192.0.2.256', malformed4],
  ['192.0.2.1/33', '"192.0.2.1/33" has a wrong prefix length'],
  ['2001:db8::g', malformed6],
  ['2001:db8::1-192.0.2.1', 'mixes IPv4 and IPv6'],
  ['192.0.2.3-192.0.2.1', 'is reversed'],
];

const noTime = 'is no time: write hours, minutes and seconds, like 24h, 10m or 1h30m';
const aYear = 'is longer than a year: write at most 8760h';
const times: readonly (readonly [time: string, want: string])[] = [
  ['24h', 'accepted'],
  ['10m', 'accepted'],
  ['1h30m10s', 'accepted'],
  ['0s', 'accepted'],
  ['8760h', 'accepted'],
  ['31536000s', 'accepted'],
  ['', noTime],
  ['24', noTime],
  ['0', noTime],
  ['1d', noTime],
  ['-5m', noTime],
  ['5 m', noTime],
  ['30m1h', noTime],
  ['999999h', noTime],
  ['8760h1s', aYear],
  ['99999h9999999m99999999s', aYear],
];

const selectorRows = (field: string): readonly (readonly [string, object, string])[] => [
  [`${field}: labels`, { [field]: [{ matchLabels: { a: 'b' } }] }, 'accepted'],
  [`${field}: everything`, { [field]: [{}] }, 'accepted'],
  [`${field}: In`, { [field]: [{ matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }] }] }, 'accepted'],
  [`${field}: Exists`, { [field]: [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }] }, 'accepted'],
  [
    `${field}: Exists, no values`,
    { [field]: [{ matchExpressions: [{ key: 'a', operator: 'Exists', values: [] }] }] },
    'accepted',
  ],
  [
    `${field}: In without values`,
    { [field]: [{ matchExpressions: [{ key: 'a', operator: 'In' }] }] },
    'need at least one value',
  ],
  [
    `${field}: Exists with values`,
    { [field]: [{ matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] }] },
    'take none',
  ],
  [
    `${field}: unknown operator`,
    { [field]: [{ matchExpressions: [{ key: 'a', operator: 'Is', values: ['b'] }] }] },
    'Unsupported value: "Is"',
  ],
];

export const pools: readonly Row[] = [
  ...entries.map(([entry, want]) => ({ name: `"${entry}": ${want}`, object: addresses(entry), want })),
  { name: 'no addresses', object: addresses(), want: 'should have at least 1 items' },
  {
    name: 'no spec',
    object: { apiVersion: 'metallb.io/v1beta1', kind: 'IPAddressPool' },
    want: 'spec: Required value',
  },
  { name: 'the second entry is wrong', object: addresses('192.0.2.0/28', '192.0.2.0/40'), want: 'spec.addresses[1]' },
  ...rows(
    (spec) => pool({ addresses: ['192.0.2.0/28'], ...spec }),
    [
      ['a misspelt field', { autoassign: false }, 'unknown field "spec.autoassign"'],
      ['priority only', { serviceAllocation: { priority: 5 } }, 'accepted'],
      ['a negative priority', { serviceAllocation: { priority: -5 } }, 'accepted'],
      ...exclusions.map(([entry, want]) => [`excluded "${entry}"`, { excludeAddresses: [entry] }, want] as const),
      ['no exclusion', { excludeAddresses: [] }, 'accepted'],
      ['the second exclusion is wrong', { excludeAddresses: ['192.0.2.1', 'x y'] }, 'spec.excludeAddresses[1]'],
      ...['retention', 'quarantine'].flatMap((field) =>
        times.map(([time, want]) => [`${field} "${time}"`, { [field]: time }, want] as const),
      ),
      ['draining', { drain: 'NoNewAddresses' }, 'accepted'],
      ['draining at once', { drain: 'MoveServices' }, 'accepted'],
      ['an unknown way to drain', { drain: 'Yes' }, 'supported values: "NoNewAddresses", "MoveServices"'],
      ['addresses kept in a conflict', { onConflict: 'Keep' }, 'accepted'],
      ['addresses left in a conflict', { onConflict: 'Reallocate' }, 'accepted'],
      ['addresses defended in a conflict', { onConflict: 'Defend' }, 'accepted'],
      [
        'an unknown way to meet a conflict',
        { onConflict: 'Yield' },
        'supported values: "Keep", "Reallocate", "Defend"',
      ],
      ['a quota', { maxAddressesPerNamespace: 1 }, 'accepted'],
      ['a quota of nothing', { maxAddressesPerNamespace: 0 }, 'greater than or equal to 1'],
      ['a quota in words', { maxAddressesPerNamespace: 'ten' }, 'must be of type integer'],
      ['a namespace twice', { serviceAllocation: { namespaces: ['a', 'a'] } }, 'Duplicate value: "a"'],
      ...['namespaceSelectors', 'serviceSelectors'].flatMap((field) =>
        selectorRows(field).map(([name, spec, want]) => [name, { serviceAllocation: spec }, want] as const),
      ),
    ],
  ),
];

export const l2Advertisements = [
  { name: 'no spec', object: { apiVersion: 'metallb.io/v1beta1', kind: 'L2Advertisement' }, want: 'accepted' },
  ...rows(of('L2Advertisement'), [
    ['empty', {}, 'accepted'],
    ['all fields', { ipAddressPools: ['a', 'b'], interfaces: ['eth0'] }, 'accepted'],
    ['a pool twice', { ipAddressPools: ['a', 'a'] }, 'Duplicate value: "a"'],
    [
      'a preference',
      { preferredNodeSelectors: [{ weight: 100, preference: { matchLabels: { a: 'b' } } }] },
      'accepted',
    ],
    ['no weight', { preferredNodeSelectors: [{ preference: {} }] }, 'weight: Required value'],
    ['no preference', { preferredNodeSelectors: [{ weight: 1 }] }, 'preference: Required value'],
    ['weight 0', { preferredNodeSelectors: [{ weight: 0, preference: {} }] }, 'greater than or equal to 1'],
    ['weight 101', { preferredNodeSelectors: [{ weight: 101, preference: {} }] }, 'less than or equal to 100'],
    ...selectorRows('nodeSelectors'),
    ...selectorRows('ipAddressPoolSelectors'),
  ]),
];

const exclusive = 'serviceSelectors choose single addresses';
const community = 'a community is two numbers up to 65535';
export const bgpAdvertisements = rows(of('BGPAdvertisement'), [
  ['empty', {}, 'accepted'],
  [
    'all fields',
    {
      aggregationLength: 24,
      aggregationLengthV6: 64,
      localPref: 100,
      communities: ['no-export', '64500:10', 'large:4200000000:1:2'],
      peers: ['a'],
    },
    'accepted',
  ],
  ['the highest localPref', { localPref: 4294967295 }, 'accepted'],
  ['a negative localPref', { localPref: -1 }, 'greater than or equal to 0'],
  ['aggregationLength 0', { aggregationLength: 0 }, 'greater than or equal to 1'],
  ['aggregationLength 33', { aggregationLength: 33 }, 'less than or equal to 32'],
  ['aggregationLengthV6 129', { aggregationLengthV6: 129 }, 'less than or equal to 128'],
  ['a community out of range', { communities: ['65536:1'] }, community],
  ['a community of three numbers', { communities: ['1:2:3'] }, community],
  ['a large community of two', { communities: ['large:1:2'] }, community],
  ['a large community out of range', { communities: ['large:1:2:4294967296'] }, community],
  [
    '64 communities',
    { communities: Array.from({ length: 64 }, (_, low) => `64500:${low}`) },
    'spec.communities: Too many: 64: must have at most 63 items',
  ],
  ['a community twice', { communities: ['a', 'a'] }, 'Duplicate value: "a"'],
  ['a peer twice', { peers: ['a', 'a'] }, 'Duplicate value: "a"'],
  ['Services', { serviceSelectors: [{}] }, 'accepted'],
  [
    'Services and the usual lengths',
    { serviceSelectors: [{}], aggregationLength: 32, aggregationLengthV6: 128 },
    'accepted',
  ],
  ['no Services and a length', { serviceSelectors: [], aggregationLength: 24 }, 'accepted'],
  ['Services and aggregation', { serviceSelectors: [{}], aggregationLength: 24 }, exclusive],
  ['Services and IPv6 aggregation', { serviceSelectors: [{}], aggregationLengthV6: 64 }, exclusive],
]);

const router = { myASN: 64512, peerASN: 64513, peerAddress: '192.0.2.1' };
const eitherAsn = 'give either peerASN';
const eitherAddress = 'give either peerAddress';
const notAnAddress = 'not an IP address';
const holdTime = 'the hold time must be 0s (never) or from 3s to 65535s';
export const bgpPeers = [
  {
    name: 'no spec',
    object: { apiVersion: 'metallb.io/v1beta2', kind: 'BGPPeer' },
    want: 'spec: Required value',
  },
  ...rows(of('BGPPeer', 'v1beta1'), [
    ['v1beta1', router, 'accepted'],
    ['v1beta1 with zero times', { ...router, holdTime: '0s', keepaliveTime: '0s' }, 'accepted'],
  ]),
  ...rows(of('BGPPeer', 'v1beta2'), [
    ['the least', router, 'accepted'],
    ['IPv6', { ...router, peerAddress: '2001:db8::1', sourceAddress: 'fd00::1', routerID: '10.0.0.1' }, 'accepted'],
    [
      'empty strings are absent',
      { ...router, interface: '', sourceAddress: '', routerID: '', password: '' },
      'accepted',
    ],
    ['unnumbered', { myASN: 64512, dynamicASN: 'external', interface: 'eth0' }, 'accepted'],
    ['peerASN 0 is absent', { myASN: 64512, peerASN: 0, dynamicASN: 'internal', interface: 'eth0' }, 'accepted'],
    ['32-bit ASNs', { ...router, myASN: 4294967295, peerASN: 4200000000, localASN: 4200000001 }, 'accepted'],
    ['all times', { ...router, holdTime: '1m30s', keepaliveTime: '30s', connectTime: '10s' }, 'accepted'],
    ['hold for ever', { ...router, holdTime: '0s' }, 'accepted'],
    ['a Secret', { ...router, passwordSecret: { name: 'router', namespace: 'metallb-system' } }, 'accepted'],
    ['an empty Secret and a password', { ...router, passwordSecret: {}, password: 'x' }, 'accepted'],
    ['multihop', { ...router, ebgpMultiHop: true, peerPort: 1179 }, 'accepted'],
    ['a router on the link alone', { ...router, ttlSecurityHops: 1 }, 'accepted'],
    ['a router 254 hops away', { ...router, ebgpMultiHop: false, ttlSecurityHops: 254 }, 'accepted'],
    ['no hops', { ...router, ttlSecurityHops: 0 }, 'greater than or equal to 1'],
    ['more hops than there are', { ...router, ttlSecurityHops: 255 }, 'less than or equal to 254'],
    [
      'multihop and its opposite',
      { ...router, ebgpMultiHop: true, ttlSecurityHops: 1 },
      'ebgpMultiHop and ttlSecurityHops both say',
    ],
    ['no myASN', { peerASN: 1, peerAddress: '192.0.2.1' }, 'myASN: Required value'],
    ['myASN 0', { ...router, myASN: 0 }, 'myASN must be'],
    ['neither ASN', { myASN: 1, peerAddress: '192.0.2.1' }, eitherAsn],
    ['both ASNs', { ...router, dynamicASN: 'external' }, eitherAsn],
    ['an unknown dynamicASN', { myASN: 1, dynamicASN: 'any', peerAddress: '192.0.2.1' }, 'Unsupported value: "any"'],
    ['neither address nor interface', { myASN: 1, peerASN: 2 }, eitherAddress],
    ['both address and interface', { ...router, interface: 'eth0' }, eitherAddress],
    ['a name for an address', { ...router, peerAddress: 'router.example' }, notAnAddress],
    ['a prefix for an address', { ...router, peerAddress: '192.0.2.1/24' }, notAnAddress],
    ['a zone', { ...router, peerAddress: 'fe80::1%eth0' }, notAnAddress],
    ['a bad source', { ...router, sourceAddress: '192.0.2.256' }, notAnAddress],
    ['a bad router ID', { ...router, routerID: '12' }, notAnAddress],
    [
      'multihop within the AS',
      { ...router, peerASN: 64512, ebgpMultiHop: true },
      'ebgpMultiHop is for a router in another AS',
    ],
    [
      'both passwords',
      { ...router, password: 'x', passwordSecret: { name: 'y' } },
      'give either password or passwordSecret',
    ],
    ['a hold time of 2 s', { ...router, holdTime: '2s' }, holdTime],
    ['a hold time of a day', { ...router, holdTime: '24h' }, holdTime],
    ['a hold time without unit', { ...router, holdTime: '90' }, 'not a duration'],
    ['keepalive above hold', { ...router, holdTime: '30s', keepaliveTime: '31s' }, 'keepaliveTime must not be longer'],
    [
      'a fraction of a second to connect',
      { ...router, connectTime: '1500ms' },
      'the connect time must be whole seconds',
    ],
    ['no time to connect', { ...router, connectTime: '0s' }, 'the connect time must be whole seconds'],
    ['port 0', { ...router, peerPort: 0 }, 'greater than or equal to 1'],
    ['port 16385', { ...router, peerPort: 16385 }, 'less than or equal to 16384'],
    ...selectorRows('nodeSelectors').map(([name, spec, want]) => [name, { ...router, ...spec }, want] as const),
  ]),
];

const named = (value: string) => ({ name: 'vpn', value });
export const communities = [
  ...rows(of('Community'), [
    ['no spec', {}, 'accepted'],
    ['two names', { communities: [named('64500:10'), { name: 'lan', value: '64500:10' }] }, 'accepted'],
    ['a name twice', { communities: [named('64500:10'), named('64500:11')] }, 'Duplicate value: {"name":"vpn"}'],
    ['no name', { communities: [{ value: '64500:10' }] }, 'accepted'],
  ]),
  ...rows(
    (spec) => of('Community')({ communities: [spec] }),
    [
      ['two numbers', { name: 'vpn', value: '64500:10' }, 'accepted'],
      ['a large one', { name: 'vpn', value: 'large:4294967295:0:1' }, 'accepted'],
      ['no value', { name: 'vpn' }, 'value: Required value'],
      ['one number', { name: 'vpn', value: '1234' }, community],
      ['out of range', { name: 'vpn', value: '64500:65536' }, community],
      ['an extended one', { name: 'vpn', value: 'rt:64500:10' }, community],
    ],
  ),
];

export const others: readonly Row[] = [
  ...rows(of('BFDProfile'), [
    ['empty', {}, 'accepted'],
    [
      'all fields',
      {
        receiveInterval: 10,
        transmitInterval: 60000,
        detectMultiplier: 2,
        echoInterval: 50,
        echoMode: true,
        passiveMode: true,
        minimumTtl: 254,
      },
      'accepted',
    ],
    ['too fast', { receiveInterval: 9 }, 'greater than or equal to 10'],
    ['too slow', { transmitInterval: 60001 }, 'less than or equal to 60000'],
    ['a multiplier of 1', { detectMultiplier: 1 }, 'greater than or equal to 2'],
    ['a TTL of 255', { minimumTtl: 255 }, 'less than or equal to 254'],
  ]),
  ...['ServiceL2Status', 'ServiceBGPStatus', 'BGPSessionStatus', 'ConfigurationState'].map((kind) => ({
    name: `${kind}: bare`,
    object: { apiVersion: 'metallb.io/v1beta1', kind },
    want: 'accepted',
  })),
];
