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
import { type IpFamily, ipBits, ipBytes, ipFromBytes } from '../../../model/ip.ts';
import { type IpPrefix, ipPrefix, prefixFamily, prefixIp, prefixLengthBits } from '../../../model/ip-prefix.ts';
import type { ByteReader } from '../../bytes.ts';

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

/** Bytes that the prefix takes. */
export function nlriBytes(prefix: IpPrefix): number {
  return 1 + ((prefixLengthBits(prefix) + 7) >> 3);
}

/** Those from `start` up to `end`, without it. This is where the time goes when many routes are sent. */
export function encodeNlri(prefixes: readonly IpPrefix[], start = 0, end = prefixes.length): Uint8Array {
  let total = 0;
  for (let i = start; i < end; i++) total += nlriBytes(prefixes[i] as IpPrefix);
  const bytes = new Uint8Array(total);
  let at = 0;
  for (let i = start; i < end; i++) at = writePrefix(bytes, at, prefixes[i] as IpPrefix);
  return bytes;
}

function writePrefix(bytes: Uint8Array, at: number, prefix: IpPrefix): number {
  const lengthBits = prefixLengthBits(prefix);
  const next = at + 1 + ((lengthBits + 7) >> 3);
  bytes[at] = lengthBits;
  if (prefixFamily(prefix) === 'ipv6') {
    bytes.set(ipBytes(prefixIp(prefix)).subarray(0, next - at - 1), at + 1);
    return next;
  }
  // Straight from the text: an IPv4 prefix is canonical, so there is nothing to check.
  let octet = 0;
  for (let i = 0, to = at + 1; to < next; i++) {
    const code = prefix.charCodeAt(i);
    if (code === 0x2e || code === 0x2f) {
      bytes[to++] = octet;
      octet = 0;
    } else octet = octet * 10 + code - 0x30;
  }
  return next;
}
