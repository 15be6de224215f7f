/**
 * A datagram socket for the life of the process: when the one of the kernel breaks, another takes its place, on the same
 * port, tried again and again. What is sent meanwhile is lost and counted, like everything that cannot be sent.
 *
 *     opening ──▶ open ──broken──▶ waiting ──▶ opening … ──▶ open     close: from anywhere, for good
 *        └─ taken for longer than START_MS: rejected, once and for all; later it is only waited for
 */
import { type Backoff, backoffMs } from './backoff.ts';
import type { DatagramHandlers, DatagramSocket, DatagramTarget, OpenDatagramSocket } from './datagram-ports.ts';
import { errnoName, HostError } from './host-error.ts';
import type { Clock, Random } from './ports.ts';

/** The process before may not have let go of the port yet. */
export const START_MS = 2000;
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

/** Rejects with the HostError of the last try when none has succeeded in START_MS. */
export async function openLastingSocket(
  port: number,
  handlers: DatagramHandlers,
  options: LastingSocketOptions,
): Promise<DatagramSocket> {
  const { clock, random } = options;
  const giveUpAt = clock.now() + START_MS;
  const lasting = new LastingDatagramSocket(handlers, options);
  for (let attempt = 1; ; attempt++) {
    try {
      await lasting.start(port);
      return lasting;
    } catch (error) {
      const waitMs = backoffMs(REOPEN, attempt, random);
      if (clock.now() + waitMs > giveUpAt) throw error;
      await new Promise<void>((resolve) => {
        clock.schedule(waitMs, resolve);
      });
    }
  }
}

class LastingDatagramSocket implements DatagramSocket {
  readonly #handlers: DatagramHandlers;
  readonly #options: LastingSocketOptions;
  /** Of the sockets before, and of tries to open another. */
  readonly #errors = new Map<string, number>();
  #port = 0;
  #socket: DatagramSocket | undefined;
  #openedAt = 0;
  #attempts = 0;
  #cancelRetry: (() => void) | undefined;
  #isClosed = false;

  constructor(handlers: DatagramHandlers, options: LastingSocketOptions) {
    this.#handlers = handlers;
    this.#options = options;
  }

  get port(): number {
    return this.#port;
  }

  async start(port: number): Promise<void> {
    // What breaks before it is known here has broken all the same.
    let isBroken = false;
    let socket: DatagramSocket | undefined;
    socket = await this.#options.open(port, {
      datagram: this.#handlers.datagram,
      broken: () => {
        isBroken = true;
        if (socket !== undefined && socket === this.#socket) this.#onBroken();
      },
    });
    if (this.#isClosed) {
      socket.close();
      return;
    }
    this.#port = socket.port;
    this.#socket = socket;
    this.#openedAt = this.#options.clock.now();
    if (isBroken) this.#onBroken();
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

  #onBroken(): void {
    const { clock } = this.#options;
    for (const [name, count] of Object.entries(this.#socket?.errors() ?? {})) this.#count(name, count);
    this.#socket = undefined;
    if (clock.now() - this.#openedAt >= LASTED_MS) this.#attempts = 0;
    this.#tryAgain();
  }

  #tryAgain(): void {
    if (this.#isClosed) return;
    const { clock, random } = this.#options;
    this.#attempts += 1;
    this.#cancelRetry = clock.schedule(backoffMs(REOPEN, this.#attempts, random), () => {
      this.#reopen();
    });
  }

  async #reopen(): Promise<void> {
    try {
      await this.start(this.#port);
      this.#count(REOPENED);
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      this.#count(errnoName(error.errno));
      this.#tryAgain();
    }
  }

  #count(name: string, count = 1): void {
    this.#errors.set(name, (this.#errors.get(name) ?? 0) + count);
  }
}
