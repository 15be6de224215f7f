/** The condition that says on a Service what was decided for it: what the controller writes, and what explain compares with. */
import type { ConditionView, ServiceView } from '../../model/service.ts';
import type { Allocation } from './allocation.ts';
import type { AllocationReason } from './allocation-reason.ts';

/** On the Service: whether it has addresses of ours, and why (not). */
export const ALLOCATED_CONDITION = 'metallb.io/Allocated';
/** A condition's message may be 32 KiB; a reader's patience ends sooner. */
const MAX_MESSAGE_LENGTH = 2000;

export interface AllocatedCondition {
  readonly status: 'True' | 'False';
  readonly reason: AllocationReason;
  readonly message: string;
}

/** What the condition should say; undefined: there should be none, because the Service is of another type. */
export function allocatedCondition(allocation: Allocation): AllocatedCondition | undefined {
  const { ips, reason } = allocation;
  if (reason === 'NotLoadBalancer') return undefined;
  return { status: ips.length > 0 ? 'True' : 'False', reason, message: conditionMessage(allocation) };
}

export function conditionMessage({ ips, pool, reason, message }: Allocation): string {
  const text = reason === 'Allocated' ? `${ips.join(', ')} from pool "${pool ?? ''}"` : message;
  return text.length <= MAX_MESSAGE_LENGTH ? text : `${text.slice(0, MAX_MESSAGE_LENGTH - 1)}…`;
}

/** What it says now; undefined: there is none. */
export function conditionOf(service: ServiceView): ConditionView | undefined {
  return service.conditions.find(({ type }) => type === ALLOCATED_CONDITION);
}

/** Whether the Service's condition says it already, time aside. */
export function saysSame(known: ConditionView | undefined, wanted: AllocatedCondition): boolean {
  return known?.status === wanted.status && known.reason === wanted.reason && known.message === wanted.message;
}
