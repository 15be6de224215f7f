/**
 * How every field of MetalLB's BGP resources is read: written and left out. The tables are whole: a field of a resource
 * definition that is missing here fails.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { readBfdProfile } from '../../../../src/runtime/decide/configuration/config-bfd-profile.ts';
import { readBgpAdvertisement } from '../../../../src/runtime/decide/configuration/config-bgp-advertisement.ts';
import { readBgpPeer } from '../../../../src/runtime/decide/configuration/config-bgp-peer.ts';
import { readCommunity } from '../../../../src/runtime/decide/configuration/config-community.ts';
import { ok } from '../../../../src/runtime/model/result.ts';
import { rawResource } from '../../../support/raw-resources.ts';

const CRDS = path.resolve(import.meta.dirname, '../../../../roles/cluster-addon/files/metallb/crds');
const RACK = { matchLabels: { rack: '1' } };

interface Row {
  readonly name: string;
  readonly spec: object;
  /** What is read of it; a field that is undefined is to be absent. */
  readonly want: object;
}

/** The field that a row is of: the first word of its name. */
function fieldOf({ name }: Row): string {
  return name.split(/[ :]/)[0] ?? '';
}

function expectFields(got: object, want: object): void {
  const read = new Map(Object.entries(got));
  expect(Object.fromEntries(Object.keys(want).map((field) => [field, read.get(field)]))).toEqual(want);
}

interface Definition {
  readonly spec: {
    readonly versions: readonly {
      readonly name: string;
      readonly schema: {
        readonly openAPIV3Schema: { readonly properties: { readonly spec: { readonly properties: object } } };
      };
    }[];
  };
}

function fieldsOf(plural: string, version: string): readonly string[] {
  const { spec }: Definition = parse(readFileSync(path.join(CRDS, `${plural}.yaml`), 'utf8'));
  const found = spec.versions.find(({ name }) => name === version);
  return Object.keys(found?.schema.openAPIV3Schema.properties.spec.properties ?? {});
}

function distinct(rows: readonly Row[]): readonly string[] {
  return [...new Set(rows.map(fieldOf))].sort();
}

describe('BGPPeer', () => {
  const BASE = { myASN: 64512, peerASN: 64513, peerAddress: '192.0.2.1' };

  const rows: readonly Row[] = [
    { name: 'myASN: the AS number of this side', spec: { myASN: 4_200_000_000 }, want: { myAsn: 4_200_000_000 } },
    { name: 'peerASN: the AS number of the router', spec: { peerASN: 64999 }, want: { peerAsn: 64999 } },
    {
      name: 'dynamicASN: the router’s AS number is not known',
      spec: { peerASN: undefined, dynamicASN: 'external' },
      want: { peerAsn: 'external' },
    },
    {
      name: 'dynamicASN internal',
      spec: { peerASN: undefined, dynamicASN: 'internal' },
      want: { peerAsn: 'internal' },
    },
    { name: 'localASN: shown in place of myASN', spec: { localASN: 65000 }, want: { localAsn: 65000 } },
    { name: 'localASN absent', spec: {}, want: { localAsn: undefined } },
    {
      name: 'peerAddress: of either family',
      spec: { peerAddress: 'FD00::1' },
      want: { remote: { address: 'fd00::1' } },
    },
    {
      name: 'interface: an unnumbered router',
      spec: { peerAddress: undefined, interface: 'eth1' },
      want: { remote: { interface: 'eth1' } },
    },
    {
      name: 'sourceAddress: of this side',
      spec: { sourceAddress: '192.0.2.10' },
      want: { sourceAddress: '192.0.2.10' },
    },
    { name: 'sourceAddress empty is absent', spec: { sourceAddress: '' }, want: { sourceAddress: undefined } },
    { name: 'peerPort: where the router listens', spec: { peerPort: 1790 }, want: { port: 1790 } },
    { name: 'peerPort absent is 179', spec: {}, want: { port: 179 } },
    { name: 'peerPort 0, as MetalLB stored it of v1beta1, is 179', spec: { peerPort: 0 }, want: { port: 179 } },
    {
      name: 'holdTime: the keepalive time is a third',
      spec: { holdTime: '1m30s' },
      want: { holdTimeSeconds: 90, keepaliveTimeMs: 30_000 },
    },
    {
      name: 'holdTime 0s: it never expires',
      spec: { holdTime: '0s' },
      want: { holdTimeSeconds: 0, keepaliveTimeMs: 0 },
    },
    {
      name: 'holdTime and keepaliveTime 0s, which v1beta1’s Go type writes for those that are not set',
      spec: { holdTime: '0s', keepaliveTime: '0s' },
      want: { holdTimeSeconds: 0, keepaliveTimeMs: 0 },
    },
    {
      name: 'holdTime absent is left to the session',
      spec: {},
      want: { holdTimeSeconds: undefined, keepaliveTimeMs: undefined },
    },
    {
      name: 'keepaliveTime: the hold time is three of it',
      spec: { keepaliveTime: '1s' },
      want: { holdTimeSeconds: 3, keepaliveTimeMs: 1000 },
    },
    { name: 'connectTime: the longest wait', spec: { connectTime: '5s' }, want: { connectTimeSeconds: 5 } },
    { name: 'connectTime absent is left to the session', spec: {}, want: { connectTimeSeconds: undefined } },
    { name: 'routerID: the BGP identifier', spec: { routerID: '10.0.0.1' }, want: { routerId: '10.0.0.1' } },
    { name: 'nodeSelectors: which nodes', spec: { nodeSelectors: [RACK] }, want: { nodeSelectors: [RACK] } },
    { name: 'nodeSelectors absent: every node', spec: {}, want: { nodeSelectors: [] } },
    { name: 'password: TCP MD5', spec: { password: 'horse' }, want: { password: 'horse', passwordSecret: undefined } },
    {
      name: 'passwordSecret: by its name, in the namespace of the peers',
      spec: { passwordSecret: { name: 'tor', namespace: 'elsewhere' } },
      want: { password: 'battery', passwordSecret: 'tor' },
    },
    { name: 'bfdProfile: by its name', spec: { bfdProfile: 'fast' }, want: { bfdProfile: 'fast' } },
    { name: 'bfdProfile absent: no BFD', spec: {}, want: { bfdProfile: undefined } },
    {
      name: 'enableGracefulRestart: asked for',
      spec: { enableGracefulRestart: true },
      want: { gracefulRestart: true },
    },
    { name: 'enableGracefulRestart absent: not', spec: {}, want: { gracefulRestart: false } },
    { name: 'ebgpMultiHop: further away', spec: { ebgpMultiHop: true }, want: { ebgpMultiHop: true } },
    { name: 'ttlSecurityHops: GTSM', spec: { ttlSecurityHops: 3 }, want: { ttlSecurityHops: 3 } },
    { name: 'vrf: of the session', spec: { vrf: 'red' }, want: { vrf: 'red' } },
    { name: 'disableMP: without effect', spec: { disableMP: true }, want: { dualStackAddressFamily: false } },
    {
      name: 'dualStackAddressFamily: both over one session',
      spec: { dualStackAddressFamily: true },
      want: { dualStackAddressFamily: true },
    },
  ];

  function read(spec: object) {
    return readBgpPeer(rawResource('BGPPeer', 'tor', JSON.parse(JSON.stringify({ ...BASE, ...spec }))), {
      bfdProfiles: new Set(['fast']),
      secrets: ok(new Map([['tor', { namespace: 'metallb-system', name: 'tor', password: ok('battery') }]])),
    });
  }

  test.each(rows)('$name', ({ spec, want }) => {
    const { peer, errors } = read(spec);
    expect(errors).toEqual([]);
    expectFields(peer, want);
  });

  test.each(['v1beta2', 'v1beta1'])('%s: every field of the resource definition is in the table', (version) => {
    expect(distinct(rows)).toEqual(fieldsOf('bgppeers', version).toSorted());
  });

  test('the least there can be', () => {
    expect(read({}).peer).toEqual({
      name: 'tor',
      myAsn: 64512,
      peerAsn: 64513,
      remote: { address: '192.0.2.1' },
      port: 179,
      nodeSelectors: [],
      gracefulRestart: false,
      ebgpMultiHop: false,
      dualStackAddressFamily: false,
    });
  });

  // v1beta1 is served without conversion, so what it says must mean the same when it is read as v1beta2.
  test('v1beta1: an object with all of its fields is read as v1beta2 is', () => {
    const { peer, errors } = read({
      sourceAddress: '192.0.2.10',
      peerPort: 1790,
      holdTime: '9s',
      keepaliveTime: '3s',
      routerID: '10.0.0.1',
      nodeSelectors: [
        { matchLabels: { rack: '1' }, matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] },
      ],
      password: 'horse',
      bfdProfile: 'fast',
      ebgpMultiHop: true,
    });
    expect(errors).toEqual([]);
    expect(peer).toEqual({
      name: 'tor',
      myAsn: 64512,
      peerAsn: 64513,
      remote: { address: '192.0.2.1' },
      sourceAddress: '192.0.2.10',
      port: 1790,
      holdTimeSeconds: 9,
      keepaliveTimeMs: 3000,
      routerId: '10.0.0.1',
      nodeSelectors: [
        { matchLabels: { rack: '1' }, matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] },
      ],
      password: 'horse',
      bfdProfile: 'fast',
      ebgpMultiHop: true,
      gracefulRestart: false,
      dualStackAddressFamily: false,
    });
  });
});

describe('BGPAdvertisement', () => {
  const rows: readonly Row[] = [
    {
      name: 'ipAddressPools: by name',
      spec: { ipAddressPools: ['blue'] },
      want: { pools: ['blue'] },
    },
    {
      name: 'ipAddressPools and ipAddressPoolSelectors absent: every pool',
      spec: {},
      want: { pools: ['blue', 'red'] },
    },
    {
      name: 'ipAddressPoolSelectors: by label',
      spec: { ipAddressPoolSelectors: [{ matchLabels: { color: 'red' } }] },
      want: { pools: ['red'] },
    },
    { name: 'aggregationLength: of IPv4 routes', spec: { aggregationLength: 24 }, want: { aggregationLength: 24 } },
    { name: 'aggregationLength absent: single addresses', spec: {}, want: { aggregationLength: 32 } },
    {
      name: 'aggregationLengthV6: of IPv6 routes',
      spec: { aggregationLengthV6: 64 },
      want: { aggregationLengthV6: 64 },
    },
    { name: 'aggregationLengthV6 absent: single addresses', spec: {}, want: { aggregationLengthV6: 128 } },
    { name: 'localPref: LOCAL_PREF', spec: { localPref: 4_294_967_295 }, want: { localPref: 4_294_967_295 } },
    { name: 'localPref 0 is absent', spec: { localPref: 0 }, want: { localPref: undefined } },
    {
      name: 'communities: by name or as they are',
      spec: { communities: ['named', '65000:7'] },
      want: {
        communities: [
          { kind: 'standard', high: 65000, low: 1 },
          { kind: 'standard', high: 65000, low: 7 },
        ],
      },
    },
    { name: 'nodeSelectors: which nodes', spec: { nodeSelectors: [RACK] }, want: { nodeSelectors: [RACK] } },
    { name: 'peers: by name', spec: { peers: ['tor'] }, want: { peers: ['tor'] } },
    { name: 'peers absent: every one', spec: {}, want: { peers: [] } },
    {
      name: 'serviceSelectors: which Services',
      spec: { serviceSelectors: [RACK] },
      want: { serviceSelectors: [RACK] },
    },
    { name: 'multiExitDisc: MED', spec: { multiExitDisc: 50 }, want: { multiExitDisc: 50 } },
    { name: 'asPathPrepend: a longer path', spec: { asPathPrepend: 2 }, want: { asPathPrepend: 2 } },
    {
      name: 'withoutEndpoints: Announce',
      spec: { withoutEndpoints: 'Announce' },
      want: { withoutEndpoints: 'Announce' },
    },
    {
      name: 'withoutEndpoints Withdraw is absent',
      spec: { withoutEndpoints: 'Withdraw' },
      want: { withoutEndpoints: undefined },
    },
  ];

  test.each(rows)('$name', ({ spec, want }) => {
    const { advertisement, errors } = readBgpAdvertisement(rawResource('BGPAdvertisement', 'all', spec), {
      poolLabels: new Map([
        ['blue', {}],
        ['red', { color: 'red' }],
      ]),
      communities: new Map([['named', { kind: 'standard', high: 65000, low: 1 }]]),
      peers: new Set(['tor']),
    });
    expect(errors).toEqual([]);
    expectFields(advertisement, want);
  });

  test('every field of the resource definition is in the table', () => {
    expect(distinct(rows)).toEqual(fieldsOf('bgpadvertisements', 'v1beta1').toSorted());
  });
});

describe('BFDProfile', () => {
  const rows: readonly Row[] = [
    { name: 'receiveInterval: milliseconds', spec: { receiveInterval: 50 }, want: { receiveIntervalMs: 50 } },
    { name: 'receiveInterval absent is 300', spec: {}, want: { receiveIntervalMs: 300 } },
    { name: 'transmitInterval: milliseconds', spec: { transmitInterval: 50 }, want: { transmitIntervalMs: 50 } },
    { name: 'transmitInterval absent is 300', spec: {}, want: { transmitIntervalMs: 300 } },
    { name: 'detectMultiplier: packets', spec: { detectMultiplier: 5 }, want: { detectMultiplier: 5 } },
    { name: 'detectMultiplier absent is 3', spec: {}, want: { detectMultiplier: 3 } },
    { name: 'echoInterval: milliseconds', spec: { echoInterval: 100 }, want: { echoIntervalMs: 100 } },
    { name: 'echoInterval absent is 50', spec: {}, want: { echoIntervalMs: 50 } },
    { name: 'echoMode: asked for', spec: { echoMode: true }, want: { echoMode: true } },
    { name: 'echoMode absent: not', spec: {}, want: { echoMode: false } },
    { name: 'passiveMode: waits to be spoken to', spec: { passiveMode: true }, want: { passiveMode: true } },
    { name: 'passiveMode absent: does not', spec: {}, want: { passiveMode: false } },
    { name: 'minimumTtl: over several hops', spec: { minimumTtl: 60 }, want: { minimumTtl: 60 } },
    { name: 'minimumTtl absent is 254', spec: {}, want: { minimumTtl: 254 } },
  ];

  test.each(rows)('$name', ({ spec, want }) => {
    const { profile, errors } = readBfdProfile(rawResource('BFDProfile', 'fast', spec));
    expect(errors).toEqual([]);
    expectFields(profile, want);
  });

  test('every field of the resource definition is in the table', () => {
    expect(distinct(rows)).toEqual(fieldsOf('bfdprofiles', 'v1beta1').toSorted());
  });
});

describe('Community', () => {
  const rows: readonly Row[] = [
    {
      name: 'communities: two numbers of 16 bits',
      spec: { communities: [{ name: 'a', value: '65000:7' }] },
      want: [{ name: 'a', value: { kind: 'standard', high: 65000, low: 7 } }],
    },
    {
      name: 'communities large: three numbers of 32 bits',
      spec: { communities: [{ name: 'b', value: 'large:4200000000:1:2' }] },
      want: [{ name: 'b', value: { kind: 'large', globalAdministrator: 4_200_000_000, localData1: 1, localData2: 2 } }],
    },
  ];

  test.each(rows)('$name', ({ spec, want }) => {
    const { written, errors } = readCommunity(rawResource('Community', 'names', spec));
    expect(errors).toEqual([]);
    expect(written).toMatchObject(want);
  });

  test('every field of the resource definition is in the table', () => {
    expect(distinct(rows)).toEqual(fieldsOf('communities', 'v1beta1').toSorted());
  });
});
