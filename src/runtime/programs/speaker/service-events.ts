/** Events on Services: what they look like, who tells them, and the one that says that this node announces. */
import type { ClusterEvent, EventObject, EventSink } from '../../adapters/kube/events.ts';
import type { ServiceView } from '../../model/service.ts';
import { compareText } from '../../model/text-order.ts';

export interface ServiceEventOptions {
  readonly nodeName: string;
  readonly events: Pick<EventSink, 'emit'>;
  /** By "namespace/name". Undefined: there is no such Service any more, and nothing is told of it. */
  readonly service: (key: string) => ServiceView | undefined;
}

/** Of what every speaker sees alike: the first by name of those that live; all agree on it, because all know the same. */
export function speaksForAll(nodeName: string, alive: readonly string[]): boolean {
  return [...alive].sort(compareText)[0] === nodeName;
}

/** `key`: "namespace/name". */
export function tellOfService(
  key: string,
  event: Omit<ClusterEvent, 'object'>,
  { events, service }: Pick<ServiceEventOptions, 'events' | 'service'>,
): void {
  const view = service(key);
  if (view !== undefined) events.emit({ ...event, object: eventObject(view) });
}

/** In MetalLB's words. */
export function tellAssigned(key: string, protocol: 'layer2' | 'bgp', options: ServiceEventOptions): void {
  const message = `announcing from node "${options.nodeName}" with protocol "${protocol}"`;
  tellOfService(key, { type: 'Normal', reason: 'nodeAssigned', message }, options);
}

function eventObject({ namespace, name, uid, resourceVersion }: ServiceView): EventObject {
  return { apiVersion: 'v1', kind: 'Service', namespace, name, uid, resourceVersion };
}
