import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { configFromConfigMap } from '../../../../src/runtime/decide/configuration/config-from-configmap.ts';
import { resourcesFromConfigMap } from '../../../../src/runtime/decide/configuration/config-map-conversion.ts';
import { resourceNames } from '../../../../src/runtime/decide/configuration/config-map-names.ts';
import { decideConfig, NO_MEMORY } from '../../../../src/runtime/decide/configuration/config-source.ts';
import { err, ok } from '../../../../src/runtime/model/result.ts';
import { rawPool } from '../../../support/raw-resources.ts';
import { config, l2Advertisement, pool, range } from '../../../support/views.ts';

const OBJECT = 'ConfigMap metallb-system/config';
const errorsOf = (yaml: unknown) =>
  configFromConfigMap(yaml, OBJECT).errors.map(({ path, message }) => `${path}: ${message}`);
const layer2 = (given: object = {}) => ({
  name: 'default',
  protocol: 'layer2',
  addresses: ['10.6.204.20-10.6.204.22'],
  ...given,
});
const IN_FORCE = config({
  pools: [pool('default', ['10.6.204.20-10.6.204.22'])],
  l2Advertisements: [l2Advertisement('l2advertisement1')],
});
const bgp = (given: object = {}) => ({ name: 'b', protocol: 'bgp', addresses: ['10.0.0.0/24'], ...given });
const peer = (given: object = {}) => ({ 'my-asn': 64500, 'peer-asn': 64501, 'peer-address': '10.0.0.1', ...given });
const read = (yaml: unknown) => {
  const { config: result, errors } = configFromConfigMap(yaml, OBJECT);
  expect(errors).toEqual([]);
  return result ?? config();
};
const readPeer = (given: object) => read({ peers: [peer(given)], 'bfd-profiles': [{ name: 'fast' }] }).bgpPeers[0];
const AT = `${OBJECT} config`;

describe('the old ConfigMap', () => {
  test('of the old guides gives a pool and its advertisement', () => {
    expect(read({ 'address-pools': [layer2()] })).toEqual(IN_FORCE);
  });

  test.each([
    {
      name: 'a pool takes auto-assign and avoid-buggy-ips',
      given: { 'auto-assign': false, 'avoid-buggy-ips': true },
      want: { autoAssign: false, avoidBuggyIps: true },
    },
    {
      name: 'yes, no, on and off are the true and false that they were',
      given: { 'auto-assign': 'no', 'avoid-buggy-ips': 'on' },
      want: { autoAssign: false, avoidBuggyIps: true },
    },
    {
      name: 'a range may hold spaces',
      given: { addresses: ['10.0.0.1 - 10.0.0.9'] },
      want: { ranges: [range('10.0.0.1-10.0.0.9')] },
    },
    {
      name: 'a name that the API server would not take is kept, for Services to ask for',
      given: { name: '01_My.Pool' },
      want: { name: '01_My.Pool' },
    },
  ])('$name', ({ given, want }) => {
    const { pools, l2Advertisements } = read({ 'address-pools': [layer2(given)] });
    expect(pools[0]).toMatchObject(want);
    expect(l2Advertisements[0]?.pools).toEqual([pools[0]?.name]);
  });

  test('a pool of protocol bgp without bgp-advertisements has one that announces each address to every peer', () => {
    expect(read({ 'address-pools': [bgp()] }).bgpAdvertisements).toEqual([
      {
        name: 'bgpadvertisement1',
        pools: ['b'],
        aggregationLength: 32,
        aggregationLengthV6: 128,
        communities: [],
        peers: [],
        nodeSelectors: [],
        serviceSelectors: [],
      },
    ]);
  });

  test('bgp-advertisements take aggregation lengths, localpref, and communities by name or value', () => {
    const yaml = {
      'bgp-communities': { 'no-export': '65535:65281' },
      'address-pools': [
        bgp({
          'bgp-advertisements': [
            {
              'aggregation-length': 24,
              'aggregation-length-v6': 64,
              localpref: 100,
              communities: ['no-export', '64500:1'],
            },
          ],
        }),
        bgp({ name: 'c', addresses: ['10.1.0.0/24'] }),
      ],
    };
    const { bgpAdvertisements, l2Advertisements, communities } = read(yaml);
    expect(bgpAdvertisements.map(({ name, pools }) => [name, pools])).toEqual([
      ['bgpadvertisement1', ['b']],
      ['bgpadvertisement2', ['c']],
    ]);
    expect(bgpAdvertisements[0]).toMatchObject({
      aggregationLength: 24,
      aggregationLengthV6: 64,
      localPref: 100,
      communities: [
        { kind: 'standard', high: 64500, low: 1 },
        { kind: 'standard', high: 65535, low: 65281 },
      ],
    });
    expect(l2Advertisements).toEqual([]);
    expect(communities.map(({ name }) => name)).toEqual(['no-export']);
  });

  test.each([
    {
      name: 'a peer is named by its place',
      given: {},
      want: { name: 'peer1', myAsn: 64500, peerAsn: 64501, remote: { address: '10.0.0.1' } },
    },
    { name: 'hold-time is 90s where it is absent', given: {}, want: { holdTimeSeconds: 90, keepaliveTimeMs: 30_000 } },
    { name: 'hold-time is a duration with a unit', given: { 'hold-time': '2m' }, want: { holdTimeSeconds: 120 } },
    { name: 'hold-time 0s never expires', given: { 'hold-time': '0s' }, want: { holdTimeSeconds: 0 } },
    {
      name: 'keepalive-time is taken as it is',
      given: { 'keepalive-time': '10s' },
      want: { holdTimeSeconds: 90, keepaliveTimeMs: 10_000 },
    },
    { name: 'peer-port 0 is 179', given: { 'peer-port': 0 }, want: { port: 179 } },
    { name: 'peer-port may be any TCP port', given: { 'peer-port': 17900 }, want: { port: 17900 } },
    {
      name: 'source-address, router-id, password, ebgp-multihop',
      given: { 'source-address': '10.0.0.9', 'router-id': '1.1.1.1', password: 'x', 'ebgp-multihop': true },
      want: { sourceAddress: '10.0.0.9', routerId: '1.1.1.1', password: 'x', ebgpMultiHop: true },
    },
    { name: 'bfd-profile', given: { 'bfd-profile': 'fast' }, want: { bfdProfile: 'fast' } },
    {
      name: 'node-selectors',
      given: {
        'node-selectors': [
          { 'match-labels': { a: 'b' }, 'match-expressions': [{ key: 'k', operator: 'In', values: ['v'] }] },
        ],
      },
      want: {
        nodeSelectors: [{ matchLabels: { a: 'b' }, matchExpressions: [{ key: 'k', operator: 'In', values: ['v'] }] }],
      },
    },
  ])('$name', ({ given, want }) => {
    expect(readPeer(given)).toMatchObject(want);
  });

  test('bfd-profiles take every field', () => {
    const profile = {
      name: 'fast',
      'receive-interval': 10,
      'transmit-interval': 20,
      'detect-multiplier': 5,
      'echo-interval': 30,
      'echo-mode': true,
      'passive-mode': 'yes',
      'minimum-ttl': 1,
    };
    expect(read({ 'bfd-profiles': [profile] }).bfdProfiles).toEqual([
      {
        name: 'fast',
        receiveIntervalMs: 10,
        transmitIntervalMs: 20,
        detectMultiplier: 5,
        echoIntervalMs: 30,
        echoMode: true,
        passiveMode: true,
        minimumTtl: 1,
      },
    ]);
  });

  const peers = (given: object) => ({ peers: [peer(given)] });
  test.each([
    { name: 'nothing', yaml: null, want: [`${AT}: is empty; an addressless configuration says "address-pools: []"`] },
    { name: 'text', yaml: 'hello', want: [`${AT}: must be a map, not "hello"`] },
    { name: 'an unknown section', yaml: { pools: [] }, want: [`${AT}.pools: is not known here`] },
    {
      name: 'a misspelt key',
      yaml: { 'address-pools': [{ name: 'default', protocol: 'layer2', adresses: ['10.0.0.0/24'] }] },
      want: [
        `${AT}.address-pools[0].adresses: is not known here; known are name, protocol, addresses, avoid-buggy-ips, auto-assign, bgp-advertisements`,
        `${AT}.address-pools[0].addresses: is required`,
      ],
    },
    {
      name: 'a wrong protocol',
      yaml: { 'address-pools': [layer2({ protocol: 'l2' })] },
      want: [`${AT}.address-pools[0].protocol: "l2" is not a protocol; there are layer2 and bgp`],
    },
    {
      name: 'a pool without a protocol',
      yaml: { 'address-pools': [{ name: 'a', addresses: ['10.0.0.0/24'] }] },
      want: [`${AT}.address-pools[0].protocol: is required`],
    },
    {
      name: 'a pool without a name',
      yaml: { 'address-pools': [{ protocol: 'layer2', addresses: ['10.0.0.0/24'] }] },
      want: [`${AT}.address-pools[0].name: is required`],
    },
    {
      name: 'advertisements of a layer2 pool',
      yaml: { 'address-pools': [layer2({ 'bgp-advertisements': [{}] })] },
      want: [`${AT}.address-pools[0].bgp-advertisements: needs protocol bgp`],
    },
    {
      name: 'a malformed address',
      yaml: { 'address-pools': [layer2(), bgp({ addresses: ['10.0.0.0/24', '10.1.0.0/33'] })] },
      want: [`${AT}.address-pools[1].addresses[1]: "10.1.0.0/33" is not a CIDR`],
    },
    {
      name: 'two pools of one name that overlap',
      yaml: { 'address-pools': [layer2(), layer2()] },
      want: [
        `${AT}.address-pools[1].name: there are two pools named "default"`,
        `${AT}.address-pools[1].addresses[0]: 10.6.204.20-10.6.204.22 overlaps 10.6.204.20-10.6.204.22 of`,
      ],
    },
    {
      name: 'an aggregation that announces more than the pool',
      yaml: { 'address-pools': [bgp({ 'bgp-advertisements': [{ 'aggregation-length': 16 }] })] },
      want: [`${AT}.address-pools[0].bgp-advertisements[0].aggregation-length: 16 announces more`],
    },
    {
      name: 'an aggregation beyond 32',
      yaml: { 'address-pools': [bgp({ 'bgp-advertisements': [{ 'aggregation-length': 33 }] })] },
      want: [`${AT}.address-pools[0].bgp-advertisements[0].aggregation-length: must be from 1 to 32`],
    },
    {
      name: 'an unknown key of an advertisement',
      yaml: { 'address-pools': [bgp({ 'bgp-advertisements': [{ localPref: 1 }] })] },
      want: [`${AT}.address-pools[0].bgp-advertisements[0].localPref: is not known here`],
    },
    {
      name: 'a community that nobody names',
      yaml: { 'address-pools': [bgp({ 'bgp-advertisements': [{ communities: ['blue'] }] })] },
      want: [`${AT}.address-pools[0].bgp-advertisements[0].communities[0]: no Community object gives the name "blue"`],
    },
    {
      name: 'a malformed community',
      yaml: { 'bgp-communities': { blue: '1:70000' } },
      want: [`${AT}.bgp-communities.blue: "1:70000" is not a community`],
    },
    {
      name: 'a peer without what is required',
      yaml: { peers: [{}] },
      want: ['my-asn', 'peer-asn', 'peer-address'].map((key) => `${AT}.peers[0].${key}: is required`),
    },
    { name: 'an unknown key of a peer', yaml: peers({ vrf: 'red' }), want: [`${AT}.peers[0].vrf: is not known here`] },
    {
      name: 'a hold-time without a unit',
      yaml: peers({ 'hold-time': 120 }),
      want: [`${AT}.peers[0].hold-time: 120 has no unit: write "120s" for seconds`],
    },
    {
      name: 'a hold-time without a unit, quoted',
      yaml: peers({ 'hold-time': '120' }),
      want: [`${AT}.peers[0].hold-time: "120" has no unit: write "120s" for seconds`],
    },
    { name: 'a hold-time of 2s', yaml: peers({ 'hold-time': '2s' }), want: [`${AT}.peers[0].hold-time: must be 0s`] },
    {
      name: 'a keepalive-time longer than the hold-time',
      yaml: peers({ 'keepalive-time': '2m' }),
      want: [`${AT}.peers[0].keepalive-time: is longer than the hold time`],
    },
    {
      name: 'ebgp-multihop within one AS',
      yaml: peers({ 'peer-asn': 64500, 'ebgp-multihop': true }),
      want: [`${AT}.peers[0].ebgp-multihop: is for a router in another AS`],
    },
    {
      name: 'a bfd-profile that is not there',
      yaml: peers({ 'bfd-profile': 'fast' }),
      want: [`${AT}.peers[0].bfd-profile: there is no BFDProfile "fast"`],
    },
    {
      name: 'a wrong operator',
      yaml: peers({ 'node-selectors': [{ 'match-expressions': [{ key: 'k', operator: 'Near' }] }] }),
      want: [`${AT}.peers[0].node-selectors[0].match-expressions[0].operator: "Near"`],
    },
    {
      name: 'a selector in Kubernetes’ spelling',
      yaml: peers({ 'node-selectors': [{ matchLabels: {} }] }),
      want: [`${AT}.peers[0].node-selectors[0].matchLabels: is not known here`],
    },
    {
      name: 'a BFD profile’s limit',
      yaml: { 'bfd-profiles': [{ name: 'fast', 'detect-multiplier': 1 }] },
      want: [`${AT}.bfd-profiles[0].detect-multiplier: must be from 2 to 255`],
    },
    {
      name: 'two BFD profiles of one name',
      yaml: { 'bfd-profiles': [{ name: 'a' }, { name: 'a' }] },
      want: [`${AT}.bfd-profiles[1].name: there are two profiles named "a"`],
    },
  ])('refuses $name', ({ yaml, want }) => {
    expect(errorsOf(yaml)).toEqual(want.map((start) => expect.stringContaining(start)));
    expect(configFromConfigMap(yaml, OBJECT).config).toBeUndefined();
  });

  test('never throws, whatever it holds', () => {
    fc.assert(fc.property(fc.anything(), (yaml) => void configFromConfigMap(yaml, OBJECT)));
    fc.assert(
      fc.property(fc.anything(), (part) => {
        const sections = ['address-pools', 'peers', 'bfd-profiles', 'bgp-communities'];
        configFromConfigMap(Object.fromEntries(sections.map((section) => [section, [part]])), OBJECT);
        configFromConfigMap(Object.fromEntries(sections.map((section) => [section, part])), OBJECT);
      }),
    );
  });
});

describe('names of converted resources', () => {
  test.each([
    { name: 'a good name stays', given: ['default'], want: ['default'] },
    { name: 'upper case and "_" go', given: ['My_Pool'], want: ['my-pool'] },
    { name: 'what comes before the first letter goes', given: ['01-numbered'], want: ['numbered'] },
    { name: 'it is cut to 63 characters', given: ['A'.repeat(70)], want: ['a'.repeat(63)] },
    {
      name: 'what MetalLB’s converter would leave to fail is settled: a "-" at the end',
      given: ['pool_'],
      want: ['pool'],
    },
    { name: 'other characters', given: ['my pool.v2'], want: ['my-pool-v2'] },
    { name: 'no letter at all', given: ['01', '_'], want: ['pool-01', 'pool'] },
    {
      name: 'two that become one',
      given: ['My_Pool', 'my-pool', 'MY-POOL'],
      want: ['my-pool-2', 'my-pool', 'my-pool-3'],
    },
  ])('$name', ({ given, want }) => {
    expect(resourceNames(given, 'pool')).toEqual(want);
  });

  test('are names the API server takes, each once', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.constantFrom('a', 'A', '-', '1', 'a'.repeat(63)))), (given) => {
        const names = resourceNames(given, 'pool');
        expect(new Set(names).size).toBe(given.length);
        for (const name of names) expect(name).toMatch(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/);
      }),
    );
  });

  test('are told where they are others, and peers name their profile by the new one', () => {
    const yaml = {
      peers: [peer({ 'bfd-profile': 'Fast' })],
      'bfd-profiles': [{ name: 'Fast' }],
      'address-pools': [layer2({ name: 'A_B' })],
    };
    const { renamed, resources } = resourcesFromConfigMap(yaml, OBJECT);
    expect(renamed).toEqual([
      { kind: 'IPAddressPool', from: 'A_B', to: 'a-b' },
      { kind: 'BFDProfile', from: 'Fast', to: 'fast' },
    ]);
    expect(resources.map(({ resource }) => [resource.kind, resource.name])).toEqual([
      ['BGPPeer', 'peer1'],
      ['IPAddressPool', 'a-b'],
      ['L2Advertisement', 'l2advertisement1'],
      ['BFDProfile', 'fast'],
    ]);
    expect(resources[0]?.resource.spec).toEqual({ ...PEER_SPEC, bfdProfile: 'fast' });
    expect(configFromConfigMap(yaml, OBJECT).converted?.pools[0]?.name).toBe('a-b');
  });
});

const PEER_SPEC = { myASN: 64500, peerASN: 64501, peerAddress: '10.0.0.1', holdTime: '1m30s' };

describe('which configuration is in force', () => {
  const none = { pools: [], l2Advertisements: [], namespaces: [] };
  const withPool = { ...none, pools: [rawPool('p', ['10.0.0.0/24'])] };
  const seed = { path: OBJECT, yaml: ok({ 'address-pools': [layer2()] }) };
  const faulty = { path: OBJECT, yaml: err('is not YAML') };

  test.each([
    { name: 'nothing at all: no pools', sources: { resources: none }, source: 'resources', pools: [] },
    {
      name: 'the ConfigMap alone',
      sources: { resources: none, configMap: seed },
      source: 'config-map',
      pools: ['default'],
    },
    {
      name: 'a pool sets the ConfigMap aside',
      sources: { resources: withPool, configMap: seed },
      source: 'resources',
      pools: ['p'],
    },
  ])('$name', ({ sources, source, pools }) => {
    const decided = decideConfig(sources, NO_MEMORY);
    expect([decided.source, decided.config?.pools.map(({ name }) => name)]).toEqual([source, pools]);
  });

  test('a faulty ConfigMap leaves the last good one in force; without one nothing is known', () => {
    const unknown = decideConfig({ resources: none, configMap: faulty }, NO_MEMORY);
    expect(unknown.config).toBeUndefined();
    expect(unknown.errors).toEqual([{ path: `${OBJECT} config`, message: 'is not YAML', kind: 'invalid' }]);
    const first = decideConfig({ resources: none, configMap: seed }, NO_MEMORY);
    expect(decideConfig({ resources: none, configMap: faulty }, first.memory).config).toEqual(IN_FORCE);
    const deleted = decideConfig({ resources: none }, first.memory);
    expect(deleted.config?.pools).toEqual([]);
  });
});
