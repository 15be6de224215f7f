/**
 * What would have to change for a pool to serve the Service: everything that is in its way at once, so that nobody does
 * one thing only to be told the next. The cheapest change comes first: a word on the Service before one on the pool.
 */
import type { Pool } from '../../model/config.ts';
import type { IpFamily } from '../../model/ip.ts';
import type { PoolRefusalReason } from '../allocation/allocation-reason.ts';
import { POOL_REQUEST } from '../allocation/service-request.ts';
import { addressesOf, type Case, familyNames, holdersOf } from './case.ts';
import { faultsOf } from './explain-pool.ts';
import { formatSelector } from './format-selector.ts';
import { poolFigures } from './pool-figures.ts';
import { alternatives, toldList } from './told-list.ts';

type Obstacle = Exclude<PoolRefusalReason, 'NotRequested'>;

interface Change {
  /** Lower: easier to do and less to be had in exchange. */
  readonly cost: number;
  readonly text: (of: Case, pool: Pool) => string;
}

const CHANGES: Readonly<Record<Obstacle, Change>> = {
  AutoAssignOff: {
    cost: 1,
    text: (_, { name }) =>
      `set annotation metallb.io/${POOL_REQUEST}=${name} to get an address of pool "${name}", which is not given out automatically`,
  },
  ServiceNotSelected: {
    cost: 3,
    text: (_, { name, serviceAllocation }) => {
      const wanted = (serviceAllocation?.serviceSelectors ?? []).map(formatSelector);
      return `give the Service labels that pool "${name}" selects: ${alternatives(wanted)}`;
    },
  },
  Exhausted: { cost: 4, text: (of, pool) => [...waiting(of, pool), moreAddresses(of, pool)].join('; or ') },
  NamespaceQuotaReached: {
    cost: 5,
    text: (of) =>
      `raise annotation metallb.io/max-addresses of namespace ${of.service.namespace}, or delete a Service that holds an address (${quotaHolders(of)})`,
  },
  PoolQuotaReached: {
    cost: 5,
    text: (of, pool) =>
      `raise spec.maxAddressesPerNamespace of pool "${pool.name}", or delete a Service that holds an address of it (${quotaHolders(of, pool)})`,
  },
  NamespaceNotAllowed: {
    cost: 6,
    text: ({ service }, { name }) =>
      `add namespace "${service.namespace}" to spec.serviceAllocation.namespaces of pool "${name}"`,
  },
  PoolFaulty: {
    cost: 7,
    text: (of, pool) => {
      const faults = faultsOf(of, pool);
      return `correct pool "${pool.name}"${faults.length === 0 ? '' : `: ${faults.join('; ')}`}`;
    },
  },
  PoolDraining: { cost: 9, text: (_, { name }) => `take spec.drain off pool "${name}", which is being emptied` },
  FamilyMissing: {
    cost: 10,
    text: (of, pool) => `add ${missingFamilies(of, pool)} addresses to spec.addresses of pool "${pool.name}"`,
  },
};

/** One piece of advice a pool that does not serve, the cheapest first; none for those that need nothing. */
export function poolAdvice(of: Case, pools: readonly Pool[] = of.pools): readonly string[] {
  return pools
    .map((pool) => ({ pool, obstacles: obstaclesOf(of, pool) }))
    .filter(({ obstacles }) => obstacles.length > 0)
    .map(({ pool, obstacles }) => ({
      cost: obstacles.reduce((sum, reason) => sum + CHANGES[reason].cost, 0),
      text: obstacles.map((reason) => CHANGES[reason].text(of, pool)).join(', and '),
    }))
    .sort((a, b) => a.cost - b.cost)
    .map(({ text }) => text);
}

/** What is to be done for these reasons, in one pool. */
export function changesFor(of: Case, pool: Pool, reasons: readonly PoolRefusalReason[]): readonly string[] {
  return reasons.flatMap((reason) => (reason === 'NotRequested' ? [] : [CHANGES[reason].text(of, pool)]));
}

/** A Service that asks for nothing also meets pools that are not given out automatically. */
function obstaclesOf(of: Case, pool: Pool): readonly Obstacle[] {
  const isUnasked = !pool.autoAssign && !pool.frozen && of.wantedPool !== pool.name;
  const found = of.allocator.obstacles(of.key, pool).filter((reason) => reason !== 'NotRequested');
  return isUnasked ? ['AutoAssignOff', ...found] : found;
}

/** "wait until …", where an address becomes free by itself. */
function waiting(of: Case, pool: Pool): string[] {
  const claims = families(of).flatMap((family) => poolFigures(of, pool, family).claims);
  const [next] = claims.sort((a, b) => a.endMs - b.endMs);
  if (next === undefined) return [];
  const field = next.kind === 'retained' ? 'retention' : 'quarantine';
  const when = `wait until ${of.world.formatTime(next.endMs)}, when ${next.release.ip} of pool "${pool.name}" is free`;
  return [`${when} (or shorten its spec.${field})`];
}

function moreAddresses(of: Case, pool: Pool): string {
  const holders = new Set(families(of).flatMap((family) => poolFigures(of, pool, family).holders));
  const inUse = families(of).map((family) => {
    const figures = poolFigures(of, pool, family);
    return `${figures.inUse} of ${figures.total} ${familyNames([family])} in use`;
  });
  // What waits or is skipped alone leaves nothing to be freed.
  if (holders.size === 0) return `add a range to pool "${pool.name}": ${inUse.join(', ')}`;
  const whose = toldList(Array.from(holders).sort());
  return `free an address of pool "${pool.name}" or add a range to it: ${inUse.join(', ')} by ${whose}`;
}

function quotaHolders(of: Case, pool?: Pool): string {
  const holders = holdersOf(of, pool?.name, of.service.namespace);
  const count = addressesOf(holders).length;
  return `${count} held by ${toldList(holders.map(({ service }) => service.name)) || 'nobody'}`;
}

/** Those of which the pool has nothing that could be given out. */
function missingFamilies(of: Case, pool: Pool): string {
  const capacity = of.usage.get(pool.name)?.capacity;
  return familyNames(families(of).filter((family) => (capacity?.[family] ?? 0n) === 0n));
}

function families({ request }: Case): readonly IpFamily[] {
  return request?.families ?? [];
}
