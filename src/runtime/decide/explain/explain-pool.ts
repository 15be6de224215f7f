/** Of every pool whether it serves the Service, and why not: the literal that the condition has, and what stands behind it. */
import type { Pool } from '../../model/config.ts';
import { addressesOf, type Case, familyNames, holdersOf } from './case.ts';
import type { PoolExplanation, PoolReason } from './explanation.ts';
import { formatLabels, formatSelector } from './format-selector.ts';
import { formatFigures } from './pool-figures.ts';
import { alternatives, toldList } from './told-list.ts';

export function explainPools(of: Case): readonly PoolExplanation[] {
  return of.pools.map((pool) => explainPool(of, pool));
}

function explainPool(of: Case, pool: Pool): PoolExplanation {
  const reason = reasonOf(of, pool);
  const told = of.allocation.pools.flatMap((each) => (each.pool === pool.name ? [each.reason] : []));
  const all = reason === 'NotAsked' ? [] : reason === 'Serves' ? told : of.allocator.obstacles(of.key, pool);
  const also = Array.from(new Set(all)).filter((each) => each !== reason);
  const sentence = SENTENCES[reason](of, pool);
  const more = also.map(
    (each) => `${reason === 'Serves' ? 'has no more for it' : 'also'}: ${SENTENCES[each](of, pool)}`,
  );
  return { pool: pool.name, reason, message: [sentence, ...more].join('; '), also };
}

/** The condition's word where it has one; else what a look at this pool alone gives. */
function reasonOf(of: Case, pool: Pool): PoolReason {
  const { allocation, request, service, wantedPool } = of;
  if (allocation.pool === pool.name && allocation.ips.length > 0) return 'Serves';
  const told = allocation.pools.find((each) => each.pool === pool.name);
  if (told !== undefined) return told.reason;
  if (request === undefined || service.deleting) return 'NotAsked';
  const isAsked = request.pool !== undefined || request.ips !== undefined;
  if (isAsked && wantedPool !== pool.name) return 'NotRequested';
  if (!isAsked && !pool.autoAssign && !pool.frozen) return 'AutoAssignOff';
  return of.allocator.obstacles(of.key, pool)[0] ?? 'CouldServe';
}

type Sentence = (of: Case, pool: Pool) => string;

const SENTENCES: Readonly<Record<PoolReason, Sentence>> = {
  Serves: ({ allocation }) => `serves this Service: ${allocation.ips.join(', ')}`,
  CouldServe: couldServe,
  NotAsked: ({ service }) =>
    service.deleting ? 'not asked: the Service is being deleted' : 'not asked: what the Service asks for cannot be met',
  NotRequested: notRequested,
  AutoAssignOff: () => 'gives addresses only to Services that ask for it or for one of them (spec.autoAssign is false)',
  NamespaceNotAllowed: (_, pool) => {
    const names = pool.serviceAllocation?.namespaces ?? [];
    if (names.length === 0) return 'serves no namespace: its spec.serviceAllocation selects none that exists';
    return `serves ${names.length === 1 ? 'namespace' : 'the namespaces'} ${toldList(names)} only`;
  },
  ServiceNotSelected: ({ service }, pool) => {
    const wanted = (pool.serviceAllocation?.serviceSelectors ?? []).map(formatSelector);
    return `serves only Services with ${alternatives(wanted)}; this one has ${formatLabels(service.labels)}`;
  },
  PoolFaulty: (of, pool) => {
    const faults = faultsOf(of, pool);
    const why = faults.length === 0 ? '' : `: ${faults.join('; ')}`;
    return `is faulty and gives out nothing new${why} (a controller that has seen it in order goes on with that version)`;
  },
  PoolDraining: (_, pool) => `is being emptied and gives out nothing new (spec.drain is ${pool.drain})`,
  NamespaceQuotaReached: (of) => `namespace ${of.service.namespace} has all it may have, of all pools: ${quota(of)}`,
  PoolQuotaReached: (of, pool) =>
    `namespace ${of.service.namespace} has all of this pool that it may have: ${quota(of, pool)}`,
  FamilyMissing: familyMissing,
  Exhausted: (of, pool) => {
    const families = (of.request?.families ?? []).filter((family) =>
      pool.ranges.some((range) => range.family === family),
    );
    return `no address is left: ${families.map((family) => formatFigures(of, pool, family)).join(' | ')}`;
  },
};

function couldServe({ allocation, wantedPool, request }: Case, pool: Pool): string {
  if (request?.ips !== undefined && wantedPool === pool.name) return 'could serve this Service with another address';
  if (allocation.ips.length > 0 && allocation.pool !== undefined) {
    return `could serve this Service; pool "${allocation.pool}" does`;
  }
  return 'could serve this Service';
}

function notRequested({ request, wantedPool }: Case): string {
  if (request?.pool !== undefined) return `not asked: the Service asks for pool "${request.pool}"`;
  const asked = (request?.ips ?? []).join(', ');
  const whose = wantedPool === undefined ? 'no pool' : `pool "${wantedPool}"`;
  return `not asked: the Service asks for ${asked}, of ${whose}`;
}

function familyMissing({ request, usage }: Case, pool: Pool): string {
  const families = request?.families ?? [];
  const has = (['ipv4', 'ipv6'] as const).filter((family) => pool.ranges.some((range) => range.family === family));
  const skipped = families.filter((family) => has.includes(family) && usage.get(pool.name)?.capacity[family] === 0n);
  if (skipped.length > 0) return `every ${familyNames(skipped)} address of it is skipped or left out`;
  if (has.length === 0) return 'holds no addresses';
  return `has ${familyNames(has)} only; the Service has ${familyNames(families)}`;
}

/** Every fault of the object, for people. */
export function faultsOf({ world }: Case, { name }: Pool): readonly string[] {
  return world.decided.faulty
    .filter(({ object }) => object.kind === 'IPAddressPool' && object.name === name)
    .flatMap(({ errors }) => errors.map(({ path, message }) => `${path}: ${message}`));
}

/** "2 of 2 (web/a, web/b)", in the pool or in all. */
export function quota(of: Case, pool?: Pool): string {
  const { namespace } = of.service;
  const holders = holdersOf(of, pool?.name, namespace);
  const limit = pool === undefined ? of.world.namespaceLimits?.get(namespace) : pool.maxAddressesPerNamespace;
  const names = holders.map(({ service }) => `${service.namespace}/${service.name}`);
  return `${addressesOf(holders).length} of ${limit ?? 0}${names.length === 0 ? '' : ` (${toldList(names)})`}`;
}

/** Whether the pool would serve the Service if it were asked for. */
export function wouldServe(of: Case, pool: Pool): boolean {
  return of.allocator.obstacles(of.key, pool).length === 0;
}
