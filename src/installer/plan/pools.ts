/**
 * The address pools of a plan: metallb_vip_pool (the pool named "default") and metallb_pools, with the checks that need
 * to see all of them: names given twice and addresses that two pools both claim.
 */
import { parseIp } from '../../runtime/model/ip.ts';
import { rangeContains, rangesOverlap } from '../../runtime/model/range.ts';
import { formatPosition, type Located } from '../inventory/located.ts';
import type { PlannedNode, PlannedPool, PlannedRange, Protocol } from './addon-plan.ts';
import { readExcluded, readLabelSelector, readObjectName, readRange, readTime } from './domain-readers.ts';
import {
  type Fields,
  type Reader,
  type Report,
  readFields,
  readInteger,
  readList,
  readOneOf,
  readText,
  readYesNo,
} from './readers.ts';

const POOL_FIELDS = [
  'name',
  'addresses',
  'auto_assign',
  'avoid_buggy_ips',
  'priority',
  'namespaces',
  'namespace_selectors',
  'service_selectors',
  'interfaces',
  'node_selectors',
  'communities',
  'peers',
  'exclude_addresses',
  'retention',
  'quarantine',
  'drain',
  'on_conflict',
  'max_addresses_per_namespace',
];

/** Both variables together, in the order the user wrote them, the default pool first. */
export function readPools(variables: Fields, report: Report): readonly PlannedPool[] {
  const defaultAddresses = variables.get('metallb_vip_pool', readList(readRange)) ?? [];
  const defaultPool: readonly PlannedPool[] =
    defaultAddresses.length === 0
      ? []
      : [
          {
            ...emptyPool('default', variables.positionOf('metallb_vip_pool')),
            addresses: defaultAddresses,
            ...readReserve(variables, 'metallb_'),
          },
        ];
  const pools = [...defaultPool, ...(variables.get('metallb_pools', readList(readPool)) ?? [])];
  reportRepeatedNames(pools, report);
  reportOverlaps(pools, report);
  return pools;
}

/** What a pool holds back; the default pool's variables are called like the fields of the others, with a prefix. */
function readReserve(
  fields: Fields,
  prefix: 'metallb_' | '',
): Pick<PlannedPool, 'excludeAddresses' | 'retention' | 'quarantine' | 'onConflict'> {
  const excludeAddresses = fields.get(`${prefix}exclude_addresses`, readList(readExcluded)) ?? [];
  const retention = fields.get(`${prefix}retention`, readTime);
  const quarantine = fields.get(`${prefix}quarantine`, readTime);
  const onConflict = fields.get(`${prefix}on_conflict`, readOneOf(['Keep', 'Reallocate', 'Defend']));
  return {
    excludeAddresses,
    ...(retention === undefined ? {} : { retention }),
    ...(quarantine === undefined ? {} : { quarantine }),
    ...(onConflict === undefined ? {} : { onConflict }),
  };
}

function emptyPool(name: string, at: PlannedPool['at']): PlannedPool {
  return {
    name,
    at,
    addresses: [],
    autoAssign: true,
    avoidBuggyIps: false,
    priority: 0,
    namespaces: [],
    namespaceSelectors: [],
    serviceSelectors: [],
    interfaces: [],
    nodeSelectors: [],
    communities: [],
    peers: [],
    excludeAddresses: [],
  };
}

const readPool: Reader<PlannedPool> = (value: Located, what, report) => {
  const fields = readFields(value, what, POOL_FIELDS, report);
  const name = fields?.need('name', readObjectName);
  const addresses = fields?.need('addresses', readList(readRange));
  if (fields === undefined || name === undefined || addresses === undefined) return undefined;
  // Faulty ranges have been reported one by one; an empty list has not.
  const wasEmpty = value.kind === 'map' && isEmptyList(value.entries.get('addresses'));
  if (wasEmpty) report(fields.positionOf('addresses'), `the pool "${name}" has no addresses`);
  const communities = fields.get('communities', readList(readText)) ?? [];
  const reserve = readReserve(fields, '');
  const drain = fields.get('drain', readOneOf(['NoNewAddresses', 'MoveServices']));
  const maxAddressesPerNamespace = fields.get('max_addresses_per_namespace', readInteger(1, 1_000_000));
  return {
    name,
    at: fields.at,
    addresses,
    autoAssign: fields.get('auto_assign', readYesNo) ?? true,
    avoidBuggyIps: fields.get('avoid_buggy_ips', readYesNo) ?? false,
    priority: fields.get('priority', readInteger(0, 1_000_000)) ?? 0,
    namespaces: fields.get('namespaces', readList(readObjectName)) ?? [],
    namespaceSelectors: fields.get('namespace_selectors', readList(readLabelSelector)) ?? [],
    serviceSelectors: fields.get('service_selectors', readList(readLabelSelector)) ?? [],
    interfaces: fields.get('interfaces', readList(readText)) ?? [],
    nodeSelectors: fields.get('node_selectors', readList(readLabelSelector)) ?? [],
    communities,
    peers: fields.get('peers', readList(readObjectName)) ?? [],
    ...reserve,
    ...(drain === undefined ? {} : { drain }),
    ...(maxAddressesPerNamespace === undefined ? {} : { maxAddressesPerNamespace }),
  };
};

function isEmptyList(value: Located | undefined): boolean {
  return value?.kind === 'list' && value.items.length === 0;
}

function reportRepeatedNames(pools: readonly PlannedPool[], report: Report): void {
  const firsts = new Map<string, PlannedPool>();
  for (const pool of pools) {
    const first = firsts.get(pool.name);
    if (first === undefined) firsts.set(pool.name, pool);
    else if (pool.name === 'default' && first === pools[0]) {
      report(
        pool.at,
        `the pool name "default" belongs to metallb_vip_pool (${formatPosition(first.at)}): choose another`,
      );
    } else report(pool.at, `the pool name "${pool.name}" is taken already (${formatPosition(first.at)})`);
  }
}

function reportOverlaps(pools: readonly PlannedPool[], report: Report): void {
  const ranges = pools.flatMap((pool) => pool.addresses.map((address) => ({ pool, address })));
  for (const [index, later] of ranges.entries()) {
    const earlier = ranges.slice(0, index).find(({ address }) => rangesOverlap(address.range, later.address.range));
    if (earlier === undefined) continue;
    report(
      later.address.at,
      `${later.address.text} of the pool "${later.pool.name}" overlaps ${earlier.address.text} of the pool ` +
        `"${earlier.pool.name}" (${formatPosition(earlier.address.at)})`,
    );
  }
}

/** A pool's range of which at least one address lies in none of the subnets. */
export interface StrayRange {
  readonly pool: PlannedPool;
  readonly address: PlannedRange;
}

/** Layer 2 answers on the nodes' own links: an address outside their subnets could never be reached there. */
export function rangesOutsideSubnets(
  pools: readonly PlannedPool[],
  subnets: readonly PlannedRange['range'][],
): readonly StrayRange[] {
  return pools.flatMap((pool) =>
    pool.addresses
      .filter(({ range }) => {
        const isInside = (subnet: PlannedRange['range']): boolean =>
          subnet.family === range.family && subnet.first <= range.first && range.last <= subnet.last;
        return !subnets.some(isInside);
      })
      .map((address) => ({ pool, address })),
  );
}

/** How Calico advertises is said in Calico's own objects. */
const UNUSED_FIELDS: Readonly<Record<Protocol, readonly string[]>> = {
  layer2: ['communities', 'peers'],
  bgp: ['interfaces'],
  calico: ['communities', 'peers', 'interfaces', 'node_selectors'],
};

/** Warnings for pools that hold a node's own address, or set what the protocol does not use. */
export function poolWarnings(
  pools: readonly PlannedPool[],
  nodes: readonly PlannedNode[],
  protocol: Protocol,
): readonly string[] {
  const warnings: string[] = [];
  for (const pool of pools) {
    for (const node of nodes) {
      const ip = parseIp(node.address);
      if (!ip.ok) continue;
      const holding = pool.addresses.find(({ range }) => rangeContains(range, ip.value));
      const isListed = pool.excludeAddresses.some(({ range }) => rangeContains(range, ip.value));
      if (holding === undefined || isListed) continue;
      warnings.push(
        `${formatPosition(holding.at)}: the pool "${pool.name}" contains ${ip.value}, the address of the node ` +
          `${node.name}; it is skipped, no Service gets it`,
      );
    }
    const set = {
      communities: pool.communities,
      peers: pool.peers,
      interfaces: pool.interfaces,
      node_selectors: pool.nodeSelectors,
    };
    for (const [field, values] of Object.entries(set)) {
      if (UNUSED_FIELDS[protocol].includes(field) && values.length > 0) {
        warnings.push(
          `${formatPosition(pool.at)}: "${field}" of the pool "${pool.name}" has no effect with metallb_protocol "${protocol}"`,
        );
      }
    }
  }
  return warnings;
}
