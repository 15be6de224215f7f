/**
 * What follows for layer 2 from foreign hosts that hold addresses of ours: which addresses nobody is to announce, and
 * which are defended, as their pools say (spec.onConflict).
 */

import type { Config } from '../../model/config.ts';
import type { LanConflict } from '../../model/conflict.ts';
import type { Ip } from '../../model/ip.ts';
import { compareText } from '../../model/text-order.ts';
import { indexPools, poolOf } from '../pool-index.ts';

/**
 * The addresses that are not to be announced, each with the conflict seen first (of the speakers that live). Those of
 * pools that defend theirs are not among them.
 */
export function conflictsInForce(conflicts: readonly LanConflict[], config: Config): ReadonlyMap<Ip, LanConflict> {
  const index = indexPools(config);
  const inForce = new Map<Ip, LanConflict>();
  for (const conflict of conflicts) {
    if (poolOf(index, conflict.ip)?.onConflict === 'Defend') continue;
    const known = inForce.get(conflict.ip);
    if (known === undefined || compareConflicts(conflict, known) < 0) inForce.set(conflict.ip, conflict);
  }
  return inForce;
}

/** What a speaker does when somebody takes the address while it is announced: for the conflict detector. */
export function conflictPolicies(config: Config): (ip: Ip) => 'yield' | 'defend' {
  const index = indexPools(config);
  return (ip) => (poolOf(index, ip)?.onConflict === 'Defend' ? 'defend' : 'yield');
}

function compareConflicts(a: LanConflict, b: LanConflict): number {
  return a.sinceMs - b.sinceMs || compareText(a.node, b.node) || compareText(a.interface, b.interface);
}
