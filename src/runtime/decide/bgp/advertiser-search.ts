/**
 * Which addresses are to be advertised by BGP and may be by no node, and why each node may not. Pure. Only what is planned
 * counts: a session that is down is told of with its BGPPeer.
 *
 *     this node may, by its own plan ────────────────────────────▶ in order
 *     another may: asked once for all addresses that are alike ──▶ in order
 *     none ──▶ no-serving-endpoint, or no-candidate-node with the reason of every node
 *
 * Every speaker asks it at every plan, of thousands of addresses in clusters of hundreds of nodes: so nodes are asked until
 * one may, with policy Local only those that have an endpoint, and the reasons of all only where they are to be told.
 */
import type { BgpAdvertisement } from '../../model/config.ts';
import { type Ip, ipFamily } from '../../model/ip.ts';
import type { NodeView } from '../../model/node.ts';
import { formatKey, type ServiceView } from '../../model/service.ts';
import { compareText } from '../../model/text-order.ts';
import { AdvertisementLists } from '../announcing/advertisement-lists.ts';
import type { CarriedAddress } from '../announcing/carried-addresses.ts';
import { type EndpointsByService, isServed, servingNodes } from '../announcing/serving-endpoints.ts';
import { indexPools, type PoolIndex, poolOf } from '../pool-index.ts';
import {
  type AddressRoutes,
  areHeard,
  hearingPlanner,
  isToBeAdvertised,
  type NodeBgpPlan,
  type RouteFacts,
  routePlanner,
} from './plan-bgp.ts';
import { nodeRefusal, type RefusedNode, type UnadvertisedReason } from './refusals.ts';

export interface ClusterRouteFacts extends Omit<RouteFacts, 'node'> {
  readonly nodes: readonly NodeView[];
  /** Nodes whose speakers live. */
  readonly alive: ReadonlySet<string>;
}

export interface UnadvertisedAddress {
  readonly ip: Ip;
  /** "namespace/name" each, ordered. */
  readonly services: readonly string[];
  readonly reason: UnadvertisedReason;
  /** Of every node why it may not, ordered by name. Asks all of them. */
  readonly refused: () => readonly RefusedNode[];
}

/** `own`: the plan of one node whose speaker lives. */
export function unadvertisedAddresses(
  own: Pick<NodeBgpPlan, 'sessions' | 'addresses'>,
  services: readonly ServiceView[],
  facts: ClusterRouteFacts,
): readonly UnadvertisedAddress[] {
  const isHeard = areHeard(own.sessions.map(({ peer }) => peer));
  const doubtful = own.addresses.filter((address) => isToBeAdvertised(address) && !isHeard(address));
  if (doubtful.length === 0) return [];
  const search = new AdvertiserSearch(facts);
  const byKey = new Map(services.map((service) => [formatKey(service), service]));
  return doubtful.flatMap(({ ip, services: keys }) => {
    const carried = { ip, services: keys.flatMap((key) => byKey.get(key) ?? []) };
    const reason = search.reasonOf(carried);
    return reason === undefined ? [] : [{ ip, services: keys, reason, refused: () => search.refused(carried) }];
  });
}

export class AdvertiserSearch {
  readonly #facts: ClusterRouteFacts;
  readonly #byName: ReadonlyMap<string, NodeView>;
  readonly #index: PoolIndex;
  readonly #lists: AdvertisementLists<BgpAdvertisement>;
  readonly #planners = new Map<string, ReturnType<typeof routePlanner>>();
  readonly #hearings = new Map<string, ReturnType<typeof hearingPlanner>>();
  /** By what tells addresses apart. */
  readonly #reasons = new Map<string, UnadvertisedReason | undefined>();
  readonly #refused = new Map<string, readonly RefusedNode[]>();

  constructor(facts: ClusterRouteFacts) {
    this.#facts = facts;
    this.#byName = new Map(facts.nodes.map((node) => [node.name, node]));
    this.#index = indexPools(facts.config);
    this.#lists = new AdvertisementLists(facts.config.bgpAdvertisements);
  }

  /** Undefined: a node may advertise it. */
  reasonOf(carried: CarriedAddress): UnadvertisedReason | undefined {
    return remembered(this.#reasons, this.#kindOf(carried), () => {
      const isAdvertised = this.#candidates(carried).some(
        (node) => this.#facts.alive.has(node.name) && this.#isHeard(node, carried),
      );
      if (isAdvertised) return undefined;
      const isAnyServed = carried.services.some((service) => isServed(service, this.#facts.endpoints));
      return isAnyServed ? 'no-candidate-node' : 'no-serving-endpoint';
    });
  }

  /** Of every node why it may not, ordered by name. */
  refused(carried: CarriedAddress): readonly RefusedNode[] {
    return remembered(this.#refused, this.#kindOf(carried), () =>
      this.#facts.nodes
        .flatMap((node): readonly RefusedNode[] => {
          const isAlive = this.#facts.alive.has(node.name);
          const reason = isAlive ? nodeRefusal(this.routes(node, carried)) : 'speaker-not-alive';
          return reason === undefined ? [] : [{ node: node.name, reason }];
        })
        .sort((a, b) => compareText(a.node, b.node)),
    );
  }

  /** What the node is to advertise of the address, were its speaker to live. */
  routes(node: NodeView, carried: CarriedAddress): AddressRoutes {
    return remembered(this.#planners, node.name, () => routePlanner({ ...this.#facts, node }))(carried);
  }

  #isHeard(node: NodeView, carried: CarriedAddress): boolean {
    return remembered(this.#hearings, node.name, () => hearingPlanner({ ...this.#facts, node }))(carried);
  }

  /** The others have no endpoint, whatever else they have. */
  #candidates({ services }: CarriedAddress): readonly NodeView[] {
    const { nodes, endpoints } = this.#facts;
    const bound = services.map((service) => boundNodes(service, endpoints));
    if (bound.includes(undefined)) return nodes;
    return bound.flatMap((names) => [...(names ?? [])].flatMap((name) => this.#byName.get(name) ?? []));
  }

  /** Equal for addresses that every node decides on alike. */
  #kindOf({ ip, services }: CarriedAddress): string {
    const { endpoints } = this.#facts;
    const pool = poolOf(this.#index, ip)?.name ?? '';
    const kinds = services.map((service) => {
      const where = [...(boundNodes(service, endpoints) ?? [])].sort(compareText);
      const isBound = where.length > 0 ? where.join(' ') : isServed(service, endpoints);
      return `${this.#lists.listFor(service, pool).id} ${isBound}`;
    });
    return [ipFamily(ip), ...kinds].join(';');
  }
}

/** Those that policy Local leaves. Undefined: any node will do. */
function boundNodes(service: ServiceView, endpoints: EndpointsByService): ReadonlySet<string> | undefined {
  if (service.externalTrafficPolicy !== 'Local' || !isServed(service, endpoints)) return undefined;
  return servingNodes(service, endpoints);
}

function remembered<Value>(known: Map<string, Value>, key: string, make: () => Value): Value {
  if (known.has(key)) return known.get(key) as Value;
  const value = make();
  known.set(key, value);
  return value;
}
