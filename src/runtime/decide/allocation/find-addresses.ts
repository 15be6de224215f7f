/**
 * Looks for what a Service may have: the addresses or the pool it asks for, else the first pool in order that serves it.
 * Enters nothing; a no lists of every pool why it did not serve.
 */
import type { Pool } from '../../model/config.ts';
import { type Ip, type IpFamily, ipFamily } from '../../model/ip.ts';
import { err, ok, type Result } from '../../model/result.ts';
import type { Holding } from './allocation.ts';
import {
  type AllocationReason,
  formatPoolRefusals,
  type PoolRefusal,
  type PoolRefusalReason,
  type Refusal,
  refusal,
} from './allocation-reason.ts';
import type { AllocationState } from './allocation-state.ts';
import type { Claimant } from './claimant.ts';
import { isAvoided } from './free-addresses.ts';
import { pickAddresses, quotaObstacle } from './pick-addresses.ts';
import { restriction } from './pool-choice.ts';
import type { ServiceRequest } from './service-request.ts';

/** `held` is what the Service gives up when it takes what is found. */
export function findAddresses(
  claimant: Claimant,
  request: ServiceRequest,
  held: Holding | undefined,
  state: AllocationState,
): Result<Holding, Refusal> {
  const search: Search = { claimant, request, held, state };
  if (request.ips !== undefined) return findRequested(search, request.ips);
  if (request.pool !== undefined) return findInPool(search, request.pool);
  return findAnywhere(search);
}

export interface Search {
  readonly claimant: Claimant;
  readonly request: ServiceRequest;
  readonly held: Holding | undefined;
  readonly state: AllocationState;
}

function findRequested({ claimant, request, held, state }: Search, ips: readonly Ip[]): Result<Holding, Refusal> {
  const [pool, ...more] = new Set(ips.map((ip) => state.poolOf(ip)));
  const asked = ips.join(', ');
  if (pool === undefined || more.length > 0 || ips.some((ip) => isAvoided(pool, ip))) {
    return err(refusal('RequestedAddressNotInPool', `no pool contains the requested ${asked}`));
  }
  if (request.pool !== undefined && request.pool !== pool.name) {
    const message = `the requested ${asked} is of pool "${pool.name}" and not compatible with the requested pool "${request.pool}"`;
    return err(refusal('RequestedAddressRefused', message));
  }
  const isNew = ips.some((ip) => !held?.ips.includes(ip));
  const refusedBy = (reason: PoolRefusalReason): Result<Holding, Refusal> => {
    const message = `the requested ${asked} is of pool "${pool.name}", which does not serve this Service: ${reason}`;
    return err(refusal('RequestedAddressRefused', message, [{ pool: pool.name, reason }]));
  };
  const restricted = pool.frozen ? 'PoolFaulty' : restriction(pool, claimant.service);
  if (restricted !== undefined) return refusedBy(restricted);
  if (isNew && pool.drain !== undefined) return refusedBy('PoolDraining');
  for (const ip of ips) {
    const no = addressObstacle(ip, pool, claimant, state);
    if (no !== undefined) return err(no);
  }
  // Last: whatever anybody takes may use up a limit, so a reason that came after it would depend on the moment.
  const quota = quotaObstacle(claimant, { pool, ips }, held, state);
  return quota === undefined ? ok({ pool, ips }) : refusedBy(quota);
}

function addressObstacle(ip: Ip, pool: Pool, claimant: Claimant, state: AllocationState): Refusal | undefined {
  const { book, free, reservations, nowMs } = state;
  const obstacle = book.obstacle(ip, claimant.key, claimant.sharing);
  if (obstacle !== undefined) return refusal('RequestedAddressInUse', obstacle);
  // Who is on it already, alone or with others, is there for better or worse.
  if (book.isHeld(ip)) return undefined;
  const exclusion = free.exclusionOf(pool, ip);
  if (exclusion !== undefined) {
    const { reason, detail } = exclusion;
    const whose = detail === '' ? reason : `${reason}, ${detail}`;
    return refusal('RequestedAddressExcluded', `the requested ${ip} is never given out: ${whose}`);
  }
  const release = reservations.obstacle(ip, claimant.key);
  if (release === undefined) return undefined;
  const isRetained = reservations.kindOf(release, nowMs) === 'retained';
  const why = isRetained ? `is kept for ${release.owner}` : `rests after ${release.owner} gave it up`;
  const when = `${isRetained ? 'retention' : 'quarantine'} of pool "${pool.name}"; its status.released says since when`;
  return refusal('RequestedAddressReserved', `the requested ${ip} ${why} (${when})`);
}

function findInPool(search: Search, name: string): Result<Holding, Refusal> {
  const { pools } = search.state;
  const pool = search.state.poolNamed(name);
  if (pool === undefined)
    return err(refusal('RequestedPoolUnknown', `unknown pool "${name}": there is none of this name`));
  const ips = bestOf(search, pool);
  if (ips.ok) return ok({ pool, ips: ips.value });
  const others = pools.filter((other) => other !== pool).map((other) => refuse(other, 'NotRequested'));
  const message = `the requested pool "${name}" does not serve this Service: ${ips.error}`;
  return err(refusal('RequestedPoolRefused', message, [refuse(pool, ips.error), ...others]));
}

/**
 * Of the pools restricted to some Services, and if none of those serves it of the others: the first pool that gives all
 * that is asked for; else the one that gives most: both families, then the primary one, then more addresses, then the
 * first. A pool that has an address waiting for this Service is asked before all others.
 */
function findAnywhere(search: Search): Result<Holding, Refusal> {
  const { claimant, request, state } = search;
  const refusals: PoolRefusal[] = [];
  let best: { readonly holding: Holding; readonly rank: number } | undefined;
  const waiting = state.reservations.retainedFor(claimant.key, state.nowMs).map(({ ip }) => state.poolOf(ip));
  const pools = waiting.length === 0 ? state.pools : new Set([...waiting, ...state.pools]);
  for (const pool of pools) {
    if (pool === undefined) continue;
    // Pools for everybody come after the restricted ones, not beside them: less of one's own is taken first.
    if (best?.holding.pool.serviceAllocation !== undefined && pool.serviceAllocation === undefined) continue;
    const ips = mayChoose(pool)
      ? bestOf(search, pool)
      : err(pool.frozen ? ('PoolFaulty' as const) : ('AutoAssignOff' as const));
    if (!ips.ok) {
      refusals.push(refuse(pool, ips.error));
      continue;
    }
    const rank = rankOf(ips.value, request);
    if (rank === Number.POSITIVE_INFINITY) return ok({ pool, ips: ips.value });
    if (best === undefined || rank > best.rank) best = { holding: { pool, ips: ips.value }, rank };
  }
  return best === undefined ? err(nothingFound(refusals)) : ok(best.holding);
}

function mayChoose(pool: Pool): boolean {
  return pool.autoAssign && !pool.frozen;
}

function rankOf(ips: readonly Ip[], { families, count }: ServiceRequest): number {
  if (ips.length === families.length * count) return Number.POSITIVE_INFINITY;
  const found = new Set(ips.map(ipFamily));
  const hasPrimary = families[0] !== undefined && found.has(families[0]);
  return (found.size * 2 + (hasPrimary ? 1 : 0)) * 1000 + ips.length;
}

function nothingFound(refusals: readonly PoolRefusal[]): Refusal {
  const has = (...reasons: readonly PoolRefusalReason[]): boolean =>
    refusals.some(({ reason }) => reasons.includes(reason));
  const [reason, what]: readonly [AllocationReason, string] = has('NamespaceQuotaReached', 'PoolQuotaReached')
    ? ['QuotaReached', 'the namespace has all the addresses it may have']
    : has('Exhausted')
      ? ['PoolsExhausted', 'no available IPs: no pool that may serve this Service has an address left']
      : ['NoPoolAllowed', 'no available IPs: no pool may serve this Service'];
  return refusal(reason, `${what} (${formatPoolRefusals(refusals)})`, refusals);
}

function bestOf(search: Search, pool: Pool): Result<readonly Ip[], PoolRefusalReason> {
  const reason = pool.frozen ? 'PoolFaulty' : restriction(pool, search.claimant.service);
  return reason === undefined ? pickBest(search, pool) : err(reason);
}

/** All families; or for PreferDualStack the primary one, or else the other. Whom the pool restricts itself to is ignored. */
export function pickBest(search: Search, pool: Pool): Result<readonly Ip[], PoolRefusalReason> {
  const { request } = search;
  const all = pickFamilies(search, pool, request.families);
  if (all.ok || request.dualStack !== 'prefer') return all;
  for (const family of request.families) {
    const one = pickFamilies(search, pool, [family]);
    if (one.ok) return one;
  }
  return all;
}

function pickFamilies(
  { claimant, request, held, state }: Search,
  pool: Pool,
  families: readonly IpFamily[],
): Result<readonly Ip[], PoolRefusalReason> {
  const picked = pickAddresses(claimant, pool, { families, count: request.count, have: [], givesUp: held }, state);
  return picked.ok ? ok(picked.value.ips) : picked;
}

function refuse(pool: Pool, reason: PoolRefusalReason): PoolRefusal {
  return { pool: pool.name, reason };
}
