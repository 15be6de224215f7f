/**
 * Ranges that are spoken for, by whom; finds an overlap in logarithmic time. Kept in small sorted blocks, because adding
 * to one long sorted list moves half of it: with 100,000 ranges in random order that is what takes the time.
 */
import type { IpFamily } from '../../model/ip.ts';
import type { AddressRange } from '../../model/range.ts';

export interface Claim {
  readonly range: AddressRange;
  /** For messages: 'pool "a"'. */
  readonly owner: string;
}

/** A block that grows beyond this is split in two. */
const BLOCK_SIZE = 256;

export class ClaimedRanges {
  /** Blocks, and claims in each, ordered by first address; never two that overlap. */
  readonly #blocks: Readonly<Record<IpFamily, Claim[][]>> = { ipv4: [], ipv6: [] };

  /** A claim that shares an address with the range, if any does. */
  overlapping(range: AddressRange): Claim | undefined {
    const block = this.#blocks[range.family][this.#indexAt(range.family, range.last)] ?? [];
    // Claims do not overlap, so only the last one that begins at or before the range's end can reach into it.
    const candidate = block[countUpTo(block, (claim) => claim.range.first, range.last) - 1];
    return candidate !== undefined && candidate.range.last >= range.first ? candidate : undefined;
  }

  /** The range must not overlap any claim. */
  add(claim: Claim): void {
    const { family, first } = claim.range;
    const blocks = this.#blocks[family];
    if (blocks.length === 0) blocks.push([]);
    // What comes before every claim goes into the first block.
    const index = Math.max(0, this.#indexAt(family, first));
    const block = blocks[index] ?? [];
    block.splice(
      countUpTo(block, ({ range }) => range.first, first),
      0,
      claim,
    );
    if (block.length > BLOCK_SIZE) blocks.splice(index + 1, 0, block.splice(BLOCK_SIZE / 2));
  }

  /** Index of the last block that begins at or before the value; -1: none does. */
  #indexAt(family: IpFamily, value: bigint): number {
    return countUpTo(this.#blocks[family], (block) => block[0]?.range.first ?? 0n, value) - 1;
  }
}

/** How many of the items begin at or before the value; they are ordered by where they begin. */
function countUpTo<T>(items: readonly T[], beginning: (item: T) => bigint, value: bigint): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const item = items[middle];
    if (item !== undefined && beginning(item) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
