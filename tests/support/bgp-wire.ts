/**
 * Two BGP sessions on a virtual network with a virtual clock: connections take a while to stand, bytes come in order and in
 * pieces, and whoever listens is connected to. A test may delay either direction, part the two, or break connections.
 */
import { instant } from '../../src/runtime/model/time.ts';
import type {
  BgpInput,
  BgpOutput,
  BgpSessionOptions,
  ConnectionId,
} from '../../src/runtime/protocols/bgp/interface.ts';
import { BgpSession } from '../../src/runtime/protocols/bgp/session.ts';
import { OWN_ADDRESS, sessionOptions } from './bgp-script.ts';
import { ip } from './views.ts';

export type Side = 'a' | 'b';

/** A connection: its number at either end, while that end holds it. */
interface Line {
  a: ConnectionId | undefined;
  b: ConnectionId | undefined;
  /** When what was sent last from that side arrives. */
  readonly lastArrival: Record<Side, number>;
}

const OTHER = { a: 'b', b: 'a' } as const;
const ADDRESSES = { a: OWN_ADDRESS, b: ip('192.0.2.11') };
const OWN: Record<Side, Partial<BgpSessionOptions>> = {
  a: { localAsn: 64512, peerAsn: 64513, identifier: ip('10.0.0.1'), seed: 1 },
  b: { localAsn: 64513, peerAsn: 64512, identifier: ip('10.0.0.2'), seed: 2 },
};

interface Event {
  readonly at: number;
  /** Of events at one time the earlier one comes first. */
  readonly order: number;
  readonly run: () => void;
}

export class BgpWire {
  now = 0;
  /** What a message takes from that side, in milliseconds; asked for each. Order is kept all the same. */
  delayMs: (from: Side) => number = () => 1;
  /** Nothing arrives any more, and nobody is told. */
  isParted = false;
  readonly listens: Record<Side, boolean> = { a: true, b: true };
  /** "12 a: open-sent → open-confirm", and "15 b: failed lost: …" */
  readonly log: string[] = [];
  readonly #sessions: Record<Side, BgpSession | undefined> = { a: undefined, b: undefined };
  #lines: Line[] = [];
  #events: Event[] = [];
  #order = 0;

  /** A side that begins, or begins anew, as another process that knows nothing of the one before. */
  start(side: Side, options: Partial<BgpSessionOptions> = {}): this {
    this.#sessions[side] = new BgpSession(sessionOptions({ ...OWN[side], ...options }), instant(this.now));
    return this.tell(side, { kind: 'start' });
  }

  /** Gone without a word: its machine has lost its power, and nobody answers for it. */
  kill(side: Side): this {
    this.#sessions[side] = undefined;
    for (const line of this.#lines) line[side] = undefined;
    return this;
  }

  session(side: Side): BgpSession {
    const session = this.#sessions[side];
    if (session === undefined) throw new Error(`${side} is not there`);
    return session;
  }

  states(): string {
    return `${this.session('a').snapshot().state} ${this.session('b').snapshot().state}`;
  }

  /** How often each was established, and ceased to be. */
  counts(): string {
    return (['a', 'b'] as const)
      .map((side) => this.session(side).snapshot())
      .map(({ established, flaps }) => `${established}-${flaps}`)
      .join(' ');
  }

  /** Connections that both sides hold. */
  get connections(): number {
    return this.#lines.filter(({ a, b }) => a !== undefined && b !== undefined).length;
  }

  tell(side: Side, input: BgpInput): this {
    const session = this.#sessions[side];
    if (session !== undefined)
      this.#act(side, structuredClone(session.handle(structuredClone(input), instant(this.now))));
    return this;
  }

  /** Both sides lose every connection that stands. */
  breakAll(): this {
    for (const line of this.#lines.splice(0)) {
      for (const side of ['a', 'b'] as const) {
        const id = line[side];
        line[side] = undefined;
        if (id !== undefined) this.tell(side, { kind: 'closed', connection: id, reason: 'connection reset' });
      }
    }
    return this;
  }

  pass(milliseconds: number): this {
    const until = this.now + milliseconds;
    for (let rounds = 0; ; rounds++) {
      if (rounds > 1_000_000) throw new Error('it never rests');
      const event = this.#events.reduce<Event | undefined>(
        (first, one) => (first === undefined || isBefore(one, first) ? one : first),
        undefined,
      );
      const timers = { a: this.#sessions.a?.deadline() ?? Infinity, b: this.#sessions.b?.deadline() ?? Infinity };
      const due = Math.min(event?.at ?? Infinity, timers.a, timers.b);
      if (due > until) break;
      this.now = Math.max(this.now, due);
      if (event !== undefined && event.at <= due) {
        this.#events = this.#events.filter((one) => one !== event);
        event.run();
      } else this.tell(timers.a <= timers.b ? 'a' : 'b', { kind: 'timer' });
    }
    this.now = until;
    return this;
  }

  #act(side: Side, outputs: readonly BgpOutput[]): void {
    for (const output of outputs) {
      switch (output.kind) {
        case 'dial':
          this.#dial(side, output.connection);
          break;
        case 'write':
          this.#carry(side, output.connection, output.bytes);
          break;
        case 'close':
          this.#close(side, output.connection, output.how);
          break;
        case 'changed':
          this.log.push(`${Math.round(this.now)} ${side}: ${output.from} → ${output.to}`);
          break;
        case 'failed':
          this.log.push(`${Math.round(this.now)} ${side}: failed ${output.failure.cause}: ${output.failure.reason}`);
          break;
        case 'advertised':
        case 'faulty-update':
          break;
      }
    }
  }

  /** As TCP does it: one way, back, and once more, then both hold it. */
  #dial(side: Side, id: ConnectionId): void {
    const other = OTHER[side];
    const line: Line = { a: undefined, b: undefined, lastArrival: { a: 0, b: 0 } };
    line[side] = id;
    this.#lines.push(line);
    this.#send(line, side, () => {
      const isThere = this.#sessions[other] !== undefined;
      const isRefused = !this.listens[other];
      if (!isThere) return;
      this.#send(line, other, () => {
        if (line[side] !== id) return;
        if (isRefused) {
          this.#lose(side, line, 'connection refused');
          return;
        }
        this.#send(line, side, () => this.#accept(other, line));
        this.tell(side, { kind: 'connected', connection: id, local: ADDRESSES[side], nextHops: nextHopsOf(side) });
      });
    });
  }

  #accept(side: Side, line: Line): void {
    const session = this.#sessions[side];
    if (session === undefined) return;
    const connection = session.nextConnection();
    line[side] = connection;
    this.tell(side, { kind: 'accepted', connection, local: ADDRESSES[side], nextHops: nextHopsOf(side) });
  }

  #carry(from: Side, id: ConnectionId, bytes: Uint8Array): void {
    const line = this.#lines.find((one) => one[from] === id);
    if (line === undefined) return;
    const to = OTHER[from];
    this.#send(line, from, () => {
      const connection = line[to];
      if (connection !== undefined) this.tell(to, { kind: 'received', connection, bytes });
    });
  }

  #close(from: Side, id: ConnectionId, how: 'in-order' | 'at-once'): void {
    const line = this.#lines.find((one) => one[from] === id);
    if (line === undefined) return;
    line[from] = undefined;
    this.#send(line, from, () => this.#lose(OTHER[from], line, how === 'in-order' ? undefined : 'connection reset'));
  }

  #lose(side: Side, line: Line, reason: string | undefined): void {
    this.#lines = this.#lines.filter((one) => one !== line);
    const connection = line[side];
    line[side] = undefined;
    if (connection === undefined) return;
    this.tell(side, { kind: 'closed', connection, ...(reason === undefined ? {} : { reason }) });
  }

  /** Arrives after its delay, never before what was sent earlier on the same connection. */
  #send({ lastArrival }: Line, from: Side, run: () => void): void {
    const at = Math.max(this.now + this.delayMs(from), lastArrival[from]);
    lastArrival[from] = at;
    this.#order += 1;
    this.#events.push({ at, order: this.#order, run: () => (this.isParted ? undefined : run()) });
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

function nextHopsOf(side: Side) {
  return { ipv4: ADDRESSES[side] };
}
