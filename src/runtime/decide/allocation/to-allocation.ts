/** A grant as the Allocation that everything else reads: compared with what the Service's status shows, and said in words. */
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
  return {
    service,
    ips,
    pool: ips.length === 0 ? undefined : pool,
    verdict,
    reason: no?.reason ?? 'Allocated',
    message: no?.message ?? '',
    pools: no?.pools ?? NO_POOLS,
    ...(lost === undefined ? {} : { lost }),
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
    const whose = exclusion.detail === '' ? exclusion.reason : `${exclusion.reason}, ${exclusion.detail}`;
    return refusal('AddressConflict', `${ip} is somebody else's as well (${whose}): ask for another address`);
  }
  return undefined;
}

/** The order it asked for them in, which is how the status shows them for good; else IPv4 first. */
function inOrder({ request }: Claimant, ips: readonly Ip[]): readonly Ip[] {
  if (ips.length < 2) return ips;
  const asked = request.ok ? (request.value.ips ?? []) : [];
  const rest = ips.filter((ip) => !asked.includes(ip)).sort(compareIps);
  return [...asked.filter((ip) => ips.includes(ip)), ...rest];
}
