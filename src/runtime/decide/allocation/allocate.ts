/** Allocation of a whole world at once, for those who ask once: the installer, the explanation, tests. See allocator.ts. */
import type { ServiceView } from '../../model/service.ts';
import type { Allocation } from './allocation.ts';
import { type AllocationRules, Allocator } from './allocator.ts';

export interface AllocationWorld extends AllocationRules {
  readonly services: readonly ServiceView[];
}

/** Decides for every Service that is ours, ordered by "namespace/name". */
export function allocate(world: AllocationWorld): readonly Allocation[] {
  return new Allocator(world, world.services).list();
}
