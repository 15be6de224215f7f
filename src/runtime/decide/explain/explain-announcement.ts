/**
 * Explains who announces a Service's addresses by layer 2: what the speakers say, beside the very plan that they make,
 * made again from what the API holds. Where the controller has Calico announce, what its list of blocks says. Pure.
 */
import { CALICO_BGP_TEXT, type CalicoBlock } from '../../model/calico.ts';
import type { LanConflict } from '../../model/conflict.ts';
import { type Ip, ipBits, ipFamily } from '../../model/ip.ts';
import { ipPrefix } from '../../model/ip-prefix.ts';
import { formatKey, type ServiceView } from '../../model/service.ts';
import { compareText } from '../../model/text-order.ts';
import { coveringBlock } from '../calico/plan-blocks.ts';
import type { AddressPlan } from '../layer2/plan-layer2.ts';
import type { NodeRefusal } from '../layer2/refusals.ts';
import type { AddressAnnouncement, AnnouncementReason, AnnouncementSection, NodeStanding } from './announcement.ts';
import { announcementAdvice } from './announcement-advice.ts';
import { ownerWords, refusalWords } from './layer2-words.ts';
import { type PlannedWorld, poolNameOf, refusedCase } from './layer2-world.ts';
import { counted, toldList } from './told-list.ts';

/** One that two announce is not in order, but it is announced. */
const ANNOUNCED: ReadonlySet<AnnouncementReason> = new Set(['announced', 'announced-twice', 'by-bgp', 'by-calico']);

const BY_CALICO: ReadonlySet<AnnouncementReason> = new Set(['by-calico', 'calico-not-told']);

/** Undefined: the Service has no address that could be announced. */
export function explainAnnouncement(planned: PlannedWorld, service: ServiceView): AnnouncementSection | undefined {
  const ips = service.ingress.flatMap(({ ip }) => ip ?? []);
  if (ips.length === 0) return undefined;
  const addresses = ips.map((ip) => explainAddress(planned, service, ip));
  const advice = addresses.flatMap((address) => announcementAdvice(planned, service, address));
  return {
    announced: addresses.every(({ reason }) => ANNOUNCED.has(reason)),
    addresses,
    advice: Array.from(new Set(advice)),
  };
}

/** The first address of the Service that nobody announces; undefined: all are. Without a look at every node. */
export function firstUnannounced(
  planned: PlannedWorld,
  service: ServiceView,
): Pick<AddressAnnouncement, 'ip' | 'reason' | 'message'> | undefined {
  return service.ingress
    .flatMap(({ ip }) => (ip === undefined ? [] : [find(planned, service, ip)]))
    .filter(({ reason }) => !ANNOUNCED.has(reason))
    .map((found) => ({ ip: found.ip, reason: found.reason, message: messageOf(found) }))[0];
}

function find(planned: PlannedWorld, service: ServiceView, ip: Ip): Found {
  const plan = planned.plans.get(ip);
  const said = planned.announcersOf(formatKey(service), ip);
  const announcedBy = said.filter((node) => planned.speakers.get(node)?.alive === true);
  return {
    planned,
    service,
    ip,
    plan,
    said,
    announcedBy,
    reason: reasonOf({ planned, service, ip, plan, announcedBy }),
  };
}

function explainAddress(planned: PlannedWorld, service: ServiceView, ip: Ip): AddressAnnouncement {
  const found = find(planned, service, ip);
  const { plan, announcedBy, reason } = found;
  return {
    ip,
    reason,
    message: messageOf(found),
    announcedBy,
    ...(plan?.owner === undefined ? {} : { owner: plan.owner }),
    ...(plan?.why === undefined ? {} : { why: plan.why }),
    interfaces: plan?.interfaces ?? 'in-subnet',
    // Which nodes answer on the link is of no interest where none is to.
    nodes: plan === undefined || BY_CALICO.has(reason) ? [] : standingsOf(planned, service, plan, announcedBy),
  };
}

interface Found {
  readonly planned: PlannedWorld;
  readonly service: ServiceView;
  readonly ip: Ip;
  readonly plan: AddressPlan | undefined;
  /** Who says that it announces it, dead ones among them. */
  readonly said: readonly string[];
  readonly announcedBy: readonly string[];
  readonly reason: AnnouncementReason;
}

function reasonOf({ planned, service, ip, plan, announcedBy }: Omit<Found, 'said' | 'reason'>): AnnouncementReason {
  if (announcedBy.length > 1) return 'announced-twice';
  if (announcedBy.length === 1) return 'announced';
  if (planned.world.calicoBlocks !== undefined && plan?.reason !== 'address-not-in-any-pool') {
    return blockOf(planned.world.calicoBlocks, ip) === undefined ? 'calico-not-told' : 'by-calico';
  }
  if (plan?.reason === 'no-advertisement-for-pool' && planned.world.bgpPools.has(poolNameOf(planned, ip)))
    return toldByBgp(planned, service)?.length === 0 ? 'bgp-nobody-told' : 'by-bgp';
  return plan?.reason ?? 'nobody-says-so';
}

/** "node1 (tor-1, tor-2)": the live nodes that say which routers they have told. Undefined: it was not asked. */
function toldByBgp({ world, speakers }: PlannedWorld, service: ServiceView): readonly string[] | undefined {
  return world.bgpStatuses
    ?.filter(({ service: key, node, peers }) => {
      return key === formatKey(service) && peers.length > 0 && speakers.get(node)?.alive === true;
    })
    .map(({ node, peers }) => `${node} (${peers.join(', ')})`)
    .sort(compareText);
}

function blockOf(blocks: readonly CalicoBlock[], ip: Ip): CalicoBlock | undefined {
  return coveringBlock(ipPrefix(ip, ipBits(ipFamily(ip))), blocks);
}

function messageOf(found: Found): string {
  const { planned, service, ip, plan, said, announcedBy, reason } = found;
  switch (reason) {
    case 'announced':
      return announcedWords(found);
    case 'announced-twice':
      return `${toldList(announcedBy)} each say that they announce it: one hears of the other within a second, or the speakers do not reach each other`;
    case 'nobody-says-so': {
      const why = plan?.why === undefined ? '' : ` (${ownerWords(plan.why, plan.holder)})`;
      const dead = said.length === 0 ? '' : `; ${toldList(said)} said so, but its speaker is not heard of any more`;
      return `${plan?.owner ?? 'no node'} is to announce it${why}, and no speaker says that it does${dead}`;
    }
    case 'by-bgp': {
      const told = toldByBgp(planned, service);
      if (told !== undefined) return `advertised by BGP, from ${toldList(told)}`;
      return 'a BGPAdvertisement covers its pool, and no L2Advertisement does: it is not announced by layer 2';
    }
    case 'bgp-nobody-told':
      return 'a BGPAdvertisement covers its pool, and no speaker says that it has told a router';
    case 'by-calico': {
      const block = blockOf(planned.world.calicoBlocks ?? [], ip)?.cidr;
      const local = '; externalTrafficPolicy is Local, so the address itself goes out from the nodes with pods only';
      return `Calico advertises it: ${block} is in spec.serviceLoadBalancerIPs of its ${CALICO_BGP_TEXT}${service.externalTrafficPolicy === 'Local' ? local : ''}`;
    }
    case 'calico-not-told':
      return `Calico is to advertise it, and no block in spec.serviceLoadBalancerIPs of its ${CALICO_BGP_TEXT} covers it`;
    case 'address-not-in-any-pool':
      return 'no IPAddressPool in force contains it';
    case 'no-advertisement-for-pool':
      return `no L2Advertisement covers pool "${poolNameOf(planned, ip)}" for this Service`;
    case 'address-in-use-on-lan':
      return `another host of the network holds the address: ${holderWords(planned.conflicts.get(ip))}`;
    case 'no-serving-endpoint': {
      const all = planned.world.endpoints.get(formatKey(service)) ?? [];
      const has = all.length === 0 ? 'has no pods behind it' : `has ${counted(all.length, 'pod')}, none of them ready`;
      return `the Service ${has}`;
    }
    case 'no-candidate-node':
      return `none of ${counted(plan?.refused.length ?? 0, 'node')} can announce it`;
  }
}

function holderWords(conflict: LanConflict | undefined): string {
  if (conflict === undefined) return 'its MAC address is in the speakers’ log';
  const { mac, node, interface: name } = conflict;
  return `${mac}, as ${node} heard on ${name}`;
}

function announcedWords({ plan, announcedBy: [node = ''] }: Found): string {
  if (plan?.owner === node) {
    // By what is said, whoever has it holds it: the more so where that is all that can be known.
    return plan.why === undefined
      ? `${node} announces it`
      : `${node} announces it: ${ownerWords(plan.why, plan.holder)}`;
  }
  const other =
    plan?.owner === undefined
      ? `by what the API shows no node can (${plan?.reason ?? 'unknown'})`
      : `by what the API shows ${plan.owner} is to`;
  return `${node} says that it announces it; ${other}: a move is under way, or the speakers know something newer`;
}

function standingsOf(
  planned: PlannedWorld,
  service: ServiceView,
  plan: AddressPlan,
  announcedBy: readonly string[],
): readonly NodeStanding[] {
  const refusals = new Map(plan.refused.map(({ node, reason }) => [node, reason]));
  const names = [...plan.candidates, ...refusals.keys(), ...announcedBy];
  const standings = Array.from(new Set(names), (node): NodeStanding => {
    const reason = refusals.get(node);
    const isAnnouncing = announcedBy.includes(node);
    const standing = isAnnouncing ? 'announces' : reason === undefined ? 'could' : 'cannot';
    return {
      node,
      standing,
      ...(reason === undefined ? {} : { reason }),
      message: standingWords(planned, { plan, node, reason, isAnnouncing }),
      ...endpointsOn(planned, service, node),
    };
  });
  const order: readonly NodeStanding['standing'][] = ['announces', 'could', 'cannot'];
  return standings.sort((a, b) => order.indexOf(a.standing) - order.indexOf(b.standing) || compareText(a.node, b.node));
}

interface Standing {
  readonly plan: AddressPlan;
  readonly node: string;
  readonly reason: NodeRefusal | undefined;
  readonly isAnnouncing: boolean;
}

function standingWords(planned: PlannedWorld, { plan, node, reason, isAnnouncing }: Standing): string {
  if (reason !== undefined) {
    const words = refusalWords(reason, refusedCase(planned, plan.ip, node));
    return isAnnouncing ? `says that it announces it, although ${words}` : words;
  }
  if (isAnnouncing) return 'announces it';
  if (plan.owner === node)
    return `is to announce it${plan.why === undefined ? '' : `: ${ownerWords(plan.why, plan.holder)}`}`;
  return 'would take over if it had to';
}

function endpointsOn(planned: PlannedWorld, service: ServiceView, node: string): { endpoints?: number } {
  if (service.externalTrafficPolicy !== 'Local') return {};
  const all = planned.world.endpoints.get(formatKey(service)) ?? [];
  return { endpoints: all.filter(({ serving, nodeName }) => serving && nodeName === node).length };
}
