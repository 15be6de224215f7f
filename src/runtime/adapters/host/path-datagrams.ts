/**
 * UDP sockets behind the path ports: they tell the TTL and both addresses of what they receive, and send with TTL 255.
 * Read through the native watch and not by Node, whose sockets tell neither, and cannot be read at once when a silence
 * is to be judged. Needs no capability; on kernels before 5.7 CAP_NET_RAW, to bind to a device.
 *
 * Implements: RFC 5881 §4 (source ports), §5 (TTL), for whoever speaks it.
 */
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { HostError } from '../../engine/host-error.ts';
import type {
  PathHandlers,
  PathPorts,
  PathReceiver,
  PathReceiverTarget,
  PathSender,
  PathSenderTarget,
} from '../../engine/path-ports.ts';
import { type Ip, type IpFamily, ipFamily, ipFromBytes, parseIp } from '../../model/ip.ts';
import { encodeBpf, NOTHING_FILTER, UNFORWARDED_IPV4_FILTER, UNFORWARDED_IPV6_FILTER } from './bpf.ts';
import {
  AF_INET,
  AF_INET6,
  IP_PKTINFO,
  IP_RECVTTL,
  IPV6_RECVHOPLIMIT,
  IPV6_RECVPKTINFO,
  IPV6_V6ONLY,
  SO_RCVBUF,
  SO_REUSEADDR,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
} from './native/constants.ts';
import * as libc from './native/libc.ts';
import { MessageRoom } from './native/message.ts';
import { ReadableWatch } from './native/readable.ts';
import { hostRandom } from './random.ts';
import { bindToDevice, setHops, setPrecedence, socketAddress } from './stream-options.ts';

/** Datagrams read before other descriptors and timers get their turn. */
const DATAGRAMS_PER_TURN = 64;
/** Of readAll: more than any receive buffer holds, so that a flood cannot hold the thread. */
const DATAGRAMS_AT_MOST = 4096;
/** Room for what arrives while the thread is busy; the kernel caps it at net.core.rmem_max. */
const RECEIVE_BUFFER_BYTES = 1 << 20;
const HIGHEST_PORT = 65_535;
/** Source ports tried, before it is said that they are taken. */
const PORT_TRIES = 32;

const { EADDRINUSE, EAGAIN, ECONNREFUSED, EHOSTUNREACH, EINTR, ENETUNREACH, EBADF } = os.constants.errno;

/** What earlier datagrams met, and a call tells instead of sending: the next one sends. */
const OF_EARLIER_ONES: readonly number[] = [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH];

/** One for all sockets: a datagram is dealt with before the next is read. */
const room = new MessageRoom();

export const hostPathPorts: PathPorts = {
  openReceiver: (target, handlers) => new HostPathReceiver(target, handlers),
  openSender: (target) => new HostPathSender(target),
  isForwarding: (interfaceName) => {
    try {
      return readFileSync(`/proc/sys/net/ipv4/conf/${interfaceName}/forwarding`, 'utf8').trim() === '1';
    } catch {
      // The interface has just gone, or has no IPv4.
      return false;
    }
  },
};

class HostPathReceiver implements PathReceiver {
  readonly #op: string;
  readonly #fd: number;
  readonly #handlers: PathHandlers;
  readonly #watch: ReadableWatch;
  #open = true;

  constructor(target: PathReceiverTarget, handlers: PathHandlers) {
    const { device, family, port } = target;
    const on = device === undefined ? '' : ` on ${device}`;
    this.#op = `receive by UDP port ${port}${on} (${family === 'ipv4' ? 'IPv4' : 'IPv6'})`;
    this.#handlers = handlers;
    this.#fd = openReceiving(target, this.#op);
    this.#watch = new ReadableWatch(this.#fd, {
      readable: () => this.#read(DATAGRAMS_PER_TURN),
      stuck: (error) => this.#fail(error),
    });
  }

  readAll(): void {
    if (this.#open) this.#read(DATAGRAMS_AT_MOST);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#watch.close();
  }

  #read(most: number): 'read' | 'nothing' | 'failed' {
    let outcome: 'read' | 'nothing' = 'nothing';
    for (let count = 0; count < most; count++) {
      const received = room.receive(this.#fd);
      if (typeof received === 'number') {
        const errno = -received;
        if (errno === EAGAIN || errno === EINTR) return outcome;
        this.#fail(new HostError(this.#op, errno));
        return 'failed';
      }
      outcome = 'read';
      if (received !== undefined) this.#handlers.datagram(received);
      if (!this.#open) return 'failed';
    }
    return outcome;
  }

  #fail(error: HostError): void {
    if (!this.#open) return;
    this.close();
    this.#handlers.failed(error);
  }
}

class HostPathSender implements PathSender {
  readonly local: Ip;
  readonly #op: string;
  readonly #fd: number;
  #open = true;

  constructor(target: PathSenderTarget) {
    const { peer, port } = target;
    this.#op = `send to UDP port ${port} of ${peer}`;
    this.#fd = openSending(target, this.#op);
    try {
      this.local = localAddress(this.#fd, ipFamily(peer), this.#op);
    } catch (error) {
      libc.closeDescriptor(this.#fd);
      throw error;
    }
  }

  send(payload: Uint8Array): HostError | undefined {
    if (!this.#open) return new HostError(this.#op, EBADF);
    const sent = libc.send(this.#fd, payload);
    if (sent >= 0) return undefined;
    if (OF_EARLIER_ONES.includes(-sent)) libc.send(this.#fd, payload);
    return new HostError(this.#op, -sent);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    libc.closeDescriptor(this.#fd);
  }
}

/** Throws HostError; then no descriptor is left open. */
function openReceiving({ family, port, device, from }: PathReceiverTarget, op: string): number {
  const v4 = family === 'ipv4';
  const fd = openDatagrams(family, op);
  const set = (level: number, option: number, value: number) =>
    libc.setSocketOption(fd, { level, option }, libc.intValue(value), op);
  try {
    // Before it is bound, so that nothing else ever gets in.
    if (from === 'unforwarded') {
      libc.attachFilter(fd, encodeBpf(v4 ? UNFORWARDED_IPV4_FILTER : UNFORWARDED_IPV6_FILTER), op);
    }
    if (v4) {
      set(SOL_IP, IP_RECVTTL, 1);
      set(SOL_IP, IP_PKTINFO, 1);
    } else {
      set(SOL_IPV6, IPV6_V6ONLY, 1);
      set(SOL_IPV6, IPV6_RECVHOPLIMIT, 1);
      set(SOL_IPV6, IPV6_RECVPKTINFO, 1);
    }
    set(SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_BYTES);
    if (device !== undefined) bindToDevice(fd, device);
    // Beside the one that is bound to a VRF there may be one that is not: the kernel asks both whether they agree. With one
    // for an interface alone nobody else is to share: then the port is another program's.
    if (from === 'anywhere') set(SOL_SOCKET, SO_REUSEADDR, 1);
    libc.bindSocket(fd, socketAddress(anyAddress(family), port), op);
    return fd;
  } catch (error) {
    libc.closeDescriptor(fd);
    throw error;
  }
}

function openSending(target: PathSenderTarget, op: string): number {
  const { peer, port, local, device, lowestSourcePort } = target;
  const family = ipFamily(peer);
  const fd = openDatagrams(family, op);
  try {
    libc.attachFilter(fd, encodeBpf(NOTHING_FILTER), op);
    setHops(fd, family, { kind: 'ttl', ttl: 255 });
    setPrecedence(fd, family);
    if (device !== undefined) bindToDevice(fd, device);
    bindAnyPort(fd, local ?? anyAddress(family), lowestSourcePort);
    libc.connectDatagrams(fd, socketAddress(peer, port), op);
    return fd;
  } catch (error) {
    libc.closeDescriptor(fd);
    throw error;
  }
}

function openDatagrams(family: IpFamily, op: string): number {
  const domain = family === 'ipv4' ? AF_INET : AF_INET6;
  return libc.openSocket({ domain, type: SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol: 0 }, op);
}

function bindAnyPort(fd: number, address: Ip, lowest: number): void {
  for (let tries = 1; ; tries++) {
    const port = lowest + Math.floor(hostRandom.next() * (HIGHEST_PORT + 1 - lowest));
    try {
      libc.bindSocket(fd, socketAddress(address, port), `bind to ${address}, UDP port ${port}`);
      return;
    } catch (error) {
      const isTaken = error instanceof HostError && error.errno === EADDRINUSE;
      if (!isTaken || tries === PORT_TRIES) throw error;
    }
  }
}

function localAddress(fd: number, family: IpFamily, op: string): Ip {
  const name = new Uint8Array(family === 'ipv4' ? 16 : 28);
  libc.getSocketName(fd, name, op);
  const ip = ipFromBytes(family === 'ipv4' ? name.subarray(4, 8) : name.subarray(8, 24));
  if (!ip.ok) throw new HostError(op, 0, { detail: ip.error });
  return ip.value;
}

function anyAddress(family: IpFamily): Ip {
  const any = parseIp(family === 'ipv4' ? '0.0.0.0' : '::');
  if (!any.ok) throw new Error(any.error);
  return any.value;
}
