/** Whether there is anybody to answer for a Service, and where. */
import { type EndpointView, formatKey, type ServiceView } from '../../model/service.ts';

/** By "namespace/name" of the Service. */
export type EndpointsByService = ReadonlyMap<string, readonly EndpointView[]>;

export function isServed(service: ServiceView, endpoints: EndpointsByService): boolean {
  return (endpoints.get(formatKey(service)) ?? []).some(({ serving }) => serving);
}

/** Names of the nodes that have a serving endpoint of it: those that policy Local leaves. */
export function servingNodes(service: ServiceView, endpoints: EndpointsByService): ReadonlySet<string> {
  const all = endpoints.get(formatKey(service)) ?? [];
  return new Set(all.flatMap(({ serving, nodeName }) => (serving && nodeName !== undefined ? [nodeName] : [])));
}

/** Seen from a node: whether it has a serving endpoint itself, or other nodes alone, or none has. */
export function servedFrom(
  node: string,
  service: ServiceView,
  endpoints: EndpointsByService,
): 'here' | 'elsewhere' | 'nowhere' {
  let found: 'elsewhere' | 'nowhere' = 'nowhere';
  for (const { serving, nodeName } of endpoints.get(formatKey(service)) ?? []) {
    if (serving && nodeName === node) return 'here';
    if (serving) found = 'elsewhere';
  }
  return found;
}
