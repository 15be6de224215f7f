/**
 * Deals the addresses out: whoever holds one and may keep it, keeps it; the others go where there is least. Then, where it
 * is allowed and nothing else is under way, one address of an owner that works is moved to a better place.
 *
 * What is kept counts before anything new is placed, so an owner's addresses do not depend on what else is placed.
 */
import type { Sha256Hex } from '../../model/platform.ts';
import { planHandBack } from './hand-back.ts';
import type { Layer2Facts } from './layer2-facts.ts';
import { type Contender, Spread } from './spread.ts';

/** Why an address has the owner it has. */
export type OwnerReason =
  /** It holds the address already. */
  | 'holder'
  /** Nobody held it, and this is the candidate with the fewest addresses. */
  | 'least-loaded'
  /** Nobody held it, and the advertisements prefer this node to others. */
  | 'preferred'
  /** Another node holds it and works; it moves to a better place. */
  | 'hand-back'
  /** MetalLB's order of hashes. */
  | 'hash';

export interface Choice {
  /** The node's place in the roster. */
  readonly owner: number;
  readonly why: OwnerReason;
}

export interface DealingRules {
  /** Names of the roster's nodes. */
  readonly names: readonly string[];
  readonly handBack: Layer2Facts['handBack'];
  readonly sha256Hex: Sha256Hex;
}

/** One answer a contender, in their order, which must be the addresses'. Undefined: there is no candidate. */
export function dealOut(
  contenders: readonly Contender[],
  { names, handBack, sha256Hex }: DealingRules,
): readonly (Choice | undefined)[] {
  const spread = new Spread(names, sha256Hex);
  const choices: (Choice | undefined)[] = [];
  const pending: number[] = [];
  for (const [index, contender] of contenders.entries()) {
    const holder = keeper(contender);
    if (holder === undefined) pending.push(index);
    else {
      spread.take(contender, holder);
      choices[index] = { owner: holder, why: 'holder' };
    }
  }
  for (const index of groupsFirst(pending, contenders)) {
    const contender = contenders[index];
    if (contender === undefined) continue;
    const { preferred, candidates } = contender.eligibility;
    const owner = spread.choose(contender, preferred);
    if (owner === undefined) continue;
    spread.take(contender, owner);
    choices[index] = { owner, why: preferred.length < candidates.length ? 'preferred' : 'least-loaded' };
  }
  if (handBack === 'allowed') moveOne(contenders, choices, spread);
  return contenders.map((_, index) => choices[index]);
}

/** The holder, where it is a candidate; or about to leave and nobody else could take over. */
function keeper({ holder, eligibility: { standings, candidates } }: Contender): number | undefined {
  if (holder === undefined) return undefined;
  const standing = standings[holder];
  return standing === 'candidate' || (standing === 'leaving' && candidates.length === 0) ? holder : undefined;
}

/** Those that want different nodes first, each group's together, while there is room; the rest evens the loads out. */
function groupsFirst(pending: readonly number[], contenders: readonly Contender[]): readonly number[] {
  const groupOf = (index: number) => contenders[index]?.groups[0] ?? Number.MAX_SAFE_INTEGER;
  return [...pending].sort((a, b) => groupOf(a) - groupOf(b) || a - b);
}

/** None while any address is on its way: a move ends before the next begins. */
function moveOne(contenders: readonly Contender[], choices: (Choice | undefined)[], spread: Spread): void {
  const owners: number[] = [];
  for (const [index, choice] of choices.entries()) {
    if (choice === undefined) continue;
    if (choice.owner !== contenders[index]?.holder) return;
    owners[index] = choice.owner;
  }
  const move = planHandBack(contenders, owners, spread);
  if (move !== undefined) choices[move.index] = { owner: move.to, why: 'hand-back' };
}
