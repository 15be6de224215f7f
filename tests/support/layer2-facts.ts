/** Facts for layer-2 plans: a LAN with three nodes and one Service, of which a test changes what matters to it. */
import { createHash } from 'node:crypto';
import type { Layer2Facts } from '../../src/runtime/decide/layer2/layer2-facts.ts';
import { type AddressPlan, planLayer2 } from '../../src/runtime/decide/layer2/plan-layer2.ts';
import type { Claim } from '../../src/runtime/model/claim.ts';
import type { ServiceView } from '../../src/runtime/model/service.ts';
import { config, ip, l2Advertisement, node, pool, service, speaker } from './views.ts';

export const LAN = '10.6.204.0/24';
export const VIP = ip('10.6.204.20');

export const sha256Hex = (text: string): string => createHash('sha256').update(text).digest('hex');

export function facts(given: Partial<Layer2Facts> = {}): Layer2Facts {
  return {
    config: config({ pools: [pool('default', [LAN])], l2Advertisements: [l2Advertisement('default')] }),
    services: [service('nginx', { ingress: [{ ip: VIP }] })],
    endpoints: new Map([['default/nginx', [{ nodeName: 'node1', serving: true }]]]),
    nodes: [node('master'), node('node1'), node('node2')],
    speakers: ['master', 'node1', 'node2'].map((name) => speaker(name, LAN)),
    leaving: new Set(),
    loadBalancerClass: undefined,
    excludedNodes: 'skip',
    election: 'spread',
    claims: [],
    handBack: 'not-now',
    conflicts: new Map(),
    ...given,
  };
}

export function plan(given: Partial<Layer2Facts> = {}): readonly AddressPlan[] {
  return planLayer2(facts(given), sha256Hex);
}

export function planOne(given: Partial<Layer2Facts> = {}): AddressPlan {
  const plans = plan(given);
  const [only] = plans;
  if (only === undefined || plans.length > 1) throw new Error(`${plans.length} plans, not one`);
  return only;
}

/** Facts about these nodes, all of them on the LAN, and these Services, all of them served from outside the cluster. */
export function cluster(
  nodes: readonly string[],
  services: readonly ServiceView[],
): Pick<Layer2Facts, 'nodes' | 'speakers' | 'services' | 'endpoints'> {
  return {
    nodes: nodes.map((name) => node(name)),
    speakers: nodes.map((name) => speaker(name, LAN)),
    services,
    endpoints: new Map(services.map(({ namespace, name }) => [`${namespace}/${name}`, [{ serving: true }]])),
  };
}

/** Services s000, s001 …, each with so many addresses of the LAN, from 10.6.204.1 on. */
export function services(...counts: readonly number[]): readonly ServiceView[] {
  return servicesOf(counts.flatMap((count, index) => new Array<number>(count).fill(index)));
}

/** The same, by which Service (0, 1 …) has which address. */
export function servicesOf(numbers: readonly number[]): readonly ServiceView[] {
  return [...new Set(numbers)].map((number) => {
    const ingress = numbers.flatMap((of, index) => (of === number ? [{ ip: ip(`10.6.204.${index + 1}`) }] : []));
    return service(`s${String(number).padStart(3, '0')}`, { ingress });
  });
}

/** What the nodes claim when each does as the plan says. */
export function claimsAfter(plans: readonly AddressPlan[], claims: readonly Claim[] = []): readonly Claim[] {
  const epoch = Math.max(0, ...claims.map((claim) => claim.epoch)) + 1;
  const taken = plans.flatMap(({ ip: address, owner, holder }) =>
    owner === undefined || owner === holder ? [] : [{ ip: address, node: owner, epoch }],
  );
  const replaced = new Set(taken.map((claim) => claim.ip));
  return [...claims.filter((claim) => !replaced.has(claim.ip)), ...taken];
}

/** How many addresses each node owns; of these nodes, or of those that own any. */
export function loads(plans: readonly AddressPlan[], nodes: readonly string[] = []): Readonly<Record<string, number>> {
  const counts: Record<string, number> = Object.fromEntries(nodes.map((name) => [name, 0]));
  for (const { owner } of plans) if (owner !== undefined) counts[owner] = (counts[owner] ?? 0) + 1;
  return counts;
}

/** The most that a node owns less the least. */
export function unevenness(plans: readonly AddressPlan[], nodes: readonly string[]): number {
  const counts = Object.values(loads(plans, nodes));
  return Math.max(...counts) - Math.min(...counts);
}
