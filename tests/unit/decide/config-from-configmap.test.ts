import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { configFromConfigMap } from '../../../src/runtime/decide/config-from-configmap.ts';
import { decideConfig, NO_MEMORY } from '../../../src/runtime/decide/config-source.ts';
import { err, ok } from '../../../src/runtime/model/result.ts';
import { rawPool } from '../../support/raw-resources.ts';
import { config, l2Advertisement, pool } from '../../support/views.ts';

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
  l2Advertisements: [l2Advertisement('default')],
});

describe('the old ConfigMap', () => {
  test('of the old guides gives a pool and its advertisement', () => {
    expect(configFromConfigMap({ 'address-pools': [layer2()] }, OBJECT)).toEqual({ config: IN_FORCE, errors: [] });
  });

  test('with BGP gives pools without an advertisement', () => {
    const yaml = {
      peers: [
        {
          'my-asn': 64500,
          'peer-asn': 64501,
          'peer-address': '10.0.0.1',
          'node-selectors': [{ 'match-labels': { a: 'b' } }],
        },
      ],
      'bgp-communities': { 'no-export': '65535:65281' },
      'address-pools': [
        {
          name: 'x',
          protocol: 'bgp',
          addresses: ['10.0.0.0/24'],
          'auto-assign': false,
          'avoid-buggy-ips': true,
          'bgp-advertisements': [{ localpref: 100 }],
        },
      ],
    };
    const want = config({ pools: [pool('x', ['10.0.0.0/24'], { autoAssign: false, avoidBuggyIps: true })] });
    expect(configFromConfigMap(yaml, OBJECT)).toEqual({ config: want, errors: [] });
  });

  test.each([
    {
      name: 'nothing',
      yaml: null,
      want: [`${OBJECT} config: is empty; an addressless configuration says "address-pools: []"`],
    },
    { name: 'text', yaml: 'hello', want: [`${OBJECT} config: must be a map, not "hello"`] },
    {
      name: 'a misspelt key',
      yaml: { 'address-pools': [{ name: 'default', protocol: 'layer2', adresses: ['10.0.0.0/24'] }] },
      want: [
        `${OBJECT} config.address-pools[0].adresses: is not known here; known are name, protocol, addresses, avoid-buggy-ips, auto-assign, bgp-advertisements`,
        `${OBJECT} config.address-pools[0].addresses: is required`,
      ],
    },
    {
      name: 'a wrong protocol',
      yaml: { 'address-pools': [layer2({ protocol: 'l2' })] },
      want: [`${OBJECT} config.address-pools[0].protocol: "l2" is not a protocol; there are layer2 and bgp`],
    },
    {
      name: 'advertisements of a layer2 pool',
      yaml: { 'address-pools': [layer2({ 'bgp-advertisements': [] })] },
      want: [`${OBJECT} config.address-pools[0].bgp-advertisements: needs protocol bgp`],
    },
    {
      name: 'two pools of one name that overlap',
      yaml: { 'address-pools': [layer2(), layer2()] },
      want: [
        `${OBJECT} config.address-pools[1].name: there are two pools named "default"`,
        `${OBJECT} config.address-pools[1].addresses[0]: 10.6.204.20-10.6.204.22 overlaps 10.6.204.20-10.6.204.22 of pool "default"`,
      ],
    },
  ])('refuses $name', ({ yaml, want }) => {
    expect(errorsOf(yaml)).toEqual(want);
    expect(configFromConfigMap(yaml, OBJECT).config).toBeUndefined();
  });

  test('never throws, whatever it holds', () => {
    fc.assert(fc.property(fc.anything(), (yaml) => void configFromConfigMap(yaml, OBJECT)));
    fc.assert(
      fc.property(
        fc.anything(),
        (part) => void configFromConfigMap({ 'address-pools': [part], peers: [part] }, OBJECT),
      ),
    );
  });
});

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
