/**
 * What a BGPAdvertisement must not contradict: the sizes of its pools, another advertisement's local preference, and what
 * BFD's echo mode cannot do. Each is asked for one pool, so that an advertisement can stay in force for the others.
 */
import type { BgpAdvertisement, Pool } from '../../model/config.ts';
import { type IpFamily, ipBits } from '../../model/ip.ts';
import { type AddressRange, formatRange, rangeSize } from '../../model/range.ts';
import { localPrefsConflict } from '../bgp/local-preference.ts';
import { canMeet, type LabelledNode } from './node-choice.ts';

/** The entry of a family that allows the least aggregation. */
interface Narrowest {
  readonly range: AddressRange;
  /** Prefix length of the largest block in it. */
  readonly length: number;
}

export interface PoolShape {
  readonly name: string;
  /** Absent: the pool has no addresses of the family. */
  readonly ipv4?: Narrowest;
  readonly ipv6?: Narrowest;
}

export interface PoolFault {
  /** The advertisement's field that it is told at. */
  readonly field: 'aggregationLength' | 'aggregationLengthV6' | 'peers';
  readonly message: string;
}

export function shapeOf(pool: Pool): PoolShape {
  const ipv4 = narrowest(pool, 'ipv4');
  const ipv6 = narrowest(pool, 'ipv6');
  return { name: pool.name, ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) };
}

function narrowest(pool: Pool, family: IpFamily): Narrowest | undefined {
  let found: Narrowest | undefined;
  for (const range of pool.ranges) {
    if (range.family !== family) continue;
    const length = largestBlock(range);
    if (found === undefined || length > found.length) found = { range, length };
  }
  return found;
}

/** Prefix length of the largest CIDR block inside the range. */
function largestBlock(range: AddressRange): number {
  // A range of 2^n addresses or more holds an aligned block of 2^(n-1) for certain, and one of 2^n perhaps.
  const bits = rangeSize(range).toString(2).length - 1;
  const size = 1n << BigInt(bits);
  const aligned = ((range.first + size - 1n) / size) * size;
  const fits = aligned + size - 1n <= range.last;
  return ipBits(range.family) - (fits ? bits : bits - 1);
}

/**
 * An aggregate wider than every block of the pool would draw traffic for addresses that are not the pool's. `echoPeers`
 * are the peers that it announces to and that are watched in BFD's echo mode.
 */
export function poolFaults(
  advertisement: BgpAdvertisement,
  shape: PoolShape,
  echoPeers: readonly string[],
): PoolFault[] {
  const faults: PoolFault[] = [];
  for (const [family, field] of [
    ['ipv4', 'aggregationLength'],
    ['ipv6', 'aggregationLengthV6'],
  ] as const) {
    const entry = shape[family];
    const length = advertisement[field];
    if (entry === undefined || length >= entry.length) continue;
    const message = `${length} announces more than the pool "${shape.name}" has: the largest block in ${formatRange(entry.range)} is a /${entry.length}, so it must be ${entry.length} or more`;
    faults.push({ field, message });
  }
  const [echoPeer] = echoPeers;
  if (shape.ipv6 !== undefined && echoPeer !== undefined) {
    const message = `the pool "${shape.name}" has IPv6 addresses, and the BGPPeer "${echoPeer}" is watched by BFD in echo mode, which is for IPv4 only`;
    faults.push({ field: 'peers', message });
  }
  return faults;
}

/**
 * Whether both announce one route of the pool with different local preferences to one peer. Where Services are selected
 * that depends on the Service, and is not asked here.
 */
export function wantOtherLocalPref(
  a: BgpAdvertisement,
  b: BgpAdvertisement,
  shape: PoolShape,
  nodes: readonly LabelledNode[] | undefined,
): boolean {
  if (a.serviceSelectors.length > 0 || b.serviceSelectors.length > 0) return false;
  const families = (['ipv4', 'ipv6'] as const).filter((family) => shape[family] !== undefined);
  return localPrefsConflict(a, b, families) && canMeet(a.nodeSelectors, b.nodeSelectors, nodes);
}
