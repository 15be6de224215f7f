/**
 * What to write on a Service, and what to tell people about it: the difference between what was decided and what the
 * Service says. Pure; nothing differs in meaning, nothing is written.
 */
import type { ClusterEvent } from '../../adapters/kube/events.ts';
import type { ServiceStatusWrite } from '../../adapters/kube/write-service.ts';
import {
  ALLOCATED_CONDITION,
  allocatedCondition,
  conditionOf,
  saysSame,
} from '../../decide/allocation/allocated-condition.ts';
import type { Allocation } from '../../decide/allocation/allocation.ts';
import type { AllocationReason } from '../../decide/allocation/allocation-reason.ts';
import { showsExactly } from '../../decide/allocation/ownership.ts';
import { ALLOCATED_FROM, deprecatedAnnotations } from '../../decide/allocation/service-request.ts';
import type { Ip } from '../../model/ip.ts';
import { formatKey, type ServiceView } from '../../model/service.ts';

const POOL_ANNOTATIONS = [`metallb.io/${ALLOCATED_FROM}`, `metallb.universe.tf/${ALLOCATED_FROM}`] as const;

/** `nowText` is the time of writing, RFC 3339. Undefined: the Service says all of it already. */
export function serviceWrite(allocation: Allocation, nowText: string): ServiceStatusWrite | undefined {
  const { service } = allocation;
  const annotations = annotationChanges(service, allocation.pool);
  const ipsDiffer = allocation.verdict !== 'keep' && !showsExactly(service, allocation.ips);
  const condition = conditionChange(allocation, nowText);
  if (!ipsDiffer && condition === undefined && Object.keys(annotations).length === 0) return undefined;
  return {
    service,
    annotations,
    ...(ipsDiffer ? { ips: allocation.ips } : {}),
    ...(condition === undefined ? {} : { condition }),
  };
}

/** What to write on a Service that has left us: only our own condition goes. */
export function farewell(service: ServiceView): ServiceStatusWrite | undefined {
  if (conditionOf(service) === undefined) return undefined;
  return { service, annotations: {}, condition: { type: ALLOCATED_CONDITION } };
}

/** The addresses that the write takes away from the Service. */
export function givenUp(allocation: Allocation): Ip[] {
  if (allocation.verdict === 'keep') return [];
  return allocation.service.ingress.flatMap(({ ip }) => (ip !== undefined && !allocation.ips.includes(ip) ? [ip] : []));
}

/** Events to tell once the write has succeeded, with MetalLB's reasons. */
export function serviceEvents(allocation: Allocation): ClusterEvent[] {
  const { service, ips, verdict, reason, message, lost } = allocation;
  const before = service.ingress.flatMap(({ ip }) => (ip === undefined ? [] : [ip]));
  const added = ips.filter((ip) => !before.includes(ip));
  const events: Pick<ClusterEvent, 'type' | 'reason' | 'message'>[] = [];
  const known = conditionOf(service);
  // With the first verdict and with every change of what it holds, so that one that came later is told as well.
  if (known === undefined || verdict === 'assign' || verdict === 'release') {
    for (const key of deprecatedAnnotations(service)) {
      events.push({
        type: 'Warning',
        reason: 'deprecatedAnnotation',
        message: `Service uses deprecated annotation ${key}`,
      });
    }
  }
  if (lost !== undefined && givenUp(allocation).length > 0) {
    const text = `current IP for "${formatKey(service)}" not allowed by config, will attempt for new IP assignment: ${lost.message}`;
    const own = LOSSES[lost.reason];
    events.push(
      own === undefined
        ? { type: 'Normal', reason: 'ClearAssignment', message: text }
        : { ...own, message: lost.message },
    );
  }
  if (added.length > 0) {
    const what = added.length < ips.length ? 'additional IP' : 'IP';
    events.push({ type: 'Normal', reason: 'IPAllocated', message: `Assigned ${what} ${quotedList(added)}` });
  }
  if (reason !== 'Allocated' && reason !== 'NotLoadBalancer' && reason !== known?.reason) {
    events.push(failure(allocation, message));
  }
  return events.map((event) => ({ ...event, object: eventObject(service) }));
}

/** As Go prints a list of strings, which is what people's alerts look for: ["10.0.0.1" "fd00::1"]. */
function quotedList(ips: readonly Ip[]): string {
  return `[${ips.map((ip) => `"${ip}"`).join(' ')}]`;
}

/** Event of a Service that lost an address, but for those that the configuration took away. */
const LOSSES: Readonly<Partial<Record<AllocationReason, Pick<ClusterEvent, 'type' | 'reason'>>>> = {
  SurplusAddress: { type: 'Warning', reason: 'nolbIPsIPFamily' },
  AddressConflict: { type: 'Warning', reason: 'AddressConflict' },
};

/** Event of a Service that has less than it asks for; MetalLB's reasons, where it has any. */
const FAILURES: Readonly<Partial<Record<AllocationReason, Pick<ClusterEvent, 'type' | 'reason'>>>> = {
  AllocatedOneFamily: { type: 'Normal', reason: 'AdditionalAssignFailed' },
  AllocatedFewer: { type: 'Normal', reason: 'AdditionalAssignFailed' },
  AddressConflict: { type: 'Warning', reason: 'AddressConflict' },
  PoolDraining: { type: 'Normal', reason: 'PoolDraining' },
  NotEnoughClusterIPs: { type: 'Warning', reason: 'not enough clusterips' },
};

function failure(
  { service, ips, reason }: Allocation,
  message: string,
): Pick<ClusterEvent, 'type' | 'reason' | 'message'> {
  const known = FAILURES[reason];
  if (known !== undefined) return { ...known, message };
  const keeps = ips.length === 0 || reason === 'NoPools' ? '' : ` (keeps ${ips.join(', ')})`;
  const isUnreadable = reason === 'RequestMalformed' || reason === 'RequestsConflict';
  if (ips.length > 0 && isUnreadable)
    return {
      type: 'Warning',
      reason: 'LoadBalancerFailed',
      message: `invalid requested loadbalancer IPs: ${message}${keeps}`,
    };
  return {
    type: 'Warning',
    reason: 'AllocationFailed',
    message: `Failed to allocate IP for "${formatKey(service)}": ${message}${keeps}`,
  };
}

function eventObject(service: ServiceView): ClusterEvent['object'] {
  const { namespace, name, uid } = service;
  return { apiVersion: 'v1', kind: 'Service', namespace, name, uid };
}

function annotationChanges(service: ServiceView, pool: string | undefined): Record<string, string | null> {
  const [current, old] = POOL_ANNOTATIONS;
  const changes: Record<string, string | null> = {};
  if (service.annotations[current] !== pool) changes[current] = pool ?? null;
  if (service.annotations[old] !== undefined) changes[old] = null;
  return changes;
}

function conditionChange(allocation: Allocation, nowText: string): ServiceStatusWrite['condition'] {
  const known = conditionOf(allocation.service);
  const wanted = allocatedCondition(allocation);
  if (wanted === undefined) return known === undefined ? undefined : { type: ALLOCATED_CONDITION };
  if (saysSame(known, wanted)) return undefined;
  // The condition's time is that of the last change between true and false, not of every change of wording.
  const lastTransitionTime = known?.status === wanted.status ? (known.lastTransitionTime ?? nowText) : nowText;
  return { type: ALLOCATED_CONDITION, ...wanted, lastTransitionTime };
}
