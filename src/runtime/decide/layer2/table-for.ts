/**
 * One node's part of the plan: the addresses it answers for now. That is what it owns, and what it holds by its claim
 * and has to answer for until the node that is to own it has claimed it, so that a planned move has no moment without
 * an answer. Claims that are made after the plan are heeded where they are heard of (programs/speaker/announced.ts).
 */
import type { AnnouncedAddress } from '../../model/announcements.ts';
import type { AddressPlan } from './plan-layer2.ts';

export interface TableEntry extends AnnouncedAddress {
  /** 'to-claim': it owns the address and must say so; 'held': it has; 'yielding': another is to claim it next. */
  readonly standing: 'to-claim' | 'held' | 'yielding';
  /** Whom the claims named when it was planned; absent: nobody. */
  readonly holder?: string;
}

export function tableFor(nodeName: string, plans: readonly AddressPlan[]): readonly TableEntry[] {
  return plans.flatMap((plan) => entryFor(nodeName, plan) ?? []);
}

function entryFor(nodeName: string, plan: AddressPlan): TableEntry | undefined {
  const { ip, owner, holder, interfaces } = plan;
  if (owner === undefined) return undefined;
  if (holder === nodeName) {
    if (owner === nodeName) return { ip, interfaces, standing: 'held', holder };
    return { ip, interfaces: plan.holderInterfaces ?? 'in-subnet', standing: 'yielding', holder };
  }
  if (owner !== nodeName) return undefined;
  return { ip, interfaces, standing: 'to-claim', ...(holder === undefined ? {} : { holder }) };
}
