/**
 * The second pass of allocation: gives a Service what it lacks or asks for, out of what the first pass and earlier
 * Services left. Where that fails it keeps what it holds.
 */
import { compareIps, type Ip, ipFamily } from '../../model/ip.ts';
import type { Grant, Holding } from './allocation.ts';
import { type PoolRefusalReason, refusal } from './allocation-reason.ts';
import type { AllocationState } from './allocation-state.ts';
import type { Claimant } from './claimant.ts';
import { findAddresses } from './find-addresses.ts';
import { pickAddresses } from './pick-addresses.ts';
import { ofFamily, type ServiceRequest } from './service-request.ts';

/** `held` is entered in the book already; what is granted is entered, what is given up is taken out. */
export function grant(claimant: Claimant, held: Holding | undefined, state: AllocationState): Grant {
  const { request, service } = claimant;
  if (!request.ok) return { ...(held ?? { ips: [] }), refusal: request.error };
  if (service.deleting) return held ?? { ips: [], refusal: refusal('NoPoolAllowed', 'the Service is being deleted') };
  if (held !== undefined && satisfies(held, request.value)) {
    const replaced = leaveConflict(claimant, request.value, held, state);
    if (replaced !== undefined) return replaced;
    const given = complete(claimant, request.value, held, state);
    const reason = whyMoveOn(request.value, held, given);
    if (reason === undefined) return given;
    const found = findAddresses(claimant, request.value, held, state);
    if (found.ok && found.value.pool !== held.pool && isBetter(found.value, given, request.value))
      return move(claimant, request.value, { from: given, to: found.value }, state);
    return reason === 'drain' ? drainRefused(held, given) : given;
  }
  const found = findAddresses(claimant, request.value, held, state);
  if (!found.ok) return { ...(held ?? { ips: [] }), refusal: found.error };
  return move(claimant, request.value, { from: held, to: found.value }, state);
}

/** Whether what it holds is what it asks for, but perhaps for further addresses. */
function satisfies(held: Holding, request: ServiceRequest): boolean {
  if (request.pool !== undefined && request.pool !== held.pool.name) return false;
  return (request.ips ?? []).every((ip) => held.ips.includes(ip));
}

/**
 * require: RequireDualStack is met by two addresses only, so another pool's pair is better than one of this pool.
 * drain: the pool is to be left. Who asks for this very pool or an address of it stays.
 */
function whyMoveOn(request: ServiceRequest, held: Holding, given: Grant): 'require' | 'drain' | undefined {
  if (given.refusal?.reason === 'AllocatedOneFamily' && request.dualStack === 'require') return 'require';
  const { drain } = held.pool;
  const isAsked = drain === 'MoveServices' || (drain !== undefined && request.leavesDrainingPool);
  return isAsked && request.pool === undefined && request.ips === undefined ? 'drain' : undefined;
}

/**
 * Where the pool says so, gives other addresses for those that a foreign host on the LAN holds: of the same pool, where
 * the others stay, else all of another pool. Undefined: nothing is to be replaced, because nothing is in conflict, or
 * because it was asked for by name.
 */
function leaveConflict(
  claimant: Claimant,
  request: ServiceRequest,
  held: Holding,
  state: AllocationState,
): Grant | undefined {
  const { pool } = held;
  if (pool.onConflict !== 'Reallocate' || request.ips !== undefined) return undefined;
  const taken = held.ips.filter((ip) => state.free.isInUseOnLan(pool, ip));
  if (taken.length === 0) return undefined;
  const left = { pool, ips: held.ips.filter((ip) => !taken.includes(ip)) };
  const families = request.families.filter((family) => ofFamily(held.ips, family).length > 0);
  const wish = { families, count: request.count, have: left.ips, givesUp: { pool, ips: taken } };
  const picked = pickAddresses(claimant, pool, wish, state);
  const isWhole = picked.ok && picked.value.ips.length >= taken.length;
  if (isWhole) {
    const to = { pool, ips: [...left.ips, ...picked.value.ips] };
    return move(claimant, request, { from: held, to }, state);
  }
  const found = findAddresses(claimant, request, held, state);
  if (found.ok && found.value.pool !== pool && isBetter(found.value, held, request))
    return move(claimant, request, { from: held, to: found.value }, state);
  return conflictRefused(held, taken, picked.ok ? (picked.value.short ?? 'Exhausted') : picked.error);
}

function conflictRefused(held: Holding, taken: readonly Ip[], reason: PoolRefusalReason): Grant {
  const message = `a foreign host on the LAN holds ${[...taken].sort(compareIps).join(', ')}, and there is no other address for this Service (${held.pool.name}: ${reason})`;
  return { ...held, refusal: refusal('AddressConflict', message, [{ pool: held.pool.name, reason }]) };
}

/** Nobody is moved to fewer families than it has. */
function isBetter(found: Holding, given: Grant, request: ServiceRequest): boolean {
  const families = (ips: readonly Ip[]): number => new Set(ips.map(ipFamily)).size;
  return families(found.ips) >= Math.min(families(given.ips), request.families.length);
}

function drainRefused(held: Holding, given: Grant): Grant {
  const message = `pool "${held.pool.name}" drains, but no other pool serves this Service: it keeps ${[...given.ips].sort(compareIps).join(', ')}`;
  return {
    ...given,
    refusal: refusal('PoolDraining', message, [{ pool: held.pool.name, reason: 'PoolDraining' }]),
  };
}

/** Adds the families and addresses that the Service lacks, from the same pool. */
function complete(claimant: Claimant, request: ServiceRequest, held: Holding, state: AllocationState): Grant {
  const missing = request.families.filter((family) => ofFamily(held.ips, family).length === 0);
  const isFull = request.families.every((family) => ofFamily(held.ips, family).length >= request.count);
  if (isFull) return held;
  const { count } = request;
  const whole = pickAddresses(claimant, held.pool, { families: request.families, count, have: held.ips }, state);
  // Where one family cannot be had at all, more of the other can.
  const there = request.families.filter((family) => !missing.includes(family));
  const picked =
    whole.ok || missing.length === 0 || count === 1
      ? whole
      : pickAddresses(claimant, held.pool, { families: there, count, have: held.ips }, state);
  const ips = picked.ok ? picked.value.ips : [];
  for (const ip of ips) state.hold(claimant, held.pool, ip);
  const given = { pool: held.pool, ips: [...held.ips, ...ips] };
  if (!whole.ok && missing.length > 0) {
    const message = `no ${missing.join(' and ')} address beside ${[...given.ips].sort(compareIps).join(', ')}: pool "${held.pool.name}": ${whole.error}`;
    const pools = [{ pool: held.pool.name, reason: whole.error }];
    return { ...given, refusal: refusal('AllocatedOneFamily', message, pools) };
  }
  const short = picked.ok ? picked.value.short : picked.error;
  if (short === undefined) return given;
  const message = `${given.ips.length} of ${count * request.families.length} addresses: pool "${held.pool.name}": ${short}`;
  return { ...given, refusal: refusal('AllocatedFewer', message, [{ pool: held.pool.name, reason: short }]) };
}

function move(
  claimant: Claimant,
  request: ServiceRequest,
  { from, to }: { readonly from: Holding | Grant | undefined; readonly to: Holding },
  state: AllocationState,
): Grant {
  for (const ip of from?.ips ?? []) {
    if (from?.pool !== undefined && !to.ips.includes(ip)) state.giveUp(claimant, from.pool, ip, 'Moved');
  }
  for (const ip of to.ips) state.hold(claimant, to.pool, ip);
  return complete(claimant, request, to, state);
}
