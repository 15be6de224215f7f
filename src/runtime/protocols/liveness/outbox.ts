/**
 * What waits to be sent. Answers and heartbeats go at once. What goes to everyone goes in bursts, so that a cluster of a
 * thousand keeps no thread busy, and again a little later, because a datagram may be lost.
 */
import { after, type Instant } from '../../model/time.ts';
import { encodeMessage } from './codec.ts';
import type { Message } from './messages.ts';
import { BURST, BURST_PAUSE_MS, REPEATS_MS } from './timings.ts';

/** The same bytes to each of the nodes. */
export interface SendOutput {
  readonly kind: 'send';
  readonly to: readonly string[];
  readonly bytes: Uint8Array;
}

interface Round {
  readonly at: Instant;
  readonly to: readonly string[];
  readonly bytes: Uint8Array;
}

export class Outbox {
  #ready: SendOutput[] = [];
  /** In order; of those whose time has come, the first is sent first. */
  #rounds: Round[] = [];
  /** How many of the first round's nodes have had it. */
  #sent = 0;
  #pausedUntil: Instant | undefined;

  send(to: readonly string[], message: Message): void {
    if (to.length > 0) this.#ready.push({ kind: 'send', to, bytes: encodeMessage(message) });
  }

  /** To all of them, now and, with repeats, again a little later. */
  broadcast(to: readonly string[], message: Message, now: Instant): void {
    if (to.length === 0) return;
    const bytes = encodeMessage(message);
    for (const delayMs of [0, ...REPEATS_MS]) this.#insert({ at: after(now, delayMs), to, bytes });
  }

  /** What is to be sent now. */
  drain(now: Instant): SendOutput[] {
    const outputs = this.#ready;
    this.#ready = [];
    if (this.#pausedUntil !== undefined && now < this.#pausedUntil) return outputs;
    this.#pausedUntil = undefined;
    let budget = BURST;
    for (let round = this.#rounds[0]; round !== undefined && round.at <= now; round = this.#rounds[0]) {
      const to = round.to.slice(this.#sent, this.#sent + budget);
      outputs.push({ kind: 'send', to, bytes: round.bytes });
      budget -= to.length;
      this.#sent += to.length;
      if (this.#sent < round.to.length) {
        this.#pausedUntil = after(now, BURST_PAUSE_MS);
        break;
      }
      this.#rounds.shift();
      this.#sent = 0;
    }
    return outputs;
  }

  deadline(): Instant | undefined {
    return this.#pausedUntil ?? this.#rounds[0]?.at;
  }

  /** Behind those that are due before or at the same time; never before one that is half sent. */
  #insert(round: Round): void {
    let place = this.#rounds.length;
    while (place > (this.#sent > 0 ? 1 : 0) && (this.#rounds[place - 1] as Round).at > round.at) place -= 1;
    this.#rounds.splice(place, 0, round);
  }
}
