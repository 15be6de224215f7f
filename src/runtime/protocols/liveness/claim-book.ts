/**
 * Who claims which address, as far as this speaker has heard: one list a speaker, which only that speaker changes, step
 * by step, each step a version. Whose claims count at the moment is asked of the caller: those of the dead are kept, lest
 * an epoch be given twice, but own nothing.
 *
 *     own list ──claim, release──▶ steps to send        others' lists ◀──step, replace── what they sent
 *                      └────────── owner(ip) ──────────┘
 */
import type { Claim } from '../../model/claim.ts';
import type { Ip } from '../../model/ip.ts';
import { compareText } from '../../model/text-order.ts';
import { splitClaims, splitIps } from './codec.ts';
import { type ClaimGroup, MAX_MESSAGE_BYTES } from './messages.ts';

/** A change of a list from the version before to this one. It fits one message. */
export interface ClaimStep {
  readonly version: number;
  readonly claimed: readonly ClaimGroup[];
  readonly released: readonly Ip[];
}

interface ClaimList {
  version: number;
  readonly epochs: Map<Ip, number>;
}

/** Room for the fields around the addresses: version, kind, version of the list, two counts. */
const STEP_BYTES = MAX_MESSAGE_BYTES - 8;
/** The same for a part of a list. */
const PART_BYTES = MAX_MESSAGE_BYTES - 27;
/** Epochs are six bytes wide; nobody gets near. */
const LAST_EPOCH = 2 ** 48 - 1;
/** Of one speaker: far more than a node can answer for. What somebody claims beyond that is not kept. */
export const MOST_CLAIMS = 131_072;

/** Whether claim `a` is stronger than `b`: the higher epoch, of two alike the lower node name. */
export function outranks(a: Omit<Claim, 'ip'>, b: Omit<Claim, 'ip'>): boolean {
  return a.epoch > b.epoch || (a.epoch === b.epoch && compareText(a.node, b.node) < 0);
}

export class ClaimBook {
  readonly #self: string;
  readonly #counts: (node: string) => boolean;
  readonly #lists = new Map<string, ClaimList>();
  /** The same, the other way round: who claims an address, and with what epoch. */
  readonly #claimants = new Map<Ip, Map<string, number>>();
  /** Claims that somebody else told of, until their node's own list tells of the address. */
  readonly #hearsay = new Map<Ip, Claim>();
  #highestEpoch = 0;

  /** `counts`: whether a speaker's claims count now; this one's own always do. */
  constructor(self: string, counts: (node: string) => boolean) {
    this.#self = self;
    this.#counts = (node) => node === self || counts(node);
    this.#lists.set(self, { version: 0, epochs: new Map() });
  }

  /** The highest epoch ever heard of. */
  get epoch(): number {
    return this.#highestEpoch;
  }

  /** Somebody has heard of this epoch: the next one here is higher. */
  heardOf(epoch: number): void {
    if (epoch > this.#highestEpoch) this.#highestEpoch = epoch;
  }

  /** Takes the addresses that this speaker does not own by its own claim already, all with one new epoch. */
  claim(ips: readonly Ip[]): ClaimStep[] {
    const wanted = [...new Set(ips)].filter((ip) => this.owner(ip)?.node !== this.#self);
    if (wanted.length === 0) return [];
    this.#highestEpoch = Math.min(LAST_EPOCH, this.#highestEpoch + 1);
    const parts = splitClaims([{ epoch: this.#highestEpoch, ips: wanted }], STEP_BYTES);
    return parts.map((claimed) => this.#takeOwnStep({ claimed, released: [] }));
  }

  /** Gives up what this speaker claims of the addresses. */
  release(ips: readonly Ip[]): ClaimStep[] {
    const held = [...new Set(ips)].filter((ip) => this.ownEpoch(ip) !== undefined);
    return splitIps(held, STEP_BYTES).map((released) => this.#takeOwnStep({ claimed: [], released }));
  }

  /**
   * A third speaker's word that a node claims an address. It counts until that node's own list says something of it: who
   * has just yielded to a claim must not find the address without an owner because the list is still on its way.
   */
  heardSay(claim: Claim): void {
    this.heardOf(claim.epoch);
    if (claim.node === this.#self || (this.#lists.get(claim.node)?.epochs.get(claim.ip) ?? -1) >= claim.epoch) return;
    const known = this.#hearsay.get(claim.ip);
    if (known === undefined || outranks(claim, known)) this.#hearsay.set(claim.ip, claim);
  }

  /** The epoch with which this speaker claims the address; undefined: it does not. */
  ownEpoch(ip: Ip): number | undefined {
    return this.#lists.get(this.#self)?.epochs.get(ip);
  }

  /** The version of what is known of the speaker's list; 0: nothing, which is how every list begins. */
  version(node: string): number {
    return this.#lists.get(node)?.version ?? 0;
  }

  /** Another's step. 'gap': steps before it are missing. Else the addresses that it is about; none when it is known. */
  step(node: string, { version, claimed, released }: ClaimStep): readonly Ip[] | 'gap' {
    const have = this.version(node);
    if (version <= have) return [];
    if (version !== have + 1) return 'gap';
    this.#take(node, { version, claimed, released });
    return [...claimed.flatMap(({ ips }) => ips), ...released];
  }

  /** Another's whole list. Returns the addresses about which it says something new. */
  replace(node: string, version: number, groups: readonly ClaimGroup[]): readonly Ip[] {
    if (version <= this.version(node)) return [];
    const before = new Map(this.#lists.get(node)?.epochs);
    const claimed: ClaimGroup[] = [];
    for (const { epoch, ips } of groups) {
      claimed.push({ epoch, ips: ips.filter((ip) => before.get(ip) !== epoch) });
      for (const ip of ips) before.delete(ip);
    }
    const released = [...before.keys()];
    this.#take(node, { version, claimed, released });
    return [...claimed.flatMap(({ ips }) => ips), ...released, ...this.#forgetHearsayOf(node)];
  }

  /** Forgets the list: another process begins a new one. Returns what was in it. */
  forget(node: string): readonly Ip[] {
    const ips = this.addresses(node);
    for (const ip of ips) this.#unlist(node, ip);
    this.#lists.delete(node);
    return [...ips, ...this.#forgetHearsayOf(node)];
  }

  /** What the speaker claims, as far as is known, whether it counts or not. */
  addresses(node: string): readonly Ip[] {
    return [...(this.#lists.get(node)?.epochs.keys() ?? [])];
  }

  /** The speaker's list in parts of which each fits a message: the same for all who know the same version. */
  parts(node: string): ClaimGroup[][] {
    const byEpoch = new Map<number, Ip[]>();
    for (const [ip, epoch] of this.#lists.get(node)?.epochs ?? []) {
      const ips = byEpoch.get(epoch);
      if (ips === undefined) byEpoch.set(epoch, [ip]);
      else ips.push(ip);
    }
    const groups = [...byEpoch]
      .sort(([a], [b]) => a - b)
      .map(([epoch, ips]) => ({ epoch, ips: ips.sort(compareText) }));
    return splitClaims(groups, PART_BYTES);
  }

  /** Whose claim is the strongest of those that count; undefined: nobody's. */
  owner(ip: Ip): Claim | undefined {
    let best: Claim | undefined;
    for (const [node, epoch] of this.#claimants.get(ip) ?? []) {
      if (this.#counts(node) && (best === undefined || outranks({ node, epoch }, best))) best = { ip, node, epoch };
    }
    const told = this.#hearsay.get(ip);
    if (told !== undefined && this.#counts(told.node) && (best === undefined || outranks(told, best))) return told;
    return best;
  }

  /** All claims that count. */
  claims(): Claim[] {
    const claims: Claim[] = [];
    for (const [node, { epochs }] of this.#lists) {
      if (!this.#counts(node)) continue;
      for (const [ip, epoch] of epochs) claims.push({ ip, node, epoch });
    }
    for (const claim of this.#hearsay.values()) if (this.#counts(claim.node)) claims.push(claim);
    return claims;
  }

  #forgetHearsayOf(node: string): readonly Ip[] {
    const ips = [...this.#hearsay.values()].filter((claim) => claim.node === node).map(({ ip }) => ip);
    for (const ip of ips) this.#hearsay.delete(ip);
    return ips;
  }

  #takeOwnStep(change: Omit<ClaimStep, 'version'>): ClaimStep {
    const step = { version: this.version(this.#self) + 1, ...change };
    this.#take(this.#self, step);
    return step;
  }

  #take(node: string, { version, claimed, released }: ClaimStep): void {
    let list = this.#lists.get(node);
    if (list === undefined) {
      list = { version: 0, epochs: new Map() };
      this.#lists.set(node, list);
    }
    list.version = version;
    for (const ip of [...released, ...claimed.flatMap(({ ips }) => ips)]) {
      if (this.#hearsay.get(ip)?.node === node) this.#hearsay.delete(ip);
    }
    for (const ip of released) this.#unlist(node, ip);
    for (const { epoch, ips } of claimed) {
      this.heardOf(epoch);
      for (const ip of ips) {
        if (list.epochs.size >= MOST_CLAIMS && !list.epochs.has(ip)) continue;
        list.epochs.set(ip, epoch);
        const claimants = this.#claimants.get(ip);
        if (claimants === undefined) this.#claimants.set(ip, new Map([[node, epoch]]));
        else claimants.set(node, epoch);
      }
    }
  }

  #unlist(node: string, ip: Ip): void {
    this.#lists.get(node)?.epochs.delete(ip);
    const claimants = this.#claimants.get(ip);
    claimants?.delete(node);
    if (claimants?.size === 0) this.#claimants.delete(ip);
  }
}
