/** The chart's files taken by themselves: the kinds and versions MetalLB serves, and values that keep to their schema. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { parse } from 'yaml';

const chart = resolve(import.meta.dirname, '../../../roles/cluster-addon/files/metallb');
const read = (path: string) => readFileSync(join(chart, path), 'utf8');

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
}
interface Version {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  readonly deprecated?: boolean;
  readonly subresources: unknown;
  readonly additionalPrinterColumns?: readonly { readonly name: string; readonly priority?: number }[];
  readonly schema: { readonly openAPIV3Schema: Schema };
}
interface Crd {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly names: Readonly<Record<'kind' | 'listKind' | 'plural' | 'singular', string>>;
    readonly versions: readonly Version[];
    readonly conversion?: { readonly strategy: string };
  };
}

const files = readdirSync(join(chart, 'crds'));
const crds = files.map((file) => ({ file, crd: parse(read(`crds/${file}`)) as Crd }));

describe('custom resource definitions', () => {
  test('there is one file a kind, named after the plural', () => {
    expect(crds.map(({ crd }) => `${crd.spec.names.plural}.yaml`)).toEqual(files);
    expect(files).toHaveLength(10);
  });

  test.each([
    { plural: 'bfdprofiles', kind: 'BFDProfile', want: ['v1beta1'] },
    { plural: 'bgpadvertisements', kind: 'BGPAdvertisement', want: ['v1beta1'] },
    { plural: 'bgppeers', kind: 'BGPPeer', want: ['v1beta2', 'v1beta1 (deprecated)'] },
    { plural: 'bgpsessionstatuses', kind: 'BGPSessionStatus', want: ['v1beta1'] },
    { plural: 'communities', kind: 'Community', want: ['v1beta1'] },
    { plural: 'configurationstates', kind: 'ConfigurationState', want: ['v1beta1'] },
    { plural: 'ipaddresspools', kind: 'IPAddressPool', want: ['v1beta1'] },
    { plural: 'l2advertisements', kind: 'L2Advertisement', want: ['v1beta1'] },
    { plural: 'servicebgpstatuses', kind: 'ServiceBGPStatus', want: ['v1beta1'] },
    { plural: 'servicel2statuses', kind: 'ServiceL2Status', want: ['v1beta1'] },
  ])(
    '$kind is namespaced, has a status subresource and the versions $want, the first stored',
    ({ plural, kind, want }) => {
      const { metadata, spec } = crds.find(({ file }) => file === `${plural}.yaml`)?.crd ?? never(plural);
      expect(metadata.name).toBe(`${plural}.metallb.io`);
      expect(spec).toMatchObject({ group: 'metallb.io', scope: 'Namespaced' });
      expect(spec.names).toEqual({ kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() });
      expect(spec.versions.map(({ name, deprecated }) => (deprecated ? `${name} (deprecated)` : name))).toEqual(want);
      expect(spec.versions.map(({ storage }) => storage)).toEqual(want.map((_, index) => index === 0));
      expect(spec.versions.every(({ served }) => served)).toBe(true);
      expect(spec.versions.map(({ subresources }) => subresources)).toEqual(want.map(() => ({ status: {} })));
    },
  );

  test('without a conversion webhook, all versions of a kind have one schema', () => {
    for (const { crd } of crds) {
      expect(crd.spec.conversion?.strategy ?? 'None').toBe('None');
      expect(new Set(crd.spec.versions.map(({ schema }) => JSON.stringify(schema))).size).toBe(1);
    }
  });

  test('BGPPeer v1beta1 has every field that MetalLB’s has, of the same type', () => {
    const { versions } = (crds.find(({ file }) => file === 'bgppeers.yaml')?.crd ?? never('bgppeers')).spec;
    const spec = versions.find(({ name }) => name === 'v1beta1')?.schema.openAPIV3Schema.properties?.['spec'];
    const types = Object.entries(spec?.properties ?? {}).map(([name, { type }]) => [name, type]);
    expect(Object.fromEntries(types)).toMatchObject({
      myASN: 'integer',
      peerASN: 'integer',
      peerAddress: 'string',
      sourceAddress: 'string',
      peerPort: 'integer',
      holdTime: 'string',
      keepaliveTime: 'string',
      routerID: 'string',
      nodeSelectors: 'array',
      password: 'string',
      bfdProfile: 'string',
      ebgpMultiHop: 'boolean',
    });
  });

  test.each([
    { plural: 'bfdprofiles', want: 'Passive Mode, Transmit Interval, Receive Interval, Multiplier' },
    { plural: 'bgpadvertisements', want: 'IPAddressPools, IPAddressPool Selectors, Peers, (Node Selectors)' },
    { plural: 'bgppeers', want: 'Address, ASN, BFD Profile, Multi Hops' },
    { plural: 'communities', want: '' },
    { plural: 'configurationstates', want: 'Result, ErrorSummary, Age' },
    { plural: 'ipaddresspools', want: 'Auto Assign, Avoid Buggy IPs, Addresses' },
    { plural: 'l2advertisements', want: 'IPAddressPools, IPAddressPool Selectors, Interfaces, (Node Selectors)' },
    { plural: 'servicebgpstatuses', want: 'Node, Service Name, Service Namespace' },
    { plural: 'servicel2statuses', want: 'Allocated Node, Service Name, Service Namespace' },
  ])("$plural prints MetalLB's columns", ({ plural, want }) => expectColumns(plural, want));

  test('bgpsessionstatuses prints what a session is about, and how it fares', () =>
    expectColumns('bgpsessionstatuses', 'Node, Peer, Address, State, BFD, Prefixes, Since, (Last Error)'));

  function expectColumns(plural: string, want: string): void {
    const crd = crds.find(({ file }) => file === `${plural}.yaml`)?.crd ?? never(plural);
    for (const { additionalPrinterColumns = [] } of crd.spec.versions) {
      const shown = additionalPrinterColumns.map(({ name, priority = 0 }) => (priority > 0 ? `(${name})` : name));
      expect(shown.join(', ')).toBe(want);
    }
  }

  test('every field says what it is for', () => {
    const silent: string[] = [];
    let fields = 0;
    for (const { file, crd } of crds) {
      for (const { name, schema } of crd.spec.versions) {
        walk(schema.openAPIV3Schema, `${file} ${name}`, (field, path) => {
          fields += 1;
          if (field.description === undefined && !path.endsWith('.metadata')) silent.push(path);
        });
      }
    }
    expect(fields).toBeGreaterThan(150);
    expect(silent).toEqual([]);
  });
});

function walk(schema: Schema, path: string, visit: (field: Schema, path: string) => void): void {
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    visit(field, `${path}.${name}`);
    walk(field, `${path}.${name}`, visit);
  }
  if (schema.items !== undefined) walk(schema.items, `${path}[]`, visit);
}

function never(plural: string): never {
  throw new Error(`no CRD file for ${plural}`);
}

describe('values', () => {
  const validate = new Ajv({ allErrors: true }).compile(JSON.parse(read('values.schema.json')));
  const values = parse(read('values.yaml')) as Record<string, Record<string, unknown>>;

  test('the defaults keep to the schema', () => {
    expect({ valid: validate(values), errors: validate.errors }).toEqual({ valid: true, errors: null });
  });

  test('the schema names no value that has no default', () => {
    const unset: string[] = [];
    const known = (schema: Schema & { description?: string }, value: unknown, path: string): void => {
      for (const [name, field] of Object.entries(schema.properties ?? {})) {
        const here = `${path}.${name}`;
        const free = /^\.global|\.(affinity|resources|strategy|updateStrategy)$/.test(here);
        const inner = (value as Record<string, unknown> | undefined)?.[name];
        if (!free && inner === undefined) unset.push(here);
        if (!free) known(field, inner, here);
      }
    };
    known(JSON.parse(read('values.schema.json')) as Schema, values, '');
    expect(unset).toEqual([]);
  });

  test.each([
    { name: 'an unknown key', given: { controler: {} } },
    { name: 'an unknown key of the speaker', given: { speaker: { ...values['speaker'], frr: {} } } },
    { name: 'a number for a tag', given: { image: { tag: 1.2 } } },
    { name: 'a pull secret by name alone', given: { imagePullSecrets: ['registry'] } },
    { name: 'no probe port', given: { healthProbePort: 0 } },
  ])('$name is refused', ({ given }) => {
    expect(validate({ ...values, ...given })).toBe(false);
  });

  test('the speaker has no CPU limit', () => {
    expect(values['speaker']?.['resources']).not.toHaveProperty('limits');
  });
});

test("the chart's and the package's versions are one", () => {
  const { version, appVersion } = parse(read('Chart.yaml')) as { version: string; appVersion: string };
  const own = JSON.parse(readFileSync(join(chart, '../../../../package.json'), 'utf8')) as { version: string };
  expect({ version, appVersion }).toEqual({ version: own.version, appVersion: `v${own.version}` });
});
