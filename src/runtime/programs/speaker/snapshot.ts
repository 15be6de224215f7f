/**
 * OBSERVE, in the speaker: one immutable value out of the caches, for the plan to be made from. Reads only; what it is
 * given is whole, because it is asked for after every cache has synced.
 */
import { endpointsByService } from '../../decide/endpoints-by-service.ts';
import type { Layer2Facts } from '../../decide/layer2/layer2-facts.ts';
import type { Claim } from '../../model/claim.ts';
import type { EndpointSliceView, NodeDetails } from '../../model/cluster.ts';
import type { Config } from '../../model/config.ts';
import type { Ip } from '../../model/ip.ts';
import type { SpeakerView } from '../../model/node.ts';
import type { ServiceView } from '../../model/service.ts';

export interface SpeakerCaches {
  readonly services: readonly ServiceView[];
  readonly endpointSlices: readonly EndpointSliceView[];
  readonly nodes: readonly NodeDetails[];
  /** The speakers that live. */
  readonly speakers: readonly SpeakerView[];
}

export interface SpeakerSettings {
  /** The node that plans. */
  readonly nodeName: string;
  readonly loadBalancerClass: string | undefined;
  readonly excludedNodes: 'skip' | 'use';
  readonly election: 'spread' | 'metallb';
}

/** What the speakers know of each other. */
export interface SpeakerNews {
  readonly leaving: readonly string[];
  readonly claims: readonly Claim[];
  readonly handBack: 'allowed' | 'not-now';
  readonly conflicts: ReadonlyMap<Ip, unknown>;
}

export function layer2Facts(
  caches: SpeakerCaches,
  config: Config,
  news: SpeakerNews,
  settings: SpeakerSettings,
): Layer2Facts {
  return {
    config,
    services: caches.services,
    endpoints: endpointsByService(caches.endpointSlices),
    nodes: caches.nodes,
    speakers: caches.speakers,
    claims: news.claims,
    leaving: new Set(leavingFor(news.leaving, settings)),
    handBack: news.handBack,
    conflicts: news.conflicts,
    loadBalancerClass: settings.loadBalancerClass,
    excludedNodes: settings.excludedNodes,
    election: settings.election,
  };
}

/**
 * Elected by hash there are no claims that would say when a successor has taken over, so a speaker that is about to stop
 * counts itself in as long as it runs, as MetalLB's does; the others count it out at once, and for that moment two answer.
 */
function leavingFor(leaving: readonly string[], { nodeName, election }: SpeakerSettings): readonly string[] {
  return election === 'metallb' ? leaving.filter((node) => node !== nodeName) : leaving;
}
