/** What is said of an address that is announced, or not: one sentence for each reason. */
import { CALICO_BGP_TEXT, type CalicoBlock } from '../../model/calico.ts';
import type { LanConflict } from '../../model/conflict.ts';
import { type Ip, ipBits, ipFamily } from '../../model/ip.ts';
import { ipPrefix } from '../../model/ip-prefix.ts';
import type { ServiceView } from '../../model/service.ts';
import { coveringBlock } from '../calico/plan-blocks.ts';
import type { AddressPlan } from '../layer2/plan-layer2.ts';
import type { AnnouncementReason } from './announcement.ts';
import type { ToldNode } from './bgp-world.ts';
import { unservedWords } from './endpoint-words.ts';
import { ownerWords } from './layer2-words.ts';
import { type PlannedWorld, poolNameOf } from './layer2-world.ts';
import { counted, toldList } from './told-list.ts';

/** What was found out of an address. */
export interface Found {
  readonly planned: PlannedWorld;
  readonly service: ServiceView;
  readonly ip: Ip;
  readonly plan: AddressPlan | undefined;
  /** Who says that it announces it, dead ones among them. */
  readonly said: readonly string[];
  readonly announcedBy: readonly string[];
  /** Who says which routers it told by BGP; all of them live. */
  readonly told: readonly ToldNode[];
  readonly reason: AnnouncementReason;
}

/** What is to be said of the address: a sentence, without a full stop. */
export function messageOf(found: Found): string {
  const { planned, service, ip, plan, said, announcedBy, told, reason } = found;
  switch (reason) {
    case 'announced':
      return `${announcedWords(found)}${told.length === 0 ? '' : `; by BGP as well, from ${toldWords(told)}`}`;
    case 'announced-twice':
      return `${toldList(announcedBy)} each say that they announce it: one hears of the other within a second, or the speakers do not reach each other`;
    case 'nobody-says-so': {
      const why = plan?.why === undefined ? '' : ` (${ownerWords(plan.why, plan.holder)})`;
      const dead = said.length === 0 ? '' : `; ${toldList(said)} said so, but its speaker is not heard of any more`;
      return `${plan?.owner ?? 'no node'} is to announce it${why}, and no speaker says that it does${dead}`;
    }
    case 'by-bgp':
      return `advertised by BGP, from ${toldWords(told)}${notByLayer2(found)}`;
    case 'bgp-nobody-told':
      return `nodes are to advertise it by BGP, and no speaker says that it has told a router${notByLayer2(found)}`;
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
      return `no L2Advertisement and no BGPAdvertisement covers pool "${poolNameOf(planned, ip)}" for this Service`;
    case 'address-in-use-on-lan':
      return `another host of the network holds the address: ${holderWords(planned.conflicts.get(ip))}`;
    case 'no-serving-endpoint':
      return unservedWords(service, planned.world.endpoints);
    case 'no-candidate-node':
      return `none of ${counted(planned.world.nodes.length, 'node')} can announce it`;
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

/** "node1 (tor-1, tor-2), node2 (tor-1)" */
function toldWords(told: readonly ToldNode[]): string {
  return toldList(told.map(({ node, peers }) => `${node} (${peers.join(', ')})`));
}

/** What keeps layer 2 from announcing an address that it covers. */
function notByLayer2(found: Found): string {
  const { plan } = found;
  if (plan === undefined || plan.reason === 'no-advertisement-for-pool') return '';
  return `; not by layer 2: ${messageOf({ ...found, reason: plan.reason ?? 'nobody-says-so' })}`;
}

/** The block of Calico's that covers the address. */
export function blockOf(blocks: readonly CalicoBlock[], ip: Ip): CalicoBlock | undefined {
  return coveringBlock(ipPrefix(ip, ipBits(ipFamily(ip))), blocks);
}
