/**
 * OBSERVE, in the speaker: one immutable value out of the caches, for the plan to be made from. Reads only; what it is
 * given is whole, because it is asked for after every cache has synced.
 */
import type { Layer2Facts } from '../../decide/layer2/layer2-facts.ts';
import type { EndpointSliceView, NodeDetails } from '../../model/cluster.ts';
import type { Config } from '../../model/config.ts';
import type { SpeakerView } from '../../model/node.ts';
import type { EndpointView, ServiceView } from '../../model/service.ts';

export interface SpeakerCaches {
  readonly services: readonly ServiceView[];
  readonly endpointSlices: readonly EndpointSliceView[];
  readonly nodes: readonly NodeDetails[];
  /** The speakers that live. */
  readonly speakers: readonly SpeakerView[];
}

export interface SpeakerSettings {
  readonly loadBalancerClass: string | undefined;
  readonly excludedNodes: 'skip' | 'use';
}

/** Speakers that do not tell each other of claims elect by hash, which needs none. */
const WITHOUT_CLAIMS = {
  election: 'metallb',
  claims: [],
  leaving: new Set<string>(),
  handBack: 'not-now',
  conflicts: new Map(),
} as const;

export function layer2Facts(caches: SpeakerCaches, config: Config, settings: SpeakerSettings): Layer2Facts {
  return {
    config,
    services: caches.services,
    endpoints: endpointsByService(caches.endpointSlices),
    nodes: caches.nodes,
    speakers: caches.speakers,
    ...WITHOUT_CLAIMS,
    ...settings,
  };
}

function endpointsByService(slices: readonly EndpointSliceView[]): ReadonlyMap<string, readonly EndpointView[]> {
  const byService = new Map<string, EndpointView[]>();
  for (const { namespace, serviceName, endpoints } of slices) {
    const key = `${namespace}/${serviceName}`;
    const known = byService.get(key);
    if (known === undefined) byService.set(key, [...endpoints]);
    else known.push(...endpoints);
  }
  return byService;
}
