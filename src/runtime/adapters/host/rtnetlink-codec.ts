/**
 * The part of the kernel's rtnetlink language that tells of interfaces, their addresses and default routes: requests for
 * dumps out, messages in. Pure: bytes to values and back, in the host's byte order, which is an argument. Total: a message that
 * does not hold what it should is an error in words, never an exception.
 *
 *      0        4      6       8       12      16
 *     +--------+------+-------+-------+-------+------------------------+--------------------------------
 *     | length | type | flags | seq   | port  | ifinfomsg / ifaddrmsg  | attributes {len, type, value}…
 *     +--------+------+-------+-------+-------+------------------------+--------------------------------
 *
 * Source: rtnetlink(7), netlink(7), <linux/rtnetlink.h>, <linux/if_link.h>, <linux/if_addr.h>.
 */

import { type Ip, ipFromBytes } from '../../model/ip.ts';
import { type Mac, macFromBytes } from '../../model/mac.ts';
import { err, ok, type Result } from '../../model/result.ts';
import { AF_INET, AF_INET6 } from './native/constants.ts';

/** Message types. */
const NLMSG_NOOP = 1;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLMSG_OVERRUN = 4;
export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
export const RTM_GETROUTE = 26;

/** Header flags. */
const NLM_F_REQUEST = 0x1;
const NLM_F_DUMP = 0x300;
const NLM_F_DUMP_INTR = 0x10;

const HEADER_BYTES = 16;
const IFINFOMSG_BYTES = 16;
const IFADDRMSG_BYTES = 8;
const RTMSG_BYTES = 12;
const RTNEXTHOP_BYTES = 8;
const ATTRIBUTE_HEADER_BYTES = 4;
/** The upper two bits of an attribute's type are flags. */
const ATTRIBUTE_TYPE_MASK = 0x3fff;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MASTER = 10;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const RTA_GATEWAY = 5;
const RTA_MULTIPATH = 9;
const RTA_VIA = 18;

/** A route to somewhere, rather than one that refuses or is this host's own. */
const RTN_UNICAST = 1;
/** A copy of a route that the kernel keeps for one destination. */
const RTM_F_CLONED = 0x200;

const ARPHRD_ETHER = 1;
const IFF_UP = 0x1;
const IFF_BROADCAST = 0x2;
const IFF_RUNNING = 0x40;
const IFF_NOARP = 0x80;

export interface LinkMessage {
  readonly kind: 'link' | 'link-gone';
  /** Of the dump it answers; 0 for events. */
  readonly sequence: number;
  readonly index: number;
  readonly name: string;
  /** Only of Ethernet interfaces. */
  readonly mac?: Mac;
  readonly masterIndex?: number;
  /** Administratively up and operational: carrier, and no protocol that holds it back (RFC 2863). */
  readonly running: boolean;
  readonly broadcast: boolean;
  readonly arp: boolean;
}

export interface AddressMessage {
  readonly kind: 'address' | 'address-gone';
  readonly sequence: number;
  /** Of the interface. */
  readonly index: number;
  readonly ip: Ip;
  readonly prefixLength: number;
}

/** A route to everywhere, of whatever table. */
export interface DefaultRouteMessage {
  readonly kind: 'default-route';
  readonly sequence: number;
  /** Of each of its next hops that has one; a route straight onto a link has none. */
  readonly gateways: readonly Ip[];
}

export type NetlinkMessage =
  | LinkMessage
  | AddressMessage
  | DefaultRouteMessage
  /** A dump is complete. */
  | { readonly kind: 'done'; readonly sequence: number }
  /** Comes before a message whose dump was disturbed by a change: what the dump says may have gaps. */
  | { readonly kind: 'interrupted' }
  /** errno 0: an acknowledgement. */
  | { readonly kind: 'error'; readonly sequence: number; readonly errno: number }
  /** Messages were lost: what is known may be out of date. */
  | { readonly kind: 'overrun' }
  /** Of a type that is of no interest here. */
  | { readonly kind: 'other'; readonly type: number };

/** A request for all links (RTM_GETLINK), addresses (RTM_GETADDR) or routes (RTM_GETROUTE) of a family; 0 is any. */
export function encodeDumpRequest(type: number, sequence: number, littleEndian: boolean, family = 0): Uint8Array {
  // The body is the family, and zeros: any interface, any table. ifinfomsg is the longest header and serves for all.
  const length = HEADER_BYTES + IFINFOMSG_BYTES;
  const view = new DataView(new ArrayBuffer(length));
  view.setUint32(0, length, littleEndian);
  view.setUint16(4, type, littleEndian);
  view.setUint16(6, NLM_F_REQUEST | NLM_F_DUMP, littleEndian);
  view.setUint32(8, sequence, littleEndian);
  view.setUint8(HEADER_BYTES, family);
  return new Uint8Array(view.buffer);
}

/** All messages of one datagram, in their order. An error says which byte does not fit. */
export function decodeNetlink(datagram: Uint8Array, littleEndian: boolean): Result<NetlinkMessage[]> {
  const messages: NetlinkMessage[] = [];
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  for (let at = 0; at < datagram.length; ) {
    if (datagram.length - at < HEADER_BYTES) return err(`netlink header at ${at} is cut off`);
    const length = view.getUint32(at, littleEndian);
    if (length < HEADER_BYTES || length > datagram.length - at) {
      return err(`netlink message at ${at}: length ${length} does not fit the ${datagram.length - at} bytes left`);
    }
    if ((view.getUint16(at + 6, littleEndian) & NLM_F_DUMP_INTR) !== 0) messages.push({ kind: 'interrupted' });
    const message = decodeMessage(new MessageView(datagram.subarray(at, at + length), littleEndian));
    if (!message.ok) return err(`netlink message at ${at}: ${message.error}`);
    messages.push(message.value);
    at += align(length);
  }
  return ok(messages);
}

/** One message's bytes with their byte order; reads are within its length, which the caller checks. */
class MessageView {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #littleEndian: boolean;

  constructor(bytes: Uint8Array, littleEndian: boolean) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#littleEndian = littleEndian;
  }

  u8(at: number): number {
    return this.#view.getUint8(at);
  }

  u16(at: number): number {
    return this.#view.getUint16(at, this.#littleEndian);
  }

  u32(at: number): number {
    return this.#view.getUint32(at, this.#littleEndian);
  }

  i32(at: number): number {
    return this.#view.getInt32(at, this.#littleEndian);
  }
}

function decodeMessage(view: MessageView): Result<NetlinkMessage> {
  const type = view.u16(4);
  const sequence = view.u32(8);
  switch (type) {
    case NLMSG_NOOP:
      return ok({ kind: 'other', type });
    case NLMSG_ERROR:
      if (view.bytes.length < HEADER_BYTES + 4) return err('error message without an error number');
      return ok({ kind: 'error', sequence, errno: Math.abs(view.i32(HEADER_BYTES)) });
    case NLMSG_DONE:
      return ok({ kind: 'done', sequence });
    case NLMSG_OVERRUN:
      return ok({ kind: 'overrun' });
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return decodeLink(view, type === RTM_NEWLINK ? 'link' : 'link-gone');
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return decodeAddress(view, type === RTM_NEWADDR ? 'address' : 'address-gone');
    case RTM_NEWROUTE:
      return decodeRoute(view);
    default:
      return ok({ kind: 'other', type });
  }
}

/** struct ifinfomsg {u8 family, pad; u16 type; i32 index; u32 flags, change}. */
function decodeLink(view: MessageView, kind: LinkMessage['kind']): Result<NetlinkMessage> {
  const attributes = decodeAttributes(view, IFINFOMSG_BYTES);
  if (!attributes.ok) return attributes;
  const name = attributes.value.get(IFLA_IFNAME);
  // Bridges tell of their ports in link messages of their own family, which are no statements about the link itself.
  const family = view.u8(HEADER_BYTES);
  if (family !== 0) return ok({ kind: 'other', type: view.u16(4) });
  if (name === undefined) return err('link without a name');
  const index = view.i32(HEADER_BYTES + 4);
  const flags = view.u32(HEADER_BYTES + 8);
  const mac = attributes.value.get(IFLA_ADDRESS);
  const isEthernet = view.u16(HEADER_BYTES + 2) === ARPHRD_ETHER;
  const master = attributes.value.get(IFLA_MASTER);
  return ok({
    kind,
    sequence: view.u32(8),
    index,
    name: textOf(view, name),
    running: (flags & IFF_UP) !== 0 && (flags & IFF_RUNNING) !== 0,
    broadcast: (flags & IFF_BROADCAST) !== 0,
    arp: (flags & IFF_NOARP) === 0,
    ...(isEthernet && mac?.length === 6 ? { mac: macFromBytes(bytesOf(view, mac)) } : {}),
    ...(master?.length === 4 && view.u32(master.at) !== 0 ? { masterIndex: view.u32(master.at) } : {}),
  });
}

/** struct ifaddrmsg {u8 family, prefixlen, flags, scope; u32 index}. */
function decodeAddress(view: MessageView, kind: AddressMessage['kind']): Result<NetlinkMessage> {
  const attributes = decodeAttributes(view, IFADDRMSG_BYTES);
  if (!attributes.ok) return attributes;
  const family = view.u8(HEADER_BYTES);
  if (family !== AF_INET && family !== AF_INET6) return ok({ kind: 'other', type: view.u16(4) });
  // On a point-to-point link IFA_ADDRESS is the peer's; without IFA_LOCAL (IPv6) it is our own.
  const address = attributes.value.get(IFA_LOCAL) ?? attributes.value.get(IFA_ADDRESS);
  if (address === undefined) return ok({ kind: 'other', type: view.u16(4) });
  const ip = ipFromBytes(bytesOf(view, address));
  if (!ip.ok) return err(ip.error);
  return ok({
    kind,
    sequence: view.u32(8),
    index: view.u32(HEADER_BYTES + 4),
    ip: ip.value,
    prefixLength: view.u8(HEADER_BYTES + 1),
  });
}

/** struct rtmsg {u8 family, dst_len, src_len, tos, table, protocol, scope, type; u32 flags}. */
function decodeRoute(view: MessageView): Result<NetlinkMessage> {
  if (view.bytes.length < HEADER_BYTES + RTMSG_BYTES) return err('its body is cut off');
  const other: NetlinkMessage = { kind: 'other', type: RTM_NEWROUTE };
  const family = view.u8(HEADER_BYTES);
  // Most routes are none of everywhere: they are passed over before anything more of them is read.
  if (view.u8(HEADER_BYTES + 1) !== 0 || (family !== AF_INET && family !== AF_INET6)) return ok(other);
  const isCloned = (view.u32(HEADER_BYTES + 8) & RTM_F_CLONED) !== 0;
  if (view.u8(HEADER_BYTES + 7) !== RTN_UNICAST || isCloned) return ok(other);
  const attributes = decodeAttributes(view, RTMSG_BYTES);
  if (!attributes.ok) return attributes;
  const hops = decodeNextHops(view, attributes.value.get(RTA_MULTIPATH));
  if (!hops.ok) return hops;
  const gateways: Ip[] = [];
  for (const hop of [attributes.value, ...hops.value]) {
    const gateway = decodeGateway(view, hop);
    if (!gateway.ok) return gateway;
    if (gateway.value !== undefined) gateways.push(gateway.value);
  }
  return ok({ kind: 'default-route', sequence: view.u32(8), gateways });
}

/** The attributes of each struct rtnexthop {u16 length; u8 flags, hops; i32 interface; attributes…} of RTA_MULTIPATH. */
function decodeNextHops(view: MessageView, place: AttributePlace | undefined): Result<Map<number, AttributePlace>[]> {
  const hops: Map<number, AttributePlace>[] = [];
  const end = place === undefined ? 0 : place.at + place.length;
  for (let at = place?.at ?? 0; end - at >= RTNEXTHOP_BYTES; ) {
    const length = view.u16(at);
    if (length < RTNEXTHOP_BYTES || length > end - at) return err(`next hop at ${at}: length ${length} does not fit`);
    const attributes = decodeAttributesWithin(view, at + RTNEXTHOP_BYTES, at + length);
    if (!attributes.ok) return attributes;
    hops.push(attributes.value);
    at += align(length);
  }
  return ok(hops);
}

/** RTA_GATEWAY is an address; RTA_VIA, a gateway of the other family, is {u16 family; address}. */
function decodeGateway(view: MessageView, hop: ReadonlyMap<number, AttributePlace>): Result<Ip | undefined> {
  const gateway = hop.get(RTA_GATEWAY);
  const via = hop.get(RTA_VIA);
  if (gateway !== undefined) return ipFromBytes(bytesOf(view, gateway));
  if (via !== undefined) return ipFromBytes(bytesOf(view, via).subarray(2));
  return ok(undefined);
}

/** Where an attribute's value lies in its message. */
interface AttributePlace {
  readonly at: number;
  readonly length: number;
}

/** By type; struct rtattr {u16 length, type} before each value, values padded to 4 bytes. The last of a type counts. */
function decodeAttributes(view: MessageView, bodyBytes: number): Result<Map<number, AttributePlace>> {
  if (view.bytes.length < HEADER_BYTES + bodyBytes) return err('its body is cut off');
  return decodeAttributesWithin(view, HEADER_BYTES + bodyBytes, view.bytes.length);
}

function decodeAttributesWithin(view: MessageView, start: number, end: number): Result<Map<number, AttributePlace>> {
  const attributes = new Map<number, AttributePlace>();
  for (let at = start; end - at >= ATTRIBUTE_HEADER_BYTES; ) {
    const length = view.u16(at);
    if (length < ATTRIBUTE_HEADER_BYTES || length > end - at) {
      return err(`attribute at ${at}: length ${length} does not fit the ${end - at} bytes left`);
    }
    const type = view.u16(at + 2) & ATTRIBUTE_TYPE_MASK;
    attributes.set(type, { at: at + ATTRIBUTE_HEADER_BYTES, length: length - ATTRIBUTE_HEADER_BYTES });
    at += align(length);
  }
  return ok(attributes);
}

function bytesOf(view: MessageView, { at, length }: AttributePlace): Uint8Array {
  return view.bytes.subarray(at, at + length);
}

/** A C string: up to its terminating zero. */
function textOf(view: MessageView, place: AttributePlace): string {
  const bytes = bytesOf(view, place);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function align(length: number): number {
  return (length + 3) & ~3;
}
