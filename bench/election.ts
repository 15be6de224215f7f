/**
 * The time of the layer-2 plan, without a cluster: 5,000 addresses on 100 nodes, half of the Services with
 * externalTrafficPolicy Local, in the moments that matter. The floor is a plain loop that puts each address and each
 * claim into a Map. MetalLB's hash election is measured beside it: it has to hash every pair of address and node. And the
 * BGP plan of one node: 10,000 addresses and four routers, with the same kind of floor.
 */
import { hash } from 'node:crypto';
import { type BgpFacts, planBgp } from '../src/runtime/decide/bgp/plan-bgp.ts';
import type { Layer2Facts } from '../src/runtime/decide/layer2/layer2-facts.ts';
import { type AddressPlan, planLayer2 } from '../src/runtime/decide/layer2/plan-layer2.ts';
import { tableFor } from '../src/runtime/decide/layer2/table-for.ts';
import type { Claim } from '../src/runtime/model/claim.ts';
import { ipFromValue } from '../src/runtime/model/ip.ts';
import { formatKey } from '../src/runtime/model/service.ts';
import {
  bgpAdvertisement,
  bgpPeer,
  config,
  ip,
  l2Advertisement,
  node,
  pool,
  service,
  speaker,
} from '../tests/support/views.ts';
import { monotonicMs } from './machine.ts';
import { formatRatio, formatRow, type Percentiles, percentiles, type Unit } from './percentiles.ts';

const ADDRESSES = 5_000;
const BGP_ADDRESSES = 10_000;
const ROUTERS = 4;
const NODES = 100;
const PASSES = 25;
const UNIT: Unit = { name: 'ms', digits: 1 };
/** 10.64.0.0 */
const FIRST = 0x0a400000n;

const sha256Hex = (text: string): string => hash('sha256', text);

export async function measureElection(): Promise<string[]> {
  const facts = world(ADDRESSES);
  const settled = claimed(planLayer2(facts, sha256Hex));
  const onOne = settled.map((claim) => ({ ...claim, node: nodeName(0) }));
  const withoutFirst = facts.speakers.slice(1);
  const plans = planLayer2({ ...facts, claims: settled }, sha256Hex);
  const steady = planned({ ...facts, claims: settled });
  const floor = repeat(() => intoMap(facts, settled));
  return [
    `${ADDRESSES.toLocaleString('en')} addresses, ${NODES} nodes:`,
    formatRow('into a Map (the floor)', floor, UNIT),
    formatRow('nothing changes', steady, UNIT),
    formatRatio(steady, floor),
    formatRow('a node with its share fails', planned({ ...facts, claims: settled, speakers: withoutFirst }), UNIT),
    formatRow('a node with all of them fails', planned({ ...facts, claims: onOne, speakers: withoutFirst }), UNIT),
    formatRow('one to be handed back', planned({ ...facts, claims: onOne, handBack: 'allowed' }), UNIT),
    formatRow('nobody holds any yet', planned(facts), UNIT),
    formatRow('by MetalLB’s hashes', planned({ ...facts, election: 'metallb' }), UNIT),
    formatRow(
      'a node’s table out of the plan',
      repeat(() => tableFor(nodeName(1), plans)),
      UNIT,
    ),
    ...measureRoutes(),
  ];
}

function measureRoutes(): string[] {
  const facts = bgpWorld();
  const floor = repeat(
    () => new Map(facts.services.flatMap(({ ingress }) => ingress.map(({ ip: key }) => [key, key]))),
  );
  const routes = repeat(() => planBgp(facts, sha256Hex));
  return [
    `${BGP_ADDRESSES.toLocaleString('en')} addresses, ${ROUTERS} routers, one node:`,
    formatRow('into a Map (the floor)', floor, UNIT),
    formatRow('its BGP plan', routes, UNIT),
    formatRatio(routes, floor),
  ];
}

function planned(facts: Layer2Facts): Percentiles {
  return repeat(() => planLayer2(facts, sha256Hex));
}

/** A speaker that has just started has planned never before, so the first passes count. */
function repeat(work: () => unknown): Percentiles {
  const times: number[] = [];
  while (times.length < PASSES) {
    const beganMs = monotonicMs();
    work();
    times.push(monotonicMs() - beganMs);
  }
  return percentiles(times);
}

/** Half of the routers hear of every address by two advertisements. */
function bgpWorld(): BgpFacts {
  const { endpoints, services, loadBalancerClass, excludedNodes } = world(BGP_ADDRESSES);
  const routers = Array.from({ length: ROUTERS }, (_, index) => `router-${index}`);
  return {
    services,
    endpoints,
    loadBalancerClass,
    excludedNodes,
    node: { ...node(nodeName(1)), internalIps: [ip('192.0.2.1')] },
    config: config({
      pools: [pool('default', ['10.64.0.0/16'])],
      bgpPeers: routers.map((name) => bgpPeer(name)),
      bgpAdvertisements: [
        bgpAdvertisement('all', { pools: ['default'] }),
        bgpAdvertisement('some', { pools: ['default'], peers: routers.slice(0, ROUTERS / 2) }),
      ],
    }),
  };
}

function world(addresses: number): Layer2Facts {
  const services = Array.from({ length: addresses }, (_, index) =>
    service(`service-${index}`, {
      namespace: `team-${index % 50}`,
      ingress: [{ ip: ipFromValue('ipv4', FIRST + BigInt(index)) }],
      externalTrafficPolicy: index % 2 === 0 ? 'Local' : 'Cluster',
    }),
  );
  const nodes = Array.from({ length: NODES }, (_, index) => nodeName(index));
  const endpoint = (index: number) => ({ nodeName: nodeName(index % NODES), serving: true });
  return {
    config: config({ pools: [pool('default', ['10.64.0.0/16'])], l2Advertisements: [l2Advertisement('default')] }),
    services,
    endpoints: new Map(
      services.map((view, index) => [
        formatKey(view),
        [endpoint(index), endpoint(index * 7 + 1), endpoint(index * 13 + 2)],
      ]),
    ),
    nodes: nodes.map((name) => node(name)),
    speakers: nodes.map((name, index) => speaker(name, '10.64.0.0/16', `fd00:${index}::/64`)),
    leaving: new Set(),
    loadBalancerClass: undefined,
    excludedNodes: 'skip',
    election: 'spread',
    claims: [],
    handBack: 'not-now',
    conflicts: new Map(),
  };
}

function nodeName(index: number): string {
  return `node-${String(index).padStart(3, '0')}`;
}

/** A plan that leaves addresses out is not what is measured. */
function claimed(plans: readonly AddressPlan[]): readonly Claim[] {
  return plans.map(({ ip, owner, reason }, index) => {
    if (owner === undefined) throw new Error(`nobody announces ${ip}: ${reason}`);
    return { ip, node: owner, epoch: index + 1 };
  });
}

function intoMap({ services }: Layer2Facts, claims: readonly Claim[]): number {
  const holders = new Map(claims.map(({ ip, node: holder }) => [ip, holder]));
  const owners = new Map(services.flatMap(({ ingress }) => ingress.map(({ ip }) => [ip, ip && holders.get(ip)])));
  return owners.size;
}
