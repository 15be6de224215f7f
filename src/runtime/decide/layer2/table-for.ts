/**
 * One node's part of the plan: the addresses it answers for now. That is what it owns, and what it holds by its claim
 * and has to answer for until the node that is to own it has claimed it, so that a planned move has no moment without
 * an answer.
 */
import type { AnnouncedAddress } from '../../model/announcements.ts';
import type { Claim } from '../../model/claim.ts';
import { highestClaims } from './highest-claims.ts';
import type { AddressPlan } from './plan-layer2.ts';

export interface TableEntry extends AnnouncedAddress {
  /** 'to-claim': it owns the address and must say so; 'held': it has; 'yielding': another is to claim it next. */
  readonly standing: 'to-claim' | 'held' | 'yielding';
  /** Whom the claims named when it was planned; absent: nobody. */
  readonly holder?: string;
}

/** `claims` may be newer than those the plan was made with: who is outbid stops at once, without waiting for a plan. */
export function tableFor(
  nodeName: string,
  plans: readonly AddressPlan[],
  claims: readonly Claim[],
): readonly TableEntry[] {
  const highest = highestClaims(claims);
  return plans.flatMap((plan) => entryFor(nodeName, plan, highest.get(plan.ip)?.node) ?? []);
}

function entryFor(nodeName: string, plan: AddressPlan, holder: string | undefined): TableEntry | undefined {
  const { ip, owner, interfaces } = plan;
  if (owner === undefined) return undefined;
  if (holder === nodeName) {
    if (owner === nodeName) return { ip, interfaces, standing: 'held', holder };
    return { ip, interfaces: plan.holderInterfaces ?? 'in-subnet', standing: 'yielding', holder };
  }
  // Another node claimed it since the plan was made: to claim it back would start a quarrel that the next plan settles.
  const isNews = holder !== undefined && holder !== plan.holder;
  if (owner !== nodeName || isNews) return undefined;
  return { ip, interfaces, standing: 'to-claim', ...(holder === undefined ? {} : { holder }) };
}
