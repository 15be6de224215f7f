/**
 * Picks addresses of one pool for a Service: what waits for its return first, then the lowest free or shareable ones, as
 * many as it lacks and its namespace may still have. Enters nothing anywhere; what was picked is the caller's to hold.
 */
import type { Pool } from '../../model/config.ts';
import { type Ip, type IpFamily, ipFamily } from '../../model/ip.ts';
import type { Release } from '../../model/release.ts';
import { err, ok, type Result } from '../../model/result.ts';
import { namespaceOf } from './address-book.ts';
import type { Holding } from './allocation.ts';
import type { PoolRefusalReason } from './allocation-reason.ts';
import type { AllocationState } from './allocation-state.ts';
import type { Claimant } from './claimant.ts';
import { isAvoided } from './free-addresses.ts';
import { ofFamily } from './service-request.ts';

export interface Wish {
  readonly families: readonly IpFamily[];
  /** Addresses of each family. */
  readonly count: number;
  /** Already chosen; they count, and are not picked again. */
  readonly have: readonly Ip[];
  /** What the Service gives up when it takes the pick: its namespace's quota has room for as much. */
  readonly givesUp?: Holding | undefined;
}

export interface Pick {
  /** Picked ones only, without `have`. */
  readonly ips: readonly Ip[];
  /** Why it is not all that was wished for; absent: it is. */
  readonly short?: PoolRefusalReason;
}

/** An error when a family stays without any address; restrictions of the pool are the caller's to check. */
export function pickAddresses(
  claimant: Claimant,
  pool: Pool,
  wish: Wish,
  state: AllocationState,
): Result<Pick, PoolRefusalReason> {
  const hopeless = obviousRefusal(claimant, pool, wish, state);
  if (hopeless !== undefined) return err(hopeless);
  const next = picker(claimant, pool, wish, state);
  const ips: Ip[] = [];
  let short: PoolRefusalReason | undefined;
  // One of each family before a second of any, so that a quota that ends early leaves no family without.
  for (let round = 1; round <= wish.count; round++) {
    for (const family of wish.families) {
      if (ofFamily(wish.have, family).length >= round) continue;
      const picked = next(family);
      if (picked.ok) ips.push(picked.value);
      // Whatever anybody takes may use up a quota: what is true whoever comes first is the reason that counts.
      else if (short === undefined || picked.error === 'Exhausted') short = picked.error;
    }
    if (round === 1 && short !== undefined) return err(short);
  }
  return ok({ ips, ...(short === undefined ? {} : { short }) });
}

/** What a look at the pool as a whole tells, without a search: of many pools that are asked most are full. */
function obviousRefusal(
  { key, sharing }: Claimant,
  pool: Pool,
  { families, have }: Wish,
  { free, reservations, nowMs }: AllocationState,
): PoolRefusalReason | undefined {
  if (pool.frozen) return 'PoolFaulty';
  if (pool.drain !== undefined) return 'PoolDraining';
  const usable = free.usable(pool);
  if (families.some((family) => !usable.some((range) => range.family === family))) return 'FamilyMissing';
  if (sharing.key !== '' || reservations.retainedFor(key, nowMs).length > 0) return undefined;
  const isFull = families.some((family) => ofFamily(have, family).length === 0 && free.isFull(pool, family));
  return isFull ? 'Exhausted' : undefined;
}

const NONE: readonly Release[] = [];
const EXHAUSTED = err<PoolRefusalReason>('Exhausted');

/** Gives another address of the family each time. */
function picker(
  claimant: Claimant,
  pool: Pool,
  { have, givesUp }: Wish,
  state: AllocationState,
): (family: IpFamily) => Result<Ip, PoolRefusalReason> {
  const { free, reservations, nowMs } = state;
  const taken = new Set<Ip>(have);
  const retained = reservations.retainedFor(claimant.key, nowMs);
  const waiting = retained.length === 0 ? NONE : retained.filter(({ ip }) => mayTake(ip, claimant, pool, state));
  // Made when it is needed.
  let quota: Quota | undefined;
  return (family) => {
    const returning = waiting.find(({ ip }) => ipFamily(ip) === family && !taken.has(ip));
    const ip = returning?.ip ?? free.lowest(pool, family, claimant, taken);
    if (ip === undefined) return EXHAUSTED;
    quota ??= new Quota(claimant, pool, givesUp, state);
    const no = quota.take(ip);
    if (no !== undefined) return err(no);
    taken.add(ip);
    return ok(ip);
  };
}

/** Why the namespace may not have addresses that were asked for by name; undefined: it may. */
export function quotaObstacle(
  claimant: Claimant,
  { pool, ips }: Holding,
  givesUp: Holding | undefined,
  state: AllocationState,
): PoolRefusalReason | undefined {
  const quota = new Quota(claimant, pool, givesUp, state);
  for (const ip of ips) {
    const no = quota.take(ip);
    if (no !== undefined) return no;
  }
  return undefined;
}

function mayTake(ip: Ip, claimant: Claimant, pool: Pool, state: AllocationState): boolean {
  if (state.poolOf(ip) !== pool || isAvoided(pool, ip)) return false;
  if (state.free.exclusionOf(pool, ip) !== undefined) return false;
  return state.book.obstacle(ip, claimant.key, claimant.sharing) === undefined;
}

/** How many more addresses the Service's namespace may have, in all and of one pool, beside what the Service gives up. */
class Quota {
  readonly #isHeldByOthersOfNamespace: (ip: Ip) => boolean;
  #left: number;
  #leftOfPool: number;

  constructor(
    claimant: Claimant,
    pool: Pool,
    givesUp: Holding | undefined,
    { book, namespaceLimits }: AllocationState,
  ) {
    const namespace = namespaceOf(claimant.key);
    this.#isHeldByOthersOfNamespace = (ip) => book.isHeldIn(ip, namespace, claimant.key);
    const limit = namespaceLimits.get(namespace) ?? Number.POSITIVE_INFINITY;
    const poolLimit = pool.maxAddressesPerNamespace ?? Number.POSITIVE_INFINITY;
    const freed = (givesUp?.ips ?? []).filter((ip) => !this.#isHeldByOthersOfNamespace(ip)).length;
    this.#left = limit - book.heldIn(namespace) + freed;
    this.#leftOfPool = poolLimit - book.heldIn(namespace, pool.name) + (givesUp?.pool === pool ? freed : 0);
  }

  /** Takes one, or says why not. An address that the namespace has anyway costs nothing. */
  take(ip: Ip): PoolRefusalReason | undefined {
    if (this.#isHeldByOthersOfNamespace(ip)) return undefined;
    if (this.#left <= 0) return 'NamespaceQuotaReached';
    if (this.#leftOfPool <= 0) return 'PoolQuotaReached';
    this.#left -= 1;
    this.#leftOfPool -= 1;
    return undefined;
  }
}
