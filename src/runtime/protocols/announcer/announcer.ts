/**
 * When to announce addresses without being asked: a machine without clock or socket, for ARP and neighbour discovery
 * alike. It is told the whole set of addresses to announce per outlet; an address that is new there, or whose interface
 * has come back or changed its MAC, is announced at once and again in a few rounds, so that neighbours and switches
 * replace what they remember. After that it takes its turn among all others, for ever, so that they do not forget it.
 * Nothing is sent when an address goes: its next owner announces it.
 *
 *     set ──▶ round 0 ─▶ round 1 ─▶ … ─▶ round 5 ─▶ ┌──────────────────────────────┐   timings.ts says when
 *      ▲ at most 5,000 a second over all outlets;   │ ring: the one in front goes, │
 *        first rounds go before repeats due later   └─ and joins at the back ◀─────┘
 *
 * The ring moves by even turns, so that addresses taken in one burst are spread evenly by their first time round.
 *
 * Use: send the announcements that `handle` returns, then call it again with 'timer' at `deadline()`.
 */
import { assertNever } from '../../model/result.ts';
import { after, type Instant } from '../../model/time.ts';
import type { MacBits } from '../ethernet/codec.ts';
import { Queue } from './queue.ts';
import { BURST, RATE_PER_SECOND, ROUNDS_MS, refreshTurn } from './timings.ts';

/** Something that announcements can go out of now, and everything to announce there. */
export interface Outlet<Address> {
  /** Its own name, as an interface and a protocol on it. */
  readonly name: string;
  /** The kernel's index of the interface: another one under the same name is another outlet. */
  readonly index: number;
  readonly mac: MacBits;
  readonly addresses: readonly Address[];
}

export type AnnouncerInput<Address> =
  /** The whole set; an outlet that cannot send now is left out and starts anew when it is in again. */
  | { readonly kind: 'set'; readonly outlets: readonly Outlet<Address>[] }
  /** Neighbours may have been led astray: through all rounds anew, wherever they are announced and not in them. */
  | { readonly kind: 'again'; readonly addresses: readonly Address[] }
  | { readonly kind: 'timer' };

export interface AnnouncerOutput<Address> {
  readonly kind: 'announce';
  /** Name of the outlet, and its MAC when the announcement became due. */
  readonly outlet: string;
  readonly mac: MacBits;
  readonly ip: Address;
}

/** Past the last round: in the ring. */
const RING = ROUNDS_MS.length;

/** One address on one outlet on its way through the rounds. */
interface Announcement<Address> {
  readonly outlet: string;
  readonly mac: MacBits;
  readonly ip: Address;
  /** The round it waits for; RING: its turn in the ring. */
  round: number;
  /** Of its round; of no meaning in the ring. */
  due: Instant;
  /** Set when it has left the announced set; it is passed over when its turn comes. */
  gone: boolean;
}

interface OutletState<Address> {
  readonly index: number;
  readonly mac: MacBits;
  readonly announced: Map<Address, Announcement<Address>>;
}

/** `random` gives numbers in [0, 1). */
export class Announcer<Address extends string | number> {
  readonly #random: () => number;
  #outlets = new Map<string, OutletState<Address>>();
  /** One queue a round. All enter a round by the same delay, so each queue is in order of `due` by itself. */
  readonly #rounds = ROUNDS_MS.map(() => new Queue<Announcement<Address>>());
  readonly #ring = new Queue<Announcement<Address>>();
  /** Of the ring, those that are not gone. */
  #ringSize = 0;
  /** When how many from the front of the ring go next; undefined while the ring is empty. */
  #turn: { readonly due: Instant; left: number } | undefined;
  /** Announcements that may go now; refilled with time. */
  #budget = BURST;
  #budgetAt: Instant | undefined;

  constructor({ random }: { readonly random: () => number }) {
    this.#random = random;
  }

  handle(input: AnnouncerInput<Address>, now: Instant): AnnouncerOutput<Address>[] {
    switch (input.kind) {
      case 'set':
        this.#replaceSet(input.outlets, now);
        return this.#sendDue(now);
      case 'again':
        for (const ip of input.addresses) this.#beginAgain(ip, now);
        return this.#sendDue(now);
      case 'timer':
        return this.#sendDue(now);
      default:
        return assertNever(input);
    }
  }

  /** When to call `handle` with 'timer' next; undefined while nothing is announced. May lie in the past. */
  deadline(): Instant | undefined {
    const due = this.#nextDue();
    if (due === undefined || this.#budget >= 1 || this.#budgetAt === undefined) return due;
    // Wait for half a burst, not for a single announcement, lest the timer fire every fifth of a millisecond.
    const refilled = after(this.#budgetAt, (BURST / 2 / RATE_PER_SECOND) * 1000);
    return due > refilled ? due : refilled;
  }

  /** For the debug view: how many addresses are announced, and how many of them still have first rounds to come. */
  snapshot(): { readonly announced: number; readonly pending: number } {
    let announced = 0;
    for (const state of this.#outlets.values()) announced += state.announced.size;
    let pending = 0;
    for (const queue of this.#rounds) pending += queue.count((announcement) => !announcement.gone);
    return { announced, pending };
  }

  #replaceSet(wanted: readonly Outlet<Address>[], now: Instant): void {
    const next = new Map<string, OutletState<Address>>();
    for (const want of wanted) {
      const before = this.#outlets.get(want.name);
      const same = before !== undefined && before.index === want.index && before.mac === want.mac;
      next.set(want.name, this.#outletState(want, same ? before.announced : new Map(), now));
    }
    for (const [name, before] of this.#outlets) {
      const kept = next.get(name)?.announced;
      for (const [ip, announcement] of before.announced) {
        if (kept?.get(ip) !== announcement) this.#abandon(announcement);
      }
    }
    this.#outlets = next;
  }

  /** Who is in the rounds still is announced often enough: this bounds what many who ask for it can cause. */
  #beginAgain(ip: Address, now: Instant): void {
    for (const { announced } of this.#outlets.values()) {
      const before = announced.get(ip);
      if (before?.round !== RING) continue;
      this.#abandon(before);
      const announcement = { ...before, round: 0, due: now, gone: false };
      announced.set(ip, announcement);
      this.#rounds[0]?.push(announcement);
    }
  }

  #abandon(announcement: Announcement<Address>): void {
    announcement.gone = true;
    if (announcement.round === RING) this.#ringSize -= 1;
  }

  /** Takes over what is announced already, and puts the rest into the first round. */
  #outletState(
    want: Outlet<Address>,
    before: ReadonlyMap<Address, Announcement<Address>>,
    now: Instant,
  ): OutletState<Address> {
    const announced = new Map<Address, Announcement<Address>>();
    for (const ip of want.addresses) {
      if (announced.has(ip)) continue;
      let announcement = before.get(ip);
      if (announcement === undefined) {
        announcement = { outlet: want.name, mac: want.mac, ip, round: 0, due: now, gone: false };
        this.#rounds[0]?.push(announcement);
      }
      announced.set(ip, announcement);
    }
    return { index: want.index, mac: want.mac, announced };
  }

  #sendDue(now: Instant): AnnouncerOutput<Address>[] {
    this.#refill(now);
    const outputs: AnnouncerOutput<Address>[] = [];
    while (this.#budget >= 1) {
      const announcement = this.#takeDue(now);
      if (announcement === undefined) break;
      this.#budget -= 1;
      const { outlet, mac, ip } = announcement;
      outputs.push({ kind: 'announce', outlet, mac, ip });
      this.#queueNext(announcement, now);
    }
    return outputs;
  }

  /** The first that is due, taken out of its queue; the ring waits until no round has anything due. */
  #takeDue(now: Instant): Announcement<Address> | undefined {
    const round = this.#nextRound();
    if (round !== undefined && (round.peek()?.due ?? now) <= now) return round.shift();
    const first = this.#firstOfRing();
    if (this.#turn === undefined || this.#turn.due > now) return undefined;
    if (first !== undefined) this.#ring.shift();
    return first;
  }

  /** Counted from when this round was really sent, so that the rounds stay apart when the rate holds them back. */
  #queueNext(announcement: Announcement<Address>, now: Instant): void {
    if (announcement.round === RING) {
      this.#ring.push(announcement);
      if (this.#turn === undefined || this.#turn.left <= 1) this.#turn = this.#nextTurn(now);
      else this.#turn.left -= 1;
      return;
    }
    const [sent, following] = [ROUNDS_MS[announcement.round] ?? 0, ROUNDS_MS[announcement.round + 1]];
    announcement.round += 1;
    if (following === undefined) {
      this.#joinRing(announcement, now);
    } else {
      announcement.due = after(now, following - sent);
      this.#rounds[announcement.round]?.push(announcement);
    }
  }

  /** Who joins makes everybody's turn come sooner, the one that is being waited for too. */
  #joinRing(announcement: Announcement<Address>, now: Instant): void {
    this.#ring.push(announcement);
    this.#ringSize += 1;
    const turn = this.#nextTurn(now);
    if (this.#turn === undefined || turn.due < this.#turn.due) this.#turn = turn;
  }

  #nextTurn(now: Instant): { readonly due: Instant; left: number } {
    const { afterMs, count } = refreshTurn(this.#ringSize, this.#random());
    return { due: after(now, afterMs), left: count };
  }

  #nextDue(): Instant | undefined {
    const round = this.#nextRound()?.peek()?.due;
    const ring = this.#firstOfRing() === undefined ? undefined : this.#turn?.due;
    return round === undefined || (ring !== undefined && ring < round) ? ring : round;
  }

  /** The round whose first is due first; of those due alike, the earliest round. */
  #nextRound(): Queue<Announcement<Address>> | undefined {
    let next: Queue<Announcement<Address>> | undefined;
    let due: Instant | undefined;
    for (const queue of this.#rounds) {
      while (queue.peek()?.gone) queue.shift();
      const announcement = queue.peek();
      if (announcement === undefined || (due !== undefined && announcement.due >= due)) continue;
      next = queue;
      due = announcement.due;
    }
    return next;
  }

  #firstOfRing(): Announcement<Address> | undefined {
    while (this.#ring.peek()?.gone) this.#ring.shift();
    const first = this.#ring.peek();
    // Whoever joins an empty ring waits a whole turn, not what was left of somebody else's.
    if (first === undefined) this.#turn = undefined;
    return first;
  }

  #refill(now: Instant): void {
    const passedMs = now - (this.#budgetAt ?? now);
    this.#budget = Math.min(BURST, this.#budget + (passedMs / 1000) * RATE_PER_SECOND);
    this.#budgetAt = now;
  }
}
