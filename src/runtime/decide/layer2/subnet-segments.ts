/**
 * Cuts the address space where any of the given ranges begins or ends. Addresses of one segment lie in the same
 * ranges, so what depends on the ranges that hold an address is worked out once a segment, not once an address.
 *
 *     ranges        ├─── 10.0.0.0/16 ───┤
 *                        ├ /24 ┤
 *     segments   0  │ 1  │  2  │   3    │  4
 */
import { type Ip, type IpFamily, ipFamily, ipValue } from '../../model/ip.ts';
import type { AddressRange } from '../../model/range.ts';

/** Equal for two addresses exactly when no range's edge lies between them. */
export type Segment = string;

export class SubnetSegments {
  readonly #edges: Readonly<Record<IpFamily, readonly bigint[]>>;

  constructor(ranges: readonly AddressRange[]) {
    this.#edges = { ipv4: edgesOf(ranges, 'ipv4'), ipv6: edgesOf(ranges, 'ipv6') };
  }

  of(ip: Ip): Segment {
    const family = ipFamily(ip);
    const edges = this.#edges[family];
    const value = ipValue(ip);
    let low = 0;
    let high = edges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((edges[middle] ?? 0n) <= value) low = middle + 1;
      else high = middle;
    }
    return `${family}/${low}`;
  }
}

/** Where segments begin, in order. */
function edgesOf(ranges: readonly AddressRange[], family: IpFamily): readonly bigint[] {
  const edges = new Set<bigint>();
  for (const range of ranges) {
    if (range.family !== family) continue;
    edges.add(range.first);
    edges.add(range.last + 1n);
  }
  return [...edges].sort((a, b) => (a < b ? -1 : 1));
}
