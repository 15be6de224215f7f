/**
 * MP_REACH_NLRI and MP_UNREACH_NLRI: routes of any family, with their next hop.
 *
 *      0     2      3                    4            4 + n      5 + n
 *     ┌─────┬──────┬────────────────────┬──────── … ─┬──────────┬────────── … ─┐
 *     │ AFI │ SAFI │ n: length of the   │ next hop   │ reserved │ NLRI         │     MP_UNREACH_NLRI: AFI, SAFI, NLRI
 *     │     │      │ next hop           │            │          │              │
 *     └─────┴──────┴────────────────────┴──────── … ─┴──────────┴────────── … ─┘
 *
 * What is wrong here cannot be mended: where routes begin is not known (RFC 7606 §5.3, §7.11, §7.12).
 *
 * Implements: RFC 4760 §3, §4, RFC 2545 §3, RFC 8950 §3
 */
import { type Ip, type IpFamily, ipBytes, ipFromBytes } from '../../../model/ip.ts';
import type { IpPrefix } from '../../../model/ip-prefix.ts';
import { ByteReader, ByteWriter } from '../../bytes.ts';
import type { UpdateContext } from './attribute-rules.ts';
import { type Family, ipFamilyOf } from './family.ts';
import { encodeNlri, readNlri } from './nlri.ts';

export type MpReach =
  | {
      readonly kind: 'prefixes';
      readonly family: Family;
      readonly nextHop: NextHop;
      readonly prefixes: readonly IpPrefix[];
    }
  | { readonly kind: 'other'; readonly family: Family; readonly nextHop: Uint8Array; readonly nlri: Uint8Array };

export type MpUnreach =
  | { readonly kind: 'prefixes'; readonly family: Family; readonly prefixes: readonly IpPrefix[] }
  | { readonly kind: 'other'; readonly family: Family; readonly nlri: Uint8Array };

export interface NextHop {
  readonly address: Ip;
  /** On a link shared with the peer, RFC 2545 §3: the IPv6 link-local address of the same next hop. */
  readonly linkLocal?: Ip;
}

type Refuse = (reason: string) => never;

export function readMpReach(value: Uint8Array, context: UpdateContext, refuse: Refuse): MpReach {
  if (value.length < 5) refuse(`MP_REACH_NLRI of ${value.length} bytes, less than 5`);
  const reader = new ByteReader(value);
  const family = { afi: reader.u16(), safi: reader.u8() };
  const nextHopBytes = reader.u8();
  if (nextHopBytes + 1 > reader.remaining) {
    refuse(`MP_REACH_NLRI with a next hop of ${nextHopBytes} bytes, where ${reader.remaining} are left`);
  }
  const nextHop = reader.bytes(nextHopBytes);
  reader.skip(1);
  const ipFamily = ipFamilyOf(family);
  if (ipFamily === undefined) return { kind: 'other', family, nextHop, nlri: reader.bytes(reader.remaining) };
  if (!nextHopLengths(ipFamily, context).includes(nextHopBytes)) {
    refuse(`MP_REACH_NLRI for ${ipFamily} routes with a next hop of ${nextHopBytes} bytes`);
  }
  const prefixes = readNlri(reader, ipFamily, (reason) => refuse(`MP_REACH_NLRI: ${reason}`));
  return { kind: 'prefixes', family, nextHop: readNextHop(nextHop, refuse), prefixes };
}

export function readMpUnreach(value: Uint8Array, refuse: Refuse): MpUnreach {
  if (value.length < 3) refuse(`MP_UNREACH_NLRI of ${value.length} bytes, less than 3`);
  const reader = new ByteReader(value);
  const family = { afi: reader.u16(), safi: reader.u8() };
  const ipFamily = ipFamilyOf(family);
  if (ipFamily === undefined) return { kind: 'other', family, nlri: reader.bytes(reader.remaining) };
  const prefixes = readNlri(reader, ipFamily, (reason) => refuse(`MP_UNREACH_NLRI: ${reason}`));
  return { kind: 'prefixes', family, prefixes };
}

function nextHopLengths(family: IpFamily, { ipv4NextHops }: UpdateContext): readonly number[] {
  if (family === 'ipv6') return [16, 32];
  return ipv4NextHops === 'ipv4' ? [4] : [4, 16, 32];
}

function readNextHop(bytes: Uint8Array, refuse: Refuse): NextHop {
  const addressOf = (part: Uint8Array) => {
    const ip = ipFromBytes(part);
    return ip.ok ? ip.value : refuse(ip.error);
  };
  if (bytes.length !== 32) return { address: addressOf(bytes) };
  return { address: addressOf(bytes.subarray(0, 16)), linkLocal: addressOf(bytes.subarray(16)) };
}

/** The attribute's value. */
export function encodeMpReach(reach: MpReach): Uint8Array {
  if (reach.kind === 'other') return mpReachValue(reach.family, reach.nextHop, reach.nlri);
  return mpReachValue(reach.family, encodeNextHop(reach.nextHop), encodeNlri(reach.prefixes));
}

export function encodeMpUnreach(unreach: MpUnreach): Uint8Array {
  return mpUnreachValue(unreach.family, unreach.kind === 'other' ? unreach.nlri : encodeNlri(unreach.prefixes));
}

export function mpReachValue({ afi, safi }: Family, nextHop: Uint8Array, nlri: Uint8Array): Uint8Array {
  const writer = new ByteWriter(5 + nextHop.length + nlri.length);
  return writer.u16(afi).u8(safi).u8(nextHop.length).bytes(nextHop).u8(0).bytes(nlri).finish();
}

export function mpUnreachValue({ afi, safi }: Family, nlri: Uint8Array): Uint8Array {
  return new ByteWriter(3 + nlri.length).u16(afi).u8(safi).bytes(nlri).finish();
}

export function encodeNextHop({ address, linkLocal }: NextHop): Uint8Array {
  const bytes = ipBytes(address);
  return linkLocal === undefined ? bytes : Uint8Array.of(...bytes, ...ipBytes(linkLocal));
}
