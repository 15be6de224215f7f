/**
 * Keeps Calico's list of blocks in step with the pools, where Calico advertises what the controller gives out. Pure.
 *
 *     pools ─▶ wanted CIDRs ─┐
 *     blocks as they are ────┼─▶ planBlocks ─▶ blocks as they are to be, and which of them are ours
 *     the record of ours ────┘
 *
 * Only entries that the record names are ever taken out. An entry of somebody else stays where and as it is, also where
 * it is the very CIDR of a pool; a CIDR that such an entry covers is not added: it is advertised already.
 */
import type { CalicoBgpConfiguration, CalicoBlock } from '../../model/calico.ts';
import type { Pool } from '../../model/config.ts';
import { type IpPrefix, parseIpPrefix } from '../../model/ip-prefix.ts';
import { prefixRange, rangePrefixes, rangeWithin } from '../../model/range.ts';
import { recordedBlocks } from './block-record.ts';

export interface BlockPlan {
  /** The whole list: what stays in its order, then what is new. */
  readonly blocks: readonly CalicoBlock[];
  /** Which of them are ours, in the order of the pools. */
  readonly ours: readonly IpPrefix[];
  readonly added: readonly IpPrefix[];
  readonly removed: readonly IpPrefix[];
  /** Whether the list, or the record of ours, is to be written. */
  readonly isChange: boolean;
}

/**
 * The CIDRs of the pools: whole pools, because a route to a block serves every address that will be given out of it. What
 * pools leave out (excludeAddresses, avoidBuggyIPs, drain) is about giving out and changes nothing here.
 */
export function wantedBlocks(pools: readonly Pool[]): readonly IpPrefix[] {
  return Array.from(new Set(pools.flatMap(({ ranges }) => ranges.flatMap(rangePrefixes))));
}

/** `current` undefined: there is no such object. */
export function planBlocks(current: CalicoBgpConfiguration | undefined, wanted: readonly IpPrefix[]): BlockPlan {
  const blocks = current?.blocks ?? [];
  const recorded = recordedBlocks(current?.annotations ?? {});
  const own = ownEntries(blocks, recorded);
  const foreign = blocks.filter((_, index) => !own.has(index)).flatMap(({ cidr }) => parsed(cidr));
  const isOurs = new Set(own.values());
  const added = wanted.filter((prefix) => !isOurs.has(prefix) && !isCovered(prefix, foreign));
  const ours = wanted.filter((prefix) => isOurs.has(prefix) || added.includes(prefix));
  const kept = new Set(ours);
  const staying = blocks.filter((_, index) => {
    const prefix = own.get(index);
    return prefix === undefined || kept.has(prefix);
  });
  return {
    blocks: [...staying, ...added.map((cidr) => ({ cidr }))],
    ours,
    added,
    removed: Array.from(isOurs).filter((prefix) => !kept.has(prefix)),
    isChange: staying.length < blocks.length || added.length > 0 || ours.join() !== recorded.join(),
  };
}

/** Which entries are ours, by their index. Of two that say the same, one is somebody else's: the later is taken for ours. */
function ownEntries(blocks: readonly CalicoBlock[], recorded: readonly IpPrefix[]): ReadonlyMap<number, IpPrefix> {
  const prefixes = blocks.map(({ cidr }) => parsed(cidr)[0]);
  return new Map(
    recorded.flatMap((prefix) => {
      const index = prefixes.lastIndexOf(prefix);
      return index < 0 ? [] : [[index, prefix] as const];
    }),
  );
}

/** The first of the blocks that covers the whole prefix. */
export function coveringBlock(prefix: IpPrefix, blocks: readonly CalicoBlock[]): CalicoBlock | undefined {
  return blocks.find(({ cidr }) => isCovered(prefix, parsed(cidr)));
}

function isCovered(prefix: IpPrefix, others: readonly IpPrefix[]): boolean {
  return others.some((other) => rangeWithin(prefixRange(prefix), prefixRange(other)));
}

function parsed(cidr: string): readonly IpPrefix[] {
  const prefix = parseIpPrefix(cidr);
  return prefix.ok ? [prefix.value] : [];
}
