/**
 * Network layer reachability information: prefixes, one behind the other.
 *
 *      0        1
 *     ┌────────┬──────── … ─┐
 *     │ length │ prefix      │     length in bits; as many octets as it takes, what is beyond the length is nothing
 *     └────────┴──────── … ─┘
 *
 * Implements: RFC 4271 §4.3 (NLRI), RFC 4760 §5
 */
import { type IpFamily, ipBits, ipFromBytes } from '../../../model/ip.ts';
import { type IpPrefix, ipPrefix, prefixFamily, prefixLengthBits } from '../../../model/ip-prefix.ts';
import type { ByteReader } from '../../bytes.ts';
import { type Family, IPV4_UNICAST, isSameFamily, unicastFamily } from './family.ts';

/** All that is left of the reader. `refuse` does not come back: it names the fault of the field that this is. */
export function readNlri(reader: ByteReader, family: IpFamily, refuse: (reason: string) => never): IpPrefix[] {
  const prefixes: IpPrefix[] = [];
  const width = ipBits(family);
  while (reader.remaining > 0) {
    const lengthBits = reader.u8();
    const lengthBytes = (lengthBits + 7) >> 3;
    if (lengthBits > width) refuse(`a prefix of ${lengthBits} bits, ${family} addresses have ${width}`);
    if (lengthBytes > reader.remaining) {
      refuse(`a prefix of ${lengthBits} bits needs ${lengthBytes} bytes, ${reader.remaining} are left`);
    }
    const bytes = new Uint8Array(width / 8);
    bytes.set(reader.bytes(lengthBytes));
    const ip = ipFromBytes(bytes);
    prefixes.push(ip.ok ? ipPrefix(ip.value, lengthBits) : refuse(ip.error));
  }
  return prefixes;
}

/** What a prefix takes at the most: its length, and an IPv6 address. */
export const MOST_NLRI_BYTES = 17;

export function encodeNlri(prefixes: readonly IpPrefix[]): Uint8Array {
  const bytes = new Uint8Array(prefixes.length * MOST_NLRI_BYTES);
  let at = 0;
  for (const prefix of prefixes) at = nlriWriter(unicastFamily(prefixFamily(prefix)))(bytes, at, prefix);
  return bytes.slice(0, at);
}

/**
 * Writes a prefix of the family there, and returns where the next one goes. What stands behind that, up to MOST_NLRI_BYTES
 * from `at`, may be overwritten. Straight from the text: a prefix is canonical, so there is nothing to check; this is where
 * the time goes when many routes are sent.
 */
export type NlriWriter = (bytes: Uint8Array, at: number, prefix: IpPrefix) => number;

/** Of a unicast family. */
export function nlriWriter(family: Family): NlriWriter {
  return isSameFamily(family, IPV4_UNICAST) ? writeIpv4Nlri : writeIpv6Nlri;
}

const DOT = 0x2e;
const SLASH = 0x2f;
const COLON = 0x3a;

/** All four octets, and then the length, which says how many of them stay. */
function writeIpv4Nlri(bytes: Uint8Array, at: number, prefix: IpPrefix): number {
  let to = at + 1;
  let number = 0;
  for (let i = 0; i < prefix.length; i++) {
    const code = prefix.charCodeAt(i);
    if (code === DOT || code === SLASH) {
      bytes[to++] = number;
      number = 0;
    } else number = number * 10 + code - 0x30;
  }
  bytes[at] = number;
  return at + 1 + ((number + 7) >> 3);
}

function writeIpv6Nlri(bytes: Uint8Array, at: number, prefix: IpPrefix): number {
  const lengthBits = prefixLengthBits(prefix);
  const next = at + 1 + ((lengthBits + 7) >> 3);
  bytes[at] = lengthBits;
  bytes.fill(0, at + 1, next);
  writeIpv6(bytes, at + 1, next, prefix);
  return next;
}

/** Where "::" stands, nothing is written: the bytes are zero already. */
function writeIpv6(bytes: Uint8Array, at: number, next: number, prefix: IpPrefix): void {
  let to = at;
  let group = 0;
  let before = COLON;
  for (let i = 0; to < next; i++) {
    const code = prefix.charCodeAt(i);
    if (code !== COLON && code !== SLASH) group = group * 16 + code - (code < COLON ? 0x30 : 0x57);
    else {
      if (before !== COLON) to = writeGroup(bytes, to, next, group);
      group = 0;
      if (code === SLASH) return;
      if (prefix.charCodeAt(i + 1) === COLON) to = at + 16 - 2 * groupsBehind(prefix, i + 2);
    }
    before = code;
  }
}

/** A prefix may end in the midst of a group. */
function writeGroup(bytes: Uint8Array, at: number, next: number, group: number): number {
  bytes[at] = group >>> 8;
  if (at + 1 < next) bytes[at + 1] = group;
  return at + 2;
}

/** Groups from there to the end of the address. */
function groupsBehind(prefix: IpPrefix, start: number): number {
  if (prefix.charCodeAt(start) === SLASH) return 0;
  let groups = 1;
  for (let i = start; prefix.charCodeAt(i) !== SLASH; i++) if (prefix.charCodeAt(i) === COLON) groups++;
  return groups;
}
