/**
 * One TCP connection around a socket of Node's, whichever side has opened it: what its owner may do, and what it is told.
 *
 *     carry(socket) ─▶ stand() ─▶ received … drained … ─▶ closed(error?)
 *           └──────────────────────────────────────────────▲
 *
 * Nothing is told after destroy(), nor after closed().
 */
import type { Socket } from 'node:net';
import { toHostError } from '../../engine/host-error.ts';
import type { StandingHandlers, Stream } from '../../engine/stream-ports.ts';
import { type Ip, parseIp } from '../../model/ip.ts';

export class TcpStream implements Stream {
  readonly #op: string;
  readonly #handlers: StandingHandlers;
  #socket: Socket | undefined;
  #isStanding = false;
  #isOver = false;
  #error: unknown;

  /** `op` is what an error is told to have stopped: "connect to 192.0.2.1:179". */
  constructor(op: string, handlers: StandingHandlers) {
    this.#op = op;
    this.#handlers = handlers;
  }

  /** The connection's socket, connected or not. */
  carry(socket: Socket): void {
    this.#socket = socket;
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('close', () => this.#closed());
    socket.on('data', (bytes) => {
      if (!this.#isOver) this.#handlers.received(bytes);
    });
    socket.on('drain', () => {
      if (!this.#isOver) this.#handlers.drained();
    });
  }

  /** It stands from now on, and can be written to; false: nobody wants it any more. */
  stand(): boolean {
    if (this.#isOver) return false;
    this.#isStanding = true;
    this.#socket?.setNoDelay(true);
    return true;
  }

  /** It never came to be. Who opened it has nothing in hand yet, so that is told on a later turn. */
  fail(error: unknown): void {
    this.#error = error;
    setImmediate(() => this.#closed());
  }

  write(bytes: Uint8Array): void {
    if (this.#isStanding && !this.#isOver && this.#socket?.writable) this.#socket.write(bytes);
  }

  bufferedBytes(): number {
    return this.#socket?.writableLength ?? 0;
  }

  end(): void {
    if (this.#isOver) return;
    // Before it stands there is nothing to close in order.
    if (this.#isStanding) this.#socket?.end();
    else this.#socket?.destroy();
  }

  destroy(): void {
    this.#isOver = true;
    this.#socket?.destroy();
  }

  #closed(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#handlers.closed(this.#error === undefined ? undefined : toHostError(this.#op, this.#error));
  }
}

/** Undefined: it is not connected, or not any more. */
export function localAddress(socket: Socket): Ip | undefined {
  const local = parseIp((socket.localAddress ?? '').replace(/%.*/, ''));
  return local.ok ? local.value : undefined;
}
