/**
 * The speakers' failure detector, and who of them announces what: a machine without clock, socket or random numbers.
 * docs/liveness-protocol.md tells it whole.
 *
 *   of another speaker:
 *                     first datagram              two witnesses, or its goodbye
 *        unheard ─────────────────────▶ alive ───────────────────────────────────▶ dead, left
 *                                         ▲                                          │
 *                                         └── its next incarnation: told that it is ─┘
 *                                             dead, it says that it is not
 *
 * Use: carry out what `handle` returns, in order, and call again with 'timer' at `deadline()`, after the socket was read.
 * Implements: docs/liveness-protocol.md
 */
import type { Claim } from '../../model/claim.ts';
import type { Ip } from '../../model/ip.ts';
import { assertNever } from '../../model/result.ts';
import { after, type Instant } from '../../model/time.ts';
import { ClaimBook, type ClaimStep, outranks } from './claim-book.ts';
import { decodeMessage, splitClaims } from './codec.ts';
import type {
  LivenessInput,
  LivenessOptions,
  LivenessOutput,
  LivenessSnapshot,
  PeerIdentity,
  PeerReason,
  PeerState,
} from './interface.ts';
import { type Finding, Judge } from './judge.ts';
import { Lateness } from './lateness.ts';
import { MAX_MESSAGE_BYTES, type Message, type Status, type SummaryRow } from './messages.ts';
import { Outbox } from './outbox.ts';
import type { Peer } from './peer.ts';
import { ProbeBook } from './probe-book.ts';
import { Repair } from './repair.ts';
import { Roster } from './roster.ts';
import {
  CUT_OFF_MS,
  DOUBT_ENDS_MS,
  DOUBT_MS,
  HEARTBEAT_MS,
  HEARTBEAT_SPREAD,
  HELLO_CEILING_MS,
  LATE_MS,
  PRONOUNCE_MS,
  REVIVE_MS,
  ROUND_TRIP_MS,
} from './timings.ts';

export class Liveness {
  readonly #options: LivenessOptions;
  readonly #roster: Roster;
  readonly #judge: Judge;
  readonly #book: ClaimBook;
  readonly #repair: Repair;
  readonly #outbox = new Outbox();
  readonly #probes = new ProbeBook();
  /** Of the last two seconds, to be told to others. */
  readonly #toldLateness = new Lateness({ holdMs: 2000, halveMs: 200 });
  /** What the caller was last told of each. */
  readonly #told = new Map<string, PeerState>();
  #outputs: LivenessOutput[] = [];
  #incarnation = 0;
  #leaving = false;
  #hasEnded = false;
  #sequence = 0;
  #random: number;
  #heartbeatAt: Instant | undefined;
  /** When this speaker was to be called next: whatever comes later shows how late it is. */
  #promised: Instant | undefined;
  /** Whom the last heartbeat went to. */
  #watchers: readonly string[] = [];
  #roundTripAt = 0;
  #reviveAt = 0;
  #turn = 0;
  /** When anybody was last heard, time slept not counted. */
  #anybodyHeardAt = 0;
  #cutOff = false;
  #doubtUntil: Instant | undefined;
  #digest: number | undefined;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#random = options.seed;
    this.#roster = new Roster(options.node, options.sha256Hex);
    this.#book = new ClaimBook(options.node, (node) => this.#roster.get(node)?.isGone === false);
    this.#repair = new Repair(this.#book, (to, message) => this.#outbox.send([to], message));
    this.#judge = new Judge(this.#roster, {
      probe: (peer, now) => this.#probe(peer, now),
      knock: ({ node }) => this.#outputs.push({ kind: 'knock', node }),
      send: (to, message) => this.#outbox.send(to, message),
      broadcast: (message, now) => this.#outbox.broadcast(this.#roster.nodes(), message, now),
    });
  }

  handle(input: LivenessInput, now: Instant): LivenessOutput[] {
    this.#outputs = [];
    if (this.#promised !== undefined) this.#noteLateness(now - this.#promised, now);
    this.#take(input, now);
    this.#outputs.push(...this.#outbox.drain(now));
    this.#promised = this.#nextDue(now);
    return this.#outputs;
  }

  /** When 'timer' is due; undefined: not before there are other speakers. */
  deadline(): Instant | undefined {
    return this.#promised;
  }

  /** All claims that count now: those of every speaker that is not known to be dead. */
  claims(): readonly Claim[] {
    return this.#book.claims();
  }

  /** Whose claim to the address counts now; undefined: nobody's. */
  owner(ip: Ip): Claim | undefined {
    return this.#book.owner(ip);
  }

  snapshot(now: Instant): LivenessSnapshot {
    return {
      node: this.#options.node,
      incarnation: this.#incarnation,
      epoch: this.#book.epoch,
      leaving: this.#leaving,
      cutOff: this.#cutOff,
      latenessMs: this.#judge.ownLatenessMs(now),
      watchers: this.#roster.watchers().map(({ node }) => node),
      watched: this.#roster.watched().map(({ node }) => node),
      peers: this.#roster.all().map((peer) => ({
        node: peer.node,
        state: this.#told.get(peer.node) ?? 'unknown',
        leaving: peer.leaving,
        incarnation: peer.incarnation,
        heardMsAgo: peer.heardAt === undefined ? undefined : now - peer.heardAt,
        timeoutMs: this.#judge.timeoutMs(peer, now),
        roundTripMs: peer.roundTripMs,
        heartbeats: peer.heartbeats,
        lostHeartbeats: peer.lostHeartbeats,
        claims: this.#book.addresses(peer.node).length,
      })),
    };
  }

  #nextDue(now: Instant): Instant | undefined {
    if (this.#hasEnded) return this.#outbox.deadline();
    let earliest: Instant | undefined;
    for (const at of [this.#heartbeatAt, this.#outbox.deadline(), this.#judge.deadline(now), this.#doubtUntil]) {
      if (at !== undefined && (earliest === undefined || at < earliest)) earliest = at;
    }
    return earliest === undefined || earliest > now ? earliest : now;
  }

  #take(input: LivenessInput, now: Instant): void {
    // Whoever has said goodbye only repeats it; another heartbeat would call that into question.
    if (this.#hasEnded) return;
    switch (input.kind) {
      case 'peers':
        this.#replacePeers(input.peers, now);
        return;
      case 'datagram':
        this.#receive(input.from, input.bytes, now);
        return;
      case 'timer':
        this.#onTimer(now);
        return;
      case 'claim':
        this.#publish(this.#book.claim(input.ips), now);
        return;
      case 'release':
        this.#publish(this.#book.release(input.ips), now);
        return;
      case 'leave':
        this.#leaving = true;
        this.#tellNews(now);
        return;
      case 'goodbye':
        this.#hasEnded = true;
        this.#broadcast({ kind: 'goodbye', incarnation: this.#incarnation }, now);
        return;
      case 'unreachable': {
        const peer = this.#roster.get(input.node);
        if (peer?.condition === 'alive') this.#judge.unreachable(peer, now);
        return;
      }
      default:
        assertNever(input);
        return;
    }
  }

  // ── who there is ─────────────────────────────────────────────────────────────────────────────────────────────────

  #replacePeers(identities: readonly PeerIdentity[], now: Instant): void {
    const { added, removed } = this.#roster.replace(identities, now);
    if (added.length === 0 && removed.length === 0) return;
    this.#digest = undefined;
    const lost: Ip[] = [];
    for (const { node } of removed) {
      this.#repair.forget(node);
      lost.push(...this.#book.forget(node));
      if (this.#roster.get(node) === undefined) this.#told.delete(node);
    }
    for (const peer of added) {
      this.#tell(peer, 'unknown', removed.some(({ node }) => node === peer.node) ? 'new-boot' : 'never-heard');
    }
    this.#claimsChanged(lost, now);
    if (this.#heartbeatAt === undefined) this.#anybodyHeardAt = now;
    this.#heartbeatAt = this.#roster.nodes().length === 0 ? undefined : now;
    this.#rewatch(now);
  }

  #tell(peer: Peer, state: PeerState, reason: PeerReason, witnesses?: readonly string[]): void {
    if (this.#told.get(peer.node) === state) return;
    this.#told.set(peer.node, state);
    this.#outputs.push({ kind: 'peer', node: peer.node, state, reason, ...(witnesses && { witnesses }) });
  }

  /** It lives, and that is new: it is watched, it watches, and its claims count. */
  #revive(peer: Peer, now: Instant): void {
    const isBack = peer.isGone;
    this.#roster.setCondition(peer, 'alive');
    if (isBack) this.#digest = undefined;
    this.#tell(peer, 'alive', 'heard');
    this.#rewatch(now);
    if (isBack) this.#claimsChanged(this.#book.addresses(peer.node), now);
  }

  #bury(peer: Peer, condition: 'dead' | 'left', reason: PeerReason, now: Instant, witnesses?: readonly string[]): void {
    if (peer.isGone) return;
    this.#roster.setCondition(peer, condition);
    this.#digest = undefined;
    this.#tell(peer, 'dead', reason, witnesses);
    this.#rewatch(now);
    this.#claimsChanged(this.#book.addresses(peer.node), now);
  }

  /** Another watches whom now. A new watcher hears from this speaker at once. */
  #rewatch(now: Instant): void {
    this.#judge.refresh(now);
    const watchers = this.#roster.watchers().map(({ node }) => node);
    if (this.#heartbeatAt !== undefined && watchers.some((node) => !this.#watchers.includes(node))) {
      this.#heartbeatAt = now;
    }
    this.#watchers = watchers;
  }

  #conclude(findings: readonly Finding[], now: Instant): void {
    for (const finding of findings) {
      if (finding.kind === 'unconfirmed') this.#tell(finding.peer, 'unknown', 'unconfirmed');
      else {
        const reason = finding.witnesses.length > 1 ? 'witnessed' : 'only-witness';
        this.#bury(finding.peer, 'dead', reason, now, finding.witnesses);
      }
    }
  }

  // ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  #onTimer(now: Instant): void {
    if (this.#heartbeatAt !== undefined && now >= this.#heartbeatAt) this.#beat(now);
    this.#conclude(this.#judge.act(now), now);
    if (this.#doubtUntil !== undefined && now >= this.#doubtUntil) this.#assure('nobody answers');
  }

  #noteLateness(latenessMs: number, now: Instant): void {
    if (latenessMs < LATE_MS) return;
    this.#anybodyHeardAt = Math.min(now, this.#anybodyHeardAt + latenessMs);
    this.#toldLateness.note(latenessMs, now);
    this.#judge.late(latenessMs, now);
    if (latenessMs < DOUBT_MS || this.#roster.watchers().length === 0) return;
    if (this.#doubtUntil === undefined) this.#outputs.push({ kind: 'doubt', lateMs: latenessMs });
    this.#doubtUntil = after(now, DOUBT_ENDS_MS);
    for (const peer of this.#roster.watchers()) this.#probe(peer, now);
  }

  #assure(by: 'a peer' | 'nobody answers'): void {
    if (this.#doubtUntil === undefined) return;
    this.#doubtUntil = undefined;
    this.#outputs.push({ kind: 'assured', by });
  }

  /** Every 40 ms: the heartbeat, and all that need not be more punctual. */
  #beat(now: Instant): void {
    this.#heartbeatAt = after(now, HEARTBEAT_MS * (1 - HEARTBEAT_SPREAD + 2 * HEARTBEAT_SPREAD * this.#dice()));
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.#outbox.send(this.#watchers, { kind: 'heartbeat', sequence: this.#sequence, status: this.#status(now) });
    this.#sayHello(now);
    this.#measureRoundTrip(now);
    this.#repair.tick(
      (node) => this.#roster.get(node),
      () => this.#rows(),
      now,
    );
    const isSilent = now - this.#anybodyHeardAt >= CUT_OFF_MS;
    if (isSilent && !this.#cutOff && this.#roster.alive().length > 1) this.#cutOffFromAll();
  }

  /** Tries those that were never heard, and one of the dead. */
  #sayHello(now: Instant): void {
    const gone: Peer[] = [];
    for (const peer of this.#roster.outOfReach()) {
      if (peer.isGone) gone.push(peer);
      if (peer.isGone || now < peer.helloAt) continue;
      peer.helloAt = after(now, peer.helloEveryMs);
      peer.helloEveryMs = Math.min(HELLO_CEILING_MS, peer.helloEveryMs * 2);
      this.#probe(peer, now);
    }
    if (gone.length === 0 || now < this.#reviveAt) return;
    this.#reviveAt = now + REVIVE_MS;
    this.#turn += 1;
    const next = gone[this.#turn % gone.length];
    if (next !== undefined) this.#probe(next, now);
  }

  #measureRoundTrip(now: Instant): void {
    if (now < this.#roundTripAt) return;
    this.#roundTripAt = now + ROUND_TRIP_MS;
    this.#turn += 1;
    const neighbours = [...new Set([...this.#roster.watchers(), ...this.#roster.watched()])];
    const next = neighbours[this.#turn % neighbours.length];
    if (next !== undefined) this.#probe(next, now);
  }

  #cutOffFromAll(): void {
    this.#cutOff = true;
    this.#outputs.push({ kind: 'cut-off', cutOff: true });
    for (const peer of this.#roster.alive()) this.#tell(peer, 'unknown', 'unconfirmed');
  }

  #backInReach(): void {
    this.#cutOff = false;
    this.#outputs.push({ kind: 'cut-off', cutOff: false });
    for (const peer of this.#roster.alive()) this.#tell(peer, 'alive', 'heard');
  }

  // ── what comes ───────────────────────────────────────────────────────────────────────────────────────────────────

  #receive(node: string, bytes: Uint8Array, now: Instant): void {
    const peer = this.#roster.get(node);
    if (peer === undefined) return;
    const decoded = decodeMessage(bytes);
    if (!decoded.ok) {
      this.#outputs.push({ kind: 'refused', from: node, reason: decoded.error.reason });
      return;
    }
    const message = decoded.value;
    if (message.kind === 'goodbye') {
      this.#onGoodbye(peer, message.incarnation, now);
      return;
    }
    this.#heard(peer, now);
    if ('status' in message) this.#onStatus(peer, message.status, now);
    this.#dispatch(peer, message, now);
  }

  #heard(peer: Peer, now: Instant): void {
    peer.heard(now);
    this.#anybodyHeardAt = now;
    if (this.#cutOff) this.#backInReach();
    if (peer.condition === 'unheard') this.#revive(peer, now);
    if (peer.condition === 'alive') this.#tell(peer, 'alive', 'heard');
    this.#judge.heard(peer, now);
  }

  #onStatus(peer: Peer, status: Status, now: Instant): void {
    this.#book.heardOf(status.epoch);
    peer.lateness.note(status.latenessMs, now);
    if (peer.isGone) {
      if (status.incarnation <= peer.incarnation) {
        this.#pronounce(peer, now);
        return;
      }
      peer.adopt(status.incarnation);
      this.#revive(peer, now);
    } else if (status.incarnation > peer.incarnation) {
      peer.adopt(status.incarnation);
      this.#digest = undefined;
    }
    if (status.leaving && !peer.leaving) this.#outputs.push({ kind: 'leaving', node: peer.node });
    peer.leaving = status.leaving;
    this.#repair.compare(peer, status, this.#ownDigest(), now);
  }

  /** Tells somebody who counts as dead that it does, and who has its addresses. */
  #pronounce(peer: Peer, now: Instant): void {
    if (peer.pronouncedAt !== undefined && now - peer.pronouncedAt < PRONOUNCE_MS) return;
    peer.pronouncedAt = now;
    const byNode = new Map<string, Map<number, Ip[]>>();
    for (const ip of this.#book.addresses(peer.node)) {
      const owner = this.#book.owner(ip);
      if (owner === undefined) continue;
      const epochs = byNode.get(owner.node) ?? new Map<number, Ip[]>();
      byNode.set(owner.node, epochs);
      epochs.set(owner.epoch, [...(epochs.get(owner.epoch) ?? []), ip]);
    }
    for (const [node, epochs] of byNode) {
      const id = node === this.#options.node ? this.#roster.self.id : this.#roster.get(node)?.id;
      if (id === undefined) continue;
      const groups = [...epochs].map(([epoch, ips]) => ({ epoch, ips }));
      for (const part of splitClaims(groups, MAX_MESSAGE_BYTES / 2)) {
        const owners = part.map((claims) => ({ node: id, claims }));
        this.#outbox.send([peer.node], { kind: 'owners', owners });
      }
    }
    this.#outbox.send([peer.node], { kind: 'pronounced', incarnation: peer.incarnation });
  }

  #dispatch(peer: Peer, message: Exclude<Message, { kind: 'goodbye' }>, now: Instant): void {
    switch (message.kind) {
      case 'heartbeat':
        peer.countHeartbeat(message.sequence, now, this.#toldLateness.worstMs(now) >= LATE_MS);
        return;
      case 'news':
        return;
      case 'probe':
        this.#outbox.send([peer.node], { kind: 'ack', id: message.id, status: this.#status(now) });
        return;
      case 'ack':
        this.#onAck(peer, message.id, now);
        return;
      case 'question':
      case 'answer':
      case 'verdict':
        this.#onTestimony(peer, message, now);
        return;
      case 'pronounced':
        this.#refute(message.incarnation, now);
        return;
      case 'change':
        this.#onChange(peer, message, now);
        return;
      case 'list': {
        const about = this.#roster.byId(message.node);
        if (about?.boot !== message.boot) return;
        this.#learnt(this.#repair.receive(about, peer.node, message, now), now);
        return;
      }
      case 'pull': {
        const node = message.node === this.#roster.self.id ? this.#options.node : this.#roster.byId(message.node)?.node;
        const boot = node === this.#options.node ? this.#options.boot : this.#roster.byId(message.node)?.boot;
        if (node === undefined || boot !== message.boot) return;
        this.#repair.serve(peer.node, node, { ...message, id: message.node });
        return;
      }
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

  #onGoodbye(peer: Peer, incarnation: number, now: Instant): void {
    if (incarnation < peer.incarnation) return;
    peer.adopt(incarnation);
    this.#bury(peer, 'left', 'said-goodbye', now);
  }

  #onAck(peer: Peer, id: number, now: Instant): void {
    const sentAt = this.#probes.take(id, peer.node);
    if (sentAt === undefined) return;
    peer.measuredRoundTrip(now - sentAt);
    this.#assure('a peer');
  }

  #onTestimony(from: Peer, message: Extract<Message, { kind: 'question' | 'answer' | 'verdict' }>, now: Instant): void {
    const { about } = message;
    if (about.node === this.#roster.self.id) {
      if (message.kind === 'verdict' && about.boot === this.#options.boot) this.#refute(about.incarnation, now);
      return;
    }
    const peer = this.#roster.byId(about.node);
    if (peer?.boot !== about.boot || peer === from) return;
    if (message.kind === 'question') this.#judge.question(from, peer, now);
    else if (message.kind === 'answer') this.#judge.answer(peer, message.heardMsAgo, now);
    else if (!from.isGone) this.#conclude(this.#judge.verdict(from, about, peer, now), now);
  }

  /** Somebody says that this speaker is dead. It says that it is not, in a new incarnation. */
  #refute(incarnation: number, now: Instant): void {
    if (incarnation < this.#incarnation) return;
    this.#incarnation = (incarnation + 1) >>> 0;
    this.#digest = undefined;
    this.#tellNews(now);
  }

  // ── claims ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #publish(steps: readonly ClaimStep[], now: Instant): void {
    this.#digest = undefined;
    for (const step of steps) this.#broadcast({ kind: 'change', ...step }, now);
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
    this.#outputs.push({ kind: 'claims-changed', ips });
    const stronger = ips.flatMap((ip) => {
      const owner = this.#book.ownEpoch(ip) === undefined ? undefined : this.#book.owner(ip);
      return owner === undefined || owner.node === this.#options.node ? [] : [owner];
    });
    this.#yieldTo(stronger, now);
  }

  #yieldTo(claims: readonly Claim[], now: Instant): void {
    if (claims.length === 0) return;
    this.#outputs.push({ kind: 'overtaken', claims });
    this.#publish(this.#book.release(claims.map(({ ip }) => ip)), now);
  }

  #onOwners(owners: Extract<Message, { kind: 'owners' }>['owners'], now: Instant): void {
    const stronger: Claim[] = [];
    for (const { node: id, claims } of owners) {
      const node = this.#roster.byId(id)?.node;
      if (node === undefined) continue;
      for (const ip of claims.ips) {
        const own = this.#book.ownEpoch(ip);
        const claim = { ip, node, epoch: claims.epoch };
        this.#book.heardSay(claim);
        if (own !== undefined && outranks(claim, { node: this.#options.node, epoch: own })) stronger.push(claim);
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
    if (row.boot !== this.#options.boot) return false;
    if (row.dead) this.#refute(row.incarnation, now);
    return row.incarnation < this.#incarnation || row.version < this.#book.version(this.#options.node);
  }

  #compareRow(from: Peer, peer: Peer, row: SummaryRow, now: Instant): void {
    if (row.version > this.#book.version(peer.node))
      this.#repair.want(peer, { from: from.node, version: row.version }, now);
    if (row.incarnation < peer.incarnation) return;
    const isNewer = row.incarnation > peer.incarnation;
    if (isNewer) {
      peer.adopt(row.incarnation);
      this.#digest = undefined;
      // Others heard it say so.
      if (!row.dead && peer.isGone) this.#revive(peer, now);
    }
    if (!row.dead || peer.isGone || from.isGone) return;
    // It may not know yet that somebody took it for dead. If it does not answer, it is.
    this.#outbox.send([peer.node], { kind: 'pronounced', incarnation: row.incarnation });
    this.#conclude(this.#judge.hearsay(from, peer, now), now);
  }

  #rows(): SummaryRow[] {
    return [this.#ownRow(), ...this.#roster.all().map((peer) => this.#rowOf(peer))];
  }

  #ownRow(): SummaryRow {
    const version = this.#book.version(this.#options.node);
    const { id } = this.#roster.self;
    return { node: id, boot: this.#options.boot, incarnation: this.#incarnation, version, dead: false };
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

  // ── what goes ────────────────────────────────────────────────────────────────────────────────────────────────────

  #status(now: Instant): Status {
    return {
      latenessMs: Math.min(0xffff, Math.round(this.#toldLateness.worstMs(now))),
      leaving: this.#leaving,
      incarnation: this.#incarnation,
      epoch: this.#book.epoch,
      version: this.#book.version(this.#options.node),
      digest: this.#ownDigest(),
    };
  }

  #probe(peer: Peer, now: Instant): void {
    const id = this.#probes.add(peer.node, now);
    this.#outbox.send([peer.node], { kind: 'probe', id, status: this.#status(now) });
  }

  #tellNews(now: Instant): void {
    this.#broadcast({ kind: 'news', status: this.#status(now) }, now);
  }

  #broadcast(message: Message, now: Instant): void {
    this.#outbox.broadcast(this.#roster.nodes(), message, now);
  }

  /** 0 … 1. Mulberry32. */
  #dice(): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
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
