/**
 * Where routers may connect to this node: a listening socket that lasts. One that breaks, or cannot be opened because the
 * port is another program's (a BIRD of the node's network), is tried again; meanwhile this node still connects by itself.
 */
import { type Backoff, backoffMs } from '../../../engine/backoff.ts';
import type { Log } from '../../../engine/log.ts';
import type { Clock, Random } from '../../../engine/ports.ts';
import type {
  AcceptedStream,
  OpenListener,
  StandingHandlers,
  StreamListener,
  StreamPeer,
} from '../../../engine/stream-ports.ts';
import { listenReason } from './connect-reason.ts';

const BACKOFF: Backoff = { baseMs: 1000, ceilingMs: 60_000 };

export interface Listening {
  readonly open: OpenListener;
  readonly port: number;
}

export interface BgpDoorOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly listening: Listening;
  readonly accepted: (connection: AcceptedStream) => StandingHandlers;
}

/** Whether routers can connect. */
export interface DoorView {
  readonly port: number;
  /** Why they cannot, in words. Absent: they can. */
  readonly error?: string;
}

export class BgpDoor {
  readonly #options: BgpDoorOptions;
  #listener: StreamListener | undefined;
  #peers: readonly StreamPeer[] = [];
  #failures = 0;
  /** Why it is not open, in words. Undefined: it is. */
  #error: string | undefined;
  #cancelRetry: (() => void) | undefined;
  #isOpen = true;

  constructor(options: BgpDoorOptions) {
    this.#options = options;
    this.#open();
  }

  /** Everybody who may connect from now on. */
  setPeers(peers: readonly StreamPeer[]): void {
    this.#peers = peers;
    this.#admit();
  }

  view(): DoorView {
    const { port } = this.#options.listening;
    return { port, ...(this.#error === undefined ? {} : { error: this.#error }) };
  }

  close(): void {
    this.#isOpen = false;
    this.#cancelRetry?.();
    this.#listener?.close();
  }

  #open(): void {
    const { listening, accepted, log } = this.#options;
    try {
      this.#listener = listening.open({ port: listening.port }, { accepted, failed: (error) => this.#failed(error) });
      if (this.#failures > 0) log.info({ port: listening.port }, 'routers can connect to this node again');
      this.#failures = 0;
      this.#error = undefined;
      this.#admit();
    } catch (error) {
      this.#failed(error);
    }
  }

  #admit(): void {
    const { log } = this.#options;
    for (const { peer, reason } of this.#listener?.setPeers(this.#peers) ?? []) {
      log.warn({ peer: peer.name, reason }, 'the router cannot connect to this node; it is connected to instead');
    }
  }

  #failed(error: unknown): void {
    const { clock, random, log, listening } = this.#options;
    this.#listener = undefined;
    if (!this.#isOpen) return;
    this.#failures += 1;
    this.#error = listenReason(error instanceof Error ? error.message : String(error));
    if (this.#failures === 1) {
      const fields = { err: error, port: listening.port, reason: this.#error };
      log.warn(fields, 'routers cannot connect to this node; it still connects to them, and tries again to listen');
    }
    this.#cancelRetry = clock.schedule(backoffMs(BACKOFF, this.#failures, random), () => this.#open());
  }
}
