/**
 * The old ConfigMap of MetalLB up to 0.12 (key "config") to the configuration in force. As strict as the daemons that
 * read it were: an unknown key is a fault, and any fault at all leaves the last good ConfigMap in force, because its
 * parts have no identity of their own that could be kept one by one.
 *
 * Takes the YAML parsed; paths in faults are the YAML's: "config address-pools[0].addresses[1]".
 * Deviation: the BGP parts are checked for known keys and required fields only; nothing announces them yet.
 */
import type { Config, ConfigError, L2Advertisement, Pool } from '../model/config.ts';
import { formatRange } from '../model/range.ts';
import { ClaimedRanges } from './claimed-ranges.ts';
import { Field } from './config-field.ts';
import { readRanges, type WrittenRange } from './config-pool.ts';
import { readSelectors } from './config-selectors.ts';

const PEER_KEYS = [
  'my-asn',
  'peer-asn',
  'peer-address',
  'source-address',
  'peer-port',
  'hold-time',
  'keepalive-time',
  'router-id',
  'node-selectors',
  'password',
  'bfd-profile',
  'ebgp-multihop',
] as const;

export interface ConfigMapResult {
  /** Undefined when there is any fault: keep the last good one. */
  readonly config: Config | undefined;
  readonly errors: readonly ConfigError[];
}

/** `object` begins every fault's path: "ConfigMap metallb-system/config". */
export function configFromConfigMap(yaml: unknown, object: string): ConfigMapResult {
  const errors: ConfigError[] = [];
  const root = new Field(yaml, `${object} config`, errors);
  if (root.absent) root.invalid('is empty; an addressless configuration says "address-pools: []"');
  root.allowOnly('peers', 'address-pools', 'bgp-communities', 'bfd-profiles');
  for (const peer of root.field('peers').items()) readPeer(peer);
  root.field('bgp-communities').labels();
  root.field('bfd-profiles').items();
  const read = root.field('address-pools').items().map(readAddressPool);
  noteRepeatedNames(read);
  errors.push(...overlaps(read));
  if (errors.length > 0) return { config: undefined, errors };
  const pools = read.map(({ pool }) => pool).sort((a, b) => (a.name < b.name ? -1 : 1));
  return { config: { pools, l2Advertisements: advertisementsOf(read) }, errors };
}

interface ReadAddressPool {
  readonly field: Field;
  readonly pool: Pool;
  readonly written: readonly WrittenRange[];
  readonly protocol: string;
}

function readAddressPool(field: Field): ReadAddressPool {
  field.allowOnly('name', 'protocol', 'addresses', 'avoid-buggy-ips', 'auto-assign', 'bgp-advertisements');
  const protocol = field.required('protocol').text();
  if (protocol !== '' && protocol !== 'layer2' && protocol !== 'bgp') {
    field.field('protocol').invalid(`"${protocol}" is not a protocol; there are layer2 and bgp`);
  }
  const advertisements = field.field('bgp-advertisements');
  if (protocol === 'layer2' && !advertisements.absent) advertisements.invalid('needs protocol bgp');
  for (const advertisement of advertisements.items()) {
    advertisement.allowOnly('aggregation-length', 'aggregation-length-v6', 'localpref', 'communities');
  }
  const written = readRanges(field.required('addresses'));
  const pool = {
    name: field.required('name').text(),
    ranges: written.map(({ range }) => range),
    autoAssign: field.field('auto-assign').boolean(true),
    avoidBuggyIps: field.field('avoid-buggy-ips').boolean(false),
  };
  return { field, pool, written, protocol };
}

function readPeer(field: Field): void {
  field.allowOnly(...PEER_KEYS);
  field.required('my-asn').integer(0);
  field.required('peer-asn').integer(0);
  field.required('peer-address').text();
  field.field('peer-port').integer(0);
  readSelectors(field.field('node-selectors'), 'dashed');
}

function noteRepeatedNames(read: readonly ReadAddressPool[]): void {
  const seen = new Set<string>();
  for (const { field, pool } of read) {
    if (pool.name !== '' && seen.has(pool.name))
      field.field('name').invalid(`there are two pools named "${pool.name}"`);
    seen.add(pool.name);
  }
}

function overlaps(read: readonly ReadAddressPool[]): ConfigError[] {
  const claims = new ClaimedRanges();
  return read.flatMap(({ pool, written }) =>
    written.flatMap(({ range, path }): ConfigError[] => {
      const other = claims.overlapping(range);
      if (other === undefined) {
        claims.add({ range, owner: pool.name });
        return [];
      }
      const message = `${formatRange(range)} overlaps ${formatRange(other.range)} of pool "${other.owner}"`;
      return [{ path, message, kind: 'invalid' }];
    }),
  );
}

/** A layer2 pool was announced by every node on every interface: one advertisement a pool, named like it. */
function advertisementsOf(read: readonly ReadAddressPool[]): L2Advertisement[] {
  return read
    .filter(({ protocol }) => protocol === 'layer2')
    .map(({ pool }) => ({
      name: pool.name,
      pools: [pool.name],
      nodeSelectors: [],
      interfaces: [],
      serviceSelectors: [],
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
