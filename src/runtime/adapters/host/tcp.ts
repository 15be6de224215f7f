/**
 * TCP connections of a BGP session. The socket is made and prepared here (password, hop limits, device, source), then
 * handed to Node, whose event loop connects, reads and writes it.
 *
 *     openTcp(target, { connected, received, drained, closed }) → write, end, destroy
 *
 * Nothing throws: what cannot be prepared is told by closed() like what cannot be reached.
 */
import { Socket } from 'node:net';
import { toHostError } from '../../engine/host-error.ts';
import type { OpenStream, Stream, StreamHandlers, StreamTarget } from '../../engine/stream-ports.ts';
import { ipFamily, parseIp } from '../../model/ip.ts';
import { AF_INET, AF_INET6, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } from './native/constants.ts';
import { bindSocket, closeDescriptor, openSocket } from './native/libc.ts';
import { bindToDevice, setHops, setPassword, setPrecedence, socketAddress } from './stream-options.ts';

export const openTcp: OpenStream = (target, handlers) => new TcpStream(target, handlers);

class TcpStream implements Stream {
  readonly #op: string;
  readonly #handlers: StreamHandlers;
  #socket: Socket | undefined;
  #isConnected = false;
  #isOver = false;
  #error: unknown;

  constructor(target: StreamTarget, handlers: StreamHandlers) {
    this.#op = `connect to ${formatTarget(target)}`;
    this.#handlers = handlers;
    try {
      this.#connect(prepare(target), target);
    } catch (error) {
      this.#error = error;
      // Not from inside the call: who opened it has nothing in hand yet.
      setImmediate(() => this.#closed());
    }
  }

  write(bytes: Uint8Array): void {
    if (this.#isConnected && !this.#isOver && this.#socket?.writable) this.#socket.write(bytes);
  }

  bufferedBytes(): number {
    return this.#socket?.writableLength ?? 0;
  }

  end(): void {
    if (this.#isOver) return;
    // Before it stands there is nothing to close in order.
    if (this.#isConnected) this.#socket?.end();
    else this.#socket?.destroy();
  }

  destroy(): void {
    this.#isOver = true;
    this.#socket?.destroy();
  }

  #connect(fd: number, { address, device, port }: StreamTarget): void {
    const socket = new Socket({ fd, readable: true, writable: true });
    this.#socket = socket;
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('close', () => this.#closed());
    socket.on('connect', () => {
      if (this.#isOver) return;
      const local = parseIp((socket.localAddress ?? '').replace(/%.*/, ''));
      if (!local.ok) {
        // It ended between the connect and this call.
        socket.destroy();
        return;
      }
      this.#isConnected = true;
      socket.setNoDelay(true);
      this.#handlers.connected(local.value);
    });
    socket.on('data', (bytes) => {
      if (!this.#isOver) this.#handlers.received(bytes);
    });
    socket.on('drain', () => {
      if (!this.#isOver) this.#handlers.drained();
    });
    const host = device !== undefined && address.startsWith('fe80:') ? `${address}%${device}` : address;
    socket.connect({ host, port });
  }

  #closed(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#handlers.closed(this.#error === undefined ? undefined : toHostError(this.#op, this.#error));
  }
}

/** A socket with its options, not connected. Throws a HostError, or a RangeError for a password that is too long. */
function prepare({ address, sourceAddress, device, hops, password }: StreamTarget): number {
  const family = ipFamily(address);
  const domain = family === 'ipv4' ? AF_INET : AF_INET6;
  const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = openSocket({ domain, type, protocol: 0 }, 'open TCP socket');
  try {
    setHops(fd, family, hops);
    setPrecedence(fd, family);
    if (password !== undefined) setPassword(fd, address, password);
    if (device !== undefined) bindToDevice(fd, device);
    if (sourceAddress !== undefined) bindSocket(fd, socketAddress(sourceAddress, 0), `bind to ${sourceAddress}`);
    return fd;
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

/** "10.6.204.254:179", "[fd00::1]:179". */
function formatTarget({ address, port }: StreamTarget): string {
  return ipFamily(address) === 'ipv4' ? `${address}:${port}` : `[${address}]:${port}`;
}
