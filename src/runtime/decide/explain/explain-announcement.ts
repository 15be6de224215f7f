/**
 * Explains who announces a Service's addresses: what the speakers say, beside the very plan that they make, made again from
 * what the API holds; by layer 2 here, by BGP in explain-bgp.ts. Where the controller has Calico announce, what its list of
 * blocks says. Pure.
 */
import type { Ip } from '../../model/ip.ts';
import { formatKey, type ServiceView } from '../../model/service.ts';
import { compareText } from '../../model/text-order.ts';
import type { AddressPlan } from '../layer2/plan-layer2.ts';
import type { NodeRefusal } from '../layer2/refusals.ts';
import type { AddressAnnouncement, AnnouncementReason, AnnouncementSection, NodeStanding } from './announcement.ts';
import { announcementAdvice } from './announcement-advice.ts';
import { blockOf, type Found, messageOf } from './announcement-words.ts';
import { endpointsOn } from './endpoint-words.ts';
import { bgpStandings } from './explain-bgp.ts';
import { ownerWords, refusalWords } from './layer2-words.ts';
import { type PlannedWorld, refusedCase } from './layer2-world.ts';

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
  const told = planned.bgp.told(service, ip);
  const found = { planned, service, ip, plan, said, announcedBy, told };
  return { ...found, reason: reasonOf(found) };
}

function explainAddress(planned: PlannedWorld, service: ServiceView, ip: Ip): AddressAnnouncement {
  const found = find(planned, service, ip);
  const { plan, announcedBy, told, reason } = found;
  const isByOthers = BY_CALICO.has(reason);
  return {
    ip,
    reason,
    message: messageOf(found),
    announcedBy,
    ...(plan?.owner === undefined ? {} : { owner: plan.owner }),
    ...(plan?.why === undefined ? {} : { why: plan.why }),
    interfaces: plan?.interfaces ?? 'in-subnet',
    // Which nodes answer on the link is of no interest where none is to.
    nodes: plan === undefined || isByOthers ? [] : standingsOf(planned, service, plan, announcedBy),
    ...(!isByOthers && (told.length > 0 || isByBgp(planned, ip)) ? { bgp: bgpStandings(planned, service, ip) } : {}),
  };
}

function reasonOf({ planned, ip, plan, announcedBy, told }: Omit<Found, 'reason'>): AnnouncementReason {
  if (announcedBy.length > 1) return 'announced-twice';
  if (announcedBy.length === 1) return 'announced';
  if (told.length > 0) return 'by-bgp';
  if (planned.world.calicoBlocks !== undefined && plan?.reason !== 'address-not-in-any-pool') {
    return blockOf(planned.world.calicoBlocks, ip) === undefined ? 'calico-not-told' : 'by-calico';
  }
  if (plan?.reason === undefined) return 'nobody-says-so';
  const obstacle = isByBgp(planned, ip) ? (planned.bgp.obstacle(ip) ?? 'bgp-nobody-told') : undefined;
  const isLeftToBgp = plan.reason === 'no-advertisement-for-pool' || obstacle === 'bgp-nobody-told';
  return (isLeftToBgp ? obstacle : undefined) ?? plan.reason;
}

function isByBgp({ bgp }: PlannedWorld, ip: Ip): boolean {
  return bgp.advertisementsFor(ip).length > 0;
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
      ...endpointsOn(node, service, planned.world.endpoints),
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
