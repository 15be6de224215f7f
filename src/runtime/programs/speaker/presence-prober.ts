/**
 * Tries to reach the other speakers directly, once a second, for as long as the detector wants to know: while this one
 * is cut off from the API server.
 */
import { isPresent } from '../../adapters/host/tcp-presence.ts';
import type { Clock } from '../../engine/ports.ts';
import type { Ip } from '../../model/ip.ts';

const INTERVAL_MS = 1000;
const TIMEOUT_MS = 900;

export interface PresenceTarget {
  readonly address: Ip;
  readonly port: number;
}

export interface PresenceProberOptions {
  readonly clock: Clock;
  /** The nodes to reach now; empty ends the probing until the next kick(). */
  readonly wanted: () => readonly string[];
  /** Undefined: there is no way to reach it directly, so it cannot be found missing either. */
  readonly target: (node: string) => PresenceTarget | undefined;
  readonly onReached: (node: string) => void;
}

export class PresenceProber {
  readonly #options: PresenceProberOptions;
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(options: PresenceProberOptions) {
    this.#options = options;
  }

  /** Begins to probe if there is anything to probe and it is not under way already. */
  kick(): void {
    if (this.#cancel !== undefined || this.#stopped) return;
    this.#round();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #round(): void {
    this.#cancel = undefined;
    const { clock, wanted } = this.#options;
    const nodes = wanted();
    if (nodes.length === 0 || this.#stopped) return;
    // First the next round: what a probe finds may kick again at once.
    this.#cancel = clock.schedule(INTERVAL_MS, () => this.#round());
    for (const node of nodes) void this.#probe(node);
  }

  async #probe(node: string): Promise<void> {
    const { target, onReached } = this.#options;
    const at = target(node);
    if (at === undefined || (await isPresent(at.address, at.port, TIMEOUT_MS))) onReached(node);
  }
}
