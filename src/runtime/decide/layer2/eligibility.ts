/**
 * Which nodes could own an address, how much each is preferred, and why the others cannot.
 *
 * Source of the rules: MetalLB's published behaviour (advertisement and node selectors, exclusion label,
 * NetworkUnavailable, externalTrafficPolicy; a cordoned node stays a candidate), plus what it leaves out: a node needs an
 * interface for the address that runs, and nodes that are said to be off or on their way out take nothing.
 *
 * Thousands of addresses have the same answer. It is worked out once for each combination of what it depends on (the
 * advertisements, the nodes with endpoints under policy Local, the subnets that hold the address), and is then one and the same object.
 */
import type { AnnouncedAddress } from '../../model/announcements.ts';
import type { L2Advertisement } from '../../model/config.ts';
import type { Ip } from '../../model/ip.ts';
import type { NodeView, SpeakerInterface, SpeakerView } from '../../model/node.ts';
import { rangeContains } from '../../model/range.ts';
import type { ServiceView } from '../../model/service.ts';
import { compareText } from '../../model/text-order.ts';
import type { AdvertisementList } from '../announcing/advertisement-lists.ts';
import { nodeUnfitness } from '../announcing/node-fitness.ts';
import { servingNodes } from '../announcing/serving-endpoints.ts';

import { coverageOf, type NodeCoverage } from './coverage.ts';
import type { Layer2Facts } from './layer2-facts.ts';
import type { NodeRefusal, RefusedNode } from './refusals.ts';
import { type Segment, SubnetSegments } from './subnet-segments.ts';

/** A Service that carries the address, has serving endpoints, and is announced by these advertisements. */
export interface ServedService {
  readonly service: ServiceView;
  readonly list: AdvertisementList<L2Advertisement>;
}

/** Lists are by a node's place in the roster (Eligibilities.roster), unless they say otherwise. */
export interface Eligibility {
  readonly standings: readonly ('candidate' | 'leaving' | 'refused')[];
  readonly coverage: readonly NodeCoverage[];
  /** Places of the candidates that the advertisements prefer most, ascending; all of them where none is preferred. */
  readonly preferred: readonly number[];
  /** Names, ordered. */
  readonly candidates: readonly string[];
  /** Of every other node, why it is none; ordered by name. */
  readonly refused: readonly RefusedNode[];
}

/** What one Service asks of a node. */
interface Demand {
  readonly key: string;
  readonly list: AdvertisementList<L2Advertisement>;
  /** Policy Local: the nodes with a serving endpoint. Undefined: any node. */
  readonly localTo: ReadonlySet<string> | undefined;
}

type Fit = 'runs' | 'down' | 'absent';

export class Eligibilities {
  /** All nodes, ordered by name; a node is known by its place here. */
  readonly roster: readonly NodeView[];
  readonly #facts: Layer2Facts;
  readonly #speakers: readonly (SpeakerView | undefined)[];
  /** Why a node can own nothing at all. */
  readonly #unfit: readonly (NodeRefusal | undefined)[];
  readonly #segments: SubnetSegments;
  readonly #known = new Map<string, Eligibility>();
  readonly #coverage = new Map<string, readonly NodeCoverage[]>();
  readonly #fits = new Map<Segment, readonly Fit[]>();
  readonly #refusedNodes = new Map<string, RefusedNode>();

  constructor(facts: Layer2Facts) {
    this.#facts = facts;
    this.roster = [...facts.nodes].sort((a, b) => compareText(a.name, b.name));
    const speakers = new Map(facts.speakers.map((speaker) => [speaker.nodeName, speaker]));
    this.#speakers = this.roster.map(({ name }) => speakers.get(name));
    this.#unfit = this.roster.map((node, place) => this.#unfitness(node, this.#speakers[place]));
    const subnets = facts.speakers.flatMap(({ interfaces }) => interfaces.flatMap((of) => of.subnets));
    this.#segments = new SubnetSegments(subnets);
  }

  /** A node must serve every Service that shares the address. */
  of(ip: Ip, served: readonly ServedService[]): Eligibility {
    const demands = served.map((entry) => this.#demandOf(entry));
    const segment = this.#segments.of(ip);
    const key = `${segment} ${keyOf(demands)}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const eligibility = this.#assess(demands, this.#fitsOf(segment, ip));
    this.#known.set(key, eligibility);
    return eligibility;
  }

  #demandOf({ service, list }: ServedService): Demand {
    if (service.externalTrafficPolicy !== 'Local') return { key: list.id, list, localTo: undefined };
    const localTo = servingNodes(service, this.#facts.endpoints);
    return { key: `${list.id}@${[...localTo].sort().join('/')}`, list, localTo };
  }

  #assess(demands: readonly Demand[], fits: readonly Fit[]): Eligibility {
    const coverage = this.#coverageOf(demands.map(({ list }) => list));
    const asked = demands.map(({ list, localTo }) => ({ coverage: this.#coverageOf([list]), localTo }));
    const standings: Eligibility['standings'][number][] = [];
    const candidates: string[] = [];
    const refused: RefusedNode[] = [];
    for (const [place, node] of this.roster.entries()) {
      const reason =
        this.#unfit[place] ??
        demandRefusal(node.name, place, asked) ??
        interfaceRefusal(coverage[place], this.#speakers[place], fits[place]) ??
        (this.#facts.leaving.has(node.name) ? 'speaker-leaving' : undefined);
      standings.push(reason === undefined ? 'candidate' : reason === 'speaker-leaving' ? 'leaving' : 'refused');
      if (reason === undefined) candidates.push(node.name);
      else refused.push(this.#refusedNode(node.name, reason));
    }
    return { standings, coverage, preferred: mostPreferred(standings, coverage), candidates, refused };
  }

  #unfitness(node: NodeView, speaker: SpeakerView | undefined): NodeRefusal | undefined {
    return speaker === undefined ? 'speaker-not-alive' : nodeUnfitness(node, this.#facts.excludedNodes);
  }

  /** Of all advertisements in the lists together, each counted once. */
  #coverageOf(lists: readonly AdvertisementList<L2Advertisement>[]): readonly NodeCoverage[] {
    const distinct = new Map(lists.map((list) => [list.id, list]));
    const key = [...distinct.keys()].sort().join(' ');
    const known = this.#coverage.get(key);
    if (known !== undefined) return known;
    const advertisements = new Set<L2Advertisement>([...distinct.values()].flatMap((list) => list.advertisements));
    const coverage = this.roster.map((node) => coverageOf([...advertisements], node));
    this.#coverage.set(key, coverage);
    return coverage;
  }

  /** Whether a node has an interface whose subnet holds the addresses of the segment, of which `ip` is one. */
  #fitsOf(segment: Segment, ip: Ip): readonly Fit[] {
    const known = this.#fits.get(segment);
    if (known !== undefined) return known;
    const holds = ({ subnets }: SpeakerInterface) => subnets.some((subnet) => rangeContains(subnet, ip));
    const fits = this.#speakers.map((speaker) => bestOf(speaker?.interfaces.filter(holds) ?? []));
    this.#fits.set(segment, fits);
    return fits;
  }

  /** One object for each node and reason: most addresses of a cluster list the same ones. */
  #refusedNode(node: string, reason: NodeRefusal): RefusedNode {
    const key = `${reason} ${node}`;
    const known = this.#refusedNodes.get(key);
    if (known !== undefined) return known;
    const refused = { node, reason };
    this.#refusedNodes.set(key, refused);
    return refused;
  }
}

/** Equal for what comes to the same, whichever Services ask it. */
function keyOf(demands: readonly Demand[]): string {
  const [first] = demands;
  if (demands.length === 1 && first !== undefined) return first.key;
  return [...new Set(demands.map(({ key }) => key))].sort().join(' ');
}

function demandRefusal(
  name: string,
  place: number,
  asked: readonly { readonly coverage: readonly NodeCoverage[]; readonly localTo: ReadonlySet<string> | undefined }[],
): NodeRefusal | undefined {
  for (const { coverage, localTo } of asked) {
    if (coverage[place]?.covered !== true) return 'no-advertisement-for-node';
    if (localTo?.has(name) === false) return 'no-serving-endpoint-on-node';
  }
  return undefined;
}

function interfaceRefusal(
  coverage: NodeCoverage | undefined,
  speaker: SpeakerView | undefined,
  inSubnet: Fit | undefined,
): NodeRefusal | undefined {
  const wanted: AnnouncedAddress['interfaces'] = coverage?.interfaces ?? 'in-subnet';
  if (wanted === 'in-subnet') {
    if (inSubnet === 'runs') return undefined;
    return inSubnet === 'down' ? 'interface-down' : 'no-interface-in-subnet';
  }
  const named = bestOf(speaker?.interfaces.filter(({ name }) => wanted.includes(name)) ?? []);
  if (named === 'runs') return undefined;
  return named === 'down' ? 'interface-down' : 'interface-missing';
}

function bestOf(interfaces: readonly SpeakerInterface[]): Fit {
  if (interfaces.length === 0) return 'absent';
  return interfaces.some(({ down }) => down !== true) ? 'runs' : 'down';
}

function mostPreferred(standings: Eligibility['standings'], coverage: readonly NodeCoverage[]): readonly number[] {
  let highest = 0;
  let places: number[] = [];
  for (const [place, standing] of standings.entries()) {
    if (standing !== 'candidate') continue;
    const score = coverage[place]?.score ?? 0;
    if (score > highest) places = [];
    highest = Math.max(highest, score);
    if (score === highest) places.push(place);
  }
  return places;
}
