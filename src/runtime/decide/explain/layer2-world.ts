/**
 * What the explanation of announcements is made from: what the API holds of nodes, speakers and endpoints, what the
 * speakers say there of what they announce, and the plan that follows. The speakers themselves know more and sooner (who
 * lives, who claimed what last); what they say wins where it differs.
 */
import type { CalicoBlock } from '../../model/calico.ts';
import type { Claim } from '../../model/claim.ts';
import type { Config } from '../../model/config.ts';
import type { LanConflict } from '../../model/conflict.ts';
import type { Ip } from '../../model/ip.ts';
import { anySelectorMatches } from '../../model/labels.ts';
import type { NodeView, SpeakerView } from '../../model/node.ts';
import type { Sha256Hex } from '../../model/platform.ts';
import { type EndpointView, formatKey, type ServiceView } from '../../model/service.ts';
import { type ServiceL2StatusView, statusNode, statusService } from '../../model/service-status.ts';
import { compareText } from '../../model/text-order.ts';
import { conflictsInForce } from '../layer2/lan-conflicts.ts';
import { type AddressPlan, planLayer2 } from '../layer2/plan-layer2.ts';
import { indexPools, type PoolIndex, poolOf } from '../pool-index.ts';
import { type BgpWorld, type PlannedBgp, planBgpWorld } from './bgp-world.ts';

export interface Layer2World {
  readonly nodes: readonly NodeView[];
  /** By "namespace/name" of the Service. */
  readonly endpoints: ReadonlyMap<string, readonly EndpointView[]>;
  /** All that have a Lease. */
  readonly speakers: readonly SpeakerStanding[];
  readonly statuses: readonly ServiceL2StatusView[];
  readonly excludedNodes: 'skip' | 'use';
  readonly election: 'spread' | 'metallb';
  /** Where the controller keeps Calico's list of blocks: the blocks that are in it. Absent: Calico is left alone. */
  readonly calicoBlocks?: readonly CalicoBlock[];
  /** Addresses that a host which is no speaker holds, as the speakers that live say. */
  readonly conflicts: readonly LanConflict[];
  readonly sha256Hex: Sha256Hex;
}

export interface SpeakerStanding extends SpeakerView {
  /** Its Lease has not run out. */
  readonly alive: boolean;
  /** Seconds since it was renewed. */
  readonly silentSeconds: number;
}

/** A world that was planned. */
export interface PlannedWorld {
  readonly world: Layer2World;
  readonly config: Config;
  readonly index: PoolIndex;
  readonly plans: ReadonlyMap<Ip, AddressPlan>;
  /** Those for which an address is not announced. */
  readonly conflicts: ReadonlyMap<Ip, LanConflict>;
  readonly services: ReadonlyMap<string, ServiceView>;
  readonly speakers: ReadonlyMap<string, SpeakerStanding>;
  /** The nodes whose speakers say that they announce the address of the Service, ordered; dead ones among them. */
  readonly announcersOf: (service: string, ip: Ip) => readonly string[];
  readonly bgp: PlannedBgp;
}

export interface PlanInput {
  readonly config: Config;
  readonly services: readonly ServiceView[];
  readonly loadBalancerClass: string | undefined;
  readonly world: Layer2World;
  readonly bgp: BgpWorld;
}

export function planWorld({ world, bgp, ...planned }: PlanInput): PlannedWorld {
  const { config, services, loadBalancerClass } = planned;
  const byKey = new Map(services.map((service) => [formatKey(service), service]));
  const said = saidBy(world.statuses);
  const announcersOf = (service: string, ip: Ip): readonly string[] =>
    (said.get(service) ?? []).filter(({ addresses }) => addresses === undefined || addresses.has(ip)).map(nodeOf);
  const claims = services.flatMap((service) =>
    service.ingress.flatMap(({ ip }) => (ip === undefined ? [] : claimsOf(ip, announcersOf(formatKey(service), ip)))),
  );
  const { nodes, endpoints, speakers, excludedNodes, election, sha256Hex } = world;
  const conflicts = conflictsInForce(world.conflicts, config);
  const plans = planLayer2(
    {
      config,
      services,
      endpoints,
      nodes,
      speakers: speakers.filter(({ alive }) => alive),
      leaving: new Set(),
      loadBalancerClass,
      excludedNodes,
      election,
      claims,
      // What is asked is who announces now, and not who will when all is even.
      handBack: 'not-now',
      conflicts,
    },
    sha256Hex,
  );
  return {
    world,
    config,
    index: indexPools(config),
    plans: new Map(plans.map((plan) => [plan.ip, plan])),
    conflicts,
    services: byKey,
    speakers: new Map(speakers.map((speaker) => [speaker.nodeName, speaker])),
    announcersOf,
    bgp: planBgpWorld({ ...planned, nodes, endpoints, speakers, excludedNodes, bgp }),
  };
}

/** Why a node cannot announce an address, and all that is said of it. */
export interface RefusedCase {
  readonly ip: Ip;
  readonly node: string;
  /** Undefined: no speaker has a Lease for the node. */
  readonly speaker: SpeakerStanding | undefined;
  /** 'L2Advertisement "l2"': those that cover the address for a Service that carries it. */
  readonly advertisements: readonly string[];
}

export function refusedCase(planned: PlannedWorld, ip: Ip, node: string): RefusedCase {
  return { ip, node, speaker: planned.speakers.get(node), advertisements: advertisementsFor(planned, ip) };
}

/** "" where no pool contains it. */
export function poolNameOf({ index }: PlannedWorld, ip: Ip): string {
  return poolOf(index, ip)?.name ?? '';
}

function advertisementsFor(planned: PlannedWorld, ip: Ip): readonly string[] {
  const pool = poolNameOf(planned, ip);
  const carriers = (planned.plans.get(ip)?.services ?? []).flatMap((key) => planned.services.get(key) ?? []);
  const names = planned.config.l2Advertisements
    .filter(({ pools }) => pools.includes(pool))
    .filter(
      ({ serviceSelectors }) =>
        serviceSelectors.length === 0 || carriers.some(({ labels }) => anySelectorMatches(serviceSelectors, labels)),
    )
    .map(({ name }) => `L2Advertisement "${name}"`);
  return names.length === 0 ? ['the L2Advertisements'] : names;
}

interface Said {
  readonly node: string;
  /** Undefined: all of the Service's; MetalLB's speakers do not say which. */
  readonly addresses: ReadonlySet<string> | undefined;
}

function saidBy(statuses: readonly ServiceL2StatusView[]): ReadonlyMap<string, readonly Said[]> {
  const byService = new Map<string, Said[]>();
  for (const status of statuses) {
    const service = statusService(status);
    const addresses = status.addresses === '' ? undefined : new Set(status.addresses.split(','));
    const said = byService.get(service) ?? [];
    byService.set(service, said);
    said.push({ node: statusNode(status), addresses });
  }
  for (const said of byService.values()) said.sort((a, b) => compareText(a.node, b.node));
  return byService;
}

function nodeOf({ node }: Said): string {
  return node;
}

/** The speakers' own epochs are not in the API; two nodes that both say so are about to settle it between them. */
function claimsOf(ip: Ip, nodes: readonly string[]): readonly Claim[] {
  return nodes.map((node) => ({ ip, node, epoch: 1 }));
}
