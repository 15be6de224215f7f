/** A Service's pods in words and numbers. */
import { type EndpointView, formatKey, type ServiceView } from '../../model/service.ts';
import type { EndpointsByService } from '../announcing/serving-endpoints.ts';
import { counted } from './told-list.ts';

/** Of a Service without one that serves: "the Service has no pods behind it". */
export function unservedWords(service: ServiceView, endpoints: EndpointsByService): string {
  const all = endpointsOf(service, endpoints);
  const has = all.length === 0 ? 'has no pods behind it' : `has ${counted(all.length, 'pod')}, none of them ready`;
  return `the Service ${has}`;
}

/** How many serve on the node; given where they matter. */
export function endpointsOn(
  node: string,
  service: ServiceView,
  endpoints: EndpointsByService,
): { readonly endpoints?: number } {
  if (service.externalTrafficPolicy !== 'Local') return {};
  const all = endpointsOf(service, endpoints);
  return { endpoints: all.filter(({ serving, nodeName }) => serving && nodeName === node).length };
}

function endpointsOf(service: ServiceView, endpoints: EndpointsByService): readonly EndpointView[] {
  return endpoints.get(formatKey(service)) ?? [];
}
