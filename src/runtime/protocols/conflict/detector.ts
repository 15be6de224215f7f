/**
 * Finds out whether somebody foreign holds an address that this node announces or is about to: a machine without clock
 * or socket, for both families. Foreign is whoever is neither this node nor another speaker of the cluster, by MAC.
 *
 *     probe ──▶ probing ──nobody answers──▶ held ◀──────────────── watch (a speaker held it: no probe)
 *                  │                       ▲  │ foreign claim
 *         foreign  │         not confirmed │  ▼
 *         claim or │       (one defence) suspecting ── 200 ms ──▶ three probes, which the real holder answers
 *         probe    │                          │ confirmed
 *                  ▼                          ▼
 *               silent ◀───── yield ──────────┴────── defend ──────▶ defending (one defence in 10 s)
 *                  │                                                     │
 *                  └── probed again after 5 s … 60 s: nobody answers ────┴──▶ clear, held
 *
 * One frame is no proof: whoever can send one could otherwise take a Service down. What is announced is given up only
 * when the claim is repeated after a grace (in which a speaker not known yet becomes known) or answers a probe. What is
 * not announced yet is not announced at the first sign, as the norms want it.
 *
 * Whatever is heard, for one address on one interface go out at most three probes and one defence for each suspicion
 * (which lasts 400 ms), and three probes for each later look; what was given up stays so for 3.75 s at least, and longer
 * with every further conflict.
 *
 * Use: act on what `handle` returns, then call it with 'timer' at `deadline()`. An IPv6 probe is answered to all nodes
 * and asked of the solicited-node group, so both are to be joined before 'probe' is told (RFC 4862 §5.4.2).
 * Implements: RFC 5227 §2.1, §2.1.1, §2.4; RFC 4862 §5.4. Deviations: timings.ts, and where they stand below.
 */
import type { Ip } from '../../model/ip.ts';
import { isStationMac, type Mac } from '../../model/mac.ts';
import { assertNever } from '../../model/result.ts';
import { after, type Instant } from '../../model/time.ts';
import { DueQueue } from './due-queue.ts';
import type { ConflictInput, ConflictOutput, ConflictPolicy, Place, Sighting } from './messages.ts';
import {
  ANSWER_WAIT_MS,
  BURST,
  CALM_MS,
  DEFEND_INTERVAL_MS,
  GRACE_MS,
  LATE_MS,
  MAX_REMEMBERED,
  OWNER_TOLD_MS,
  PROBE_INTERVAL_MS,
  PROBES,
  RATE_PER_SECOND,
  reprobeDelayMs,
  SETTLE_MS,
} from './timings.ts';

export interface ConflictDetectorOptions {
  /** In [0, 1): spreads the later looks. */
  readonly random: () => number;
}

type Phase = 'probing' | 'held' | 'suspecting' | 'silent' | 'defending';

/** One address on one interface. */
interface Watched {
  readonly ip: Ip;
  readonly interface: string;
  mac: Mac;
  policy: ConflictPolicy;
  phase: Phase;
  /** false: remembered only because somebody foreign holds it. */
  isWanted: boolean;
  /** When the phase goes on by itself. */
  due: Instant | undefined;
  /** Probes sent in this round; 0: the round has not begun. */
  probes: number;
  /** The round's end was put off once already, because the timer was late. */
  isExcused: boolean;
  /** Who is suspected, or holds it. */
  foreign: Mac | undefined;
  /** Conflicts in a row, each before the address was held for long. */
  conflicts: number;
  /** When the conflict that lasts began. */
  since: Instant | undefined;
  clearedAt: Instant | undefined;
  defendedAt: Instant | undefined;
  ownerToldAt: Instant | undefined;
}

/** Somebody foreign holds it, as things stand. */
export interface Conflict extends Place {
  readonly mac: Mac;
  readonly since: Instant;
  /** Whether it is announced all the same (policy 'defend'). */
  readonly isDefended: boolean;
}

export class ConflictDetector {
  readonly #random: () => number;
  readonly #watched = new Map<string, Watched>();
  readonly #queue = new DueQueue<Watched>();
  /** In the order in which they stopped being wanted. */
  readonly #remembered = new Set<Watched>();
  /** What had conflicts and is watched no more: whoever comes and goes does not begin anew. The oldest first. */
  readonly #past = new Map<string, Past>();
  #own: ReadonlySet<Mac> = new Set();
  #speakers: ReadonlySet<Mac> = new Set();
  /** Probes that may go now; refilled with time. */
  #budget = BURST;
  #budgetAt: Instant | undefined;

  constructor({ random }: ConflictDetectorOptions) {
    this.#random = random;
  }

  handle(input: ConflictInput, now: Instant): ConflictOutput[] {
    const outputs: ConflictOutput[] = [];
    switch (input.kind) {
      case 'probe':
      case 'watch':
        this.#want(input, now, outputs);
        this.#runDue(now, outputs);
        return outputs;
      case 'released':
        this.#release(input, outputs);
        return outputs;
      case 'interface-gone':
        for (const watched of [...this.#watched.values()]) {
          if (watched.interface !== input.interface) continue;
          this.#forget(watched);
          if (isInConflict(watched)) outputs.push({ kind: 'clear', ...placeOf(watched) });
        }
        return outputs;
      case 'seen':
        this.#see(input, now, outputs);
        return outputs;
      case 'own-macs':
        this.#own = new Set(input.macs);
        this.#acquit(now, outputs);
        return outputs;
      case 'speaker-macs':
        this.#speakers = new Set(input.macs);
        this.#acquit(now, outputs);
        return outputs;
      case 'timer':
        this.#runDue(now, outputs);
        return outputs;
      default:
        return assertNever(input);
    }
  }

  /** When to call `handle` with 'timer' next; undefined while there is nothing to wait for. May lie in the past. */
  deadline(): Instant | undefined {
    const due = this.#queue.peek()?.due;
    if (due === undefined || this.#budget >= 1 || this.#budgetAt === undefined) return due;
    // Wait for half a burst, not for a single probe, lest the timer fire every fifth of a millisecond.
    const refilled = after(this.#budgetAt, (BURST / 2 / RATE_PER_SECOND) * 1000);
    return due > refilled ? due : refilled;
  }

  /** Whether anything heard of the address there is of use; for a packet path that looks before it makes an input. */
  isWatched({ ip, interface: name }: Place): boolean {
    return this.#watched.has(keyOf(ip, name));
  }

  /** Everything that somebody foreign holds, in the order in which it came to be watched. */
  conflicts(): readonly Conflict[] {
    return [...this.#watched.values()].flatMap((watched) => {
      const { foreign, since } = watched;
      if (!isInConflict(watched) || foreign === undefined || since === undefined) return [];
      return [{ ...placeOf(watched), mac: foreign, since, isDefended: watched.phase === 'defending' }];
    });
  }

  /** For metrics and the debug view: how many places are in each phase. */
  snapshot(): Readonly<Record<Phase, number>> {
    const counts = { probing: 0, held: 0, suspecting: 0, silent: 0, defending: 0 };
    for (const { phase } of this.#watched.values()) counts[phase] += 1;
    return counts;
  }

  #want(
    input: Extract<ConflictInput, { readonly kind: 'probe' | 'watch' }>,
    now: Instant,
    outputs: ConflictOutput[],
  ): void {
    const key = keyOf(input.ip, input.interface);
    const known = this.#watched.get(key);
    if (known === undefined) {
      const watched = newlyWatched(input, this.#past.get(key));
      this.#past.delete(key);
      this.#watched.set(key, watched);
      if (input.kind === 'probe') this.#queue.set(watched, now);
      return;
    }
    const isReturning = !known.isWanted;
    known.mac = input.mac;
    known.policy = input.policy;
    known.isWanted = true;
    this.#remembered.delete(known);
    // A speaker held it since it was given up here: it knows better than what is remembered.
    if (input.kind === 'watch' && isReturning && known.phase === 'silent') this.#clear(known, now, outputs);
    else if (input.kind === 'watch' && known.phase === 'probing') this.#hold(known);
    else if (isInConflict(known)) this.#tellConflict(known, outputs);
  }

  #release(place: Place, outputs: ConflictOutput[]): void {
    const watched = this.#watched.get(keyOf(place.ip, place.interface));
    if (watched === undefined || !watched.isWanted) return;
    if (!isInConflict(watched)) {
      this.#forget(watched);
      return;
    }
    watched.isWanted = false;
    watched.phase = 'silent';
    this.#remembered.add(watched);
    const [oldest] = this.#remembered;
    if (this.#remembered.size <= MAX_REMEMBERED || oldest === undefined) return;
    this.#forget(oldest);
    outputs.push({ kind: 'clear', ...placeOf(oldest) });
  }

  #see(input: Extract<ConflictInput, { readonly kind: 'seen' }>, now: Instant, outputs: ConflictOutput[]): void {
    const { mac, as } = input;
    const watched = this.#watched.get(keyOf(input.ip, input.interface));
    // RFC 5227 §2.4: of a conflict speaks only who is not one of the host's own interfaces.
    if (watched === undefined || mac === watched.mac || this.#own.has(mac) || !isStationMac(mac)) return;
    if (this.#speakers.has(mac)) this.#seeSpeaker(watched, { mac, as }, now, outputs);
    else this.#seeForeign(watched, { mac, as }, now, outputs);
  }

  #seeSpeaker(watched: Watched, { mac, as }: Heard, now: Instant, outputs: ConflictOutput[]): void {
    if (!isClaim(as) || watched.phase === 'silent' || isWithin(watched.ownerToldAt, OWNER_TOLD_MS, now)) return;
    watched.ownerToldAt = now;
    outputs.push({ kind: 'stale-owner', ...placeOf(watched), mac });
  }

  #seeForeign(watched: Watched, { mac, as }: Heard, now: Instant, outputs: ConflictOutput[]): void {
    switch (watched.phase) {
      case 'probing':
        // RFC 5227 §2.1.1, RFC 4862 §5.4.3: who has it, and who probes for it at the same time; neither may use it.
        this.#enterConflict(watched, mac, now, outputs);
        return;
      case 'held':
        // Who wants an address that is held is answered by the responder, and is no conflict (RFC 5227 §2.4).
        if (isClaim(as)) this.#suspect(watched, mac, now);
        return;
      case 'suspecting':
        if (isClaim(as) && watched.probes > 0) this.#enterConflict(watched, mac, now, outputs);
        return;
      case 'silent':
        if (watched.probes > 0) this.#prolong(watched, mac, now, outputs);
        return;
      case 'defending':
        if (!isClaim(as)) return;
        this.#defend(watched, now, outputs);
        if (watched.probes > 0) this.#prolong(watched, mac, now, outputs);
        return;
      default:
        assertNever(watched.phase);
    }
  }

  /**
   * Deviation: RFC 5227 §2.4 gives the address up or defends it at the first conflicting frame. Here that comes after the
   * grace, and giving up only when the claim holds.
   */
  #suspect(watched: Watched, mac: Mac, now: Instant): void {
    watched.phase = 'suspecting';
    watched.foreign = mac;
    this.#beginRound(watched, after(now, GRACE_MS));
  }

  #enterConflict(watched: Watched, mac: Mac, now: Instant, outputs: ConflictOutput[]): void {
    const isAnnounced = watched.phase !== 'probing';
    if (!isWithin(watched.clearedAt, CALM_MS, now)) watched.conflicts = 0;
    watched.phase = isAnnounced && watched.policy === 'defend' ? 'defending' : 'silent';
    watched.foreign = mac;
    watched.since = now;
    const then = watched.phase === 'defending' ? 'defend' : isAnnounced ? 'yield' : 'stay-silent';
    outputs.push({ kind: 'conflict', ...placeOf(watched), mac, then });
    if (watched.phase === 'defending') this.#defend(watched, now, outputs);
    this.#lookLater(watched, now);
  }

  /** A look found that it is still held. */
  #prolong(watched: Watched, mac: Mac, now: Instant, outputs: ConflictOutput[]): void {
    const isOther = mac !== watched.foreign;
    watched.foreign = mac;
    if (isOther) this.#tellConflict(watched, outputs);
    this.#lookLater(watched, now);
  }

  #tellConflict(watched: Watched, outputs: ConflictOutput[]): void {
    if (watched.foreign === undefined) return;
    const then = watched.phase === 'defending' ? 'defend' : 'stay-silent';
    outputs.push({ kind: 'conflict', ...placeOf(watched), mac: watched.foreign, then });
  }

  #lookLater(watched: Watched, now: Instant): void {
    watched.conflicts += 1;
    this.#beginRound(watched, after(now, reprobeDelayMs(watched.conflicts, this.#random())));
  }

  /** RFC 5227 §2.4 (b), (c): one announcement, and no second one within DEFEND_INTERVAL. */
  #defend(watched: Watched, now: Instant, outputs: ConflictOutput[]): void {
    if (watched.foreign === undefined || isWithin(watched.defendedAt, DEFEND_INTERVAL_MS, now)) return;
    watched.defendedAt = now;
    outputs.push({ kind: 'defence', ...placeOf(watched), mac: watched.foreign });
  }

  #beginRound(watched: Watched, at: Instant): void {
    watched.probes = 0;
    watched.isExcused = false;
    this.#queue.set(watched, at);
  }

  #runDue(now: Instant, outputs: ConflictOutput[]): void {
    this.#refill(now);
    while (this.#budget >= 1) {
      const watched = this.#queue.peek();
      if (watched?.due === undefined || watched.due > now) return;
      if (watched.probes < PROBES) this.#sendProbe(watched, now, outputs);
      else this.#endRound(watched, watched.due, now, outputs);
    }
  }

  /** Counted from when the probe is really sent, so that probes stay apart when the rate holds them back. */
  #sendProbe(watched: Watched, now: Instant, outputs: ConflictOutput[]): void {
    watched.probes += 1;
    this.#budget -= 1;
    outputs.push({ kind: 'send-probe', ...placeOf(watched), mac: watched.mac });
    this.#queue.set(watched, after(now, watched.probes < PROBES ? PROBE_INTERVAL_MS : ANSWER_WAIT_MS));
  }

  /** Nobody foreign was heard in the round. */
  #endRound(watched: Watched, due: Instant, now: Instant, outputs: ConflictOutput[]): void {
    if (now - due > LATE_MS && !watched.isExcused) {
      watched.isExcused = true;
      this.#queue.set(watched, after(now, SETTLE_MS));
      return;
    }
    switch (watched.phase) {
      case 'probing':
        this.#hold(watched);
        outputs.push({ kind: 'free', ...placeOf(watched) });
        return;
      case 'suspecting':
        // A stray or forged frame: neighbours that believed it come back.
        this.#defend(watched, now, outputs);
        this.#hold(watched);
        return;
      case 'silent':
      case 'defending':
        this.#clear(watched, now, outputs);
        return;
      case 'held':
        throw new Error(`a round ended for ${watched.ip}, which is held`);
      default:
        assertNever(watched.phase);
    }
  }

  #hold(watched: Watched): void {
    watched.phase = 'held';
    watched.foreign = undefined;
    watched.since = undefined;
    watched.probes = 0;
    this.#queue.set(watched, undefined);
  }

  #clear(watched: Watched, now: Instant, outputs: ConflictOutput[]): void {
    outputs.push({ kind: 'clear', ...placeOf(watched) });
    watched.clearedAt = now;
    if (watched.isWanted) this.#hold(watched);
    else this.#forget(watched);
  }

  #forget(watched: Watched): void {
    const key = keyOf(watched.ip, watched.interface);
    this.#watched.delete(key);
    this.#remembered.delete(watched);
    this.#queue.set(watched, undefined);
    const { conflicts, clearedAt, defendedAt } = watched;
    if (clearedAt === undefined && defendedAt === undefined) return;
    this.#past.set(key, { conflicts, clearedAt, defendedAt });
    const [oldest] = this.#past.keys();
    if (this.#past.size > MAX_REMEMBERED && oldest !== undefined) this.#past.delete(oldest);
  }

  /** Whoever was taken for foreign and is not. */
  #acquit(now: Instant, outputs: ConflictOutput[]): void {
    for (const watched of [...this.#watched.values()]) {
      const { foreign } = watched;
      if (foreign === undefined || (!this.#own.has(foreign) && !this.#speakers.has(foreign))) continue;
      if (isInConflict(watched)) this.#clear(watched, now, outputs);
      else this.#hold(watched);
      if (this.#own.has(foreign) || !watched.isWanted) continue;
      watched.ownerToldAt = now;
      outputs.push({ kind: 'stale-owner', ...placeOf(watched), mac: foreign });
    }
  }

  #refill(now: Instant): void {
    const passedMs = now - (this.#budgetAt ?? now);
    this.#budget = Math.min(BURST, this.#budget + (passedMs / 1000) * RATE_PER_SECOND);
    this.#budgetAt = now;
  }
}

/** What outlives the watch. */
type Past = Pick<Watched, 'conflicts' | 'clearedAt' | 'defendedAt'>;

interface Heard {
  readonly mac: Mac;
  readonly as: Sighting;
}

function newlyWatched(
  input: Extract<ConflictInput, { readonly kind: 'probe' | 'watch' }>,
  past: Past = { conflicts: 0, clearedAt: undefined, defendedAt: undefined },
): Watched {
  return {
    ...placeOf(input),
    mac: input.mac,
    policy: input.policy,
    phase: input.kind === 'probe' ? 'probing' : 'held',
    isWanted: true,
    due: undefined,
    probes: 0,
    isExcused: false,
    foreign: undefined,
    since: undefined,
    ownerToldAt: undefined,
    ...past,
  };
}

function isInConflict({ phase }: Watched): boolean {
  return phase === 'silent' || phase === 'defending';
}

/** Whether the frame says "I have it", not "I want it". */
function isClaim(as: Sighting): boolean {
  return as === 'arp-request' || as === 'arp-reply' || as === 'na';
}

function isWithin(past: Instant | undefined, milliseconds: number, now: Instant): boolean {
  return past !== undefined && now - past < milliseconds;
}

function placeOf({ ip, interface: name }: Place): Place {
  return { ip, interface: name };
}

function keyOf(ip: Ip, name: string): string {
  return `${ip} ${name}`;
}
