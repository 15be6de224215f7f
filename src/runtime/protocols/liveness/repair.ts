/**
 * Brings what speakers know of each other to the same state when messages were lost. Every status carries a digest of all
 * that its sender knows; if digests stay different, the two exchange summaries and then whatever the other lacks.
 *
 *     digests differ ──▶ summary ?  ──────────▶  compares row by row
 *                        takes over ◀── summary ─┘ what it knows better
 *                        pull ─────────────────▶
 *                        whole list ◀── parts ───┘ those that got lost are pulled again
 */
import type { Ip } from '../../model/ip.ts';
import { after, type Instant } from '../../model/time.ts';
import type { ClaimBook } from './claim-book.ts';
import { MAX_PULLED_PARTS, MAX_SUMMARY_ROWS } from './codec.ts';
import type { BootId, ClaimGroup, Message, NodeId, Status, SummaryRow } from './messages.ts';
import type { Peer } from './peer.ts';
import { MISMATCH_MS, PULL_MS, PULLS, SUMMARY_CEILING_MS, SUMMARY_MS } from './timings.ts';

/** Who exchanges summaries with whom, and how often. */
interface Comparison {
  readonly since: Instant;
  nextAt: Instant;
  everyMs: number;
}

/** A list that is on its way here. */
interface Assembly {
  /** Who has it. */
  from: string;
  /** At least this version is wanted. */
  wanted: number;
  /** Of the parts that came; 0: none yet. */
  version: number;
  total: number;
  parts: Map<number, readonly ClaimGroup[]>;
  nextAt: Instant;
  pullsLeft: number;
}

export class Repair {
  readonly #book: ClaimBook;
  readonly #send: (to: string, message: Message) => void;
  readonly #comparisons = new Map<string, Comparison>();
  /** By the node whose list it is. */
  readonly #assemblies = new Map<string, Assembly>();

  constructor(book: ClaimBook, send: (to: string, message: Message) => void) {
    this.#book = book;
    this.#send = send;
  }

  /** A status came; `digest` is this speaker's own at the moment. */
  compare(peer: Peer, status: Status, digest: number, now: Instant): void {
    if (status.version > this.#book.version(peer.node))
      this.want(peer, { from: peer.node, version: status.version }, after(now, PULL_MS));
    if (status.digest === digest) this.#comparisons.delete(peer.node);
    else if (!this.#comparisons.has(peer.node)) {
      this.#comparisons.set(peer.node, { since: now, nextAt: after(now, MISMATCH_MS), everyMs: SUMMARY_MS });
    }
  }

  /** The speaker's list is to be had from somebody in that version, and is to be asked for from then on. */
  want(peer: Peer, { from, version }: { from: string; version: number }, at: Instant): void {
    const assembly = this.#assemblies.get(peer.node);
    if (assembly !== undefined) assembly.wanted = Math.max(assembly.wanted, version);
    else this.#assemblies.set(peer.node, newAssembly(from, version, at));
  }

  /** What is to be asked again by now. `known` finds a peer by its node, `rows` is what this speaker knows. */
  tick(known: (node: string) => Peer | undefined, rows: () => readonly SummaryRow[], now: Instant): void {
    for (const [node, comparison] of this.#comparisons) {
      if (known(node)?.condition !== 'alive') this.#comparisons.delete(node);
      else if (now >= comparison.nextAt) {
        comparison.nextAt = after(now, comparison.everyMs);
        comparison.everyMs = Math.min(SUMMARY_CEILING_MS, comparison.everyMs * 2);
        this.tell(node, 'question', rows());
      }
    }
    for (const [node, assembly] of this.#assemblies) {
      const peer = known(node);
      if (peer === undefined || assembly.pullsLeft === 0 || this.#book.version(node) >= assembly.wanted) {
        this.#assemblies.delete(node);
      } else if (now >= assembly.nextAt) {
        assembly.nextAt = after(now, PULL_MS);
        assembly.pullsLeft -= 1;
        this.#pull(peer, assembly);
      }
    }
  }

  /** Something new was learnt: the pace of comparing begins anew. */
  learnt(now: Instant): void {
    for (const comparison of this.#comparisons.values()) {
      comparison.everyMs = SUMMARY_MS;
      comparison.nextAt = Math.min(comparison.nextAt, after(now, SUMMARY_MS)) as Instant;
    }
  }

  tell(to: string, purpose: 'question' | 'answer', rows: readonly SummaryRow[]): void {
    for (let start = 0; start < rows.length; start += MAX_SUMMARY_ROWS) {
      this.#send(to, { kind: 'summary', purpose, rows: rows.slice(start, start + MAX_SUMMARY_ROWS) });
    }
  }

  /** Answers a pull, if the list is known here in that version or a newer one. */
  serve(to: string, node: string, pull: { boot: BootId; id: NodeId; version: number; parts: readonly number[] }): void {
    const version = this.#book.version(node);
    if (version < pull.version) return;
    const all = this.#book.parts(node);
    const named = version === pull.version && pull.parts.length > 0;
    // No more at once than one pull can name; what is missing is pulled next.
    for (const index of named ? pull.parts : [...all.keys()].slice(0, MAX_PULLED_PARTS)) {
      const claims = all[index];
      if (claims === undefined) continue;
      const [{ boot, id }, total] = [pull, all.length];
      this.#send(to, { kind: 'list', node: id, boot, version, index, total, claims });
    }
  }

  /** A part of a list came. With the last one, the addresses that it says something new of. */
  receive(peer: Peer, from: string, part: Extract<Message, { kind: 'list' }>, now: Instant): readonly Ip[] {
    if (part.version <= this.#book.version(peer.node)) return [];
    let assembly = this.#assemblies.get(peer.node);
    // What nobody asked for is not collected.
    if (assembly === undefined || part.version < assembly.version) return [];
    if (part.version > assembly.version || part.total !== assembly.total) {
      const { version, total } = part;
      const wanted = Math.max(assembly.wanted, version);
      assembly = { ...newAssembly(from, wanted, after(now, PULL_MS)), version, total };
      this.#assemblies.set(peer.node, assembly);
    }
    assembly.parts.set(part.index, part.claims);
    if (assembly.parts.size < assembly.total) return [];
    this.#assemblies.delete(peer.node);
    return this.#book.replace(peer.node, part.version, [...assembly.parts.values()].flat());
  }

  forget(node: string): void {
    this.#comparisons.delete(node);
    this.#assemblies.delete(node);
  }

  #pull(peer: Peer, assembly: Assembly): void {
    const missing: number[] = [];
    for (let part = 0; part < assembly.total && missing.length < MAX_PULLED_PARTS; part++) {
      if (!assembly.parts.has(part)) missing.push(part);
    }
    const version = assembly.total === 0 ? this.#book.version(peer.node) + 1 : assembly.version;
    this.#send(assembly.from, { kind: 'pull', node: peer.id, boot: peer.boot, version, parts: missing });
  }
}

function newAssembly(from: string, wanted: number, nextAt: Instant): Assembly {
  return { from, wanted, version: 0, total: 0, parts: new Map(), nextAt, pullsLeft: PULLS };
}
