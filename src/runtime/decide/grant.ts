/**
 * The second pass of allocation: gives a Service what it lacks or asks for, out of what the first pass and earlier
 * Services left. Where that fails it keeps what it holds.
 */
import type { Pool } from '../model/config.ts';
import { type Ip, type IpFamily, ipFamily } from '../model/ip.ts';
import { err, ok, type Result } from '../model/result.ts';
import type { ServiceView } from '../model/service.ts';
import type { AddressBook } from './address-book.ts';
import {
  formatPoolRefusals,
  type PoolRefusal,
  type PoolRefusalReason,
  type Refusal,
  refusal,
} from './allocation-reason.ts';
import { type FreeAddresses, isAvoided } from './free-addresses.ts';
import { restriction } from './pool-choice.ts';
import type { ServiceRequest, Sharing } from './service-request.ts';

export interface Claimant {
  readonly service: ServiceView;
  /** "namespace/name" */
  readonly key: string;
  readonly request: Result<ServiceRequest, Refusal>;
  readonly sharing: Sharing;
}

export interface GrantContext {
  /** In the order they are asked. */
  readonly pools: readonly Pool[];
  readonly poolOf: (ip: Ip) => Pool | undefined;
  readonly book: AddressBook;
  readonly free: FreeAddresses;
}

/** Addresses of one pool, at most one of a family. */
export interface Holding {
  readonly pool: Pool;
  readonly ips: readonly Ip[];
}

export interface Grant {
  readonly ips: readonly Ip[];
  readonly pool?: Pool;
  /** Why this is not all that the Service asks for. */
  readonly refusal?: Refusal;
}

/** `held` is entered in the book already; what is granted is entered, what is given up is taken out. */
export function grant(claimant: Claimant, held: Holding | undefined, context: GrantContext): Grant {
  const { request, service } = claimant;
  if (!request.ok) return { ...(held ?? { ips: [] }), refusal: request.error };
  if (held !== undefined && (service.deleting || satisfies(held, request.value))) {
    const given = complete(claimant, request.value, held, context);
    // RequireDualStack is met by two addresses only: better another pool's pair than one of this pool.
    if (given.refusal === undefined || request.value.dualStack !== 'require' || service.deleting) return given;
  }
  if (service.deleting) return { ips: [], refusal: refusal('NoPoolAllowed', 'the Service is being deleted') };
  const found = find(claimant, request.value, context);
  if (!found.ok) return { ...(held ?? { ips: [] }), refusal: found.error };
  for (const ip of held?.ips ?? []) {
    context.book.release(ip, claimant.key);
    if (held !== undefined) context.free.released(held.pool, ip);
  }
  for (const ip of found.value.ips) context.book.hold(ip, claimant.key, claimant.sharing);
  return complete(claimant, request.value, found.value, context);
}

/** Whether what it holds is what it asks for, but perhaps for a second family. */
function satisfies(held: Holding, request: ServiceRequest): boolean {
  if (request.pool !== undefined && request.pool !== held.pool.name) return false;
  return (request.ips ?? []).every((ip) => held.ips.includes(ip));
}

/** Adds the family that a dual-stack Service lacks, from the same pool. */
function complete(claimant: Claimant, request: ServiceRequest, held: Holding, context: GrantContext): Grant {
  const missing = request.families.filter((family) => !held.ips.some((ip) => ipFamily(ip) === family));
  if (missing.length === 0 || claimant.service.deleting) return held;
  const ips = pick(claimant, held.pool, missing, context);
  if (ips.ok) {
    for (const ip of ips.value) context.book.hold(ip, claimant.key, claimant.sharing);
    return { pool: held.pool, ips: [...held.ips, ...ips.value] };
  }
  const message = `no ${missing.join(' and ')} address beside ${held.ips.join(', ')}: pool "${held.pool.name}": ${ips.error}`;
  const pools = [{ pool: held.pool.name, reason: ips.error }];
  return { ...held, refusal: refusal('AllocatedOneFamily', message, pools) };
}

function find(claimant: Claimant, request: ServiceRequest, context: GrantContext): Result<Holding, Refusal> {
  if (request.ips !== undefined) return findRequested(claimant, request, request.ips, context);
  if (request.pool !== undefined) return findInPool(claimant, request, request.pool, context);
  return findAnywhere(claimant, request, context);
}

function findRequested(
  claimant: Claimant,
  request: ServiceRequest,
  ips: readonly Ip[],
  context: GrantContext,
): Result<Holding, Refusal> {
  const [pool, ...more] = new Set(ips.map((ip) => context.poolOf(ip)));
  const asked = ips.join(', ');
  if (pool === undefined || more.length > 0 || ips.some((ip) => isAvoided(pool, ip))) {
    return err(refusal('RequestedAddressNotInPool', `no pool contains the requested ${asked}`));
  }
  if (request.pool !== undefined && request.pool !== pool.name) {
    const message = `the requested ${asked} is of pool "${pool.name}", not of the requested pool "${request.pool}"`;
    return err(refusal('RequestedAddressRefused', message));
  }
  const reason = pool.frozen ? 'PoolFaulty' : restriction(pool, claimant.service);
  if (reason !== undefined) {
    const message = `the requested ${asked} is of pool "${pool.name}", which does not serve this Service: ${reason}`;
    return err(refusal('RequestedAddressRefused', message, [{ pool: pool.name, reason }]));
  }
  for (const ip of ips) {
    const obstacle = context.book.obstacle(ip, claimant.key, claimant.sharing);
    if (obstacle !== undefined) return err(refusal('RequestedAddressInUse', obstacle));
  }
  return ok({ pool, ips });
}

function findInPool(
  claimant: Claimant,
  request: ServiceRequest,
  name: string,
  context: GrantContext,
): Result<Holding, Refusal> {
  const pool = context.pools.find((candidate) => candidate.name === name);
  if (pool === undefined) return err(refusal('RequestedPoolUnknown', `there is no pool "${name}", which is requested`));
  const ips = pickFrom(claimant, request, pool, context);
  if (ips.ok) return ok({ pool, ips: ips.value });
  const others = context.pools.filter((other) => other !== pool).map((other) => refuse(other, 'NotRequested'));
  const message = `the requested pool "${name}" does not serve this Service: ${ips.error}`;
  return err(refusal('RequestedPoolRefused', message, [refuse(pool, ips.error), ...others]));
}

function findAnywhere(claimant: Claimant, request: ServiceRequest, context: GrantContext): Result<Holding, Refusal> {
  const refusals: PoolRefusal[] = [];
  let oneFamily: Holding | undefined;
  for (const pool of context.pools) {
    const all = pool.autoAssign ? pickAll(claimant, request, pool, context) : err('AutoAssignOff' as const);
    if (all.ok) return ok({ pool, ips: all.value });
    refusals.push(refuse(pool, pool.frozen ? 'PoolFaulty' : all.error));
    if (request.dualStack === 'prefer' && pool.autoAssign)
      oneFamily = better(claimant, request, pool, oneFamily, context);
  }
  if (oneFamily !== undefined) return ok(oneFamily);
  if (refusals.length === 0) {
    return err(refusal('NoPools', 'there are no address pools: create an IPAddressPool'));
  }
  const exhausted = refusals.some(({ reason }) => reason === 'Exhausted');
  const [reason, what] = exhausted
    ? (['PoolsExhausted', 'no pool that may serve this Service has an address left'] as const)
    : (['NoPoolAllowed', 'no pool may serve this Service'] as const);
  return err(refusal(reason, `${what} (${formatPoolRefusals(refusals)})`, refusals));
}

/** For PreferDualStack: the first pool with the primary family, else the first with the other. */
function better(
  claimant: Claimant,
  request: ServiceRequest,
  pool: Pool,
  best: Holding | undefined,
  context: GrantContext,
): Holding | undefined {
  const [primary] = request.families;
  const [has] = best?.ips ?? [];
  if (has !== undefined && ipFamily(has) === primary) return best;
  const ips = pickOne(claimant, request, pool, context);
  if (!ips.ok) return best;
  const [found] = ips.value;
  return best === undefined || (found !== undefined && ipFamily(found) === primary) ? { pool, ips: ips.value } : best;
}

/** All families, or for PreferDualStack one of them. */
function pickFrom(
  claimant: Claimant,
  request: ServiceRequest,
  pool: Pool,
  context: GrantContext,
): Result<readonly Ip[], PoolRefusalReason> {
  const all = pickAll(claimant, request, pool, context);
  return all.ok || request.dualStack !== 'prefer' ? all : pickOne(claimant, request, pool, context);
}

function pickAll(
  claimant: Claimant,
  request: ServiceRequest,
  pool: Pool,
  context: GrantContext,
): Result<readonly Ip[], PoolRefusalReason> {
  const reason = pool.frozen ? 'PoolFaulty' : restriction(pool, claimant.service);
  return reason === undefined ? pick(claimant, pool, request.families, context) : err(reason);
}

/** The primary family, else the other. */
function pickOne(
  claimant: Claimant,
  request: ServiceRequest,
  pool: Pool,
  context: GrantContext,
): Result<readonly Ip[], PoolRefusalReason> {
  let last: Result<readonly Ip[], PoolRefusalReason> = err('FamilyMissing');
  for (const family of request.families) {
    last = pickAll(claimant, { ...request, families: [family] }, pool, context);
    if (last.ok) return last;
  }
  return last;
}

/** The lowest address of each family; none of them when one has none. Restrictions are the caller's. */
function pick(
  claimant: Claimant,
  pool: Pool,
  families: readonly IpFamily[],
  context: GrantContext,
): Result<readonly Ip[], PoolRefusalReason> {
  if (pool.frozen) return err('PoolFaulty');
  if (families.some((family) => !pool.ranges.some((range) => range.family === family))) return err('FamilyMissing');
  const ips: Ip[] = [];
  for (const family of families) {
    const ip = context.free.lowest(pool, family, claimant.key, claimant.sharing);
    if (ip === undefined) return err('Exhausted');
    ips.push(ip);
  }
  return ok(ips);
}

function refuse(pool: Pool, reason: PoolRefusalReason): PoolRefusal {
  return { pool: pool.name, reason };
}
