/**
 * Which of several processes leads, agreed over one record that all of them can read and write if nobody else wrote it
 * since: a machine without clock or connection. The record says who holds it; it is the leader who renews it.
 *
 *                    ┌──────────────── not renewed in time, taken, deleted ───────────────┐
 *                    ▼                                                                    │
 *     looking ─▶ following ──── free · own · unchanged for a lease: write answered ─▶ leading
 *                    │                                                                    │
 *                    └── retire ──────────────▶ retired ◀── released ◀── retiring ◀───────┘
 *
 * Two never lead at once, whatever is lost or late between them and the record, as long as their clocks run about
 * equally fast (leader-timings.ts says how equally):
 *  - who leads counts from when it *sent* the renewal that was answered, and stops by itself soon after;
 *  - who follows counts a whole lease from when it *saw* the last change, on its own clock; nobody's stamps are read;
 *  - a write is refused when the record has changed since it was read.
 * A monotonic clock stands still while a virtual machine is suspended, so leading must be good by the wall clock, too.
 *
 * Use: carry out what `handle` returns, answer each request by its id, and call again with 'tick' at `deadline()`. There
 * is one request at a time. Ask isLeader right before anything that only the leader may do.
 */
import { assertNever } from '../model/result.ts';
import { after, type Instant } from '../model/time.ts';
import type { LeaderTimings } from './leader-timings.ts';
import type { Random } from './ports.ts';

/** One moment on both clocks. */
export interface Moment {
  readonly monotonic: Instant;
  /** Milliseconds since the Unix epoch. */
  readonly wallMs: number;
}

export interface LeaderRecord {
  /** "": nobody, its holder has released it. */
  readonly holder: string;
  /** Another after every write; only ever compared for being equal. */
  readonly version: string;
  /** How long its holder wants others to wait. */
  readonly leaseMs: number;
  /** How often the holder has changed. */
  readonly transitions: number;
}

/** What to write, and over what: refused when the record is not of that version. Undefined: only if there is none. */
export interface LeaderWrite {
  readonly basedOn: string | undefined;
  readonly holder: string;
  readonly transitions: number;
  /** Absent where it was its holder's already. */
  readonly newHolder?: true;
}

export type ElectionInput =
  | { readonly kind: 'start' }
  /** Somebody noticed that the record is now like this; undefined: there is none. */
  | { readonly kind: 'seen'; readonly record: LeaderRecord | undefined }
  | { readonly kind: 'read'; readonly id: number; readonly record: LeaderRecord | undefined }
  | { readonly kind: 'written'; readonly id: number; readonly record: LeaderRecord }
  /** Not written, because the record is of another version. */
  | { readonly kind: 'refused'; readonly id: number }
  /** Whether it was read or written is not known. */
  | { readonly kind: 'failed'; readonly id: number }
  | { readonly kind: 'tick' }
  /** Lead no more and give the record up. Only after the last thing that only the leader may do has ended. */
  | { readonly kind: 'retire' };

export type LossReason = 'not-renewed' | 'taken' | 'deleted' | 'retired';

export type ElectionOutput =
  | { readonly kind: 'read'; readonly id: number }
  | { readonly kind: 'write'; readonly id: number; readonly write: LeaderWrite }
  | { readonly kind: 'gained'; readonly transitions: number }
  | { readonly kind: 'lost'; readonly reason: LossReason }
  | { readonly kind: 'retired' };

export interface ElectionState {
  readonly state: 'idle' | 'looking' | 'following' | 'leading' | 'retiring' | 'retired';
  readonly holder?: string;
  readonly transitions?: number;
}

export interface ElectionOptions {
  /** No two living processes have the same; a process that follows a dead one may have its. */
  readonly identity: string;
  readonly timings: LeaderTimings;
  readonly random: Random;
}

/** The record as it was last seen, and when it was first seen like that. */
interface Sighting {
  readonly record: LeaderRecord | undefined;
  readonly since: Instant;
  /** How long it must stay like that before it may be taken. */
  readonly waitMs: number;
}

export class LeaderElection {
  readonly #options: ElectionOptions;
  #phase: 'idle' | 'running' | 'retiring' | 'retired' = 'idle';
  /** Undefined: never looked. */
  #sighting: Sighting | undefined;
  #request: { readonly id: number; readonly sentAt: Moment } | undefined;
  #lastId = 0;
  /** When the last own write that was answered was sent. */
  #renewedAt: Moment | undefined;
  /** As it was last told; isLeader is the truth. */
  #leads = false;
  /** When the record is to be written, by what is known of it. */
  #writeAt: Instant | undefined;
  /** No request before this. */
  #pauseUntil: Instant | undefined;
  /** The next request must be to read: what is known of the record is not true any more. */
  #mustRead = true;
  #refusalsInARow = 0;
  #releasesLeft = 2;

  constructor(options: ElectionOptions) {
    this.#options = options;
  }

  handle(input: ElectionInput, now: Moment): ElectionOutput[] {
    const ranOut = this.#leads && !this.isLeader(now) ? this.#lose('not-renewed') : [];
    return [...ranOut, ...this.#take(input, now), ...this.#act(now)];
  }

  /** When 'tick' is due; undefined: not before the next input. */
  deadline(): Instant | undefined {
    if (this.#phase !== 'running') return undefined;
    const leadsUntil = this.#leads ? this.#leadsUntil() : undefined;
    const actAt = this.#request === undefined ? this.#actAt() : undefined;
    if (leadsUntil === undefined || actAt === undefined) return leadsUntil ?? actAt;
    return actAt < leadsUntil ? actAt : leadsUntil;
  }

  isLeader(now: Moment): boolean {
    return this.#leads && this.#leftMs(now, this.#options.timings.leadMs) > 0;
  }

  /** How long something that only the leader may do may take if it begins now; 0: it must not begin. */
  writableMs(now: Moment): number {
    return this.isLeader(now) ? this.#leftMs(now, this.#options.timings.writesEndMs) : 0;
  }

  snapshot(): ElectionState {
    const running = this.#leads ? 'leading' : this.#sighting === undefined ? 'looking' : 'following';
    const state = this.#phase === 'running' ? running : this.#phase;
    const record = this.#sighting?.record;
    return record === undefined ? { state } : { state, holder: record.holder, transitions: record.transitions };
  }

  #take(input: ElectionInput, now: Moment): ElectionOutput[] {
    switch (input.kind) {
      case 'start':
        if (this.#phase === 'idle') this.#phase = 'running';
        this.#pauseUntil = now.monotonic;
        return [];
      case 'seen':
        return this.#see(input.record, now);
      case 'read':
        if (!this.#ends(input.id)) return [];
        this.#mustRead = false;
        return this.#see(input.record, now);
      case 'written':
        return this.#written(input.id, input.record, now);
      case 'refused':
        if (this.#ends(input.id)) this.#refused(now);
        return [];
      case 'failed':
        if (this.#ends(input.id)) this.#tryLater(now);
        this.#releasesLeft = this.#phase === 'retiring' ? 0 : this.#releasesLeft;
        return [];
      case 'tick':
        return [];
      case 'retire':
        if (this.#phase !== 'retired') this.#phase = 'retiring';
        return this.#leads ? this.#lose('retired') : [];
      default:
        return assertNever(input);
    }
  }

  #see(record: LeaderRecord | undefined, now: Moment): ElectionOutput[] {
    const before = this.#sighting;
    if (before === undefined || before.record?.version !== record?.version) {
      this.#sighting = { record, since: now.monotonic, waitMs: this.#waitMs(record, before?.record) };
    }
    const isOwn = record?.holder === this.#options.identity;
    const lost = this.#leads && !isOwn ? this.#lose(record === undefined ? 'deleted' : 'taken') : [];
    this.#plan(now);
    return lost;
  }

  /** A record that is deleted under its holder says nothing of whether that one still takes itself for the leader. */
  #waitMs(record: LeaderRecord | undefined, before: LeaderRecord | undefined): number {
    const holder = (record ?? before)?.holder ?? '';
    if (holder === '' || holder === this.#options.identity) return 0;
    return Math.max(this.#options.timings.leaseMs, (record ?? before)?.leaseMs ?? 0);
  }

  #written(id: number, record: LeaderRecord, now: Moment): ElectionOutput[] {
    const sentAt = this.#request?.sentAt;
    if (!this.#ends(id)) return [];
    this.#refusalsInARow = 0;
    this.#mustRead = false;
    this.#sighting = { record, since: now.monotonic, waitMs: this.#waitMs(record, undefined) };
    if (this.#phase !== 'running') return [];
    this.#renewedAt = sentAt;
    const gains = !this.#leads && this.#leftMs(now, this.#options.timings.leadMs) > 0;
    if (gains) this.#leads = true;
    this.#plan(now);
    return gains ? [{ kind: 'gained', transitions: record.transitions }] : [];
  }

  /** One refusal means that somebody else was first, and to look at once. More in a row mean a quarrel: go slowly. */
  #refused(now: Moment): void {
    this.#refusalsInARow += 1;
    this.#mustRead = true;
    if (this.#refusalsInARow > 1) this.#tryLater(now);
  }

  #tryLater(now: Moment): void {
    const { timings, random } = this.#options;
    this.#pauseUntil = after(now.monotonic, (timings.retryMs * (1 + random.next())) / 2);
  }

  /** Whether the answer is to the request under way, which it ends. */
  #ends(id: number): boolean {
    if (this.#request?.id !== id) return false;
    this.#request = undefined;
    return true;
  }

  #plan(now: Moment): void {
    const { timings, random, identity } = this.#options;
    if (this.#sighting === undefined) return;
    const { record, since, waitMs } = this.#sighting;
    if (this.#leads && this.#renewedAt !== undefined) {
      this.#writeAt = after(this.#renewedAt.monotonic, timings.renewMs);
    } else if (record?.holder === identity || (record === undefined && waitMs === 0)) {
      this.#writeAt = now.monotonic;
    } else {
      const free = Math.max(now.monotonic, after(since, waitMs)) as Instant;
      this.#writeAt = after(free, timings.jitterMs * random.next());
    }
  }

  /** When the next request is due; undefined: not before something is known. */
  #actAt(): Instant | undefined {
    if (this.#mustRead || this.#pauseUntil === undefined) return this.#pauseUntil;
    return this.#writeAt !== undefined && this.#writeAt > this.#pauseUntil ? this.#writeAt : this.#pauseUntil;
  }

  #act(now: Moment): ElectionOutput[] {
    if (this.#request !== undefined) return [];
    if (this.#phase === 'retiring') return this.#actRetiring(now);
    const actAt = this.#actAt();
    if (this.#phase !== 'running' || actAt === undefined || now.monotonic < actAt) return [];
    return this.#mustRead ? [this.#read(now)] : [this.#write(this.#options.identity, now)];
  }

  #actRetiring(now: Moment): ElectionOutput[] {
    const isOwn = this.#sighting?.record?.holder === this.#options.identity;
    if (isOwn && this.#releasesLeft > 0) {
      if (this.#mustRead) return [this.#read(now)];
      this.#releasesLeft -= 1;
      return [this.#write('', now)];
    }
    this.#phase = 'retired';
    return [{ kind: 'retired' }];
  }

  #read(now: Moment): ElectionOutput {
    return { kind: 'read', id: this.#send(now) };
  }

  #write(holder: string, now: Moment): ElectionOutput {
    const record = this.#sighting?.record;
    const isNew = record?.holder !== holder && holder !== '';
    const transitions = record === undefined ? 0 : record.transitions + (isNew ? 1 : 0);
    const write: LeaderWrite = { basedOn: record?.version, holder, transitions };
    return { kind: 'write', id: this.#send(now), write: isNew ? { ...write, newHolder: true } : write };
  }

  #send(now: Moment): number {
    this.#lastId += 1;
    this.#request = { id: this.#lastId, sentAt: now };
    return this.#lastId;
  }

  #lose(reason: LossReason): ElectionOutput[] {
    this.#leads = false;
    this.#renewedAt = undefined;
    return [{ kind: 'lost', reason }];
  }

  #leadsUntil(): Instant | undefined {
    const { timings } = this.#options;
    return this.#renewedAt === undefined ? undefined : after(this.#renewedAt.monotonic, timings.leadMs);
  }

  /** Of a span that began with the last renewal, what is left by the stricter of the two clocks. */
  #leftMs(now: Moment, spanMs: number): number {
    const renewedAt = this.#renewedAt;
    if (renewedAt === undefined) return 0;
    const passedMs = Math.max(now.monotonic - renewedAt.monotonic, now.wallMs - renewedAt.wallMs);
    return Math.max(0, spanMs - passedMs);
  }
}
