/** A grant as the Allocation that everything else reads: compared with what the Service's status shows, and said in words. */
import type { Exclusion } from '../../model/exclusion.ts';
import { compareIps, type Ip } from '../../model/ip.ts';
import type { ServiceView } from '../../model/service.ts';
import type { Allocation, Grant } from './allocation.ts';
import { type PoolRefusal, type Refusal, refusal } from './allocation-reason.ts';
import type { AllocationState } from './allocation-state.ts';
import type { Claimant } from './claimant.ts';
import { shownAddresses, showsExactly } from './ownership.ts';
import { ALLOCATED_FROM, annotationOf } from './service-request.ts';

const NO_POOLS: readonly PoolRefusal[] = [];

export function toAllocation(
  claimant: Claimant,
  given: Grant,
  lost: Refusal | undefined,
  state: AllocationState,
): Allocation {
  const { service } = claimant;
  const ips = inOrder(claimant, given.ips);
  const pool = given.pool?.name;
  const isSame = showsExactly(service, ips);
  const isNoted = annotationOf(service, ALLOCATED_FROM) === pool;
  const verdict =
    ips.length > 0 ? (isSame && isNoted ? 'keep' : 'assign') : service.ingress.length > 0 ? 'release' : 'refuse';
  const no = given.refusal ?? conflictOf(given, state);
  const why = lost ?? leftConflict(service, ips, state);
  return {
    service,
    ips,
    pool: ips.length === 0 ? undefined : pool,
    verdict,
    reason: no?.reason ?? 'Allocated',
    message: no?.message ?? '',
    pools: no?.pools ?? NO_POOLS,
    ...(why === undefined ? {} : { lost: why }),
  };
}

/** For a Service of another type: what it had goes. */
export function notLoadBalancer(service: ServiceView): Allocation {
  const message = `the Service is of type ${service.type}`;
  return { service, ips: [], pool: undefined, verdict: 'release', reason: 'NotLoadBalancer', message, pools: [] };
}

/**
 * While there is no pool at all nothing is taken away: pools that were deleted by mistake, or are about to be written
 * anew, must not cost every Service its address.
 */
export function withoutPools(service: ServiceView): Allocation {
  const ips = shownAddresses(service);
  const pool = annotationOf(service, ALLOCATED_FROM);
  const what = 'there are no address pools: create an IPAddressPool';
  const message = ips.length === 0 ? what : `keeps ${ips.join(', ')}, which nobody announces: ${what}`;
  const verdict = ips.length === 0 ? 'refuse' : 'keep';
  return { service, ips, pool: ips.length === 0 ? undefined : pool, verdict, reason: 'NoPools', message, pools: [] };
}

function conflictOf({ ips, pool }: Grant, { free }: AllocationState): Refusal | undefined {
  if (pool === undefined || free.skipped(pool).length === 0) return undefined;
  for (const ip of ips) {
    const exclusion = free.exclusionOf(pool, ip);
    if (exclusion === undefined) continue;
    const advice = 'ask for another address';
    if (exclusion.reason !== 'InUseOnLan') {
      return refusal('AddressConflict', `${ip} is somebody else's as well (${whoseIs(exclusion)}): ${advice}`);
    }
    const follows = pool.onConflict === 'Defend' ? 'is announced all the same' : 'is not announced until that ends';
    return refusal('AddressConflict', `${ip} ${follows}: it is in use on the LAN (${exclusion.detail}); ${advice}`);
  }
  return undefined;
}

/** Why the Service was given another address than its status shows, where a foreign host holds that one. */
function leftConflict(
  service: ServiceView,
  ips: readonly Ip[],
  { poolOf, free }: AllocationState,
): Refusal | undefined {
  for (const ip of shownAddresses(service)) {
    if (ips.includes(ip)) continue;
    const pool = poolOf(ip);
    if (pool?.onConflict !== 'Reallocate' || !free.isInUseOnLan(pool, ip)) continue;
    const detail = free.exclusionOf(pool, ip)?.detail ?? '';
    return refusal('AddressConflict', `${ip} is in use on the LAN (${detail}): the Service leaves it`);
  }
  return undefined;
}

function whoseIs({ reason, detail }: Exclusion): string {
  return detail === '' ? reason : `${reason}, ${detail}`;
}

/** The order it asked for them in, which is how the status shows them for good; else IPv4 first. */
function inOrder({ request }: Claimant, ips: readonly Ip[]): readonly Ip[] {
  if (ips.length < 2) return ips;
  const asked = request.ok ? (request.value.ips ?? []) : [];
  const rest = ips.filter((ip) => !asked.includes(ip)).sort(compareIps);
  return [...asked.filter((ip) => ips.includes(ip)), ...rest];
}
