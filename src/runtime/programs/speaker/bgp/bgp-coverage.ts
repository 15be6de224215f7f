/** What BGP has to do with of all addresses, what of that no node may advertise, and what that means for layer 2. Pure. */
import { type UnadvertisedAddress, unadvertisedAddresses } from '../../../decide/bgp/advertiser-search.ts';
import { isToBeAdvertised, type NodeBgpPlan } from '../../../decide/bgp/plan-bgp.ts';
import type { Layer2Facts } from '../../../decide/layer2/layer2-facts.ts';
import type { AddressPlan } from '../../../decide/layer2/plan-layer2.ts';
import type { Ip } from '../../../model/ip.ts';

export interface BgpCoverage {
  /** All addresses that an advertisement covers. */
  readonly covered: ReadonlySet<Ip>;
  /** Of those, the ones that no node may advertise. */
  readonly unadvertised: readonly UnadvertisedAddress[];
}

/** `plan`: of this node. Undefined: it has no part in BGP. */
export function coverageOf(
  plan: NodeBgpPlan | undefined,
  {
    services,
    speakers,
    ...facts
  }: Pick<Layer2Facts, 'services' | 'speakers' | 'nodes' | 'config' | 'endpoints' | 'excludedNodes'>,
): BgpCoverage | undefined {
  if (plan === undefined) return undefined;
  const alive = new Set(speakers.map(({ nodeName }) => nodeName));
  return {
    covered: new Set(plan.addresses.filter(isToBeAdvertised).map(({ ip }) => ip)),
    unadvertised: unadvertisedAddresses(plan, services, { ...facts, alive }),
  };
}

/** That layer 2 has no advertisement for an address is no news where BGP has one. */
export function withoutThoseOfBgp(
  plans: readonly AddressPlan[],
  coverage: Pick<BgpCoverage, 'covered'> | undefined,
): readonly AddressPlan[] {
  return plans.filter(({ ip, reason }) => reason !== 'no-advertisement-for-pool' || coverage?.covered.has(ip) !== true);
}

/** How many addresses no node may announce, by layer 2 or by BGP, by reason: by layer 2's, where both have one. */
export function unannouncedOf(
  plans: readonly AddressPlan[],
  coverage: BgpCoverage | undefined,
): Readonly<Record<string, number>> {
  const unadvertised = coverage?.unadvertised ?? [];
  const byBgp = new Set(coverage?.covered);
  for (const { ip } of unadvertised) byBgp.delete(ip);
  const byLayer2 = new Set(plans.map(({ ip }) => ip));
  const reasons = [
    ...plans.filter(({ ip }) => !byBgp.has(ip)).map(({ reason }) => reason),
    ...unadvertised.filter(({ ip }) => !byLayer2.has(ip)).map(({ reason }) => reason),
  ];
  const counts: Record<string, number> = {};
  for (const reason of reasons) if (reason !== undefined) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}
