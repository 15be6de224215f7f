/**
 * A UDP socket on every address of the host, IPv6 and IPv4 in one where the kernel has both. Errors are counted, never
 * thrown: ENOBUFS, ENETDOWN, EHOSTUNREACH come and go with interfaces, and what they cost is a lost datagram. A socket
 * that is closed by an error, or sends nothing any more for reasons of this host, is replaced by another.
 *
 * That nobody listens on the other side is told (ICMP port unreachable) only to sockets that are connected to it, so
 * `knock` connects one for a moment.
 */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv4 } from 'node:net';
import type {
  BreakableHandlers,
  DatagramSender,
  DatagramSocket,
  DatagramTarget,
  LastingHandlers,
} from '../../engine/datagram-ports.ts';
import { toHostError } from '../../engine/host-error.ts';
import { openLastingSocket } from '../../engine/lasting-datagram-socket.ts';
import type { Instant } from '../../model/time.ts';
import { hostClock } from './clock.ts';
import { hostRandom } from './random.ts';

/** What may wait while this thread is busy: some thousand datagrams. The kernel grants what it likes. */
const RECEIVE_BUFFER_BYTES = 1024 * 1024;
/** How long an answer to a knock is waited for. */
const KNOCK_MS = 200;
/** Knocks at the same time. */
const MOST_KNOCKS = 16;

/** For how long nothing but failures of this host's own may come of sending before another socket is tried. */
const FAILING_MS = 2000;
/** What a send fails with when it is not the way or the other side that is in trouble, but this host. */
const OWN_FAILURES: ReadonlySet<string> = new Set([
  'EBADF',
  'EINVAL',
  'ENETDOWN',
  'ENOBUFS',
  'ENODEV',
  'ENOMEM',
  'ENOTSOCK',
  'EPIPE',
  'ERR_SOCKET_DGRAM_NOT_RUNNING',
]);

/** Port 0: any. It lasts, and is opened when the port is free. */
export function openUdp(port: number, handlers: LastingHandlers): DatagramSender {
  return openLastingSocket(port, handlers, { open: bindUdp, clock: hostClock, random: hostRandom });
}

/** One socket of the kernel, until it breaks. Port 0: any. Rejects with a HostError when the port is taken. */
export async function bindUdp(port: number, handlers: BreakableHandlers): Promise<DatagramSocket> {
  try {
    return new HostDatagramSocket(await bound('udp6', port), 'udp6', handlers);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A kernel without IPv6.
    if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL' && code !== 'EINVAL')
      throw toHostError(`bind UDP port ${port}`, error);
  }
  try {
    return new HostDatagramSocket(await bound('udp4', port), 'udp4', handlers);
  } catch (error) {
    throw toHostError(`bind UDP port ${port}`, error);
  }
}

type Family = 'udp4' | 'udp6';

/** Around a socket that is bound. */
export class HostDatagramSocket implements DatagramSocket {
  readonly port: number;
  readonly #socket: Socket;
  readonly #family: Family;
  readonly #errors = new Map<string, number>();
  readonly #knocks = new Set<Socket>();
  readonly #handlers: BreakableHandlers;
  /** Since when sending has had nothing but failures of this host's own; undefined: the last one went well. */
  #failingSince: Instant | undefined;
  #open = true;

  constructor(socket: Socket, family: Family, handlers: BreakableHandlers) {
    this.#socket = socket;
    this.#family = family;
    this.#handlers = handlers;
    this.port = socket.address().port;
    socket.removeAllListeners('error');
    socket.on('error', (error) => {
      this.#count(error);
      this.#break('receive by', error);
    });
    socket.on('close', () => this.#break('keep', new Error('it was closed')));
    socket.on('message', (bytes) => {
      // What a knock looks like.
      if (bytes.length > 0) handlers.datagram(bytes);
    });
    try {
      socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
    } catch (error) {
      this.#count(error as Error);
    }
  }

  send(target: DatagramTarget, bytes: Uint8Array): void {
    if (!this.#open) return;
    try {
      this.#socket.send(bytes, target.port, this.#addressOf(target.address), (error) => {
        if (error) this.#sendFailed(error, target);
        else this.#failingSince = undefined;
      });
    } catch (error) {
      this.#sendFailed(error as Error, target);
    }
  }

  knock({ address, port }: DatagramTarget, refused: () => void): void {
    if (!this.#open || this.#knocks.size >= MOST_KNOCKS) return;
    const knock = createSocket({ type: this.#family, lookup: noLookup });
    this.#knocks.add(knock);
    const end = (): void => {
      if (!this.#knocks.delete(knock)) return;
      clearTimeout(timer);
      knock.close();
    };
    const timer = setTimeout(end, KNOCK_MS);
    knock.on('error', (error) => {
      const wasOpen = this.#knocks.has(knock);
      end();
      if (wasOpen && (error as NodeJS.ErrnoException).code === 'ECONNREFUSED') refused();
    });
    knock.connect(port, this.#addressOf(address), () => {
      if (this.#knocks.has(knock)) knock.send(new Uint8Array());
    });
  }

  errors(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#errors].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    try {
      this.#socket.close();
    } catch {
      // It was closed already, by what broke it.
    }
    for (const knock of this.#knocks) knock.close();
    this.#knocks.clear();
  }

  #sendFailed(error: Error, target: DatagramTarget): void {
    this.#count(error);
    // What is still under way when it is closed fails because of that.
    if (this.#open) this.#handlers.unsent(nameOf(error), target);
    if (!OWN_FAILURES.has(nameOf(error))) return;
    this.#failingSince ??= hostClock.now();
    if (hostClock.now() - this.#failingSince >= FAILING_MS) this.#break('send by', error);
  }

  #break(op: string, error: Error): void {
    if (!this.#open) return;
    this.close();
    this.#handlers.broken(toHostError(`${op} UDP port ${this.port}`, error));
  }

  /** A socket of both families names IPv4 addresses in IPv6 (RFC 4291 §2.5.5.2). */
  #addressOf(address: string): string {
    return this.#family === 'udp6' && isIPv4(address) ? `::ffff:${address}` : address;
  }

  #count(error: Error): void {
    const name = nameOf(error);
    this.#errors.set(name, (this.#errors.get(name) ?? 0) + 1);
  }
}

/** The system's name for it, where there is one. */
function nameOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.name;
}

function bound(family: Family, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: family, lookup: noLookup });
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind(port, family === 'udp6' ? '::' : '0.0.0.0', () => resolve(socket));
  });
}

/** Targets are addresses: asking the resolver would only cost a turn through its threads. */
function noLookup(
  address: string,
  _options: unknown,
  callback: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
): void {
  callback(null, address, isIPv4(address) ? 4 : 6);
}
