/**
 * Watches speakers, asks others about the silent, and counts who witnesses a silence. Says who is dead; what follows from
 * that is the machine's.
 */
import { after, type Instant } from '../../model/time.ts';
import { Lateness } from './lateness.ts';
import type { Message, Subject } from './messages.ts';
import type { Peer } from './peer.ts';
import type { Roster } from './roster.ts';
import {
  ALONE_MS,
  ASSIST_MS,
  CEILING_MS,
  HEARTBEAT_MS,
  LATE_MS,
  TAKEOVER_MS,
  timeoutMs,
  UNCONFIRMED_MS,
  WATCHERS,
  WITNESS_MS,
} from './timings.ts';
import { type Patience, Watch, type WatchAction } from './watch.ts';

/** What the judge may send. */
export interface Post {
  probe(peer: Peer, now: Instant): void;
  /** Find out whether its node says that nobody listens there. */
  knock(peer: Peer): void;
  send(to: readonly string[], message: Message): void;
  broadcast(message: Message, now: Instant): void;
}

/** What has become of a silence. */
export type Finding =
  | { readonly kind: 'dead'; readonly peer: Peer; readonly witnesses: readonly string[] }
  /** Long silent, and nobody else says so. */
  | { readonly kind: 'unconfirmed'; readonly peer: Peer };

export class Judge {
  readonly #roster: Roster;
  readonly #post: Post;
  readonly #watches = new Map<Peer, Watch>();
  readonly #ownLateness = new Lateness();
  /** All lateness added up. */
  #sleptMs = 0;

  constructor(roster: Roster, post: Post) {
    this.#roster = roster;
    this.#post = post;
  }

  /** How late this speaker lately was at worst. */
  ownLatenessMs(now: Instant): number {
    return this.#ownLateness.worstMs(now);
  }

  /** This speaker's own timer came so late. Nothing is held against anybody for that time. */
  late(latenessMs: number, now: Instant): void {
    if (latenessMs < LATE_MS) return;
    for (const [peer, watch] of this.#watches) {
      if (latenessMs >= this.timeoutMs(peer, now)) watch.silentFrom(now, this.#sleptMs + latenessMs);
    }
    this.#ownLateness.note(latenessMs, now);
    this.#sleptMs += latenessMs;
  }

  /** Who is watched has changed. */
  refresh(now: Instant): void {
    const wanted = new Set(this.#roster.watched());
    for (const [peer, watch] of this.#watches) {
      if (wanted.has(peer)) watch.assistUntil = undefined;
      else if (peer.condition !== 'alive' || watch.assistUntil === undefined) this.#watches.delete(peer);
    }
    for (const peer of wanted) {
      if (!this.#watches.has(peer)) this.#watches.set(peer, new Watch(after(now, TAKEOVER_MS), this.#sleptMs));
    }
  }

  /** It was heard, by a datagram of its own. */
  heard(peer: Peer, now: Instant): void {
    // Whoever witnessed its silence before was wrong.
    peer.witnesses.clear();
    const watch = this.#watches.get(peer);
    if (watch === undefined) return;
    watch.silentFrom(now, this.#sleptMs);
    if (watch.askers.size === 0) return;
    this.#post.send([...watch.askers], { kind: 'answer', about: peer.subject, heardMsAgo: 0 });
    watch.askers.clear();
  }

  unreachable(peer: Peer, now: Instant): void {
    this.#watches.get(peer)?.refused(now);
  }

  question(from: Peer, peer: Peer, now: Instant): void {
    if (peer.condition === 'dead') {
      this.#post.send([from.node], { kind: 'verdict', about: peer.subject });
      return;
    }
    const watch = this.#assist(peer, now);
    watch.askers.add(from.node);
    const heardMsAgo = now - (peer.heardAt ?? -Infinity);
    // Whoever asks has heard nothing for longer than that.
    if (heardMsAgo < this.timeoutMs(peer, now) / 2) {
      this.#post.send([from.node], { kind: 'answer', about: peer.subject, heardMsAgo: Math.ceil(heardMsAgo) });
    } else watch.probeSoon(now);
  }

  answer(peer: Peer, heardMsAgo: number, now: Instant): void {
    this.#watches.get(peer)?.silentFrom(after(now, -heardMsAgo), this.#sleptMs);
  }

  verdict(from: Peer, about: Subject, peer: Peer, now: Instant): Finding[] {
    if (peer.isGone || about.incarnation < peer.incarnation) return [];
    peer.adopt(about.incarnation);
    peer.witnesses.set(from.node, now);
    // A witness that can be contradicted is.
    const heardMsAgo = now - (peer.heardAt ?? -Infinity);
    if (heardMsAgo < this.timeoutMs(peer, now) / 2 && this.#watches.has(peer)) {
      this.#post.send([from.node], { kind: 'answer', about: peer.subject, heardMsAgo: Math.ceil(heardMsAgo) });
    }
    return this.#count(peer, now);
  }

  /** Somebody says that it is dead, and knows that from others: looked into, and counted as a witness. */
  hearsay(from: Peer, peer: Peer, now: Instant): Finding[] {
    this.#assist(peer, now).probeSoon(now);
    peer.witnesses.set(from.node, now);
    return this.#count(peer, now);
  }

  act(now: Instant): Finding[] {
    const findings: Finding[] = [];
    for (const [peer, watch] of this.#watches) {
      if (watch.assistUntil !== undefined && now >= watch.assistUntil) {
        this.#watches.delete(peer);
        continue;
      }
      for (const action of watch.act(now, this.#patience(peer, now))) {
        findings.push(...this.#carryOut(action, peer, watch, now));
      }
      if (watch.silenceMs(now) > this.timeoutMs(peer, now) + UNCONFIRMED_MS && watch.isWitness) {
        findings.push({ kind: 'unconfirmed', peer });
      }
    }
    return findings;
  }

  deadline(now: Instant): Instant | undefined {
    let earliest: Instant | undefined;
    for (const [peer, watch] of this.#watches) {
      const at = watch.deadline(this.#patience(peer, now));
      if (earliest === undefined || at < earliest) earliest = at;
    }
    return earliest;
  }

  timeoutMs(peer: Peer, now: Instant): number {
    return timeoutMs({
      subjectMs: peer.expectedLatenessMs(now),
      ownMs: this.ownLatenessMs(now),
      roundTripMs: peer.networkMs,
    });
  }

  #patience(peer: Peer, now: Instant): Patience {
    const alone = this.#roster.witnessesNeeded(peer, now) === 1 ? ALONE_MS : 0;
    const answerMs = HEARTBEAT_MS + Math.min(CEILING_MS / 2, peer.expectedLatenessMs(now)) + peer.networkMs;
    return { timeoutMs: this.timeoutMs(peer, now) + alone, answerMs, sleptMs: this.#sleptMs };
  }

  /** The watch of it; one for a while where the ring wants none. */
  #assist(peer: Peer, now: Instant): Watch {
    const watch = this.#watches.get(peer);
    if (watch !== undefined) {
      if (watch.assistUntil !== undefined) watch.assistUntil = after(now, ASSIST_MS);
      return watch;
    }
    const assisting = new Watch(now, this.#sleptMs);
    assisting.assistUntil = after(now, ASSIST_MS);
    this.#watches.set(peer, assisting);
    return assisting;
  }

  #carryOut(action: WatchAction, peer: Peer, watch: Watch, now: Instant): Finding[] {
    switch (action) {
      case 'knock':
        this.#post.knock(peer);
        return [];
      case 'probe':
        this.#post.probe(peer, now);
        return [];
      case 'ask': {
        // Whoever only assists was asked itself.
        if (watch.assistUntil !== undefined) return [];
        const beyond = watch.isWitness ? 2 * watch.askedTimes : 0;
        const asked = this.#roster.askable(peer, Math.min(10, WATCHERS - 1 + beyond));
        this.#post.send(
          asked.map(({ node }) => node),
          { kind: 'question', about: peer.subject },
        );
        return [];
      }
      case 'witness':
        peer.witnesses.set(this.#roster.self.node, now);
        this.#post.broadcast({ kind: 'verdict', about: peer.subject }, now);
        return this.#count(peer, now);
    }
  }

  /** Witnesses count for a while, as long as they live. */
  #count(peer: Peer, now: Instant): Finding[] {
    if (peer.isGone) return [];
    const witnesses = [...peer.witnesses].flatMap(([node, at]) => {
      const lives = node === this.#roster.self.node || this.#roster.get(node)?.condition === 'alive';
      return lives && now - at < WITNESS_MS ? [node] : [];
    });
    if (witnesses.length < this.#roster.witnessesNeeded(peer, now)) return [];
    return [{ kind: 'dead', peer, witnesses }];
  }
}
