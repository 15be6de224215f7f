/**
 * The old ConfigMap of MetalLB up to 0.12 (key "config") to the custom resources that mean the same. Only its form is
 * checked here: known keys, what is required, which protocol allows what; whether an address is one is left to the readers
 * of the custom resources, whose faults find their way back into the YAML by `origin`.
 *
 *     peers[]             → BGPPeer peer1, peer2, …
 *     address-pools[]     → IPAddressPool of that name, and L2Advertisement l2advertisement1, … or
 *                           BGPAdvertisement bgpadvertisement1, … for each of its bgp-advertisements[]
 *     bfd-profiles[]      → BFDProfile of that name
 *     bgp-communities{}   → Community communities
 */
import type { ConfigError } from '../../model/config.ts';
import type { RawResource } from '../../model/resource.ts';
import { Field } from './config-field.ts';
import { resourceNames } from './config-map-names.ts';

export interface ConvertedResource {
  readonly resource: RawResource;
  /** Where in the YAML a place of the resource comes from: "spec.autoAssign" → "… config.address-pools[0].auto-assign". */
  readonly origin: (path: string) => string;
}

export interface RenamedResource {
  readonly kind: 'IPAddressPool' | 'BFDProfile';
  readonly from: string;
  readonly to: string;
}

export interface ConfigMapConversion {
  /** Ordered by kind, then as in the YAML. */
  readonly resources: readonly ConvertedResource[];
  readonly errors: readonly ConfigError[];
  /** Names that the API server would not take, or that would not be unique. */
  readonly renamed: readonly RenamedResource[];
}

const DEFAULT_NAMESPACE = 'metallb-system';
/** The old daemons' own, which the custom resource does not have: it must be spelt out. */
const DEFAULT_HOLD_TIME = '1m30s';

/** YAML key → field of the custom resource. */
type Fields = Readonly<Record<string, string>>;

const PEER: Fields = {
  'my-asn': 'myASN',
  'peer-asn': 'peerASN',
  'peer-address': 'peerAddress',
  'source-address': 'sourceAddress',
  'peer-port': 'peerPort',
  'hold-time': 'holdTime',
  'keepalive-time': 'keepaliveTime',
  'router-id': 'routerID',
  'node-selectors': 'nodeSelectors',
  password: 'password',
  'bfd-profile': 'bfdProfile',
  'ebgp-multihop': 'ebgpMultiHop',
};
const SELECTOR: Fields = { 'match-labels': 'matchLabels', 'match-expressions': 'matchExpressions' };
const POOL: Fields = { addresses: 'addresses', 'auto-assign': 'autoAssign', 'avoid-buggy-ips': 'avoidBuggyIPs' };
const POOL_KEYS = ['name', 'protocol', 'addresses', 'avoid-buggy-ips', 'auto-assign', 'bgp-advertisements'];
const ADVERTISEMENT: Fields = {
  'aggregation-length': 'aggregationLength',
  'aggregation-length-v6': 'aggregationLengthV6',
  localpref: 'localPref',
  communities: 'communities',
};
const PROFILE: Fields = {
  'receive-interval': 'receiveInterval',
  'transmit-interval': 'transmitInterval',
  'detect-multiplier': 'detectMultiplier',
  'echo-interval': 'echoInterval',
  'echo-mode': 'echoMode',
  'passive-mode': 'passiveMode',
  'minimum-ttl': 'minimumTtl',
};

/** `object` begins every fault's path: "ConfigMap metallb-system/config". */
export function resourcesFromConfigMap(
  yaml: unknown,
  object: string,
  namespace: string = DEFAULT_NAMESPACE,
): ConfigMapConversion {
  const errors: ConfigError[] = [];
  const root = new Field(yaml, `${object} config`, errors);
  if (root.absent) root.invalid('is empty; an addressless configuration says "address-pools: []"');
  root.allowOnly('peers', 'address-pools', 'bgp-communities', 'bfd-profiles');
  const profileFields = root.field('bfd-profiles').items();
  const profileNames = namesOf(profileFields, 'profile');
  const peers = root
    .field('peers')
    .items()
    .map((field, i) => convertPeer(field, `peer${i + 1}`, profileNames));
  const pools = convertPools(root.field('address-pools').items());
  const profiles = profileFields.map((field, i) => convertProfile(field, profileNames.inOrder[i] ?? ''));
  const parts = [...peers, ...pools.parts, ...profiles, ...convertCommunities(root.field('bgp-communities'))];
  const resources = KINDS.flatMap((kind) => parts.filter((part) => part.kind === kind)).map((part, i) => ({
    resource: toResource(part, namespace, i),
    origin: part.origin,
  }));
  const renamed = [...pools.renamed, ...profileNames.renamed.map((each) => ({ kind: 'BFDProfile' as const, ...each }))];
  return { resources, errors, renamed };
}

const KINDS = ['BGPPeer', 'IPAddressPool', 'BGPAdvertisement', 'L2Advertisement', 'BFDProfile', 'Community'] as const;

interface Part {
  readonly kind: (typeof KINDS)[number];
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly origin: (path: string) => string;
}

interface Names {
  readonly inOrder: readonly string[];
  /** The first of a name, by the name in the YAML. */
  readonly byGiven: ReadonlyMap<string, string>;
  readonly renamed: readonly { readonly from: string; readonly to: string }[];
}

/** Notes names that are missing or given twice. */
function namesOf(fields: readonly Field[], word: 'pool' | 'profile'): Names {
  const byGiven = new Map<string, string>();
  const given = fields.map((field) => field.required('name').text());
  const inOrder = resourceNames(given, word);
  for (const [i, name] of given.entries()) {
    const field = fields[i]?.field('name');
    if (name === '' && field?.absent === false && field.value === '') field.invalid('is empty');
    if (name !== '' && byGiven.has(name)) field?.invalid(`there are two ${word}s named "${name}"`);
    else byGiven.set(name, inOrder[i] ?? '');
  }
  const renamed = Array.from(byGiven, ([from, to]) => ({ from, to })).filter(({ from, to }) => from !== to);
  return { inOrder, byGiven, renamed: renamed.filter(({ from }) => from !== '') };
}

function convertPeer(field: Field, name: string, profiles: Names): Part {
  field.allowOnly(...Object.keys(PEER));
  for (const key of ['my-asn', 'peer-asn', 'peer-address']) field.required(key);
  const { peerPort, bfdProfile, ...spec } = convertFields(field, PEER);
  return {
    kind: 'BGPPeer',
    name,
    spec: {
      holdTime: DEFAULT_HOLD_TIME,
      ...spec,
      // 0 was the old daemons' way to say nothing.
      ...(peerPort === undefined || peerPort === 0 ? {} : { peerPort }),
      ...(bfdProfile === undefined ? {} : { bfdProfile: profiles.byGiven.get(String(bfdProfile)) ?? bfdProfile }),
    },
    origin: translated(field.path, { ...PEER, ...SELECTOR }),
  };
}

function convertPools(fields: readonly Field[]): { parts: readonly Part[]; renamed: readonly RenamedResource[] } {
  const names = namesOf(fields, 'pool');
  const parts: Part[] = [];
  const count = { BGPAdvertisement: 0, L2Advertisement: 0 };
  for (const [i, field] of fields.entries()) {
    const name = names.inOrder[i] ?? '';
    const advertise = (kind: keyof typeof count, from: Field, spec: object): void => {
      count[kind] += 1;
      const origin = translated(from.path, ADVERTISEMENT);
      parts.push({
        kind,
        name: `${kind.toLowerCase()}${count[kind]}`,
        spec: { ...spec, ipAddressPools: [name] },
        origin,
      });
    };
    field.allowOnly(...POOL_KEYS);
    field.required('addresses');
    parts.push({ kind: 'IPAddressPool', name, spec: convertFields(field, POOL), origin: translated(field.path, POOL) });
    convertAdvertisements(field, advertise);
  }
  return { parts, renamed: names.renamed.map((each) => ({ kind: 'IPAddressPool', ...each })) };
}

function convertAdvertisements(
  field: Field,
  advertise: (kind: 'BGPAdvertisement' | 'L2Advertisement', from: Field, spec: object) => void,
): void {
  const protocol = field.required('protocol').text();
  const list = field.field('bgp-advertisements');
  const items = list.items();
  if (protocol === 'layer2') {
    if (items.length > 0) list.invalid('needs protocol bgp');
    advertise('L2Advertisement', field, {});
    return;
  }
  if (protocol !== 'bgp') {
    if (protocol !== '') field.field('protocol').invalid(`"${protocol}" is not a protocol; there are layer2 and bgp`);
    return;
  }
  if (items.length === 0) advertise('BGPAdvertisement', field, {});
  for (const item of items) {
    item.allowOnly(...Object.keys(ADVERTISEMENT));
    advertise('BGPAdvertisement', item, convertFields(item, ADVERTISEMENT));
  }
}

function convertProfile(field: Field, name: string): Part {
  field.allowOnly('name', ...Object.keys(PROFILE));
  return { kind: 'BFDProfile', name, spec: convertFields(field, PROFILE), origin: translated(field.path, PROFILE) };
}

function convertCommunities(field: Field): Part[] {
  const names = field.keys().sort();
  if (names.length === 0) return [];
  const communities = names.map((name) => ({ name, value: field.field(name).value ?? '' }));
  const origin = (path: string): string => {
    const index = Number(/^spec\.communities\[(\d+)\]/.exec(path)?.[1] ?? Number.NaN);
    return names[index] === undefined ? field.path : `${field.path}.${names[index]}`;
  };
  return [{ kind: 'Community', name: 'communities', spec: { communities }, origin }];
}

/** The fields that are there, under their new names, values as they are but for what YAML spells differently. */
function convertFields(field: Field, fields: Fields): Record<string, unknown> {
  const spec: Record<string, unknown> = {};
  for (const [key, name] of Object.entries(fields)) {
    const given = field.field(key);
    if (given.absent) continue;
    spec[name] =
      name === 'nodeSelectors' ? convertSelectors(given) : isFlag(name) ? flagValue(given.value) : given.value;
  }
  return spec;
}

function convertSelectors(list: Field): unknown {
  if (!Array.isArray(list.value)) return list.value;
  return list.items().map((item) => {
    item.allowOnly(...Object.keys(SELECTOR));
    return typeof item.value === 'object' && item.value !== null ? convertFields(item, SELECTOR) : item.value;
  });
}

function isFlag(name: string): boolean {
  return ['autoAssign', 'avoidBuggyIPs', 'ebgpMultiHop', 'echoMode', 'passiveMode'].includes(name);
}

/** The old daemons read YAML 1.1, where these words are true and false, too. */
function flagValue(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if (/^(y|Y|yes|Yes|YES|on|On|ON)$/.test(value)) return true;
  return /^(n|N|no|No|NO|off|Off|OFF)$/.test(value) ? false : value;
}

function translated(base: string, fields: Fields): (path: string) => string {
  const keys = new Map(Object.entries(fields).map(([key, name]) => [name, key]));
  return (path) => {
    const inner = path.replace(/^spec/, '');
    return (
      base +
      inner.replaceAll(/\.([A-Za-z0-9]+)/g, (whole, name: string) => (keys.has(name) ? `.${keys.get(name)}` : whole))
    );
  };
}

/** Ages follow the YAML's order, so that of two that contradict each other the later one is at fault. */
function toResource({ kind, name, spec }: Part, namespace: string, order: number): RawResource {
  return {
    kind,
    namespace,
    name,
    uid: '',
    resourceVersion: '',
    createdAtMs: order,
    generation: 0,
    labels: {},
    annotations: {},
    spec,
    status: undefined,
  };
}
