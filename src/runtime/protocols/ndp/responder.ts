/**
 * Answers neighbour solicitations for the announced addresses: a pure function of a frame, the table and the interface it
 * came in on, as arp/responder.ts is for IPv4. Everything that is not answered has a reason, which is counted.
 *
 *     solicitation                      from           to                      answer: to          flags
 *     who has it?                       a host         solicited-node group    that host           solicited, override
 *     is it still there? (unreachable?) a host         the address itself      that host           solicited, override
 *     may I have it? (DAD)              ::             solicited-node group    all nodes, ff02::1  override
 *
 * The answer always tells the link address, and always overrides: the address is this node's alone, neither anycast nor
 * proxied, and a neighbour that remembers its former owner must not hold on to it. The router flag is never set: whoever
 * sends to the address must not take this node for a router.
 *
 * Implements: RFC 4861 §7.1.1, §7.2.3, §7.2.4; RFC 4862 §5.4.3, §5.4.4 (as the host whose address it is).
 */
import { type EthernetHeader, isStationAddress, type MacBits } from '../ethernet/codec.ts';
import {
  ALL_NODES,
  ethernetGroup,
  type Ipv6Header,
  type Ipv6Key,
  isIpv6Multicast,
  solicitedNodeGroup,
  UNSPECIFIED,
} from '../ip/ipv6.ts';
import { encodeNdpFrame, type NeighborSolicitation } from './codec.ts';
import { NDP_FRAME_FAULTS, readNdpFrame } from './frame.ts';

/** Which interfaces, by name, each address is answered on. Replaced whole, never edited. */
export type NdpTable = ReadonlyMap<Ipv6Key, ReadonlySet<string>>;

/** The interface a frame came in on and its answer leaves by. */
export interface NdpInterface {
  readonly name: string;
  readonly mac: MacBits;
}

/** Why a frame was not answered; in the order of the checks. */
export const NDP_DROP_REASONS = [
  ...NDP_FRAME_FAULTS,
  /** An advertisement. */
  'not-a-solicitation',
  /** Sent to an address or a group that is not the target's. */
  'not-for-us',
  /** By multicast, and without saying where the answer is to go. */
  'no-link-address',
  /** Sent by this interface itself and brought back by the network. */
  'own-frame',
  /** Asks for an address that this node does not announce. */
  'target-not-announced',
  /** Asks for an announced address, but on an interface it is not announced on. */
  'wrong-interface',
] as const;

export type NdpDropReason = (typeof NDP_DROP_REASONS)[number];

export type NdpAnswer =
  | { readonly kind: 'reply'; readonly frame: Uint8Array; readonly ip: Ipv6Key }
  | { readonly kind: 'drop'; readonly reason: NdpDropReason };

/** The advertisement to send back out of the interface, or why there is none. The frame is not kept. Total. */
export function respondNdp(frame: Uint8Array, table: NdpTable, iface: NdpInterface): NdpAnswer {
  const read = readSolicitation(frame);
  if (typeof read === 'string') return { kind: 'drop', reason: read };
  const reason = judge(read, iface) ?? lookUp(read.solicitation.target, table, iface);
  if (reason !== undefined) return { kind: 'drop', reason };
  return { kind: 'reply', ip: read.solicitation.target, frame: advertise(read, iface) };
}

interface ReadSolicitation {
  readonly link: EthernetHeader;
  readonly header: Ipv6Header;
  readonly solicitation: NeighborSolicitation;
}

function readSolicitation(frame: Uint8Array): ReadSolicitation | NdpDropReason {
  const read = readNdpFrame(frame);
  if (typeof read === 'string') return read;
  const { link, header, message } = read;
  return message.kind === 'solicitation' ? { link, header, solicitation: message } : 'not-a-solicitation';
}

/** Whether it may be answered at all, whatever the table says. */
function judge({ link, header, solicitation }: ReadSolicitation, iface: NdpInterface): NdpDropReason | undefined {
  const { source, destination } = header;
  const { target, linkAddress } = solicitation;
  if (isIpv6Multicast(source) || !isStationAddress(link.source)) return 'malformed';
  if (linkAddress !== undefined && !isStationAddress(linkAddress)) return 'malformed';
  const group = solicitedNodeGroup(target);
  const isProbe = source === UNSPECIFIED;
  // RFC 4861 §7.1.1: from ::, only to a solicited-node group, and without a source link-layer option.
  if (isProbe && (destination !== group || linkAddress !== undefined)) return 'malformed';
  if (destination !== group && destination !== target) return 'not-for-us';
  // RFC 6085: a packet to a group may come in a frame to one station.
  const isToGroup = destination === group && link.destination === ethernetGroup(group);
  if (!isToGroup && link.destination !== iface.mac) return 'not-for-us';
  // RFC 4861 §4.3: it MUST be there when a host asks by multicast.
  if (!isProbe && destination === group && linkAddress === undefined) return 'no-link-address';
  if (link.source === iface.mac || linkAddress === iface.mac) return 'own-frame';
  return undefined;
}

function lookUp(target: Ipv6Key, table: NdpTable, { name }: NdpInterface): NdpDropReason | undefined {
  const interfaces = table.get(target);
  if (interfaces === undefined) return 'target-not-announced';
  return interfaces.has(name) ? undefined : 'wrong-interface';
}

function advertise({ link, header, solicitation }: ReadSolicitation, { mac }: NdpInterface): Uint8Array {
  const { target, linkAddress = link.source } = solicitation;
  const message = { kind: 'advertisement', target, linkAddress: mac } as const;
  // RFC 4861 §7.2.4: a prober has no address yet to send to.
  if (header.source === UNSPECIFIED) {
    const to = { source: mac, destination: ethernetGroup(ALL_NODES) };
    return encodeNdpFrame({ link: to, source: target, destination: ALL_NODES }, { ...message, flags: ['override'] });
  }
  return encodeNdpFrame(
    { link: { source: mac, destination: linkAddress }, source: target, destination: header.source },
    { ...message, flags: ['solicited', 'override'] },
  );
}
