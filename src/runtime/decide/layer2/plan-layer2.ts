/**
 * The layer-2 plan of the whole cluster: for every address of every LoadBalancer Service which node owns it, which
 * others could, and why the rest cannot. Every speaker computes the same plan from the same facts and carries out its
 * own part of it (`tableFor`).
 *
 * An address that several Services share is planned once: one address, one owner.
 * Source of the eligibility rules: MetalLB's published behaviour (advertisement and node selectors, exclusion label,
 * NetworkUnavailable, externalTrafficPolicy), plus: a node without an interface for the address is no candidate.
 */
import type { AnnouncedAddress } from '../../model/announcements.ts';
import type { Config, L2Advertisement } from '../../model/config.ts';
import { compareIps, type Ip } from '../../model/ip.ts';
import { anySelectorMatches } from '../../model/labels.ts';
import type { NodeView, SpeakerView } from '../../model/node.ts';
import type { Sha256Hex } from '../../model/platform.ts';
import { rangeContains } from '../../model/range.ts';
import { type EndpointView, formatKey, type ServiceView } from '../../model/service.ts';
import { compareText } from '../../model/text-order.ts';
import { indexPools, type PoolIndex, poolOf } from '../pool-index.ts';
import { electOwner, type NodeRefusal } from './elect-layer2.ts';

/** Nodes with this label take no traffic from load balancers, by the Kubernetes API's definition of it. */
export const EXCLUDE_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';

export interface Layer2Facts {
  readonly config: Config;
  readonly services: readonly ServiceView[];
  /** By "namespace/name" of the Service. */
  readonly endpoints: ReadonlyMap<string, readonly EndpointView[]>;
  readonly nodes: readonly NodeView[];
  /** The speakers that are alive. */
  readonly speakers: readonly SpeakerView[];
  /** Undefined: Services without a class; else just those of this class. */
  readonly loadBalancerClass: string | undefined;
  readonly excludedNodes: 'skip' | 'use';
}

/** Why an address of a Service is announced by no node at all. */
export type AddressRefusal =
  | 'address-not-in-any-pool'
  | 'no-advertisement-for-pool'
  | 'no-serving-endpoint'
  | 'no-candidate-node';

export interface AddressPlan {
  readonly ip: Ip;
  /** The Services that carry it, "namespace/name", ordered. */
  readonly services: readonly string[];
  /** Absent: nobody announces it, for the reason given. */
  readonly owner?: string;
  readonly reason?: AddressRefusal;
  /** Nodes that could own it, ordered by name. */
  readonly candidates: readonly string[];
  /** Of every other node, why it cannot. */
  readonly refused: readonly { readonly node: string; readonly reason: NodeRefusal }[];
  /** Where the owner answers. */
  readonly interfaces: AnnouncedAddress['interfaces'];
}

/** Plans every address, ordered by address. */
export function planLayer2(facts: Layer2Facts, sha256Hex: Sha256Hex): readonly AddressPlan[] {
  const context: Context = {
    facts,
    index: indexPools(facts.config),
    nodes: [...facts.nodes].sort((a, b) => compareText(a.name, b.name)),
    speakers: new Map(facts.speakers.map((speaker) => [speaker.nodeName, speaker])),
    sha256Hex,
  };
  const plans: AddressPlan[] = [];
  for (const [ip, services] of servicesByAddress(facts)) plans.push(planAddress(ip, services, context));
  return plans.sort((a, b) => compareIps(a.ip, b.ip));
}

/** This node's part of the plan: the addresses it answers for. */
export function tableFor(nodeName: string, plans: readonly AddressPlan[]): readonly AnnouncedAddress[] {
  return plans.filter((plan) => plan.owner === nodeName).map(({ ip, interfaces }) => ({ ip, interfaces }));
}

/** Whether this addon serves the Service at all. */
export function isOurs(service: ServiceView, loadBalancerClass: string | undefined): boolean {
  return service.type === 'LoadBalancer' && service.loadBalancerClass === loadBalancerClass;
}

function servicesByAddress(facts: Layer2Facts): Map<Ip, ServiceView[]> {
  const byAddress = new Map<Ip, ServiceView[]>();
  for (const service of facts.services) {
    if (!isOurs(service, facts.loadBalancerClass)) continue;
    for (const { ip } of service.ingress) {
      if (ip === undefined) continue;
      const sharing = byAddress.get(ip);
      if (sharing === undefined) byAddress.set(ip, [service]);
      else if (!sharing.includes(service)) sharing.push(service);
    }
  }
  return byAddress;
}

/** What all addresses are planned with, made once a plan. */
interface Context {
  readonly facts: Layer2Facts;
  readonly index: PoolIndex;
  /** Ordered by name. */
  readonly nodes: readonly NodeView[];
  readonly speakers: ReadonlyMap<string, SpeakerView>;
  readonly sha256Hex: Sha256Hex;
}

function planAddress(ip: Ip, services: readonly ServiceView[], context: Context): AddressPlan {
  const names = services.map(formatKey).sort();
  const nobody = (reason: AddressRefusal): AddressPlan => ({
    ip,
    services: names,
    reason,
    candidates: [],
    refused: [],
    interfaces: 'in-subnet',
  });
  const pool = poolOf(context.index, ip);
  if (pool === undefined) return nobody('address-not-in-any-pool');
  const announced = services
    .map((service) => ({ service, advertisements: advertisementsFor(service, pool.name, context.facts.config) }))
    .filter(({ advertisements }) => advertisements.length > 0);
  if (announced.length === 0) return nobody('no-advertisement-for-pool');
  const served = announced.filter(({ service }) => endpointsOf(service, context.facts).some(({ serving }) => serving));
  if (served.length === 0) return nobody('no-serving-endpoint');
  return { services: names, ...chooseNode(ip, served, context) };
}

interface ServedService {
  readonly service: ServiceView;
  readonly advertisements: readonly L2Advertisement[];
}

function chooseNode(ip: Ip, served: readonly ServedService[], context: Context): Omit<AddressPlan, 'services'> {
  const { facts, nodes, speakers, sha256Hex } = context;
  const candidates: string[] = [];
  const refused: { node: string; reason: NodeRefusal }[] = [];
  for (const node of nodes) {
    const reason = refusalOf(node, { ip, served, facts, speaker: speakers.get(node.name) });
    if (reason === undefined) candidates.push(node.name);
    else refused.push({ node: node.name, reason });
  }
  const owner = electOwner(ip, candidates, sha256Hex);
  if (owner === undefined) return { ip, reason: 'no-candidate-node', candidates, refused, interfaces: 'in-subnet' };
  const ownerNode = facts.nodes.find(({ name }) => name === owner);
  const interfaces = ownerNode === undefined ? 'in-subnet' : interfacesOn(ownerNode, served);
  return { ip, owner, candidates, refused, interfaces };
}

interface Candidacy {
  readonly ip: Ip;
  readonly served: readonly ServedService[];
  readonly facts: Layer2Facts;
  readonly speaker: SpeakerView | undefined;
}

/** Undefined: the node is a candidate. A node must serve every Service that shares the address. */
function refusalOf(node: NodeView, { ip, served, facts, speaker }: Candidacy): NodeRefusal | undefined {
  if (speaker === undefined) return 'speaker-not-alive';
  if (node.networkUnavailable) return 'node-network-unavailable';
  if (facts.excludedNodes === 'skip' && Object.hasOwn(node.labels, EXCLUDE_LABEL)) return 'node-excluded-by-label';
  for (const { service, advertisements } of served) {
    if (!advertisements.some((advertisement) => coversNode(advertisement, node))) return 'no-advertisement-for-node';
    if (service.externalTrafficPolicy === 'Local' && !hasLocalEndpoint(service, node.name, facts)) {
      return 'no-serving-endpoint-on-node';
    }
  }
  const interfaces = interfacesOn(node, served);
  const fits = speaker.interfaces.some(({ name, subnets }) =>
    interfaces === 'in-subnet' ? subnets.some((subnet) => rangeContains(subnet, ip)) : interfaces.includes(name),
  );
  return fits ? undefined : 'no-interface-for-address';
}

function advertisementsFor(service: ServiceView, poolName: string, config: Config): readonly L2Advertisement[] {
  return config.l2Advertisements.filter(
    ({ pools, serviceSelectors }) =>
      pools.includes(poolName) &&
      (serviceSelectors.length === 0 || anySelectorMatches(serviceSelectors, service.labels)),
  );
}

function coversNode(advertisement: L2Advertisement, node: NodeView): boolean {
  return advertisement.nodeSelectors.length === 0 || anySelectorMatches(advertisement.nodeSelectors, node.labels);
}

/** The interfaces the advertisements name for this node; one that names none means every one in the subnet. */
function interfacesOn(node: NodeView, served: readonly ServedService[]): AnnouncedAddress['interfaces'] {
  const advertisements = served
    .flatMap((entry) => entry.advertisements)
    .filter((advertisement) => coversNode(advertisement, node));
  if (advertisements.some(({ interfaces }) => interfaces.length === 0)) return 'in-subnet';
  return [...new Set(advertisements.flatMap(({ interfaces }) => interfaces))].sort();
}

function endpointsOf(service: ServiceView, facts: Layer2Facts): readonly EndpointView[] {
  return facts.endpoints.get(formatKey(service)) ?? [];
}

function hasLocalEndpoint(service: ServiceView, nodeName: string, facts: Layer2Facts): boolean {
  return endpointsOf(service, facts).some((endpoint) => endpoint.serving && endpoint.nodeName === nodeName);
}
