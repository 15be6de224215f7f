/**
 * Addresses that went into a Service's status after the decision in force was taken, or are on their way: that decision
 * does not know of them, and may have given one of them to another Service. That one must wait for the next decision, or the
 * API server would show the address twice.
 *
 *     sent ─▶ under way ─┬─ written, or the Service seen in another version ─▶ landed ─▶ known to the next decision
 *                        ├─ refused: certainly not written ──────────────────▶ forgotten
 *                        └─ no answer ─▶ under way until it is sent again, or seen in another version
 */
import type { Ip } from '../../model/ip.ts';

interface Sent {
  readonly ips: readonly Ip[];
  /** Of the Service that was written on: a write that happens after another one is refused. */
  readonly resourceVersion: string;
}

export interface WritesUnderWayOptions {
  /** The version of the Service as it was last seen. */
  readonly versionOf: (key: string) => string | undefined;
  /** Somebody had to wait, and a new decision would help now. */
  readonly onNews: () => void;
}

export class WritesUnderWay {
  readonly #options: WritesUnderWayOptions;
  /** By Service, like #landed. */
  readonly #sent = new Map<string, Sent>();
  readonly #landed = new Map<string, readonly Ip[]>();
  /** Somebody waits for an answer. */
  #isAwaited = false;

  constructor(options: WritesUnderWayOptions) {
    this.#options = options;
  }

  sent(key: string, resourceVersion: string, ips: readonly Ip[]): void {
    this.#sent.set(key, { ips, resourceVersion });
  }

  /** Only when that is certain. */
  settled(key: string, outcome: 'written' | 'refused'): void {
    const sent = this.#sent.get(key);
    this.#sent.delete(key);
    if (sent !== undefined && outcome === 'written') this.#landed.set(key, sent.ips);
    if (!this.#isAwaited) return;
    this.#isAwaited = false;
    this.#options.onNews();
  }

  /** A decision was taken from everything that has been seen. */
  decided(): void {
    this.#landed.clear();
    for (const [key, { resourceVersion }] of this.#sent) {
      if (this.#options.versionOf(key) !== resourceVersion) this.#sent.delete(key);
    }
  }

  /**
   * Whether the Service must not be given the addresses now. `gives`: whether the decision gives one of them to another
   * Service too; then they share it.
   */
  mustWait(key: string, ips: readonly Ip[], gives: (other: string, ip: Ip) => boolean): boolean {
    const clashes = (other: string, taken: readonly Ip[]): boolean =>
      other !== key && ips.some((ip) => taken.includes(ip) && !gives(other, ip));
    for (const [other, taken] of this.#landed) {
      if (!clashes(other, taken)) continue;
      this.#options.onNews();
      return true;
    }
    for (const [other, sent] of this.#sent) {
      if (!clashes(other, sent.ips)) continue;
      // The watch was quicker than the answer: it has happened, or never will.
      if (this.#options.versionOf(other) !== sent.resourceVersion) this.#options.onNews();
      else this.#isAwaited = true;
      return true;
    }
    return false;
  }

  /** Another controller writes from now on; by the time this one does again, what it sent has ended. */
  forget(): void {
    this.#sent.clear();
    this.#landed.clear();
    this.#isAwaited = false;
  }
}
