/**
 * ARP and neighbour discovery frames as a host of the LAN reads them: written apart from the runtime's codecs, so that
 * tests do not ask the code under test what it has sent. No more of either than tests look at.
 *
 * Implements: RFC 826 (reading), RFC 4861 §4.3 (writing solicitations), §4.4 (reading advertisements).
 */
import { type Ip, ipBytes, ipFromBytes } from '../../src/runtime/model/ip.ts';

/** A frame by which somebody says that an address is his. */
export interface NeighbourFrame {
  readonly kind: 'arp-request' | 'arp-reply' | 'advertisement';
  readonly ip: Ip;
  /** The hardware address that it says the address has. */
  readonly mac: string;
  /** The Ethernet header's source: what switches learn from. */
  readonly source: string;
  /** Nobody had asked: sender and target of an ARP packet are the same, or the solicited flag is not set. */
  readonly gratuitous: boolean;
  /** Of an advertisement. */
  readonly flags?: { readonly router: boolean; readonly solicited: boolean; readonly override: boolean };
}

const ETHERNET_BYTES = 14;
const IPV6_BYTES = 40;
const ICMPV6 = 58;
const SOLICITATION = 135;
const ADVERTISEMENT = 136;
const SOURCE_LINK_ADDRESS = 1;
const TARGET_LINK_ADDRESS = 2;

/** Undefined for every other frame, an ARP probe (RFC 5227: its sender is 0.0.0.0) included. */
export function readNeighbourFrame(frame: Uint8Array): NeighbourFrame | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < ETHERNET_BYTES) return undefined;
  const type = view.getUint16(12);
  const source = macAt(frame, 6);
  if (type === 0x0806 && frame.length >= ETHERNET_BYTES + 28) return readArp(frame, source, view.getUint16(20));
  if (type === 0x86dd && frame.length >= ETHERNET_BYTES + IPV6_BYTES + 24) return readAdvertisement(frame, source);
  return undefined;
}

function readArp(frame: Uint8Array, source: string, operation: number): NeighbourFrame | undefined {
  const sender = ipAt(frame, 28, 4);
  if (sender === '0.0.0.0' || (operation !== 1 && operation !== 2)) return undefined;
  return {
    kind: operation === 1 ? 'arp-request' : 'arp-reply',
    ip: sender,
    mac: macAt(frame, 22),
    source,
    gratuitous: sender === ipAt(frame, 38, 4),
  };
}

function readAdvertisement(frame: Uint8Array, source: string): NeighbourFrame | undefined {
  const icmp = frame.subarray(ETHERNET_BYTES + IPV6_BYTES);
  if (frame[ETHERNET_BYTES + 6] !== ICMPV6 || icmp[0] !== ADVERTISEMENT) return undefined;
  const flags = icmp[4] ?? 0;
  const solicited = (flags & 0x40) !== 0;
  return {
    kind: 'advertisement',
    ip: ipAt(icmp, 8, 16),
    mac: linkAddressOption(icmp.subarray(24)) ?? source,
    source,
    gratuitous: !solicited,
    flags: { router: (flags & 0x80) !== 0, solicited, override: (flags & 0x20) !== 0 },
  };
}

/** Options are type, length in units of 8 bytes, value. */
function linkAddressOption(options: Uint8Array): string | undefined {
  for (let at = 0; at + 8 <= options.length; ) {
    const length = options[at + 1] ?? 0;
    if (length === 0) return undefined;
    if (options[at] === TARGET_LINK_ADDRESS) return macAt(options, at + 2);
    at += length * 8;
  }
  return undefined;
}

/** A multicast solicitation for `target`, as a host sends that does not know its hardware address yet. */
export function writeSolicitation(from: { readonly mac: string; readonly ip: Ip }, target: Ip): Uint8Array {
  const mac = Uint8Array.from(from.mac.split(':').map((byte) => Number.parseInt(byte, 16)));
  const targetBytes = ipBytes(target);
  // RFC 4291 §2.7.1: ff02::1:ff00:0/104 and the low 24 bits; RFC 2464 §7: 33:33 and the group's low 32 bits.
  const group = Uint8Array.from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ...targetBytes.subarray(13)]);
  const icmp = Uint8Array.from([SOLICITATION, 0, 0, 0, 0, 0, 0, 0, ...targetBytes, SOURCE_LINK_ADDRESS, 1, ...mac]);
  const source = ipBytes(from.ip);
  new DataView(icmp.buffer).setUint16(2, icmpChecksum(source, group, icmp));
  const ethernet = [0x33, 0x33, ...group.subarray(12), ...mac, 0x86, 0xdd];
  const header = [0x60, 0, 0, 0, 0, icmp.length, ICMPV6, 255, ...source, ...group];
  return Uint8Array.from([...ethernet, ...header, ...icmp]);
}

/** RFC 4443 §2.3: over the pseudo-header and the message, its own field zero. Even lengths only. */
function icmpChecksum(source: Uint8Array, destination: Uint8Array, message: Uint8Array): number {
  const bytes = [...source, ...destination, 0, 0, 0, message.length, 0, 0, 0, ICMPV6, ...message];
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function macAt(bytes: Uint8Array, at: number): string {
  return [...bytes.subarray(at, at + 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

function ipAt(bytes: Uint8Array, at: number, length: 4 | 16): Ip {
  const ip = ipFromBytes(bytes.subarray(at, at + length));
  if (!ip.ok) throw new Error(ip.error);
  return ip.value;
}
