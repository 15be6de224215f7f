/**
 * Keeps an eye on the gateways of this node's default routes: read at the start, every minute, and shortly after the
 * interfaces changed, because a route follows its interface's address. Told only when they are others than before.
 *
 * Read failures are said and change nothing: what was read last stands.
 */
import type { Clock } from '../../engine/ports.ts';
import type { Ip } from '../../model/ip.ts';

const EVERY_MS = 60_000;
/** Long enough for whoever configures an interface to come to its routes. */
const SETTLE_MS = 2_000;

export interface GatewayWatchOptions {
  readonly clock: Clock;
  /** Each gateway once, in a fixed order. */
  readonly read: () => Promise<readonly Ip[]>;
  readonly onChange: (gateways: readonly Ip[]) => void;
  readonly onError: (error: unknown) => void;
}

export class GatewayWatch {
  readonly #options: GatewayWatchOptions;
  #told: string | undefined;
  #cancelNext: (() => void) | undefined;
  /** 'settling': they are read soon, because the interfaces changed; more changes do not put that off. */
  #phase: 'waiting' | 'settling' | 'reading' = 'waiting';
  /** The interfaces changed during the reading. */
  #again = false;
  #stopped = false;

  constructor(options: GatewayWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#readIn(0);
  }

  /** The interfaces changed, and the routes may soon. */
  interfacesChanged(): void {
    if (this.#phase === 'reading') this.#again = true;
    if (this.#phase === 'waiting') this.#settle();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelNext?.();
  }

  #settle(): void {
    this.#phase = 'settling';
    this.#readIn(SETTLE_MS);
  }

  #readIn(delayMs: number): void {
    this.#cancelNext?.();
    if (!this.#stopped) this.#cancelNext = this.#options.clock.schedule(delayMs, () => void this.#read());
  }

  async #read(): Promise<void> {
    const { read, onChange, onError } = this.#options;
    this.#phase = 'reading';
    this.#again = false;
    try {
      const gateways = await read();
      const text = gateways.join(' ');
      if (!this.#stopped && text !== this.#told) {
        this.#told = text;
        onChange(gateways);
      }
    } catch (error) {
      onError(error);
    }
    this.#phase = 'waiting';
    if (this.#again) this.#settle();
    else this.#readIn(EVERY_MS);
  }
}
