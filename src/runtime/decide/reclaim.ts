/** The first pass of allocation: a Service takes back what its status says it holds, as far as that is still its own. */
import type { Pool } from '../model/config.ts';
import { type Ip, type IpFamily, ipFamily } from '../model/ip.ts';
import { type Refusal, refusal } from './allocation-reason.ts';
import { isAvoided } from './free-addresses.ts';
import type { Claimant, GrantContext, Holding } from './grant.ts';
import { restriction } from './pool-choice.ts';
import { readFamilies } from './service-request.ts';

export interface Reclaimed {
  /** What it still holds, entered in the book. */
  readonly held?: Holding;
  /** Why it lost an address, if it did. */
  readonly lost?: Refusal;
}

export function reclaim(claimant: Claimant, context: GrantContext): Reclaimed {
  const families = readFamilies(claimant.service);
  if (!families.ok) return claimant.service.ingress.length > 0 ? { lost: families.error } : {};
  let held: Holding | undefined;
  let lost: Refusal | undefined;
  for (const ip of onePerFamily(claimant, families.value.families)) {
    const pool = context.poolOf(ip);
    const no = pool === undefined ? notInPool(ip) : objection(claimant, ip, pool, context);
    // A Service's addresses come from one pool; when a pool was split, the primary family's stays.
    if (no === undefined && pool !== undefined && (held === undefined || held.pool === pool)) {
      context.book.hold(ip, claimant.key, claimant.sharing);
      held = { pool, ips: [...(held?.ips ?? []), ip] };
    } else lost ??= no ?? refusal('PoolRefused', `${ip} is not of the pool that holds the Service's other address`);
  }
  return { ...(held === undefined ? {} : { held }), ...(lost === undefined ? {} : { lost }) };
}

/** The first address it holds of each family it needs, the primary family's first. */
function onePerFamily(claimant: Claimant, families: readonly IpFamily[]): Ip[] {
  return families.flatMap((family) => {
    const entry = claimant.service.ingress.find(({ ip }) => ip !== undefined && ipFamily(ip) === family);
    return entry?.ip === undefined ? [] : [entry.ip];
  });
}

function objection(claimant: Claimant, ip: Ip, pool: Pool, context: GrantContext): Refusal | undefined {
  const obstacle = context.book.obstacle(ip, claimant.key, claimant.sharing);
  if (obstacle !== undefined) return refusal('AddressInUse', obstacle);
  if (pool.frozen) return undefined;
  if (isAvoided(pool, ip)) return refusal('AddressNotInPool', `pool "${pool.name}" avoids ${ip} (avoidBuggyIPs)`);
  const reason = restriction(pool, claimant.service);
  if (reason === undefined) return undefined;
  return refusal('PoolRefused', `pool "${pool.name}" of ${ip} no longer serves this Service: ${reason}`, [
    { pool: pool.name, reason },
  ]);
}

function notInPool(ip: Ip): Refusal {
  return refusal('AddressNotInPool', `${ip} belongs to no pool any more`);
}
