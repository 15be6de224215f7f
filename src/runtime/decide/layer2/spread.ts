/**
 * Who owns what while addresses are dealt out: how many each node has, which of them belong together, and which node
 * is to be given the next. Nodes are known by their places in the roster.
 *
 * The addresses of one Service form a group that wants to be on different nodes. That comes before load, up to one
 * address more than the least loaded node has, so that neither wish can drive the other out.
 */
import type { Ip } from '../../model/ip.ts';
import type { Sha256Hex } from '../../model/platform.ts';
import type { Eligibility } from './eligibility.ts';

/** An address that some node may own. */
export interface Contender {
  readonly ip: Ip;
  readonly eligibility: Eligibility;
  /** The node that the claims name. Undefined: none, or one that the cluster does not know. */
  readonly holder: number | undefined;
  /** Numbers of the groups it belongs to; those of a single address are left out. */
  readonly groups: readonly number[];
}

export class Spread {
  readonly #loads: number[];
  /** By group and node, how many of the group's addresses the node has. */
  readonly #members = new Map<number, Map<number, number>>();
  readonly #names: readonly string[];
  readonly #sha256Hex: Sha256Hex;
  #nodeSeeds: readonly number[] | undefined;

  constructor(names: readonly string[], sha256Hex: Sha256Hex) {
    this.#names = names;
    this.#sha256Hex = sha256Hex;
    this.#loads = names.map(() => 0);
  }

  take({ groups }: Contender, node: number): void {
    this.#loads[node] = this.load(node) + 1;
    for (const group of groups) {
      const members = this.#members.get(group) ?? new Map<number, number>();
      members.set(node, (members.get(node) ?? 0) + 1);
      this.#members.set(group, members);
    }
  }

  load(node: number): number {
    return this.#loads[node] ?? 0;
  }

  leastLoad(nodes: readonly number[]): number {
    let least = Number.POSITIVE_INFINITY;
    for (const node of nodes) least = Math.min(least, this.load(node));
    return least;
  }

  /** How many addresses of its groups the node has; itself counts as well where the node has it. */
  siblings({ groups }: Contender, node: number): number {
    let count = 0;
    for (const group of groups) count += this.#members.get(group)?.get(node) ?? 0;
    return count;
  }

  /**
   * The node that the address should go to if it went now: of those given, and not more than one above the least loaded
   * of them, the one with the fewest siblings, then with the least load. Undefined: none was given.
   */
  choose(contender: Contender, nodes: readonly number[]): number | undefined {
    const most = this.leastLoad(nodes) + (contender.groups.length === 0 ? 0 : 1);
    let best: { node: number; siblings: number; load: number } | undefined;
    let ranks: ((node: number) => number) | undefined;
    for (const node of nodes) {
      const load = this.load(node);
      if (load > most) continue;
      const siblings = this.siblings(contender, node);
      let order = best === undefined ? -1 : siblings - best.siblings || load - best.load;
      if (order === 0 && best !== undefined) {
        ranks ??= this.#ranksFor(contender.ip);
        // Equal ranks are decided by the roster's order, which is the names'.
        order = ranks(node) - ranks(best.node);
      }
      if (order < 0) best = { node, siblings, load };
    }
    return best?.node;
  }

  /**
   * An order of the nodes of the address's own, so that equals do not always come in the order of their names. One hash
   * a node and one an address, mixed: a hash for each pair would make a node's failure with 5,000 addresses among 100 nodes cost half a second.
   */
  #ranksFor(ip: Ip): (node: number) => number {
    this.#nodeSeeds ??= this.#names.map((name) => this.#seed(name));
    const nodeSeeds = this.#nodeSeeds;
    const own = this.#seed(ip);
    return (node) => mix((nodeSeeds[node] ?? 0) ^ own);
  }

  #seed(text: string): number {
    return Number.parseInt(this.#sha256Hex(text).slice(0, 8), 16);
  }
}

/** MurmurHash3's finalizer: every bit of the input turns half of the output's. Unsigned, 32 bits. */
function mix(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
