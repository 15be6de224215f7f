import { describe, expect, test } from '@jest/globals';
import { configDifferences } from '../../../../src/runtime/decide/configuration/config-differences.ts';
import {
  configFromConfigMap,
  configResources,
} from '../../../../src/runtime/decide/configuration/config-from-configmap.ts';
import { configFromResources } from '../../../../src/runtime/decide/configuration/config-from-resources.ts';
import { resourcesFromConfigMap } from '../../../../src/runtime/decide/configuration/config-map-conversion.ts';
import { decideConfig, NO_MEMORY } from '../../../../src/runtime/decide/configuration/config-source.ts';
import type { Config } from '../../../../src/runtime/model/config.ts';
import { ok } from '../../../../src/runtime/model/result.ts';
import { rawPool } from '../../../support/raw-resources.ts';
import { config, l2Advertisement, pool } from '../../../support/views.ts';

const OBJECT = 'ConfigMap metallb-system/config';
const YAML = {
  peers: [
    { 'my-asn': 64500, 'peer-asn': 64501, 'peer-address': '10.0.0.1', password: 'secret', 'bfd-profile': 'fast' },
  ],
  'bfd-profiles': [{ name: 'fast' }],
  'bgp-communities': { blue: '64500:1' },
  'address-pools': [
    { name: 'a', protocol: 'layer2', addresses: ['10.0.0.0/24'] },
    { name: 'b', protocol: 'bgp', addresses: ['10.0.1.0/24'], 'bgp-advertisements': [{ communities: ['blue'] }] },
  ],
};
const read = (yaml: unknown): Config => configFromConfigMap(yaml, OBJECT).converted ?? config();
const differences = (a: Config, b: Config) => configDifferences({ name: 'A', config: a }, { name: 'B', config: b });
const edited = (path: readonly (string | number)[], value: unknown) => {
  const copy = structuredClone(YAML) as Record<string, unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: walks a copy of the YAML above.
  const target = path.slice(0, -1).reduce((part: any, key) => part[key], copy);
  target[path.at(-1) ?? ''] = value;
  return read(copy);
};

describe('two configurations', () => {
  test('that say the same have no difference, whatever their advertisements and peers are called', () => {
    const a = read(YAML);
    const renamed: Config = {
      ...a,
      l2Advertisements: a.l2Advertisements.map((each) => ({ ...each, name: 'other' })),
      bgpAdvertisements: a.bgpAdvertisements.map((each) => ({ ...each, name: 'other' })),
      bgpPeers: a.bgpPeers.map((each) => ({ ...each, name: 'other', bfdProfile: 'quick' })),
      bfdProfiles: a.bfdProfiles.map((each) => ({ ...each, name: 'quick' })),
      communities: [],
    };
    expect(differences(a, renamed)).toEqual([]);
  });

  test.each([
    {
      name: 'a pool’s addresses',
      b: edited(['address-pools', 0, 'addresses'], ['10.0.0.0/25']),
      want: ['pool "a": ranges is ["10.0.0.0/24"] in A and ["10.0.0.0/25"] in B'],
    },
    {
      name: 'a pool’s flag',
      b: edited(['address-pools', 0, 'auto-assign'], false),
      want: ['pool "a": autoAssign is true in A and false in B'],
    },
    {
      name: 'a pool’s name',
      b: edited(['address-pools', 0, 'name'], 'c'),
      want: ['pool "a" is only in A', 'pool "c" is only in B'],
    },
    {
      name: 'a pool’s protocol',
      b: edited(['address-pools', 0, 'protocol'], 'bgp'),
      want: ['pool "a" is announced otherwise in layer 2', 'pool "a" is announced otherwise by BGP'],
    },
    {
      name: 'what a community stands for',
      b: edited(['bgp-communities', 'blue'], '64500:2'),
      want: ['pool "b" is announced otherwise by BGP'],
    },
    {
      name: 'a peer’s hold time',
      b: edited(['peers', 0, 'hold-time'], '30s'),
      want: [
        'peer "10.0.0.1": holdTimeSeconds is 90 in A and 30 in B',
        'peer "10.0.0.1": keepaliveTimeMs is 30000 in A and 10000 in B',
      ],
    },
    {
      name: 'a peer’s password, which is not shown',
      b: edited(['peers', 0, 'password'], 'other'),
      want: ['peer "10.0.0.1": the passwords differ'],
    },
    {
      name: 'a peer’s BFD profile’s timer',
      b: edited(['bfd-profiles', 0, 'detect-multiplier'], 5),
      want: [expect.stringContaining('peer "10.0.0.1": bfdProfile is')],
    },
    { name: 'a peer', b: edited(['peers'], []), want: ['peer "10.0.0.1" is only in A'] },
  ])('that differ in $name', ({ b, want }) => {
    expect(differences(read(YAML), b)).toEqual(want);
  });

  test('the ConfigMap and its conversion never differ', () => {
    const { resources, errors } = resourcesFromConfigMap(YAML, OBJECT);
    expect(errors).toEqual([]);
    const result = configFromResources(configResources(resources.map(({ resource }) => resource)));
    expect(result.errors).toEqual([]);
    expect(differences(read(YAML), result.config)).toEqual([]);
  });
});

describe('a ConfigMap beside IPAddressPools', () => {
  const none = { pools: [], l2Advertisements: [], namespaces: [] };
  const yaml = ok({ 'address-pools': [{ name: 'a', protocol: 'layer2', addresses: ['10.0.0.0/24'] }] });
  const resources = { ...none, pools: [rawPool('a', ['10.0.0.0/25'])] };

  test('is ignored, and what it would do differently is known', () => {
    const decided = decideConfig({ resources, configMap: { path: OBJECT, yaml } }, NO_MEMORY);
    expect(decided.source).toBe('resources');
    expect(decided.ignored).toEqual({
      differences: [
        'pool "a": ranges is ["10.0.0.0/24"] in the ConfigMap and ["10.0.0.0/25"] in the custom resources',
        'pool "a" is announced otherwise in layer 2',
      ],
      errors: [],
    });
  });

  test('stays in force while all of them wait for it', () => {
    const waiting = { annotations: { 'metallb.io/waits-for-configmap': 'true' } };
    const pools = [rawPool('a', ['10.0.0.0/25'], waiting), rawPool('b', ['10.1.0.0/25'], waiting)];
    const decided = decideConfig({ resources: { ...none, pools }, configMap: { path: OBJECT, yaml } }, NO_MEMORY);
    expect(decided.source).toBe('config-map');
    expect(decided.config?.pools).toEqual([pool('a', ['10.0.0.0/24'])]);
    expect(decided.config?.l2Advertisements).toEqual([l2Advertisement('l2advertisement1', { pools: ['a'] })]);
    expect(decided.ignored).toBeUndefined();
  });

  test('is set aside by the first that does not wait, for all of them', () => {
    const waiting = { annotations: { 'metallb.io/waits-for-configmap': 'true' } };
    const pools = [rawPool('a', ['10.0.0.0/25']), rawPool('b', ['10.1.0.0/25'], waiting)];
    const decided = decideConfig({ resources: { ...none, pools }, configMap: { path: OBJECT, yaml } }, NO_MEMORY);
    expect(decided.source).toBe('resources');
    expect(decided.config?.pools.map(({ name }) => name)).toEqual(['a', 'b']);
  });
});
