/**
 * The one address that may move although its owner works: to a node that the advertisements prefer more, away from
 * another address of its Service, or from a node with many to one with few, in this order of weight.
 *
 * Each move makes the arrangement better by that order and never worse by an earlier one, so moves come to an end: there
 * is no other arrangement to swing back to.
 */
import type { Contender, Spread } from './spread.ts';

export interface Move {
  /** Place among the contenders. */
  readonly index: number;
  readonly to: number;
}

/** `owners` are the contenders' as dealt out in `spread`. Undefined: nothing is to be gained. */
export function planHandBack(
  contenders: readonly Contender[],
  owners: readonly number[],
  spread: Spread,
): Move | undefined {
  return (
    firstMove(contenders, owners, (contender, owner) => morePreferred(contender, owner, spread)) ??
    firstMove(contenders, owners, (contender, owner) => awayFromSibling(contender, owner, spread)) ??
    evening(contenders, owners, spread)
  );
}

function firstMove(
  contenders: readonly Contender[],
  owners: readonly number[],
  targetOf: (contender: Contender, owner: number) => number | undefined,
): Move | undefined {
  for (const [index, contender] of contenders.entries()) {
    const owner = owners[index];
    const to = owner === undefined ? undefined : targetOf(contender, owner);
    if (to !== undefined) return { index, to };
  }
  return undefined;
}

function morePreferred(contender: Contender, owner: number, spread: Spread): number | undefined {
  return isMostPreferred(contender, owner) ? undefined : spread.choose(contender, contender.eligibility.preferred);
}

function awayFromSibling(contender: Contender, owner: number, spread: Spread): number | undefined {
  if (othersBeside(contender, owner, spread) === 0) return undefined;
  const to = spread.choose(contender, contender.eligibility.preferred);
  return to !== undefined && spread.siblings(contender, to) < othersBeside(contender, owner, spread) ? to : undefined;
}

/** From where the difference is largest; of equals the first. */
function evening(contenders: readonly Contender[], owners: readonly number[], spread: Spread): Move | undefined {
  const leastLoads = new Map<readonly number[], number>();
  let best: Move | undefined;
  // A difference of one is even: moving an address would only turn it round.
  let largest = 1;
  for (const [index, contender] of contenders.entries()) {
    const owner = owners[index];
    if (owner === undefined) continue;
    const { preferred } = contender.eligibility;
    const least = leastLoads.get(preferred) ?? spread.leastLoad(preferred);
    leastLoads.set(preferred, least);
    if (spread.load(owner) - least <= largest) continue;
    const others = othersBeside(contender, owner, spread);
    const targets = preferred.filter(
      (node) => spread.load(owner) - spread.load(node) > largest && spread.siblings(contender, node) <= others,
    );
    const to = spread.choose(contender, targets);
    if (to === undefined) continue;
    best = { index, to };
    largest = spread.load(owner) - spread.load(to);
  }
  return best;
}

function othersBeside(contender: Contender, owner: number, spread: Spread): number {
  return spread.siblings(contender, owner) - contender.groups.length;
}

function isMostPreferred({ eligibility: { preferred, coverage } }: Contender, node: number): boolean {
  const [top] = preferred;
  return top === undefined || coverage[node]?.score === coverage[top]?.score;
}
