/** A Service's endpoints: those of all EndpointSlices that name it, by "namespace/name". */
import type { EndpointSliceView } from '../model/cluster.ts';
import type { EndpointView } from '../model/service.ts';

export function endpointsByService(slices: readonly EndpointSliceView[]): ReadonlyMap<string, readonly EndpointView[]> {
  const byService = new Map<string, EndpointView[]>();
  for (const { namespace, serviceName, endpoints } of slices) {
    const key = `${namespace}/${serviceName}`;
    const known = byService.get(key);
    if (known === undefined) byService.set(key, [...endpoints]);
    else known.push(...endpoints);
  }
  return byService;
}
