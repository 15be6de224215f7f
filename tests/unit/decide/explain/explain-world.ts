/** Builders of what explanations are made of. */
import type { ExplainWorld } from '../../../../src/runtime/decide/explain/case.ts';
import type { Config, Pool } from '../../../../src/runtime/model/config.ts';
import type { ServiceView } from '../../../../src/runtime/model/service.ts';
import { config } from '../../../support/views.ts';

/** Milliseconds. */
export const NOW = 1_000_000;

export function explainWorld(
  pools: readonly Pool[],
  services: readonly ServiceView[],
  given: Partial<ExplainWorld> = {},
): ExplainWorld {
  return worldOf(config({ pools }), services, given);
}

export function worldOf(
  inForce: Config | undefined,
  services: readonly ServiceView[],
  given: Partial<ExplainWorld> = {},
): ExplainWorld {
  return {
    decided: { config: inForce, source: 'resources', errors: [], faulty: [] },
    services,
    loadBalancerClass: undefined,
    nowMs: NOW,
    controllerState: '1 of 1 pods are ready.',
    formatTime: (ms) => `T+${ms - NOW}`,
    ...given,
  };
}
