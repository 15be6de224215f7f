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
import { seededShare } from '../seeded-random.ts';
import { decodeMessage } from './codec.ts';
import { Exchange } from './exchange.ts';
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
import type { Message, Status } from './messages.ts';
import { Outbox } from './outbox.ts';
import { Outreach } from './outreach.ts';
import type { Peer } from './peer.ts';
import { Roster } from './roster.ts';
import { SelfCheck } from './self-check.ts';
import { HEARTBEAT_MS, HEARTBEAT_SPREAD, LATE_MS } from './timings.ts';

export class Liveness {
  readonly #options: LivenessOptions;
  readonly #roster: Roster;
  readonly #judge: Judge;
  readonly #exchange: Exchange;
  readonly #outbox = new Outbox();
  readonly #outreach: Outreach;
  readonly #selfCheck = new SelfCheck((output) => this.#outputs.push(output));
  /** What the caller was last told of each. */
  readonly #told = new Map<string, PeerState>();
  #outputs: LivenessOutput[] = [];
  #leaving = false;
  #hasEnded = false;
  #sequence = 0;
  readonly #share: () => number;
  #heartbeatAt: Instant | undefined;
  /** When this speaker was to be called next: whatever comes later shows how late it is. */
  #promised: Instant | undefined;
  /** Whom the last heartbeat went to. */
  #watchers: readonly string[] = [];

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#share = seededShare(options.seed);
    this.#roster = new Roster(options.node, options.sha256Hex);
    this.#outreach = new Outreach(this.#roster, {
      send: (peer, id, now) => this.#outbox.send([peer.node], { kind: 'probe', id, status: this.#status(now) }),
      callOut: (peer, now) => this.#exchange.callOut(peer, now),
    });
    this.#exchange = new Exchange(options.boot, this.#roster, {
      send: (to, message) => this.#outbox.send(to, message),
      broadcast: (message, now) => this.#broadcast(message, now),
      emit: (output) => this.#outputs.push(output),
      livesAgain: (peer, now) => this.#revive(peer, now),
      saidDead: (from, peer, now) => this.#conclude(this.#judge.hearsay(from, peer, now), now),
      tookForDead: (incarnation, now) => this.#refute(incarnation, now),
    });
    this.#judge = new Judge(this.#roster, {
      probe: (peer, now) => this.#outreach.probe(peer, now),
      knock: ({ node }) => this.#outputs.push({ kind: 'knock', node }),
      send: (to, message) => this.#outbox.send(to, message),
      broadcast: (message, now) => this.#broadcast(message, now),
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
    return this.#exchange.claims();
  }

  /** Whose claim to the address counts now; undefined: nobody's. */
  owner(ip: Ip): Claim | undefined {
    return this.#exchange.owner(ip);
  }

  snapshot(now: Instant): LivenessSnapshot {
    const { incarnation, epoch } = this.#exchange.ownStatus();
    return {
      node: this.#options.node,
      incarnation,
      epoch,
      leaving: this.#leaving,
      cutOff: this.#selfCheck.isCutOff,
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
        claims: this.#exchange.claimCount(peer.node),
      })),
    };
  }

  #nextDue(now: Instant): Instant | undefined {
    if (this.#hasEnded) return this.#outbox.deadline();
    let earliest: Instant | undefined;
    const doubtEndsAt = this.#selfCheck.deadline();
    for (const at of [this.#heartbeatAt, this.#outbox.deadline(), this.#judge.deadline(now), doubtEndsAt]) {
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
        this.#exchange.claim(input.ips, now);
        return;
      case 'release':
        this.#exchange.release(input.ips, now);
        return;
      case 'leave':
        this.#leaving = true;
        this.#tellNews(now);
        return;
      case 'goodbye':
        this.#hasEnded = true;
        this.#broadcast({ kind: 'goodbye', incarnation: this.#exchange.incarnation }, now);
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
    for (const { node } of removed) if (this.#roster.get(node) === undefined) this.#told.delete(node);
    for (const peer of added) {
      this.#tell(peer, 'unknown', removed.some(({ node }) => node === peer.node) ? 'new-boot' : 'never-heard');
    }
    this.#exchange.replaced(removed, now);
    if (this.#heartbeatAt === undefined) this.#selfCheck.begins(now);
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
    this.#tell(peer, 'alive', 'heard');
    this.#rewatch(now);
    if (isBack) this.#exchange.livesOrDied(peer, now);
  }

  #bury(peer: Peer, condition: 'dead' | 'left', reason: PeerReason, now: Instant, witnesses?: readonly string[]): void {
    if (peer.isGone) return;
    this.#roster.setCondition(peer, condition);
    this.#tell(peer, 'dead', reason, witnesses);
    this.#rewatch(now);
    this.#exchange.livesOrDied(peer, now);
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
    this.#selfCheck.onTimer(now);
  }

  #noteLateness(latenessMs: number, now: Instant): void {
    if (latenessMs < LATE_MS) return;
    this.#judge.late(latenessMs, now);
    const watchers = this.#roster.watchers();
    if (!this.#selfCheck.late(latenessMs, watchers.length > 0, now)) return;
    for (const peer of watchers) this.#outreach.probe(peer, now);
  }

  /** Every 40 ms: the heartbeat, and all that need not be more punctual. */
  #beat(now: Instant): void {
    this.#heartbeatAt = after(now, HEARTBEAT_MS * (1 - HEARTBEAT_SPREAD + 2 * HEARTBEAT_SPREAD * this.#share()));
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.#outbox.send(this.#watchers, { kind: 'heartbeat', sequence: this.#sequence, status: this.#status(now) });
    this.#outreach.tick(now);
    this.#exchange.tick(now);
    if (!this.#selfCheck.becomesCutOff(() => this.#roster.alive().length, now)) return;
    for (const peer of this.#roster.alive()) this.#tell(peer, 'unknown', 'unconfirmed');
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
    if (this.#selfCheck.heard(now)) for (const other of this.#roster.alive()) this.#tell(other, 'alive', 'heard');
    if (peer.condition === 'unheard') this.#revive(peer, now);
    if (peer.condition === 'alive') this.#tell(peer, 'alive', 'heard');
    this.#judge.heard(peer, now);
  }

  #onStatus(peer: Peer, status: Status, now: Instant): void {
    this.#exchange.heardOf(status.epoch);
    peer.lateness.note(status.latenessMs, now);
    if (peer.isGone) {
      if (status.incarnation <= peer.incarnation) {
        this.#exchange.pronounce(peer, now);
        return;
      }
      this.#exchange.adopt(peer, status.incarnation);
      this.#revive(peer, now);
    } else this.#exchange.adopt(peer, status.incarnation);
    if (status.leaving && !peer.leaving) this.#outputs.push({ kind: 'leaving', node: peer.node });
    peer.leaving = status.leaving;
    this.#exchange.remind(peer, now);
    this.#exchange.compare(peer, status, now);
  }

  #dispatch(peer: Peer, message: Exclude<Message, { kind: 'goodbye' }>, now: Instant): void {
    switch (message.kind) {
      case 'heartbeat':
        peer.countHeartbeat(message.sequence, now, this.#selfCheck.isLate(now));
        return;
      case 'news':
        return;
      case 'probe':
        this.#outbox.send([peer.node], { kind: 'ack', id: message.id, status: this.#status(now) });
        return;
      case 'ack':
        if (this.#outreach.isAnswered(peer, message.id, now)) this.#selfCheck.assure('a peer');
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
      case 'list':
      case 'pull':
      case 'summary':
      case 'owners':
        this.#exchange.receive(peer, message, now);
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
    if (this.#exchange.outlive(incarnation)) this.#tellNews(now);
  }

  // ── what goes ────────────────────────────────────────────────────────────────────────────────────────────────────

  #status(now: Instant): Status {
    return {
      latenessMs: Math.min(0xffff, Math.round(this.#selfCheck.latenessMs(now))),
      leaving: this.#leaving,
      ...this.#exchange.ownStatus(),
    };
  }

  #tellNews(now: Instant): void {
    this.#broadcast({ kind: 'news', status: this.#status(now) }, now);
  }

  #broadcast(message: Message, now: Instant): void {
    this.#outbox.broadcast(this.#roster.nodes(), message, now);
  }
}
