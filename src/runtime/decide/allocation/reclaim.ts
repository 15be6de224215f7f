/** The first pass of allocation: a Service takes back what its status says it holds, as far as that is still its own. */
import type { Pool } from '../../model/config.ts';
import { type Ip, type IpFamily, ipFamily } from '../../model/ip.ts';
import type { Holding } from './allocation.ts';
import { type Refusal, refusal } from './allocation-reason.ts';
import type { AllocationState } from './allocation-state.ts';
import type { Claimant } from './claimant.ts';
import { isAvoided } from './free-addresses.ts';
import { restriction } from './pool-choice.ts';
import { readFamilies } from './service-request.ts';

export interface Reclaimed {
  /** What it still holds, entered in the book. */
  readonly held?: Holding;
  /** Why it lost an address, if it did. */
  readonly lost?: Refusal;
}

export function reclaim(claimant: Claimant, state: AllocationState): Reclaimed {
  const families = readFamilies(claimant.service);
  if (!families.ok) return claimant.service.ingress.length > 0 ? { lost: families.error } : {};
  let held: Holding | undefined;
  let lost: Refusal | undefined;
  for (const family of families.value.families) {
    for (const [position, ip] of shown(claimant, family).entries()) {
      const no = objection(claimant, { ip, position }, held, state);
      const pool = state.poolOf(ip);
      if (no === undefined && pool !== undefined) {
        state.hold(claimant, pool, ip);
        held = { pool, ips: [...(held?.ips ?? []), ip] };
      } else lost ??= no;
    }
  }
  lost ??= strangeFamily(claimant, families.value.families);
  return { ...(held === undefined ? {} : { held }), ...(lost === undefined ? {} : { lost }) };
}

function strangeFamily({ service }: Claimant, families: readonly IpFamily[]): Refusal | undefined {
  const strange = service.ingress.find(({ ip }) => ip !== undefined && !families.includes(ipFamily(ip)));
  if (strange?.ip === undefined) return undefined;
  return refusal(
    'SurplusAddress',
    `${strange.ip} is of a family that the Service has not: it has ${families.join(' and ')}`,
  );
}

const NONE: readonly Ip[] = [];

/** The different addresses of the family in its status: those that it asks for first, else in their order. */
function shown({ service, request }: Claimant, family: IpFamily): readonly Ip[] {
  const [only, ...more] = service.ingress;
  if (only === undefined) return NONE;
  if (more.length === 0) return only.ip !== undefined && ipFamily(only.ip) === family ? [only.ip] : NONE;
  const ips = service.ingress.flatMap(({ ip }) => (ip !== undefined && ipFamily(ip) === family ? [ip] : []));
  const requested = request.ok ? (request.value.ips ?? []) : [];
  return Array.from(new Set([...ips.filter((ip) => requested.includes(ip)), ...ips]));
}

function objection(
  claimant: Claimant,
  { ip, position }: { readonly ip: Ip; readonly position: number },
  held: Holding | undefined,
  state: AllocationState,
): Refusal | undefined {
  const pool = state.poolOf(ip);
  if (pool === undefined) return refusal('AddressNotInPool', `["${ip}"] is not allowed in config: no pool contains it`);
  // A Service's addresses come from one pool; when a pool was split, the primary family's stays.
  if (held !== undefined && held.pool !== pool)
    return refusal('PoolRefused', `${ip} is not of the pool that holds the Service's other address`);
  if (claimant.request.ok && position >= claimant.request.value.count)
    return refusal('SurplusAddress', `${ip} is more than the Service asks for`);
  return ownershipObjection(claimant, ip, pool, state);
}

function ownershipObjection(claimant: Claimant, ip: Ip, pool: Pool, state: AllocationState): Refusal | undefined {
  const obstacle = state.book.obstacle(ip, claimant.key, claimant.sharing);
  if (obstacle !== undefined) return refusal('AddressInUse', obstacle);
  if (pool.frozen) return undefined;
  if (isAvoided(pool, ip)) return refusal('AddressNotInPool', `pool "${pool.name}" avoids ${ip} (avoidBuggyIPs)`);
  const reason = restriction(pool, claimant.service);
  if (reason === undefined) return undefined;
  return refusal('PoolRefused', `pool "${pool.name}" of ${ip} no longer serves this Service: ${reason}`, [
    { pool: pool.name, reason },
  ]);
}
