/**
 * Two BFD sessions on a virtual link with a virtual clock. Packets take 1 ms; a test may lose them, put either side to
 * sleep (its packets then wait in its socket, and its timer runs first when it wakes), or speak in place of one side.
 */
import { instant } from '../../src/runtime/model/time.ts';
import { type BfdPacket, decodeBfdPacket } from '../../src/runtime/protocols/bfd/codec.ts';
import type { BfdInput, BfdOutput, BfdSessionOptions } from '../../src/runtime/protocols/bfd/interface.ts';
import { BfdSession } from '../../src/runtime/protocols/bfd/session.ts';

export type End = 'a' | 'b';

export interface Sent {
  readonly at: number;
  readonly from: End;
  readonly packet: BfdPacket;
}

const DELAY_MS = 1;

interface Side {
  session: BfdSession | undefined;
  /** Unread. */
  readonly socket: BfdPacket[];
  wakesAt: number;
}

export function bfdOptions(more: Partial<BfdSessionOptions> = {}): BfdSessionOptions {
  return {
    desiredMinTxMs: 300,
    requiredMinRxMs: 300,
    detectMultiplier: 3,
    localDiscriminator: 7,
    role: 'active',
    requiredMinEchoRxMs: 0,
    seed: 1,
    ...more,
  };
}

export class BfdLink {
  now = 0;
  /** Decides for each packet whether it is lost. */
  isLost: (sent: Sent) => boolean = () => false;
  readonly sent: Sent[] = [];
  /** "1203 a: down → init" */
  readonly changes: string[] = [];
  readonly #wire: { at: number; to: End; packet: BfdPacket }[] = [];
  readonly #sides: Readonly<Record<End, Side>> = {
    a: { session: undefined, socket: [], wakesAt: 0 },
    b: { session: undefined, socket: [], wakesAt: 0 },
  };

  /** A side that begins, or begins anew, as another process. */
  start(end: End, options: Partial<BfdSessionOptions> = {}): this {
    const own = end === 'a' ? { localDiscriminator: 7, seed: 1 } : { localDiscriminator: 9, seed: 2 };
    this.#sides[end].session = new BfdSession(bfdOptions({ ...own, ...options }), instant(this.now));
    return this;
  }

  /** A side that is gone without a word. */
  kill(end: End): this {
    this.#sides[end].session = undefined;
    return this;
  }

  sleep(end: End, milliseconds: number): this {
    this.#sides[end].wakesAt = this.now + milliseconds;
    return this;
  }

  session(end: End): BfdSession {
    const { session } = this.#sides[end];
    if (session === undefined) throw new Error(`${end} is not there`);
    return session;
  }

  states(): string {
    return `${this.session('a').snapshot().state} ${this.session('b').snapshot().state}`;
  }

  tell(end: End, input: BfdInput): this {
    const { session } = this.#sides[end];
    // Plain data, both ways.
    if (session !== undefined)
      this.#act(end, structuredClone(session.handle(structuredClone(input), instant(this.now))));
    return this;
  }

  pass(milliseconds: number): this {
    const until = this.now + milliseconds;
    for (;;) {
      const at = this.#next();
      if (at > until) break;
      this.now = Math.max(this.now, at);
      for (const end of ['a', 'b'] as const) this.#run(end);
      this.#deliver();
    }
    this.now = until;
    return this;
  }

  packetsOf(end: End, sinceMs = 0): Sent[] {
    return this.sent.filter(({ from, at }) => from === end && at >= sinceMs);
  }

  #next(): number {
    let next = this.#wire[0]?.at ?? Infinity;
    for (const { session, socket, wakesAt } of Object.values(this.#sides)) {
      if (session === undefined) continue;
      next = Math.min(next, Math.max(wakesAt, session.deadline() ?? Infinity));
      if (socket.length > 0) next = Math.min(next, wakesAt);
    }
    return next;
  }

  #run(end: End): void {
    const side = this.#sides[end];
    if (side.session === undefined || this.now < side.wakesAt) return;
    if (this.now >= (side.session.deadline() ?? Infinity)) this.tell(end, { kind: 'timer' });
    this.#read(end);
  }

  #read(end: End): void {
    for (const packet of this.#sides[end].socket.splice(0)) this.tell(end, { kind: 'packet', packet });
  }

  #deliver(): void {
    while ((this.#wire[0]?.at ?? Infinity) <= this.now) {
      const { to, packet } = this.#wire.shift() as { to: End; packet: BfdPacket };
      const side = this.#sides[to];
      if (side.session === undefined) continue;
      side.socket.push(packet);
      if (this.now >= side.wakesAt) this.#read(to);
    }
  }

  #act(end: End, outputs: readonly BfdOutput[]): void {
    for (const output of outputs) {
      switch (output.kind) {
        case 'send':
          this.#post(end, output.payload);
          break;
        case 'changed':
          this.changes.push(`${Math.round(this.now)} ${end}: ${output.from} → ${output.to}`);
          break;
        case 'drain':
          this.#read(end);
          this.tell(end, { kind: 'drained' });
          break;
      }
    }
  }

  #post(from: End, payload: Uint8Array): void {
    const decoded = decodeBfdPacket(payload);
    if (!decoded.ok) throw new Error(decoded.error.reason);
    const sent = { at: this.now, from, packet: decoded.value };
    this.sent.push(sent);
    if (!this.isLost(sent))
      this.#wire.push({ at: this.now + DELAY_MS, to: from === 'a' ? 'b' : 'a', packet: sent.packet });
  }
}
