/**
 * OBSERVE, in the speaker: one immutable value out of the caches, for the plan to be made from. Reads only; what it is
 * given is whole, because it is asked for after every cache has synced.
 */
import type { Layer2Facts } from '../../decide/plan-layer2.ts';
import { INTERFACES_ANNOTATION, parseSpeaker } from '../../decide/speaker-facts.ts';
import type { EndpointSliceView, LeaseView, NodeDetails } from '../../model/cluster.ts';
import type { Config } from '../../model/config.ts';
import type { SpeakerView } from '../../model/node.ts';
import type { EndpointView, ServiceView } from '../../model/service.ts';

export interface SpeakerCaches {
  readonly services: readonly ServiceView[];
  readonly endpointSlices: readonly EndpointSliceView[];
  readonly nodes: readonly NodeDetails[];
  readonly leases: readonly LeaseView[];
}

export interface SpeakerSettings {
  readonly loadBalancerClass: string | undefined;
  readonly excludedNodes: 'skip' | 'use';
}

export function layer2Facts(
  caches: SpeakerCaches,
  config: Config,
  aliveNodes: readonly string[],
  settings: SpeakerSettings,
): Layer2Facts {
  return {
    config,
    services: caches.services,
    endpoints: endpointsByService(caches.endpointSlices),
    nodes: caches.nodes,
    speakers: speakersOf(caches.leases, aliveNodes),
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

/** A Lease's holder is the node's name. */
function speakersOf(leases: readonly LeaseView[], aliveNodes: readonly string[]): readonly SpeakerView[] {
  const alive = new Set(aliveNodes);
  return leases
    .filter(({ holder }) => alive.has(holder))
    .map(({ holder, annotations }) => parseSpeaker(holder, annotations[INTERFACES_ANNOTATION]));
}
