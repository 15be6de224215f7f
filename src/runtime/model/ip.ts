/**
 * IP addresses as values. An `Ip` is a string in canonical text form (dotted quad; RFC 5952 for IPv6), branded so that
 * only this file can make one: two equal addresses are the same string, which makes them map keys, JSON and thread
 * messages without conversion. Arithmetic goes through bigint, packets through bytes.
 *
 * Implements: RFC 4291 §2.2 (text forms), RFC 5952 §4 (canonical form). Zone identifiers are not accepted.
 */
import { err, ok, type Result } from './result.ts';

declare const ipBrand: unique symbol;
/** An IPv4 or IPv6 address in canonical text form. */
export type Ip = string & { readonly [ipBrand]: true };

export type IpFamily = 'ipv4' | 'ipv6';

/** Width of an address of the family, in bits. */
export function ipBits(family: IpFamily): 32 | 128 {
  return family === 'ipv4' ? 32 : 128;
}

export function ipFamily(ip: Ip): IpFamily {
  return ip.includes(':') ? 'ipv6' : 'ipv4';
}

/** fe80::/10, RFC 4291 §2.5.6: good on its link only. */
export function isLinkLocal(ip: Ip): boolean {
  return /^fe[89ab][0-9a-f]:/.test(ip);
}

/** Parses either family. Surrounding white space is not accepted; IPv4 octets with leading zeros are not either. */
export function parseIp(text: string): Result<Ip> {
  const value = text.includes(':') ? ipv6Value(text) : ipv4Value(text);
  if (value === undefined) return err(`"${text}" is not an IP address`);
  return ok(ipFromValue(text.includes(':') ? 'ipv6' : 'ipv4', value));
}

/** Numeric value of the address, in network byte order: 0 … 2^bits − 1. */
export function ipValue(ip: Ip): bigint {
  if (ipFamily(ip) === 'ipv4') return BigInt(canonicalIpv4Value(ip));
  const value = ipv6Value(ip);
  if (value === undefined) throw new Error(`not a canonical address: ${ip}`);
  return value;
}

/** The address with the given value. The value must lie within the family's width; anything else is a bug. */
export function ipFromValue(family: IpFamily, value: bigint): Ip {
  if (value < 0n || value >> BigInt(ipBits(family)) !== 0n) throw new Error(`${value} does not fit ${family}`);
  return (family === 'ipv4' ? formatIpv4(value) : formatIpv6(value)) as Ip;
}

/** The address's bytes in network order: 4 or 16. */
export function ipBytes(ip: Ip): Uint8Array {
  if (ipFamily(ip) === 'ipv4') {
    const value = canonicalIpv4Value(ip);
    return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
  }
  return canonicalIpv6Bytes(ip);
}

/** The address in 4 or 16 bytes of network order; any other length is an error. */
export function ipFromBytes(bytes: Uint8Array): Result<Ip> {
  if (bytes.length !== 4 && bytes.length !== 16) return err(`an address has 4 or 16 bytes, not ${bytes.length}`);
  if (bytes.length === 4) return ok([...bytes].join('.') as Ip);
  return ok(
    formatIpv6Groups(Array.from({ length: 8 }, (_, i) => ((bytes[i * 2] ?? 0) << 8) | (bytes[i * 2 + 1] ?? 0))) as Ip,
  );
}

/** Orders IPv4 before IPv6 and, within a family, by value. */
export function compareIps(a: Ip, b: Ip): number {
  const familyA = ipFamily(a);
  const familyB = ipFamily(b);
  if (familyA !== familyB) return familyA === 'ipv4' ? -1 : 1;
  const valueA = ipValue(a);
  const valueB = ipValue(b);
  return valueA < valueB ? -1 : valueA > valueB ? 1 : 0;
}

/** Without the checks of ipv4Value: what is an Ip has passed them. */
function canonicalIpv4Value(ip: Ip): number {
  let value = 0;
  let octet = 0;
  for (let i = 0; i < ip.length; i++) {
    const code = ip.charCodeAt(i);
    if (code === 0x2e) {
      value = value * 256 + octet;
      octet = 0;
    } else octet = octet * 10 + (code - 0x30);
  }
  return value * 256 + octet;
}

/** Without the checks of ipv6Value, likewise. */
function canonicalIpv6Bytes(ip: Ip): Uint8Array {
  const bytes = new Uint8Array(16);
  let written = 0;
  let gapAt = -1;
  let group = 0;
  for (let i = 0; i <= ip.length; i++) {
    const code = i < ip.length ? ip.charCodeAt(i) : 0x3a;
    if (code !== 0x3a) {
      group = group * 16 + code - (code < 0x61 ? 0x30 : 0x57);
    } else if (i > 0 && ip.charCodeAt(i - 1) !== 0x3a) {
      bytes[written] = group >>> 8;
      bytes[written + 1] = group;
      written += 2;
      group = 0;
    } else gapAt = written;
  }
  if (gapAt < 0) return bytes;
  bytes.copyWithin(16 - (written - gapAt), gapAt, written);
  return bytes.fill(0, gapAt, 16 - (written - gapAt));
}

function ipv4Value(text: string): bigint | undefined {
  const octets = text.split('.');
  if (octets.length !== 4) return undefined;
  let value = 0;
  for (const octet of octets) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(octet)) return undefined;
    const number = Number(octet);
    if (number > 255) return undefined;
    value = value * 256 + number;
  }
  return BigInt(value);
}

function ipv6Value(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = ipv6Groups(halves[0] ?? '', halves.length === 1);
  if (head === undefined) return undefined;
  if (halves.length === 1) return head.length === 8 ? joinGroups(head) : undefined;
  const tail = ipv6Groups(halves[1] ?? '', true);
  // RFC 4291 §2.2: "::" stands for one or more groups of zeros.
  if (tail === undefined || head.length + tail.length > 7) return undefined;
  return joinGroups([...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail]);
}

/** The 16-bit groups of a colon-separated run; a dotted quad may stand last (RFC 4291 §2.2.3). */
function ipv6Groups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (mayEndInIpv4 && index === parts.length - 1 && part.includes('.')) {
      const value = ipv4Value(part);
      if (value === undefined) return undefined;
      groups.push(Number(value >> 16n), Number(value & 0xffffn));
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
      groups.push(Number.parseInt(part, 16));
    }
  }
  return groups;
}

function joinGroups(groups: readonly number[]): bigint {
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

function formatIpv4(value: bigint): string {
  const number = Number(value);
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join('.');
}

/** RFC 5952 §4: lower case, no leading zeros, the longest run of two or more zero groups shortened, the first of equals. */
function formatIpv6(value: bigint): string {
  return formatIpv6Groups(Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(112 - 16 * i)) & 0xffffn)));
}

function formatIpv6Groups(groups: readonly number[]): string {
  const run = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (run.length < 2) return hex.join(':');
  return `${hex.slice(0, run.start).join(':')}::${hex.slice(run.start + run.length).join(':')}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let i = 0; i <= groups.length; i++) {
    if (groups[i] === 0) continue;
    if (i - start > best.length) best = { start, length: i - start };
    start = i + 1;
  }
  return best;
}
