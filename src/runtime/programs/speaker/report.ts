/**
 * Says what the plan changed: a log line and an Event for every address this node takes, a log line for every one it
 * gives up, and a log line and an Event for every address that no node announces any more, with what excludes each node.
 * Once per change, not per plan. What every speaker sees alike is told as an Event by one of them only.
 */
import { refusalSummary } from '../../decide/announcing/refusal-summary.ts';
import type { AddressPlan } from '../../decide/layer2/plan-layer2.ts';
import type { Log } from '../../engine/log.ts';
import { type ServiceEventOptions, speaksForAll, tellAssigned, tellOfService } from './service-events.ts';

export interface ReportOptions extends ServiceEventOptions {
  readonly log: Log;
  /** Nodes whose speakers live. */
  readonly alive: readonly string[];
}

export function reportPlans(
  plans: readonly AddressPlan[],
  before: readonly AddressPlan[],
  options: ReportOptions,
): void {
  const { nodeName, log } = options;
  const previous = new Map(before.map((plan) => [plan.ip, plan]));
  const isSpokesman = speaksForAll(nodeName, options.alive);
  for (const plan of plans) {
    const { ip, services, owner, reason } = plan;
    const was = previous.get(ip);
    previous.delete(ip);
    if (owner === nodeName && was?.owner !== nodeName) {
      log.info({ ip, services, from: was?.owner }, 'announcing the address');
      for (const key of services) tellAssigned(key, 'layer2', options);
    } else if (owner !== nodeName && was?.owner === nodeName) {
      log.info({ ip, services, to: owner, reason }, 'no longer announcing the address');
    }
    if (reason !== undefined && was?.reason !== reason) {
      log.warn({ ip, services, reason, refused: plan.refused }, 'no node announces the address');
      if (isSpokesman && isNews(plan, was)) tellUnannounced({ ...plan, reason }, options);
    }
  }
  for (const { ip, owner } of previous.values()) {
    if (owner === nodeName) log.info({ ip }, 'no longer announcing the address');
  }
}

/** A Service that has just been made has no endpoint for a moment: only one that had some is in trouble. */
function isNews({ reason }: AddressPlan, was: AddressPlan | undefined): boolean {
  return reason !== 'no-serving-endpoint' || was?.owner !== undefined;
}

function tellUnannounced(
  plan: AddressPlan & { readonly reason: NonNullable<AddressPlan['reason']> },
  options: ReportOptions,
): void {
  const message = refusalSummary({ ...plan, protocol: 'layer2' });
  for (const key of plan.services) {
    tellOfService(key, { type: 'Warning', reason: 'announceFailed', message }, options);
  }
}
