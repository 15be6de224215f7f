/**
 * What speakers tell each other besides that they live: who claims what, and who is alive in which incarnation. The half
 * of the machine that brings all to the same knowledge; whoever is dead, and what follows from that, is liveness.ts's.
 *
 *     claim, release ─▶ own list ─▶ change ─▶ all          status: digests differ ─▶ summary ─▶ pull ─▶ list (repair.ts)
 *     change, list, owners ─▶ the book ─▶ claims-changed, overtaken: stronger claims make this speaker give up its own
 *
 * Implements: docs/liveness-protocol.md §6.4, §7
 */
import type { Claim } from '../../model/claim.ts';
import type { Ip } from '../../model/ip.ts';
import { assertNever } from '../../model/result.ts';
import type { Instant } from '../../model/time.ts';
import { ClaimBook, type ClaimStep, outranks } from './claim-book.ts';
import { splitClaims } from './codec.ts';
import type { LivenessOutput } from './interface.ts';
import { type BootId, MAX_MESSAGE_BYTES, type Message, type Status, type SummaryRow } from './messages.ts';
import type { Peer } from './peer.ts';
import { Repair } from './repair.ts';
import type { Roster } from './roster.ts';
import { HEARTBEAT_MS, PRONOUNCE_MS, REMIND_MS } from './timings.ts';

/** Where it goes, and what the other half makes of what is heard here. */
export interface Listener {
  send(to: readonly string[], message: Message): void;
  broadcast(message: Message, now: Instant): void;
  emit(output: LivenessOutput): void;
  /** Others heard a later incarnation of somebody who counts as dead here. */
  livesAgain(peer: Peer, now: Instant): void;
  /** Somebody knows, from others, that it is dead. */
  saidDead(from: Peer, peer: Peer, now: Instant): void;
  /** Somebody takes this speaker, in that incarnation, for dead. */
  tookForDead(incarnation: number, now: Instant): void;
}

/** The messages that are this half's. */
export type ExchangeMessage = Extract<Message, { kind: 'change' | 'list' | 'pull' | 'summary' | 'owners' }>;

/** What this speaker's own status has from here. */
export type KnowledgeStatus = Pick<Status, 'incarnation' | 'epoch' | 'version' | 'digest'>;

/** Four bytes wide; only malice gets there, and counting from 0 again would make it last. */
const LAST_INCARNATION = 2 ** 32 - 1;

export class Exchange {
  readonly #boot: BootId;
  readonly #roster: Roster;
  readonly #listener: Listener;
  readonly #book: ClaimBook;
  readonly #repair: Repair;
  #incarnation = 0;
  /** Of all that is known; undefined: to be counted anew. */
  #digest: number | undefined;

  constructor(boot: BootId, roster: Roster, listener: Listener) {
    this.#boot = boot;
    this.#roster = roster;
    this.#listener = listener;
    this.#book = new ClaimBook(roster.self.node, (node) => roster.get(node)?.isGone === false);
    this.#repair = new Repair(this.#book, (to, message) => listener.send([to], message));
  }

  // ── what is known ────────────────────────────────────────────────────────────────────────────────────────────────

  claims(): readonly Claim[] {
    return this.#book.claims();
  }

  owner(ip: Ip): Claim | undefined {
    return this.#book.owner(ip);
  }

  /** How many addresses the speaker claims, whether that counts or not. */
  claimCount(node: string): number {
    return this.#book.addresses(node).length;
  }

  /** Of this speaker. */
  get incarnation(): number {
    return this.#incarnation;
  }

  ownStatus(): KnowledgeStatus {
    return {
      incarnation: this.#incarnation,
      epoch: this.#book.epoch,
      version: this.#book.version(this.#roster.self.node),
      digest: this.#ownDigest(),
    };
  }

  // ── what changes here ────────────────────────────────────────────────────────────────────────────────────────────

  claim(ips: readonly Ip[], now: Instant): void {
    this.#publish(this.#book.claim(ips), now);
  }

  release(ips: readonly Ip[], now: Instant): void {
    this.#publish(this.#book.release(ips), now);
  }

  /** A new incarnation, later than the one that somebody took for dead. False: that one is over already, or the last. */
  outlive(incarnation: number): boolean {
    if (incarnation < this.#incarnation || incarnation >= LAST_INCARNATION) return false;
    this.#incarnation = incarnation + 1;
    this.#digest = undefined;
    return true;
  }

  /** There are others than before; nothing of these is kept. */
  replaced(removed: readonly Peer[], now: Instant): void {
    this.#digest = undefined;
    const lost: Ip[] = [];
    for (const { node } of removed) {
      this.#repair.forget(node);
      lost.push(...this.#book.forget(node));
    }
    this.#claimsChanged(lost, now);
  }

  /** It is in a later incarnation than was known: what all know is not as it was. */
  adopt(peer: Peer, incarnation: number): void {
    if (incarnation <= peer.incarnation) return;
    peer.adopt(incarnation);
    this.#digest = undefined;
  }

  /** It has died, or lives again: what it claims counts no more, or from now on. */
  livesOrDied(peer: Peer, now: Instant): void {
    this.#digest = undefined;
    this.#claimsChanged(this.#book.addresses(peer.node), now);
  }

  // ── what comes ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** Somebody, alive or dead, has heard of that epoch. */
  heardOf(epoch: number): void {
    this.#book.heardOf(epoch);
  }

  /** What somebody alive says that it knows. */
  compare(peer: Peer, status: Status, now: Instant): void {
    this.#repair.compare(peer, status, this.#ownDigest(), now);
  }

  receive(peer: Peer, message: ExchangeMessage, now: Instant): void {
    switch (message.kind) {
      case 'change':
        this.#onChange(peer, message, now);
        return;
      case 'list': {
        const about = this.#roster.byId(message.node);
        if (about?.boot !== message.boot) return;
        this.#learnt(this.#repair.receive(about, peer.node, message, now), now);
        return;
      }
      case 'pull':
        this.#onPull(peer, message);
        return;
      case 'summary':
        this.#onSummary(peer, message, now);
        return;
      case 'owners':
        this.#onOwners(message.owners, now);
        return;
      default:
        assertNever(message);
        return;
    }
  }

  /** What is to be asked again by now. */
  tick(now: Instant): void {
    this.#repair.tick(
      (node) => this.#roster.get(node),
      () => this.#rows(),
      now,
    );
  }

  /** Tells somebody who counts as dead that it does, and who has its addresses. */
  pronounce(peer: Peer, now: Instant): void {
    if (peer.pronouncedAt !== undefined && now - peer.pronouncedAt < PRONOUNCE_MS) return;
    peer.pronouncedAt = now;
    this.#tellOwners(peer, now);
    this.#listener.send([peer.node], { kind: 'pronounced', incarnation: peer.incarnation });
  }

  /**
   * Tells it the same without having been asked: where the way to it is open again and the way back is not, it hears, and
   * gives its addresses up before it can be heard. One datagram of them at a time; only its watchers do that.
   */
  callOut(peer: Peer, now: Instant): void {
    if (peer.condition !== 'dead' || !this.#roster.isWatcherOf(peer)) return;
    const messages = this.#ownersOf(peer);
    peer.calledOutAt = now;
    peer.ownersTurn += 1;
    const next = messages[peer.ownersTurn % messages.length];
    if (next !== undefined) this.#listener.send([peer.node], next);
    this.#listener.send([peer.node], { kind: 'pronounced', incarnation: peer.incarnation });
  }

  /** It lives, and was told a while ago that it was dead: if it has not given its addresses up, that may have been lost. */
  remind(peer: Peer, now: Instant): void {
    const toldAt = Math.max(peer.pronouncedAt ?? -Infinity, peer.calledOutAt ?? -Infinity);
    if (now - toldAt >= REMIND_MS) return;
    if (peer.ownersToldAt === undefined || now - peer.ownersToldAt >= HEARTBEAT_MS / 2) this.#tellOwners(peer, now);
  }

  #tellOwners(peer: Peer, now: Instant): void {
    peer.ownersToldAt = now;
    for (const message of this.#ownersOf(peer)) this.#listener.send([peer.node], message);
  }

  /** Of what it claims, as far as is known here, all that others own. */
  #ownersOf(peer: Peer): Message[] {
    const byNode = new Map<string, Map<number, Ip[]>>();
    for (const ip of this.#book.addresses(peer.node)) {
      const owner = this.#book.owner(ip);
      if (owner === undefined || owner.node === peer.node) continue;
      const epochs = byNode.get(owner.node) ?? new Map<number, Ip[]>();
      byNode.set(owner.node, epochs);
      const ips = epochs.get(owner.epoch) ?? [];
      epochs.set(owner.epoch, ips);
      ips.push(ip);
    }
    const { self } = this.#roster;
    return [...byNode].flatMap(([node, epochs]) => {
      const id = node === self.node ? self.id : this.#roster.get(node)?.id;
      if (id === undefined) return [];
      const groups = [...epochs].map(([epoch, ips]) => ({ epoch, ips }));
      return splitClaims(groups, MAX_MESSAGE_BYTES / 2).map((part): Message => {
        return { kind: 'owners', owners: part.map((claims) => ({ node: id, claims })) };
      });
    });
  }

  #onPull(peer: Peer, message: Extract<Message, { kind: 'pull' }>): void {
    const { self } = this.#roster;
    const about = message.node === self.id ? { node: self.node, boot: this.#boot } : this.#roster.byId(message.node);
    if (about?.boot !== message.boot) return;
    this.#repair.serve(peer.node, about.node, { ...message, id: message.node });
  }

  // ── claims ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #publish(steps: readonly ClaimStep[], now: Instant): void {
    this.#digest = undefined;
    for (const step of steps) this.#listener.broadcast({ kind: 'change', ...step }, now);
    this.#claimsChanged(
      steps.flatMap(({ claimed, released }) => [...claimed.flatMap(({ ips }) => ips), ...released]),
      now,
    );
  }

  #onChange(peer: Peer, step: ClaimStep, now: Instant): void {
    const ips = this.#book.step(peer.node, step);
    if (ips !== 'gap') {
      this.#learnt(ips, now);
      return;
    }
    this.#repair.want(peer, { from: peer.node, version: step.version }, now);
  }

  #learnt(ips: readonly Ip[], now: Instant): void {
    if (ips.length === 0) return;
    this.#digest = undefined;
    this.#repair.learnt(now);
    this.#claimsChanged(ips, now);
  }

  /** Says so, and gives up what others have claimed since. */
  #claimsChanged(ips: readonly Ip[], now: Instant): void {
    if (ips.length === 0) return;
    this.#listener.emit({ kind: 'claims-changed', ips });
    const stronger = ips.flatMap((ip) => {
      const owner = this.#book.ownEpoch(ip) === undefined ? undefined : this.#book.owner(ip);
      return owner === undefined || owner.node === this.#roster.self.node ? [] : [owner];
    });
    this.#yieldTo(stronger, now);
  }

  #yieldTo(claims: readonly Claim[], now: Instant): void {
    if (claims.length === 0) return;
    this.#listener.emit({ kind: 'overtaken', claims });
    this.#publish(this.#book.release(claims.map(({ ip }) => ip)), now);
  }

  #onOwners(owners: Extract<Message, { kind: 'owners' }>['owners'], now: Instant): void {
    const stronger: Claim[] = [];
    for (const { node: id, claims } of owners) {
      const node = this.#roster.byId(id)?.node;
      if (node === undefined) continue;
      for (const ip of claims.ips) {
        const own = this.#book.ownEpoch(ip);
        // Who does not claim it loses nothing by it, and would keep whatever anybody says.
        if (own === undefined) continue;
        const claim = { ip, node, epoch: claims.epoch };
        this.#book.heardSay(claim);
        if (outranks(claim, { node: this.#roster.self.node, epoch: own })) stronger.push(claim);
      }
    }
    this.#yieldTo(stronger, now);
  }

  // ── what all know ────────────────────────────────────────────────────────────────────────────────────────────────

  #onSummary(from: Peer, summary: Extract<Message, { kind: 'summary' }>, now: Instant): void {
    const better: SummaryRow[] = [];
    for (const row of summary.rows) {
      if (row.node === this.#roster.self.id) {
        if (this.#isOutdated(row, now)) better.push(this.#ownRow());
        continue;
      }
      const peer = this.#roster.byId(row.node);
      if (peer?.boot !== row.boot || peer === from) continue;
      this.#compareRow(from, peer, row, now);
      const version = this.#book.version(peer.node);
      const isDeader = peer.isGone && !row.dead && row.incarnation === peer.incarnation;
      if (version > row.version || peer.incarnation > row.incarnation || isDeader) better.push(this.#rowOf(peer));
    }
    if (summary.purpose === 'question') this.#repair.tell(from.node, 'answer', better);
  }

  /** What somebody says of this speaker itself. */
  #isOutdated(row: SummaryRow, now: Instant): boolean {
    if (row.boot !== this.#boot) return false;
    if (row.dead) this.#listener.tookForDead(row.incarnation, now);
    return row.incarnation < this.#incarnation || row.version < this.#book.version(this.#roster.self.node);
  }

  #compareRow(from: Peer, peer: Peer, row: SummaryRow, now: Instant): void {
    if (row.version > this.#book.version(peer.node))
      this.#repair.want(peer, { from: from.node, version: row.version }, now);
    if (row.incarnation < peer.incarnation) return;
    const isNewer = row.incarnation > peer.incarnation;
    if (isNewer) {
      this.adopt(peer, row.incarnation);
      // Others heard it say so.
      if (!row.dead && peer.isGone) this.#listener.livesAgain(peer, now);
    }
    if (!row.dead || peer.isGone || from.isGone) return;
    // It may not know yet that somebody took it for dead. If it does not answer, it is.
    this.#listener.send([peer.node], { kind: 'pronounced', incarnation: row.incarnation });
    this.#listener.saidDead(from, peer, now);
  }

  #rows(): SummaryRow[] {
    return [this.#ownRow(), ...this.#roster.all().map((peer) => this.#rowOf(peer))];
  }

  #ownRow(): SummaryRow {
    const { id, node } = this.#roster.self;
    const version = this.#book.version(node);
    return { node: id, boot: this.#boot, incarnation: this.#incarnation, version, dead: false };
  }

  #rowOf(peer: Peer): SummaryRow {
    return { ...peer.subject, version: this.#book.version(peer.node), dead: peer.isGone };
  }

  /** The same for all who know the same; who is known of by name alone does not count. */
  #ownDigest(): number {
    if (this.#digest !== undefined) return this.#digest;
    let digest = 0;
    for (const row of this.#rows()) {
      if (row.incarnation === 0 && row.version === 0 && !row.dead) continue;
      digest ^= rowDigest(row);
    }
    this.#digest = digest >>> 0;
    return this.#digest;
  }
}

/** One speaker's part of the digest. Guards against loss, not against malice: the envelope does that. */
function rowDigest({ node, boot, incarnation, version, dead }: SummaryRow): number {
  const words = [Number.parseInt(node.slice(0, 8), 16), Number.parseInt(boot.slice(0, 8), 16), incarnation, version];
  let mixed = dead ? 0x9e3779b9 : 0x85ebca6b;
  for (const word of words) {
    mixed = Math.imul(mixed ^ word, 0xc2b2ae35);
    mixed ^= mixed >>> 15;
  }
  return mixed;
}
