/**
 * Turns changed routes into as few UPDATE messages as they fit in: one carries as many prefixes of the same family and the
 * same attributes as the peer takes in a message.
 *
 *     packUpdates({ withdrawn, announced }, context) → messages, withdrawals first
 *
 * Deterministic: attributes come in the order of their first group, prefixes in the order given. Groups whose paths look
 * alike on the wire share messages, whatever object describes them.
 *
 * Implements: RFC 4271 §4.3, §9.2 (one message for routes of the same attributes), RFC 4760 §3, §4, RFC 7606 §5.1,
 * RFC 8950 §3, RFC 8654 §4
 */
import { ipFamily } from '../../../model/ip.ts';
import { type IpPrefix, prefixFamily } from '../../../model/ip-prefix.ts';
import { ByteWriter } from '../../bytes.ts';
import type { AsnBytes } from './as-path.ts';
import { assembleUpdate, EMPTY_UPDATE_BYTES, writeMpReach, writeMpUnreach } from './encode-update.ts';
import { type Family, formatFamily, IPV4_UNICAST, IPV6_UNICAST, isSameFamily } from './family.ts';
import { NO_DATA } from './fault.ts';
import { encodeNextHop, mpReachValue, mpUnreachValue, type NextHop } from './mp-nlri.ts';
import { MOST_NLRI_BYTES, nlriWriter } from './nlri.ts';
import { encodePathAttributes, type PathAttributes } from './path-attributes.ts';

export interface PackContext {
  readonly asnBytes: AsnBytes;
  /** What the peer takes: MAX_MESSAGE_BYTES or MAX_EXTENDED_MESSAGE_BYTES. */
  readonly maxMessageBytes: number;
  /** With 'ipv4-and-ipv6' IPv4 routes are withdrawn by MP_UNREACH_NLRI, as those with an IPv6 next hop were announced. */
  readonly ipv4NextHops: 'ipv4' | 'ipv4-and-ipv6';
}

/** What routes share. Its `attributes` are those of path-attributes.ts but for the next hop, which stands here. */
export interface RoutePath {
  readonly nextHop: NextHop;
  readonly attributes: Omit<PathAttributes, 'nextHop'>;
}

/** Routes of one family and one path. */
export interface RouteGroup {
  readonly family: Family;
  readonly path: RoutePath;
  readonly prefixes: readonly IpPrefix[];
}

export interface RouteChanges {
  readonly withdrawn: readonly IpPrefix[];
  readonly announced: readonly RouteGroup[];
}

/**
 * Whole messages. A path whose attributes leave no room for a prefix, or with a next hop that the peer does not take for
 * the prefix's family and would reset the session for, is a bug of its maker and throws.
 */
export function packUpdates({ withdrawn, announced }: RouteChanges, context: PackContext): Uint8Array[] {
  return [...packWithdrawals(withdrawn, context), ...packAnnouncements(announced, context)];
}

function packWithdrawals(withdrawn: readonly IpPrefix[], context: PackContext): Uint8Array[] {
  const ipv4 = withdrawn.filter((prefix) => prefixFamily(prefix) === 'ipv4');
  const ipv6 = withdrawn.filter((prefix) => prefixFamily(prefix) === 'ipv6');
  const plain = context.ipv4NextHops === 'ipv4';
  return [
    ...pack(ipv4, context.maxMessageBytes, plain ? PLAIN_WITHDRAWAL : mpWithdrawal(IPV4_UNICAST)),
    ...pack(ipv6, context.maxMessageBytes, mpWithdrawal(IPV6_UNICAST)),
  ];
}

/** How messages of one kind are made: what they take without prefixes, and one with some. */
interface Shape {
  readonly family: Family;
  readonly fixedBytes: number;
  readonly make: (nlri: Uint8Array) => Uint8Array;
}

/** Flags, type and a length of two octets: what an attribute takes besides its value, at the most. */
const ATTRIBUTE_HEAD_BYTES = 4;

const PLAIN_WITHDRAWAL: Shape = {
  family: IPV4_UNICAST,
  fixedBytes: EMPTY_UPDATE_BYTES,
  make: (nlri) => assembleUpdate(nlri, NO_DATA, NO_DATA),
};

function mpWithdrawal(family: Family): Shape {
  return {
    family,
    fixedBytes: EMPTY_UPDATE_BYTES + ATTRIBUTE_HEAD_BYTES + mpUnreachValue(family, NO_DATA).length,
    make: (nlri) => {
      const writer = new ByteWriter(ATTRIBUTE_HEAD_BYTES + 3 + nlri.length);
      writeMpUnreach(writer, mpUnreachValue(family, nlri));
      return assembleUpdate(NO_DATA, writer.finish(), NO_DATA);
    },
  };
}

function packAnnouncements(announced: readonly RouteGroup[], context: PackContext): Uint8Array[] {
  const byBytes = new Map<string, { readonly shape: Shape; prefixes: readonly IpPrefix[] }>();
  for (const { family, path, prefixes } of announced) {
    const shape = announcement(path, family, context);
    const key = shape.make(NO_DATA).join();
    const alike = byBytes.get(key);
    if (alike === undefined) byBytes.set(key, { shape, prefixes });
    else alike.prefixes = [...alike.prefixes, ...prefixes];
  }
  return [...byBytes.values()].flatMap(({ shape, prefixes }) => pack(prefixes, context.maxMessageBytes, shape));
}

function announcement({ nextHop, attributes }: RoutePath, family: Family, context: PackContext): Shape {
  const { asnBytes, ipv4NextHops } = context;
  const hopFamily = ipFamily(nextHop.address);
  const isIpv4 = isSameFamily(family, IPV4_UNICAST);
  const isTaken = isIpv4 ? hopFamily === 'ipv4' || ipv4NextHops !== 'ipv4' : hopFamily === 'ipv6';
  if (!isTaken) throw new RangeError(`${formatFamily(family)} routes cannot have next hop ${nextHop.address} here`);
  if (isIpv4 && hopFamily === 'ipv4') {
    const encoded = encodePathAttributes({ ...attributes, nextHop: nextHop.address }, asnBytes);
    return {
      family,
      fixedBytes: EMPTY_UPDATE_BYTES + encoded.length,
      make: (nlri) => assembleUpdate(NO_DATA, encoded, nlri),
    };
  }
  const encoded = encodePathAttributes(attributes, asnBytes);
  const hop = encodeNextHop(nextHop);
  const emptyBytes = mpReachValue(family, hop, NO_DATA).length;
  return {
    family,
    fixedBytes: EMPTY_UPDATE_BYTES + ATTRIBUTE_HEAD_BYTES + emptyBytes + encoded.length,
    make: (nlri) => {
      const writer = new ByteWriter(ATTRIBUTE_HEAD_BYTES + emptyBytes + nlri.length + encoded.length);
      writeMpReach(writer, mpReachValue(family, hop, nlri));
      return assembleUpdate(NO_DATA, writer.bytes(encoded).finish(), NO_DATA);
    },
  };
}

function pack(prefixes: readonly IpPrefix[], maxBytes: number, { family, fixedBytes, make }: Shape): Uint8Array[] {
  const messages: Uint8Array[] = [];
  const roomBytes = maxBytes - fixedBytes;
  const mostBytes = Math.min(Math.max(roomBytes, 0), prefixes.length * MOST_NLRI_BYTES);
  // The prefix that does not fit any more is written as well, to know that.
  const nlri = new Uint8Array(mostBytes + MOST_NLRI_BYTES);
  const write = nlriWriter(family);
  let usedBytes = 0;
  for (const prefix of prefixes) {
    let next = write(nlri, usedBytes, prefix);
    if (next > roomBytes) {
      if (usedBytes > 0) messages.push(make(nlri.subarray(0, usedBytes)));
      next = write(nlri, 0, prefix);
      if (next > roomBytes) throw new RangeError(`${fixedBytes} of ${maxBytes} bytes leave no room for ${prefix}`);
    }
    usedBytes = next;
  }
  if (usedBytes > 0) messages.push(make(nlri.subarray(0, usedBytes)));
  return messages;
}
