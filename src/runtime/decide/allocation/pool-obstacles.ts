/**
 * Everything that keeps one pool from serving one Service as things stand, not only the first thing that allocation met:
 * whoever is told what to change wants to hear all of it. Whether the pool was asked for is not looked at. Enters nothing.
 */
import type { Pool } from '../../model/config.ts';
import type { Holding } from './allocation.ts';
import type { PoolRefusalReason } from './allocation-reason.ts';
import type { AllocationState } from './allocation-state.ts';
import type { Claimant } from './claimant.ts';
import { pickBest } from './find-addresses.ts';
import { restriction } from './pool-choice.ts';

/** Empty: it would serve. `held` is what the Service would give up. Nothing is known of one whose request is unreadable. */
export function poolObstacles(
  claimant: Claimant,
  pool: Pool,
  held: Holding | undefined,
  state: AllocationState,
): readonly PoolRefusalReason[] {
  const { request } = claimant;
  if (pool.frozen) return ['PoolFaulty'];
  const obstacles = restrictions(claimant, pool);
  if (!request.ok) return obstacles;
  if (pool.drain !== undefined) obstacles.push('PoolDraining');
  const { drain: _, ...inUse } = pool;
  const search = { claimant, request: request.value, held, state };
  const picked = pickBest(search, pool.drain === undefined ? pool : inUse);
  if (!picked.ok) obstacles.push(picked.error);
  return obstacles;
}

function restrictions({ service }: Claimant, pool: Pool): PoolRefusalReason[] {
  const first = restriction(pool, service);
  if (first !== 'NamespaceNotAllowed' || pool.serviceAllocation === undefined)
    return first === undefined ? [] : [first];
  const everywhere = { ...pool, serviceAllocation: { ...pool.serviceAllocation, restrictsNamespaces: false } };
  const second = restriction(everywhere, service);
  return second === undefined ? [first] : [first, second];
}
