/** What each field of a BGPPeer comes to: those that v1beta1 has, and those that came with v1beta2. */
import { describe, expect, test } from '@jest/globals';
import { readBgpPeer } from '../../../../src/runtime/decide/configuration/config-bgp-peer.ts';
import type { BgpPeer } from '../../../../src/runtime/model/config.ts';
import { rawResource } from '../../../support/raw-resources.ts';
import { ip } from '../../../support/views.ts';

/** All that v1beta1 asks for. */
const LEAST = { myASN: 64512, peerASN: 64513, peerAddress: '192.0.2.1' };
const REFERENCES = { bfdProfiles: new Set(['fast']), secrets: undefined };

function read(spec: object): BgpPeer {
  const { peer, errors } = readBgpPeer(rawResource('BGPPeer', 'router', spec), REFERENCES);
  expect(errors).toEqual([]);
  return peer;
}

const READ: BgpPeer = {
  name: 'router',
  myAsn: 64512,
  peerAsn: 64513,
  remote: { address: ip('192.0.2.1') },
  port: 179,
  nodeSelectors: [],
  gracefulRestart: false,
  ebgpMultiHop: false,
  dualStackAddressFamily: false,
};

interface Row {
  readonly field: string;
  readonly given: unknown;
  readonly want: Partial<BgpPeer>;
}

/** The chart's test holds the definition of v1beta1 against the same names. */
const V1BETA1: readonly Row[] = [
  { field: 'myASN', given: 4_200_000_000, want: { myAsn: 4_200_000_000 } },
  { field: 'peerASN', given: 4_200_000_001, want: { peerAsn: 4_200_000_001 } },
  { field: 'peerAddress', given: '2001:DB8::01', want: { remote: { address: ip('2001:db8::1') } } },
  { field: 'sourceAddress', given: '192.0.2.10', want: { sourceAddress: ip('192.0.2.10') } },
  { field: 'peerPort', given: 1790, want: { port: 1790 } },
  { field: 'peerPort', given: 0, want: { port: 179 } },
  { field: 'holdTime', given: '1m30s', want: { holdTimeSeconds: 90, keepaliveTimeMs: 30_000 } },
  { field: 'keepaliveTime', given: '10s', want: { holdTimeSeconds: 30, keepaliveTimeMs: 10_000 } },
  { field: 'routerID', given: '10.0.0.1', want: { routerId: ip('10.0.0.1') } },
  {
    field: 'nodeSelectors',
    given: [
      { matchLabels: { rack: 'a' } },
      { matchExpressions: [{ key: 'zone', operator: 'NotIn', values: ['b', 'c'] }] },
    ],
    want: {
      nodeSelectors: [
        { matchLabels: { rack: 'a' } },
        { matchExpressions: [{ key: 'zone', operator: 'NotIn', values: ['b', 'c'] }] },
      ],
    },
  },
  { field: 'password', given: 'x', want: { password: 'x' } },
  { field: 'bfdProfile', given: 'fast', want: { bfdProfile: 'fast' } },
  { field: 'ebgpMultiHop', given: true, want: { ebgpMultiHop: true } },
];

describe('v1beta1', () => {
  test('the least there can be', () => {
    expect(read(LEAST)).toEqual(READ);
  });

  test.each(V1BETA1)('$field $given', ({ field, given, want }) => {
    expect(read({ ...LEAST, [field]: given })).toEqual({ ...READ, ...want });
  });

  test('all at once, as `kubectl get -o yaml` shows what v1beta1 was written with', () => {
    const rows = V1BETA1.filter(({ given }) => given !== 0);
    const spec = Object.fromEntries(rows.map(({ field, given }) => [field, given]));
    const want = Object.assign({}, ...rows.map(({ want: each }) => each));
    expect(read({ ...spec, holdTime: '30s' })).toEqual({ ...READ, ...want, holdTimeSeconds: 30 });
  });

  test('durations of zero, which its Go type writes for those that are not set: such a session never expires', () => {
    expect(read({ ...LEAST, holdTime: '0s', keepaliveTime: '0s' })).toEqual({
      ...READ,
      holdTimeSeconds: 0,
      keepaliveTimeMs: 0,
    });
  });
});

describe('v1beta2', () => {
  test.each<Row>([
    { field: 'localASN', given: 64999, want: { localAsn: 64999 } },
    { field: 'connectTime', given: '5s', want: { connectTimeSeconds: 5 } },
    { field: 'passwordSecret', given: { name: 'router' }, want: { passwordSecret: 'router' } },
    { field: 'enableGracefulRestart', given: true, want: { gracefulRestart: true } },
    { field: 'vrf', given: 'red', want: { vrf: 'red' } },
    { field: 'disableMP', given: true, want: {} },
    { field: 'dualStackAddressFamily', given: true, want: { dualStackAddressFamily: true } },
    { field: 'ttlSecurityHops', given: 2, want: { ttlSecurityHops: 2 } },
  ])('$field $given', ({ field, given, want }) => {
    expect(read({ ...LEAST, [field]: given })).toEqual({ ...READ, ...want });
  });

  test.each([
    ['internal', 64512],
    ['external', 64512],
  ] as const)('dynamicASN %s behind an interface', (dynamicASN, myASN) => {
    expect(read({ myASN, dynamicASN, interface: 'eth1' })).toEqual({
      ...READ,
      peerAsn: dynamicASN,
      remote: { interface: 'eth1' },
    });
  });
});
