/**
 * When to send gratuitous ARP, and what: a machine without clock or socket. It is told the whole set of addresses to
 * announce per interface; an address that is new there, or whose interface has come back or changed its MAC, is
 * announced at once and again in a few rounds, so that neighbours and switches replace what they remember. Each round
 * is two broadcast frames, a request and a reply, because some hosts heed only the one and some only the other.
 * Nothing is sent when an address goes: its next owner announces it.
 *
 *     set ──▶ round 0 ──100 ms──▶ round 1 ──1 s──▶ 1.1 s ──▶ 2.2 s ──▶ 3.3 s ──▶ 4.4 s ──▶ quiet
 *      ▲ at most 5,000 announcements a second over all interfaces; first rounds go before repeats that are due later
 *
 * Use: send what `handle` returns, then call it again with 'timer' at `deadline()`.
 * Implements: RFC 5227 §2.3 and §3 (announcements are requests); RFC 5944 §4.6 allows the reply form beside it.
 */
import { assertNever } from '../../model/result.ts';
import { after, type Instant } from '../../model/time.ts';
import { BROADCAST_BITS, type MacBits } from '../ethernet/codec.ts';
import { encodeArpFrame, type Ipv4Bits } from './codec.ts';
import { OPERATION_REPLY, OPERATION_REQUEST } from './iana.ts';

/**
 * When an address is announced, in milliseconds after it was taken. The rounds 1.1 s apart over 4.4 s are MetalLB's;
 * the one at 0.1 s bridges a first frame lost while queues or switch ports are not ready.
 */
export const ROUNDS_MS: readonly number[] = [0, 100, 1100, 2200, 3300, 4400];

/** Announcements (two frames each) per second, over all interfaces: 1,000 addresses move in a fifth of a second. */
const RATE_PER_SECOND = 5000;
/** How many may go at once; bounds how long one call keeps the thread from answering requests. */
const BURST = 100;

/** An interface that can send, and everything to announce there. */
export interface ArpAnnouncements {
  readonly interface: string;
  /** The kernel's index: another one under the same name is another interface. */
  readonly index: number;
  readonly mac: MacBits;
  readonly addresses: readonly Ipv4Bits[];
}

export type ArpAnnouncerInput =
  /** The whole set; an interface that cannot send now is left out and starts anew when it is in again. */
  { readonly kind: 'set'; readonly announcements: readonly ArpAnnouncements[] } | { readonly kind: 'timer' };

/** Both frames go out of the named interface, in their order. */
export interface ArpAnnouncerOutput {
  readonly kind: 'send';
  readonly interface: string;
  readonly ip: Ipv4Bits;
  readonly frames: readonly Uint8Array[];
}

/** One address on one interface on its way through the rounds. */
interface Announcement {
  readonly interface: string;
  readonly mac: MacBits;
  readonly ip: Ipv4Bits;
  due: Instant;
  /** Set when it has left the announced set; it is passed over when its turn comes. */
  gone: boolean;
}

interface InterfaceState {
  readonly index: number;
  readonly mac: MacBits;
  readonly announced: Map<Ipv4Bits, Announcement>;
}

export class ArpAnnouncer {
  #interfaces = new Map<string, InterfaceState>();
  /** One queue a round. All enter a round by the same delay, so each queue is in order of `due` by itself. */
  readonly #rounds = ROUNDS_MS.map(() => new Queue<Announcement>());
  /** Announcements that may go now; refilled with time. */
  #budget = BURST;
  #budgetAt: Instant | undefined;

  handle(input: ArpAnnouncerInput, now: Instant): ArpAnnouncerOutput[] {
    switch (input.kind) {
      case 'set':
        this.#replaceSet(input.announcements, now);
        return this.#sendDue(now);
      case 'timer':
        return this.#sendDue(now);
      default:
        return assertNever(input);
    }
  }

  /** When to call `handle` with 'timer' next; undefined while there is nothing to send. May lie in the past. */
  deadline(): Instant | undefined {
    const due = this.#next()?.announcement.due;
    if (due === undefined || this.#budget >= 1 || this.#budgetAt === undefined) return due;
    // Wait for half a burst, not for a single announcement, lest the timer fire every fifth of a millisecond.
    const refilled = after(this.#budgetAt, (BURST / 2 / RATE_PER_SECOND) * 1000);
    return due > refilled ? due : refilled;
  }

  /** For the debug view: how many addresses are announced, and how many of them still have rounds to come. */
  snapshot(): { readonly announced: number; readonly pending: number } {
    let announced = 0;
    for (const state of this.#interfaces.values()) announced += state.announced.size;
    let pending = 0;
    for (const queue of this.#rounds) pending += queue.count((announcement) => !announcement.gone);
    return { announced, pending };
  }

  #replaceSet(wanted: readonly ArpAnnouncements[], now: Instant): void {
    const next = new Map<string, InterfaceState>();
    for (const want of wanted) {
      const before = this.#interfaces.get(want.interface);
      const same = before !== undefined && before.index === want.index && before.mac === want.mac;
      next.set(want.interface, this.#interfaceState(want, same ? before.announced : new Map(), now));
    }
    for (const [name, before] of this.#interfaces) {
      const kept = next.get(name)?.announced;
      for (const [ip, announcement] of before.announced) announcement.gone = kept?.get(ip) !== announcement;
    }
    this.#interfaces = next;
  }

  /** Takes over what is announced already, and puts the rest into the first round. */
  #interfaceState(want: ArpAnnouncements, before: ReadonlyMap<Ipv4Bits, Announcement>, now: Instant): InterfaceState {
    const announced = new Map<Ipv4Bits, Announcement>();
    for (const ip of want.addresses) {
      if (announced.has(ip)) continue;
      let announcement = before.get(ip);
      if (announcement === undefined) {
        announcement = { interface: want.interface, mac: want.mac, ip, due: now, gone: false };
        this.#rounds[0]?.push(announcement);
      }
      announced.set(ip, announcement);
    }
    return { index: want.index, mac: want.mac, announced };
  }

  #sendDue(now: Instant): ArpAnnouncerOutput[] {
    this.#refill(now);
    const outputs: ArpAnnouncerOutput[] = [];
    while (this.#budget >= 1) {
      const next = this.#next();
      if (next === undefined || next.announcement.due > now) break;
      this.#rounds[next.round]?.shift();
      this.#budget -= 1;
      outputs.push(announce(next.announcement));
      this.#queueNextRound(next.announcement, next.round, now);
    }
    return outputs;
  }

  /** Counted from when this round was really sent, so that the rounds stay apart when the rate holds them back. */
  #queueNextRound(announcement: Announcement, round: number, now: Instant): void {
    const [sent, following] = [ROUNDS_MS[round], ROUNDS_MS[round + 1]];
    if (sent === undefined || following === undefined) return;
    announcement.due = after(now, following - sent);
    this.#rounds[round + 1]?.push(announcement);
  }

  /** The announcement due first; of those due alike, the one in the earliest round. */
  #next(): { readonly announcement: Announcement; readonly round: number } | undefined {
    let next: { announcement: Announcement; round: number } | undefined;
    for (const [round, queue] of this.#rounds.entries()) {
      while (queue.peek()?.gone) queue.shift();
      const announcement = queue.peek();
      if (announcement === undefined) continue;
      if (next === undefined || announcement.due < next.announcement.due) next = { announcement, round };
    }
    return next;
  }

  #refill(now: Instant): void {
    const passedMs = now - (this.#budgetAt ?? now);
    this.#budget = Math.min(BURST, this.#budget + (passedMs / 1000) * RATE_PER_SECOND);
    this.#budgetAt = now;
  }
}

/**
 * RFC 5227 §3: sender and target IP are both the address; the request comes first. The target MAC means nothing here;
 * it is broadcast, as MetalLB has it.
 */
function announce(announcement: Announcement): ArpAnnouncerOutput {
  const { mac, ip } = announcement;
  const frames = [OPERATION_REQUEST, OPERATION_REPLY].map((operation) =>
    encodeArpFrame(
      { destination: BROADCAST_BITS, source: mac },
      { operation, senderMac: mac, senderIp: ip, targetMac: BROADCAST_BITS, targetIp: ip },
    ),
  );
  return { kind: 'send', interface: announcement.interface, ip, frames };
}

/** First in, first out, without moving what is left at every step. */
class Queue<T> {
  #items: T[] = [];
  #head = 0;

  push(item: T): void {
    this.#items.push(item);
  }

  peek(): T | undefined {
    return this.#items[this.#head];
  }

  shift(): void {
    this.#head += 1;
    if (this.#head * 2 < this.#items.length) return;
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }

  count(which: (item: T) => boolean): number {
    return this.#items.reduce((sum, item, index) => (index >= this.#head && which(item) ? sum + 1 : sum), 0);
  }
}
