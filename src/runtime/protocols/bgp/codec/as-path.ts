/**
 * AS_PATH and AS4_PATH: segments of AS numbers of two or four octets.
 *
 *      0      1       2
 *     ┌──────┬───────┬──────────── … ─┐
 *     │ type │ count │ AS numbers     │     1 set · 2 sequence · 3, 4 the same within a confederation
 *     └──────┴───────┴──────────── … ─┘
 *
 * Implements: RFC 4271 §4.3, §5.1.2, RFC 6793 §4, §6, RFC 7606 §7.2, RFC 7607 §2, RFC 5065 §3
 */
import { ByteReader, ByteWriter } from '../../bytes.ts';
import { SEGMENT_AS_CONFED_SEQUENCE, SEGMENT_AS_CONFED_SET, SEGMENT_AS_SEQUENCE, SEGMENT_AS_SET } from '../iana.ts';
import { twoOctetAs } from './open.ts';

export interface AsSegment {
  readonly kind: 'as-set' | 'as-sequence' | 'as-confed-sequence' | 'as-confed-set';
  /** The nearest first; at least one. */
  readonly asns: readonly number[];
}

/** Octets of an AS number: 4 once both sides have announced it, else 2. */
export type AsnBytes = 2 | 4;

const KINDS: Readonly<Record<number, AsSegment['kind']>> = {
  [SEGMENT_AS_SET]: 'as-set',
  [SEGMENT_AS_SEQUENCE]: 'as-sequence',
  [SEGMENT_AS_CONFED_SEQUENCE]: 'as-confed-sequence',
  [SEGMENT_AS_CONFED_SET]: 'as-confed-set',
};
const NUMBERS: Readonly<Record<AsSegment['kind'], number>> = {
  'as-set': SEGMENT_AS_SET,
  'as-sequence': SEGMENT_AS_SEQUENCE,
  'as-confed-sequence': SEGMENT_AS_CONFED_SEQUENCE,
  'as-confed-set': SEGMENT_AS_CONFED_SET,
};
/** One octet counts them. */
const MAX_SEGMENT_ASNS = 255;

/** The segments, or what is wrong with them. */
export function readAsPath(value: Uint8Array, asnBytes: AsnBytes): readonly AsSegment[] | string {
  const reader = new ByteReader(value);
  const segments: AsSegment[] = [];
  while (reader.remaining > 0) {
    if (reader.remaining < 2) return 'one byte is left behind the last segment';
    const type = reader.u8();
    const count = reader.u8();
    const kind = KINDS[type];
    if (kind === undefined) return `segment type ${type}`;
    if (count === 0) return 'a segment without AS numbers';
    if (count * asnBytes > reader.remaining) {
      return `a segment of ${count} AS numbers of ${asnBytes} bytes, ${reader.remaining} bytes are left`;
    }
    const asns = Array.from({ length: count }, () => (asnBytes === 4 ? reader.u32() : reader.u16()));
    if (asns.includes(0)) return 'AS number 0';
    segments.push({ kind, asns });
  }
  return segments;
}

/** In two octets AS_TRANS stands for what does not fit. A sequence of more than 255 becomes several. */
export function encodeAsPath(segments: readonly AsSegment[], asnBytes: AsnBytes): Uint8Array {
  const writer = new ByteWriter(64);
  for (const { kind, asns } of segments) {
    for (let start = 0; start < asns.length; start += MAX_SEGMENT_ASNS) {
      const part = asns.slice(start, start + MAX_SEGMENT_ASNS);
      writer.u8(NUMBERS[kind]).u8(part.length);
      for (const asn of part) {
        if (asnBytes === 4) writer.u32(asn);
        else writer.u16(twoOctetAs(asn));
      }
    }
  }
  return writer.finish();
}

/**
 * What goes beside an AS_PATH of two octets so that nothing is lost, RFC 6793 §4.2.2: undefined where all numbers fit.
 * Segments of a confederation stay out of it.
 */
export function as4PathFor(segments: readonly AsSegment[]): readonly AsSegment[] | undefined {
  if (!segments.some(({ asns }) => asns.some((asn) => asn > 0xffff))) return undefined;
  return segments.filter((segment) => !isOfConfederation(segment));
}

export function isOfConfederation({ kind }: AsSegment): boolean {
  return kind === 'as-confed-sequence' || kind === 'as-confed-set';
}
