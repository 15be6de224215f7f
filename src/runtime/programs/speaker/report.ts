/**
 * Says what the plan changed: a log line and an Event for every address this node takes, a log line for every one it
 * gives up, and for every address that no node announces, with the reason. Once per change, not per plan.
 */
import type { EventSink } from '../../adapters/kube/events.ts';
import type { AddressPlan } from '../../decide/layer2/plan-layer2.ts';
import type { Log } from '../../engine/log.ts';
import type { ServiceView } from '../../model/service.ts';

export interface ReportOptions {
  readonly nodeName: string;
  readonly log: Log;
  readonly events: EventSink;
  /** By "namespace/name". */
  readonly service: (key: string) => ServiceView | undefined;
}

export function reportPlans(
  plans: readonly AddressPlan[],
  before: readonly AddressPlan[],
  { nodeName, log, events, service }: ReportOptions,
): void {
  const previous = new Map(before.map((plan) => [plan.ip, plan]));
  for (const plan of plans) {
    const { ip, services, owner, reason } = plan;
    const was = previous.get(ip);
    previous.delete(ip);
    if (owner === nodeName && was?.owner !== nodeName) {
      log.info({ ip, services, from: was?.owner }, 'announcing the address');
      for (const key of services) tellAssigned(service(key), nodeName, events);
    } else if (owner !== nodeName && was?.owner === nodeName) {
      log.info({ ip, services, to: owner, reason }, 'no longer announcing the address');
    }
    if (reason !== undefined && was?.reason !== reason) {
      log.warn({ ip, services, reason, refused: plan.refused }, 'no node announces the address');
    }
  }
  for (const { ip, owner } of previous.values()) {
    if (owner === nodeName) log.info({ ip }, 'no longer announcing the address');
  }
}

function tellAssigned(service: ServiceView | undefined, nodeName: string, events: EventSink): void {
  if (service === undefined) return;
  const { namespace, name, uid, resourceVersion } = service;
  events.emit({
    object: { apiVersion: 'v1', kind: 'Service', namespace, name, uid, resourceVersion },
    type: 'Normal',
    reason: 'nodeAssigned',
    message: `announcing from node "${nodeName}" with protocol "layer2"`,
  });
}
