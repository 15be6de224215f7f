/**
 * TCP connections that peers open to this host. The kernel checks their passwords (RFC 2385) and, as far as all peers
 * demand it, their hop limits before a connection stands; the rest is checked as soon as it does, before anybody is told of
 * it. Needs CAP_NET_BIND_SERVICE for ports below 1024. Main thread only.
 *
 *     kernel: SYN ─▶ signed as its address demands? ─▶ near enough for anybody? ─▶ accept ┐
 *                        ┌────────────────────────────────────────────────────────────────┘
 *                        ▼
 *     here:      whose is the address? ─▶ near enough for that peer? ─▶ its options ─▶ accepted({ stream, peer, local })
 *                        └── no ──────────────────┴── no ──────────▶ broken off, counted
 *
 * Implements: RFC 5082 §3 for connections that are accepted: the handshake's last segment counts, which only who has had
 * this side's answer can send, and everything behind it.
 */
import { Socket } from 'node:net';
import os from 'node:os';
import { HostError } from '../../engine/host-error.ts';
import type {
  ListenerHandlers,
  ListenTarget,
  OpenListener,
  RefusedConnection,
  StandingHandlers,
  StreamListener,
  StreamPeer,
  UnadmittedPeer,
} from '../../engine/stream-ports.ts';
import { type Ip, ipFamily, ipFromValue, isLinkLocal } from '../../model/ip.ts';
import {
  AF_INET,
  AF_INET6,
  IPV6_V6ONLY,
  SO_REUSEADDR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_IPV6,
  SOL_SOCKET,
} from './native/constants.ts';
import {
  accept,
  bindSocket,
  closeDescriptor,
  interfaceIndex,
  intValue,
  listenOn,
  openSocket,
  setSocketOption,
} from './native/libc.ts';
import { ReadableWatch } from './native/readable.ts';
import {
  bindToDevice,
  breakOffOnClose,
  clearPassword,
  handshakeHops,
  leastHops,
  readSocketAddress,
  setHops,
  setLeastHops,
  setPassword,
  setPrecedence,
  socketAddress,
} from './stream-options.ts';
import { localAddress, TcpStream } from './tcp-stream.ts';

/** Connections that may wait while this thread is busy. */
const BACKLOG = 128;
/** Connections taken before other descriptors and timers get their turn. */
const ACCEPTS_PER_TURN = 16;
/** The kernel's answers go out with it: who checks hop limits (RFC 5082) takes no less, and who does not, any. */
const ANSWER_HOPS = 255;

const ANY: readonly Ip[] = [ipFromValue('ipv4', 0n), ipFromValue('ipv6', 0n)];

const { EAFNOSUPPORT, EAGAIN, EBADF, EINVAL, EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOTSOCK, EOPNOTSUPP } =
  os.constants.errno;
/** What accept() fails with when there is no sense in trying again at once; all else is about one connection. */
const LASTING: ReadonlySet<number> = new Set([EBADF, EINVAL, EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOTSOCK, EOPNOTSUPP]);

export const listenTcp: OpenListener = (target, handlers) => new TcpListener(target, handlers);

interface Door {
  readonly address: Ip;
  readonly fd: number;
  readonly watch: ReadableWatch;
}

class TcpListener implements StreamListener {
  readonly #target: ListenTarget;
  readonly #handlers: ListenerHandlers;
  readonly #doors: Door[] = [];
  #peers: readonly StreamPeer[] = [];
  /** The passwords that the kernel has been given. */
  readonly #passwords = new Map<Ip, string>();
  readonly #refused: Record<RefusedConnection, number> = { 'unknown-peer': 0, 'too-many-hops': 0, 'not-usable': 0 };
  #isOpen = true;

  constructor(target: ListenTarget, handlers: ListenerHandlers) {
    this.#target = target;
    this.#handlers = handlers;
    try {
      for (const address of target.addresses ?? ANY) this.#open(address);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  setPeers(peers: readonly StreamPeer[]): readonly UnadmittedPeer[] {
    if (!this.#isOpen) return [];
    const unadmitted: UnadmittedPeer[] = [];
    const admitted: StreamPeer[] = [];
    // Nobody whose password goes may connect without it in between.
    this.#peers = [];
    const passwords = new Map<Ip, string | undefined>();
    for (const peer of peers) {
      const reason = obstacleOf(peer, admitted) ?? this.#setPassword(peer, passwords);
      if (reason === undefined) admitted.push(peer);
      else unadmitted.push({ peer, reason });
    }
    for (const address of this.#passwords.keys()) {
      if (passwords.get(address) === undefined) this.#clearPassword(address);
    }
    for (const { address, fd } of this.#doors) {
      const family = ipFamily(address);
      const floors = admitted.filter((peer) => ipFamily(peer.address) === family).map(({ hops }) => leastHops(hops));
      setLeastHops(fd, family, floors.length === 0 ? 0 : Math.min(...floors));
    }
    this.#peers = admitted;
    return unadmitted;
  }

  refused(): Readonly<Record<RefusedConnection, number>> {
    return { ...this.#refused };
  }

  close(): void {
    this.#isOpen = false;
    for (const { watch } of this.#doors.splice(0)) watch.close();
  }

  #open(address: Ip): void {
    const fd = openDoor(address, this.#target);
    if (fd === undefined) return;
    const watch = new ReadableWatch(fd, {
      readable: () => this.#accept(fd, address),
      stuck: (error) => this.#fail(error),
    });
    this.#doors.push({ address, fd, watch });
  }

  #accept(door: number, address: Ip): 'read' | 'nothing' | 'failed' {
    let outcome: 'read' | 'nothing' = 'nothing';
    for (let count = 0; count < ACCEPTS_PER_TURN; count++) {
      const from = new Uint8Array(28);
      const fd = accept(door, from);
      if (fd === -EAGAIN) return outcome;
      if (LASTING.has(-fd)) {
        this.#fail(new HostError(`accept on ${formatDoor(address, this.#target)}`, -fd));
        return 'failed';
      }
      outcome = 'read';
      if (fd >= 0) this.#take(fd, from);
      if (!this.#isOpen) return 'failed';
    }
    return outcome;
  }

  #take(fd: number, from: Uint8Array): void {
    const admission = this.#admit(fd, from);
    if ('refused' in admission) {
      this.#refused[admission.refused] += 1;
      return;
    }
    const { socket, peer, local } = admission;
    // Told of events later only: it is not read before the next turn of the event loop.
    let handlers: StandingHandlers | undefined;
    const stream = new TcpStream(`connection from ${peer.address}`, {
      received: (bytes) => handlers?.received(bytes),
      drained: () => handlers?.drained(),
      closed: (error) => handlers?.closed(error),
    });
    stream.carry(socket);
    stream.stand();
    handlers = this.#handlers.accepted({ stream, peer, local });
  }

  /** The descriptor is the socket's, or closed. */
  #admit(fd: number, from: Uint8Array): Admission | { readonly refused: RefusedConnection } {
    try {
      const peer = this.#peerAt(from);
      if (peer === undefined) return refuse(fd, 'unknown-peer');
      const family = ipFamily(peer.address);
      if (handshakeHops(fd, family) < leastHops(peer.hops)) return refuse(fd, 'too-many-hops');
      setLeastHops(fd, family, leastHops(peer.hops));
      setHops(fd, family, peer.hops);
      setPrecedence(fd, family);
      const socket = new Socket({ fd, readable: true, writable: true });
      const local = localAddress(socket);
      if (local !== undefined) return { socket, peer, local };
      socket.on('error', () => undefined).destroy();
      return { refused: 'not-usable' };
    } catch {
      return refuse(fd, 'not-usable');
    }
  }

  #peerAt(from: Uint8Array): StreamPeer | undefined {
    const remote = readSocketAddress(from);
    if (remote === undefined) return undefined;
    const { ip, scope } = remote;
    return this.#peers.find(
      ({ address, device }) =>
        address === ip && (scope === 0 || (device !== undefined && interfaceIndex(device) === scope)),
    );
  }

  /** In words, why the peer's password is not with the kernel. `passwords`: those of the peers before it, by address. */
  #setPassword(peer: StreamPeer, passwords: Map<Ip, string | undefined>): string | undefined {
    const { address, password } = peer;
    if (passwords.has(address)) {
      // The kernel tells them apart by their addresses alone.
      if (passwords.get(address) === password) return undefined;
      return `another peer at ${address}, behind another interface, has another password`;
    }
    try {
      if (password !== undefined && this.#passwords.get(address) !== password) {
        for (const { fd } of this.#doorsFor(address)) setPassword(fd, address, password);
        this.#passwords.set(address, password);
      }
      passwords.set(address, password);
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  }

  #clearPassword(address: Ip): void {
    for (const { fd } of this.#doorsFor(address)) clearPassword(fd, address);
    this.#passwords.delete(address);
  }

  #doorsFor(peer: Ip): readonly Door[] {
    return this.#doors.filter(({ address }) => ipFamily(address) === ipFamily(peer));
  }

  #fail(error: HostError): void {
    if (!this.#isOpen) return;
    this.close();
    this.#handlers.failed(error);
  }
}

interface Admission {
  readonly socket: Socket;
  readonly peer: StreamPeer;
  readonly local: Ip;
}

/** A socket that listens. Undefined: this kernel has no IPv6, and nobody asked for an address of it. Throws HostError. */
function openDoor(address: Ip, target: ListenTarget): number | undefined {
  const family = ipFamily(address);
  const op = `listen on ${formatDoor(address, target)}`;
  const fd = openStreamSocket(address, target, op);
  if (fd === undefined) return undefined;
  try {
    if (family === 'ipv6') setSocketOption(fd, { level: SOL_IPV6, option: IPV6_V6ONLY }, intValue(1), op);
    // Connections of the process before this one may not be over yet in the kernel.
    setSocketOption(fd, { level: SOL_SOCKET, option: SO_REUSEADDR }, intValue(1), op);
    setHops(fd, family, { kind: 'ttl', ttl: ANSWER_HOPS });
    setPrecedence(fd, family);
    if (target.device !== undefined) bindToDevice(fd, target.device);
    bindSocket(fd, socketAddress(address, target.port), op);
    listenOn(fd, BACKLOG, op);
    return fd;
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

function openStreamSocket(address: Ip, { addresses }: ListenTarget, op: string): number | undefined {
  const domain = ipFamily(address) === 'ipv4' ? AF_INET : AF_INET6;
  try {
    return openSocket({ domain, type: SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol: 0 }, op);
  } catch (error) {
    if (addresses === undefined && (error as HostError).errno === EAFNOSUPPORT) return undefined;
    throw error;
  }
}

/** In words, why the peer cannot be told from one that came before it, or from anybody. */
function obstacleOf({ address, device }: StreamPeer, admitted: readonly StreamPeer[]): string | undefined {
  if (isLinkLocal(address) && device === undefined) {
    return `${address} is a link-local address, and nothing says behind which interface`;
  }
  const other = admitted.find((peer) => peer.address === address && (!isLinkLocal(address) || peer.device === device));
  return other && `peer ${other.name} has the same address, ${address}`;
}

function refuse(fd: number, refused: RefusedConnection): { readonly refused: RefusedConnection } {
  try {
    breakOffOnClose(fd);
  } catch {
    // It is over already.
  }
  closeDescriptor(fd);
  return { refused };
}

/** "TCP port 179", "TCP port 179 of 192.0.2.1", "TCP port 179 of :: in vrf-red". */
function formatDoor(address: Ip, { addresses, device, port }: ListenTarget): string {
  const of = addresses === undefined ? '' : ` of ${address}`;
  return `TCP port ${port}${of}${device === undefined ? '' : ` in ${device}`}`;
}
