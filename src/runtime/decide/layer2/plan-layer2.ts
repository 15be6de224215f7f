/**
 * The layer-2 plan of the whole cluster: for every address of every LoadBalancer Service which node owns it and why,
 * whom the claims name, which other nodes could, and why the rest cannot. Every speaker computes the same plan from the
 * same facts and carries out its own part of it (table-for.ts).
 *
 *     addresses ─▶ eligible nodes ─▶ 'spread': dealt out evenly, holders keep theirs    ─▶ plan
 *                                    'metallb': each to the first in MetalLB's order
 *
 * An address that several Services share is planned once: one address, one owner.
 *
 * Deviation: MetalLB announces no address of a Service that carries a sharing annotation while an advertisement with
 * service selectors covers it. Here an address has one owner, whoever shares it, and that node must be able to announce
 * it for each of its Services that an advertisement covers; so there is nothing to forbid.
 */
import type { AnnouncedAddress } from '../../model/announcements.ts';
import type { L2Advertisement } from '../../model/config.ts';
import type { Ip } from '../../model/ip.ts';
import type { Sha256Hex } from '../../model/platform.ts';
import { formatKey } from '../../model/service.ts';
import { AdvertisementLists } from '../announcing/advertisement-lists.ts';
import { type CarriedAddress, carriedAddresses } from '../announcing/carried-addresses.ts';
import { isServed } from '../announcing/serving-endpoints.ts';
import { indexPools, type PoolIndex, poolOf } from '../pool-index.ts';
import { groupsOf } from './address-groups.ts';
import { type Choice, dealOut, type OwnerReason } from './deal-out.ts';
import { electOwner } from './elect-layer2.ts';
import { Eligibilities, type Eligibility } from './eligibility.ts';
import { highestClaims } from './highest-claims.ts';
import type { Layer2Facts } from './layer2-facts.ts';
import type { AddressRefusal, RefusedNode } from './refusals.ts';

export interface AddressPlan {
  readonly ip: Ip;
  /** The Services that carry it, "namespace/name", ordered. */
  readonly services: readonly string[];
  /** Absent: nobody announces it, for the reason given. */
  readonly owner?: string;
  /** Why this owner; given with it. */
  readonly why?: OwnerReason;
  readonly reason?: AddressRefusal;
  /** The node that the claims name, whatever became of it. Absent: nobody has claimed the address. */
  readonly holder?: string;
  /** Nodes that could own it, ordered by name. */
  readonly candidates: readonly string[];
  /** Of every other node, why it cannot; ordered by name. */
  readonly refused: readonly RefusedNode[];
  /** Where the owner answers. */
  readonly interfaces: AnnouncedAddress['interfaces'];
  /** Where the holder answers until the owner has claimed the address. Given where they are two nodes. */
  readonly holderInterfaces?: AnnouncedAddress['interfaces'];
}

/** Plans every address, ordered by address. */
export function planLayer2(facts: Layer2Facts, sha256Hex: Sha256Hex): readonly AddressPlan[] {
  const eligibilities = new Eligibilities(facts);
  const lists = new AdvertisementLists(facts.config.l2Advertisements);
  const context: Context = { facts, eligibilities, lists, index: indexPools(facts.config) };
  const assessed = carriedAddresses(facts).map((address) => assess(address, context));
  const claims = highestClaims(facts.claims);
  const holderOf = (ip: Ip) => claims.get(ip)?.node;
  const election: Election = { ...facts, names: eligibilities.roster.map(({ name }) => name), holderOf, sha256Hex };
  const choices = elect(assessed.filter(isElectable), election);
  return assessed.map((address) => describe(address, choices.get(address.ip), election));
}

/** What all addresses are assessed with, made once a plan. */
interface Context {
  readonly facts: Layer2Facts;
  readonly eligibilities: Eligibilities;
  readonly lists: AdvertisementLists<L2Advertisement>;
  readonly index: PoolIndex;
}

interface Assessed extends CarriedAddress {
  /** Who could own it; or why nobody is asked. */
  readonly verdict: Eligibility | AddressRefusal;
}

interface Electable extends Assessed {
  readonly verdict: Eligibility;
}

function isElectable(address: Assessed): address is Electable {
  return typeof address.verdict !== 'string';
}

function assess({ ip, services }: CarriedAddress, { facts, eligibilities, lists, index }: Context): Assessed {
  const refuse = (reason: AddressRefusal): Assessed => ({ ip, services, verdict: reason });
  const pool = poolOf(index, ip);
  if (pool === undefined) return refuse('address-not-in-any-pool');
  const announced = services
    .map((service) => ({ service, list: lists.listFor(service, pool.name) }))
    .filter(({ list }) => list.advertisements.length > 0);
  if (announced.length === 0) return refuse('no-advertisement-for-pool');
  if (facts.conflicts.has(ip)) return refuse('address-in-use-on-lan');
  const served = announced.filter(({ service }) => isServed(service, facts.endpoints));
  if (served.length === 0) return refuse('no-serving-endpoint');
  return { ip, services, verdict: eligibilities.of(ip, served) };
}

interface Election extends Pick<Layer2Facts, 'election' | 'handBack'> {
  /** Names of the roster's nodes. */
  readonly names: readonly string[];
  readonly holderOf: (ip: Ip) => string | undefined;
  readonly sha256Hex: Sha256Hex;
}

function elect(addresses: readonly Electable[], election: Election): ReadonlyMap<Ip, Choice> {
  const { names, holderOf, sha256Hex } = election;
  const places = new Map(names.map((name, place) => [name, place]));
  const choices = new Map<Ip, Choice>();
  if (election.election === 'metallb') {
    for (const address of addresses) {
      const owner = places.get(ownerByHash(address, names, sha256Hex) ?? '');
      if (owner !== undefined) choices.set(address.ip, { owner, why: 'hash' });
    }
    return choices;
  }
  const groups = groupsOf(addresses);
  const contenders = addresses.map(({ ip, verdict }, index) => ({
    ip,
    eligibility: verdict,
    holder: places.get(holderOf(ip) ?? ''),
    groups: groups[index] ?? [],
  }));
  for (const [index, choice] of dealOut(contenders, election).entries()) {
    const ip = contenders[index]?.ip;
    if (ip !== undefined && choice !== undefined) choices.set(ip, choice);
  }
  return choices;
}

/** Of those preferred most the first by MetalLB's order for the Service's first address, which decides for all of them. */
function ownerByHash(
  { ip, services, verdict }: Electable,
  names: readonly string[],
  sha256Hex: Sha256Hex,
): string | undefined {
  const first = services[0]?.ingress.find((entry) => entry.ip !== undefined)?.ip ?? ip;
  const preferred = verdict.preferred.flatMap((place) => names[place] ?? []);
  return electOwner(first, preferred, sha256Hex);
}

function describe(
  { ip, services, verdict }: Assessed,
  choice: Choice | undefined,
  { names, holderOf }: Election,
): AddressPlan {
  const holder = holderOf(ip);
  const carried = { ip, services: services.map(formatKey), ...(holder === undefined ? {} : { holder }) };
  if (typeof verdict === 'string') {
    return { ...carried, reason: verdict, candidates: [], refused: [], interfaces: 'in-subnet' };
  }
  const { candidates, refused, coverage } = verdict;
  const owner = choice === undefined ? undefined : names[choice.owner];
  if (choice === undefined || owner === undefined) {
    return { ...carried, reason: 'no-candidate-node', candidates, refused, interfaces: 'in-subnet' };
  }
  const interfacesOn = (node: string) => coverage[names.indexOf(node)]?.interfaces ?? 'in-subnet';
  return {
    ...carried,
    owner,
    why: choice.why,
    candidates,
    refused,
    interfaces: coverage[choice.owner]?.interfaces ?? 'in-subnet',
    ...(holder === undefined || holder === owner ? {} : { holderInterfaces: interfacesOn(holder) }),
  };
}
