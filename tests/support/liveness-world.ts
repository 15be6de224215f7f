/**
 * Speakers that watch each other in a simulated world: datagrams take their time, are lost, or cannot pass between some;
 * processes are killed, stopped and go on; every process comes late to its timers as the test says; clocks start anywhere
 * and run unequally fast. Around each machine is the simplest caller there can be: when nobody's claim to an address counts,
 * the first living node in an order by hash claims it, some milliseconds later.
 */
import { createHash } from 'node:crypto';
import type { Ip } from '../../src/runtime/model/ip.ts';
import { type Instant, instant } from '../../src/runtime/model/time.ts';
import type { LivenessInput, LivenessOutput } from '../../src/runtime/protocols/liveness/interface.ts';
import { Liveness } from '../../src/runtime/protocols/liveness/liveness.ts';
import { seededDice } from './dice.ts';
import { EventHeap } from './event-heap.ts';

/** How long a caller takes to decide. */
const DECIDE_MS = 5;

export const sha256Hex = (text: string): string => createHash('sha256').update(text).digest('hex');

export interface Weather {
  readonly lostPercent: number;
  /** One way, in milliseconds: at least, and how much more at most. */
  readonly delayMs: number;
  readonly jitterMs: number;
  /** How late a process comes to its timer. */
  readonly lateness: (dice: (sides: number) => number) => number;
}

export const FAIR: Weather = {
  lostPercent: 0,
  delayMs: 0.1,
  jitterMs: 0.4,
  lateness: (dice) => (dice(100) === 0 ? dice(8) : dice(1000) / 1000),
};

export interface Told {
  readonly at: number;
  readonly node: string;
  readonly output: Exclude<LivenessOutput, { kind: 'send' }>;
}

export interface Speaker {
  readonly name: string;
  readonly boot: string;
  machine: Liveness;
  /** Its clock: real × rate + offset. */
  readonly rate: number;
  offset: number;
  alive: boolean;
  /** Nothing of it runs before. */
  busyUntil: number;
  /** Nothing that is sent to it arrives before. */
  deafUntil: number;
  inbox: (() => void)[];
  timerAt: number | undefined;
  /** Its timer has come, but not it to its timer. */
  timerFired: boolean;
  /** Datagrams that it sent. */
  sent: number;
  lastSentAt: number;
  /** What it answers for at the moment. */
  readonly announcing: Set<Ip>;
  inDoubt: boolean;
  decideAt: number | undefined;
  /** What it believes of the others, as it was told. */
  readonly believes: Map<string, 'unknown' | 'alive' | 'dead'>;
}

export class LivenessWorld {
  readonly dice: (sides: number) => number;
  readonly speakers = new Map<string, Speaker>();
  readonly log: Told[] = [];
  weather: Weather = FAIR;
  now = 0;
  delivered = 0;
  /** Addresses that somebody ought to announce. */
  addresses: readonly Ip[] = [];
  /** Sees every datagram; false: it is lost. */
  passes: (from: string, to: string) => boolean = () => true;
  /** Until when what a node sends waits in its kernel, for the neighbours' addresses to be resolved; then all of it goes. */
  readonly unresolvedUntil = new Map<string, number>();
  /** The longest that an address was answered for by two at once, in milliseconds, and since when it is. */
  readonly doubleMs = new Map<Ip, number>();
  readonly #heap = new EventHeap();
  readonly #doubleSince = new Map<Ip, number>();
  readonly #announcers = new Map<Ip, Set<string>>();
  #boots = 0;

  constructor(seed: number, names: readonly string[]) {
    this.dice = seededDice(seed);
    for (const name of names) this.speakers.set(name, this.#speaker(name));
    this.#introduce();
  }

  speaker(name: string): Speaker {
    const found = this.speakers.get(name);
    if (found === undefined) throw new Error(`no speaker ${name}`);
    return found;
  }

  run(milliseconds: number): this {
    const end = this.now + milliseconds;
    for (let at = this.#heap.nextAt(); at !== undefined && at <= end; at = this.#heap.nextAt()) {
      this.now = Math.max(this.now, at);
      this.#heap.take()?.();
    }
    this.now = end;
    return this;
  }

  /** Gives an input to a speaker as soon as it runs. */
  input(name: string, input: LivenessInput): void {
    const speaker = this.speaker(name);
    this.#whenAwake(speaker, () => this.#handle(speaker, input));
  }

  /** Makes every caller look at the addresses. */
  poke(): void {
    for (const speaker of this.speakers.values()) this.#lookSoon(speaker);
  }

  /** What the speaker's clock says now. */
  clockOf(name: string): Instant {
    return this.#clock(this.speaker(name));
  }

  /** kill -9, or a node without power. */
  kill(name: string): void {
    const speaker = this.speaker(name);
    speaker.alive = false;
    for (const ip of [...speaker.announcing]) this.#stopAnnouncing(speaker, ip);
  }

  /**
   * SIGSTOP, and SIGCONT so much later: what arrives meanwhile waits in the socket. 'machine': a host that is not given its
   * CPUs, and loses that. 'clock-too': one that is suspended, and whose monotonic clock stands still with it.
   */
  freeze(name: string, milliseconds: number, what: 'process' | 'machine' | 'clock-too' = 'process'): void {
    const speaker = this.speaker(name);
    if (what !== 'process') speaker.deafUntil = this.now + milliseconds;
    // Nothing of it runs before it is over, so nothing sees the clock go back.
    if (what === 'clock-too') speaker.offset -= milliseconds * speaker.rate;
    this.#keepBusy(speaker, this.now + milliseconds);
  }

  /** Another process in its place, as the Leases tell of it. */
  restart(name: string): void {
    this.kill(name);
    this.speakers.set(name, this.#speaker(name));
    this.#introduce();
  }

  /** Nothing passes between nodes of different groups. */
  partition(...groups: readonly (readonly string[])[]): void {
    const groupOf = new Map(groups.flatMap((group, index) => group.map((name) => [name, index] as const)));
    this.passes = (from, to) => groupOf.get(from) === groupOf.get(to);
  }

  heal(): void {
    this.passes = () => true;
  }

  /** Who answers for the address now, as a client could see. */
  announcers(ip: Ip): string[] {
    return [...(this.#announcers.get(ip) ?? [])].filter((name) => {
      const speaker = this.speaker(name);
      return speaker.alive && !speaker.inDoubt && speaker.busyUntil <= this.now;
    });
  }

  /** When each of the others was told that the node is dead, counted from a moment. */
  toldDead(name: string, since: number): { readonly node: string; readonly afterMs: number }[] {
    return this.log.flatMap(({ at, node, output }) =>
      at >= since && output.kind === 'peer' && output.node === name && output.state === 'dead'
        ? [{ node, afterMs: at - since }]
        : [],
    );
  }

  /** Everything told that says that somebody is dead. */
  verdicts(): Told[] {
    return this.log.filter(({ output }) => output.kind === 'peer' && output.state === 'dead');
  }

  /** The verdicts since the last time, and forgets them and everything else that was told. */
  takeVerdicts(): Told[] {
    const verdicts = this.verdicts();
    this.log.length = 0;
    return verdicts;
  }

  #speaker(name: string): Speaker {
    this.#boots += 1;
    const boot = sha256Hex(`${name} ${this.#boots}`).slice(16, 32);
    return {
      name,
      boot,
      machine: new Liveness({ node: name, boot, sha256Hex, seed: this.dice(2 ** 31) }),
      rate: 1 + (this.dice(401) - 200) / 1_000_000,
      offset: this.dice(1_000_000),
      alive: true,
      busyUntil: 0,
      deafUntil: 0,
      inbox: [],
      timerAt: undefined,
      timerFired: false,
      sent: 0,
      lastSentAt: 0,
      announcing: new Set(),
      inDoubt: false,
      decideAt: undefined,
      believes: new Map(),
    };
  }

  #introduce(): void {
    const all = [...this.speakers.values()].map(({ name: node, boot }) => ({ node, boot }));
    for (const { node } of all) {
      this.input(node, { kind: 'peers', peers: all.filter((other) => other.node !== node) });
    }
  }

  #clock(speaker: Speaker): Instant {
    return instant(this.now * speaker.rate + speaker.offset);
  }

  #handle(speaker: Speaker, input: LivenessInput): void {
    if (!speaker.alive) return;
    for (const output of speaker.machine.handle(input, this.#clock(speaker))) this.#carryOut(speaker, output);
    this.#planTimer(speaker);
  }

  #carryOut(speaker: Speaker, output: LivenessOutput): void {
    if (output.kind === 'send') {
      for (const to of output.to) this.#send(speaker, to, output.bytes);
      return;
    }
    this.log.push({ at: this.now, node: speaker.name, output });
    if (output.kind === 'peer') speaker.believes.set(output.node, output.state);
    if (output.kind === 'overtaken') for (const { ip } of output.claims) this.#stopAnnouncing(speaker, ip);
    if (output.kind === 'doubt') speaker.inDoubt = true;
    if (output.kind === 'assured') speaker.inDoubt = false;
    this.#countDoubles();
    if (this.addresses.length > 0) this.#lookSoon(speaker);
  }

  #lookSoon(speaker: Speaker): void {
    if (speaker.decideAt !== undefined) return;
    speaker.decideAt = this.now + DECIDE_MS;
    this.#heap.add(speaker.decideAt, () => this.#whenAwake(speaker, () => this.#decide(speaker)));
  }

  #decide(speaker: Speaker): void {
    speaker.decideAt = undefined;
    if (!speaker.alive) return;
    const candidates = [...this.speakers.keys()].filter(
      (name) => name === speaker.name || speaker.believes.get(name) === 'alive',
    );
    const wanted = this.addresses.filter(
      (ip) => speaker.machine.owner(ip) === undefined && successor(ip, candidates) === speaker.name,
    );
    if (wanted.length === 0) return;
    for (const ip of wanted) {
      speaker.announcing.add(ip);
      const announcers = this.#announcers.get(ip) ?? new Set();
      this.#announcers.set(ip, announcers.add(speaker.name));
    }
    this.#handle(speaker, { kind: 'claim', ips: wanted });
    this.#countDoubles();
  }

  #stopAnnouncing(speaker: Speaker, ip: Ip): void {
    speaker.announcing.delete(ip);
    this.#announcers.get(ip)?.delete(speaker.name);
    this.#countDoubles();
  }

  #countDoubles(): void {
    for (const ip of this.addresses) {
      const since = this.#doubleSince.get(ip);
      if (since !== undefined) this.doubleMs.set(ip, Math.max(this.doubleMs.get(ip) ?? 0, this.now - since));
      if (this.announcers(ip).length < 2) this.#doubleSince.delete(ip);
      else if (since === undefined) this.#doubleSince.set(ip, this.now);
    }
  }

  #send(speaker: Speaker, to: string, bytes: Uint8Array): void {
    speaker.sent += 1;
    speaker.lastSentAt = this.now;
    const { lostPercent, delayMs, jitterMs } = this.weather;
    if (!this.passes(speaker.name, to) || (lostPercent > 0 && this.dice(100) < lostPercent)) return;
    const sender = speaker.boot;
    const leavesAt = Math.max(this.now, this.unresolvedUntil.get(speaker.name) ?? 0);
    this.#heap.add(leavesAt + delayMs + (jitterMs * this.dice(1000)) / 1000, () => {
      const receiver = this.speakers.get(to);
      // The envelope of another process opens nothing.
      if (receiver === undefined || this.speakers.get(speaker.name)?.boot !== sender) return;
      if (receiver.deafUntil > this.now) return;
      this.delivered += 1;
      this.#whenAwake(receiver, () => this.#handle(receiver, { kind: 'datagram', from: speaker.name, bytes }));
    });
  }

  #whenAwake(speaker: Speaker, what: () => void): void {
    if (speaker.busyUntil > this.now || speaker.inbox.length > 0) speaker.inbox.push(what);
    else what();
  }

  /** Nothing of it runs until then; then its socket is read. */
  #keepBusy(speaker: Speaker, until: number): void {
    if (until <= speaker.busyUntil) return;
    speaker.busyUntil = until;
    this.#heap.add(until, () => {
      if (speaker.busyUntil > this.now) return;
      for (const what of speaker.inbox.splice(0)) what();
      // As the machine asks for it: the socket first.
      if (speaker.timerFired) this.#onTimer(speaker);
      this.#countDoubles();
    });
  }

  #planTimer(speaker: Speaker): void {
    if (speaker.timerFired) return;
    const clock = this.#clock(speaker);
    const deadline = speaker.machine.deadline();
    if (deadline === undefined) return;
    // Timers of the platform fire at whole milliseconds, never early.
    const at = this.now + Math.max(0.01, Math.ceil(deadline - clock));
    if (speaker.timerAt !== undefined && speaker.timerAt <= at && speaker.timerAt > this.now) return;
    speaker.timerAt = at;
    this.#heap.add(at, () => {
      if (speaker.timerAt !== at || !speaker.alive || speaker.timerFired) return;
      speaker.timerFired = true;
      const lateMs = this.weather.lateness(this.dice);
      if (lateMs > 1 && speaker.busyUntil <= this.now) this.#keepBusy(speaker, this.now + lateMs);
      if (speaker.busyUntil <= this.now) this.#onTimer(speaker);
    });
  }

  #onTimer(speaker: Speaker): void {
    speaker.timerFired = false;
    speaker.timerAt = undefined;
    this.#handle(speaker, { kind: 'timer' });
  }
}

/** node-001 … */
export function nodeNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `node-${String(index + 1).padStart(3, '0')}`);
}

function successor(ip: Ip, candidates: readonly string[]): string | undefined {
  return candidates.map((name) => [sha256Hex(`${name}#${ip}`), name] as const).sort()[0]?.[1];
}
