/**
 * Address ranges: what a pool is made of and what an interface's subnet is. A CIDR is the range of its addresses, so
 * everything that asks "is it in there" or "do these overlap" is written once, for both spellings.
 */
import { type Ip, type IpFamily, ipBits, ipFamily, ipFromValue, ipValue, parseIp } from './ip.ts';
import { type IpPrefix, ipPrefix, parseIpAndLength, prefixFamily, prefixIp, prefixLengthBits } from './ip-prefix.ts';
import { err, ok, type Result } from './result.ts';

/** All addresses from first to last, both included. Invariant: first ≤ last, both within the family's width. */
export interface AddressRange {
  readonly family: IpFamily;
  readonly first: bigint;
  readonly last: bigint;
}

/** Parses a CIDR ("10.0.0.0/24"; host bits are dropped) or a range ("10.0.0.1-10.0.0.9"; white space around "-"). */
export function parseAddressRange(text: string): Result<AddressRange> {
  if (text.includes('/')) return parseCidr(text.trim());
  const parts = text.split('-');
  if (parts.length === 2) return parseFirstLast(parts[0]?.trim() ?? '', parts[1]?.trim() ?? '');
  const alone = parseIp(text.trim());
  if (alone.ok) {
    return err(`"${text.trim()}" is a single address: write ${alone.value}/${ipBits(ipFamily(alone.value))}`);
  }
  return err(`"${text.trim()}" is neither a CIDR (10.0.0.0/24) nor a range (10.0.0.1-10.0.0.9)`);
}

/** The same, and a single address ("10.0.0.1") as well: for lists where nobody could mistake one for a whole network. */
export function parseRangeOrAddress(text: string): Result<AddressRange> {
  const alone = parseIp(text.trim());
  if (alone.ok) return ok(singleAddress(alone.value));
  const range = parseAddressRange(text);
  if (range.ok || text.includes('/') || text.includes('-')) return range;
  return err(`"${text.trim()}" is no address (10.0.0.1), no CIDR (10.0.0.0/24) and no range (10.0.0.1-10.0.0.9)`);
}

/** The range of just this address. */
export function singleAddress(ip: Ip): AddressRange {
  const value = ipValue(ip);
  return { family: ipFamily(ip), first: value, last: value };
}

function parseCidr(text: string): Result<AddressRange> {
  const parts = parseIpAndLength(text);
  if (!parts.ok) return err(`"${text}" is not a CIDR: ${parts.error}`);
  const { ip, lengthBits } = parts.value;
  const family = ipFamily(ip);
  const host = BigInt(ipBits(family) - lengthBits);
  const first = (ipValue(ip) >> host) << host;
  return ok({ family, first, last: first + (1n << host) - 1n });
}

function parseFirstLast(firstText: string, lastText: string): Result<AddressRange> {
  const first = parseIp(firstText);
  if (!first.ok) return err(`the range's start is malformed: ${first.error}`);
  const last = parseIp(lastText);
  if (!last.ok) return err(`the range's end is malformed: ${last.error}`);
  const family = ipFamily(first.value);
  if (family !== ipFamily(last.value)) return err(`the range "${firstText}-${lastText}" mixes IPv4 and IPv6`);
  const range = { family, first: ipValue(first.value), last: ipValue(last.value) };
  if (range.first > range.last) {
    return err(`the range is reversed: ${first.value} comes after ${last.value}; write ${last.value}-${first.value}`);
  }
  return ok(range);
}

export function rangeContains(range: AddressRange, ip: Ip): boolean {
  if (ipFamily(ip) !== range.family) return false;
  const value = ipValue(ip);
  return range.first <= value && value <= range.last;
}

/** Whether every address of the one is in the other. */
export function rangeWithin(range: AddressRange, outer: AddressRange): boolean {
  return range.family === outer.family && outer.first <= range.first && range.last <= outer.last;
}

export function rangesOverlap(a: AddressRange, b: AddressRange): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

/** Number of addresses in the range; up to 2^128, hence bigint. */
export function rangeSize(range: AddressRange): bigint {
  return range.last - range.first + 1n;
}

/** A CIDR where the range is one, else "first-last". Parsing it gives the same range back. */
export function formatRange(range: AddressRange): string {
  const size = rangeSize(range);
  const first = ipFromValue(range.family, range.first);
  const isCidr = (size & (size - 1n)) === 0n && range.first % size === 0n;
  if (!isCidr) return `${first}-${ipFromValue(range.family, range.last)}`;
  return `${first}/${ipBits(range.family) - (size.toString(2).length - 1)}`;
}

/** The fewest CIDRs that hold exactly the range's addresses, in their order: at most two for every bit of the family. */
export function rangePrefixes({ family, first, last }: AddressRange): readonly IpPrefix[] {
  const width = ipBits(family);
  const prefixes: IpPrefix[] = [];
  for (let next = first; next <= last; ) {
    const left = last - next + 1n;
    // A CIDR of 2^n addresses begins at a multiple of 2^n.
    let hostBits = 0;
    while (hostBits < width && next % (2n << BigInt(hostBits)) === 0n && 2n << BigInt(hostBits) <= left) hostBits += 1;
    prefixes.push(ipPrefix(ipFromValue(family, next), width - hostBits));
    next += 1n << BigInt(hostBits);
  }
  return prefixes;
}

/** The range of a prefix's addresses. */
export function prefixRange(prefix: IpPrefix): AddressRange {
  const family = prefixFamily(prefix);
  const first = ipValue(prefixIp(prefix));
  return { family, first, last: first + (1n << BigInt(ipBits(family) - prefixLengthBits(prefix))) - 1n };
}
