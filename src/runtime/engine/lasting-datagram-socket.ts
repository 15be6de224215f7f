/**
 * A datagram socket for the life of the process: one of the kernel is opened, again and again until it can be, and when it
 * breaks, another takes its place on the same port. What is sent meanwhile is lost and counted, like everything that
 * cannot be sent.
 *
 *     opening ──▶ open ──broken──▶ waiting ──▶ opening … ──▶ open     close: from anywhere, for good
 *        └─ taken ──▶ waiting
 */
import type { Instant } from '../model/time.ts';
import { type Backoff, backoffMs } from './backoff.ts';
import type {
  DatagramSender,
  DatagramSocket,
  DatagramTarget,
  LastingHandlers,
  OpenDatagramSocket,
} from './datagram-ports.ts';
import { errnoName, HostError } from './host-error.ts';
import type { Clock, Random } from './ports.ts';

/** How long to wait before the next try. Speakers wait 1.6 s for each other at most: never much longer than that. */
export const REOPEN: Backoff = { baseMs: 50, ceilingMs: 2000 };
/** A socket that lasted for so long was no failed try. */
const LASTED_MS = 10_000;
/** Counted among the errors: a datagram that there was no socket for, and a socket that took another's place. */
const NOT_OPEN = 'not-open';
const REOPENED = 'reopened';

export interface LastingSocketOptions {
  readonly open: OpenDatagramSocket;
  readonly clock: Clock;
  readonly random: Random;
}

/** Port 0: any. The handlers are called later than this returns. */
export function openLastingSocket(
  port: number,
  handlers: LastingHandlers,
  options: LastingSocketOptions,
): DatagramSender {
  const lasting = new LastingDatagramSocket(port, handlers, options);
  void lasting.open();
  return lasting;
}

class LastingDatagramSocket implements DatagramSender {
  readonly #handlers: LastingHandlers;
  readonly #options: LastingSocketOptions;
  /** Of the sockets before, and of tries to open another. */
  readonly #errors = new Map<string, number>();
  /** Once it has been open, the one that it had. */
  #port: number;
  #socket: DatagramSocket | undefined;
  /** Of the last socket; undefined: there was none yet. */
  #openedAt: Instant | undefined;
  #attempts = 0;
  #cancelRetry: (() => void) | undefined;
  #isClosed = false;

  constructor(port: number, handlers: LastingHandlers, options: LastingSocketOptions) {
    this.#port = port;
    this.#handlers = handlers;
    this.#options = options;
  }

  async open(): Promise<void> {
    try {
      await this.#open();
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      this.#count(errnoName(error.errno));
      if (this.#isClosed) return;
      this.#handlers.unopened(error);
      this.#tryAgain();
    }
  }

  send(target: DatagramTarget, bytes: Uint8Array): void {
    if (this.#isClosed) return;
    if (this.#socket === undefined) this.#count(NOT_OPEN);
    else this.#socket.send(target, bytes);
  }

  knock(target: DatagramTarget, refused: () => void): void {
    this.#socket?.knock(target, refused);
  }

  errors(): Readonly<Record<string, number>> {
    const sum = new Map(this.#errors);
    for (const [name, count] of Object.entries(this.#socket?.errors() ?? {}))
      sum.set(name, (sum.get(name) ?? 0) + count);
    return Object.fromEntries([...sum].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelRetry?.();
    this.#socket?.close();
  }

  async #open(): Promise<void> {
    // What breaks before it is known here has broken all the same.
    let brokenBy: HostError | undefined;
    let socket: DatagramSocket | undefined;
    socket = await this.#options.open(this.#port, {
      datagram: this.#handlers.datagram,
      unsent: this.#handlers.unsent,
      broken: (error) => {
        brokenBy = error;
        if (socket !== undefined && socket === this.#socket) this.#onBroken(error);
      },
    });
    if (this.#isClosed) {
      socket.close();
      return;
    }
    this.#port = socket.port;
    this.#socket = socket;
    if (this.#openedAt !== undefined) this.#count(REOPENED);
    this.#openedAt = this.#options.clock.now();
    this.#handlers.opened(socket.port);
    if (brokenBy !== undefined) this.#onBroken(brokenBy);
  }

  #onBroken(error: HostError): void {
    const { clock } = this.#options;
    for (const [name, count] of Object.entries(this.#socket?.errors() ?? {})) this.#count(name, count);
    this.#socket = undefined;
    if (clock.now() - (this.#openedAt ?? clock.now()) >= LASTED_MS) this.#attempts = 0;
    this.#handlers.broken(error);
    this.#tryAgain();
  }

  #tryAgain(): void {
    if (this.#isClosed) return;
    const { clock, random } = this.#options;
    this.#attempts += 1;
    this.#cancelRetry = clock.schedule(backoffMs(REOPEN, this.#attempts, random), () => {
      void this.open();
    });
  }

  #count(name: string, count = 1): void {
    this.#errors.set(name, (this.#errors.get(name) ?? 0) + count);
  }
}
