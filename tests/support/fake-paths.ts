/**
 * The path ports without a network: hosts on one virtual link, whose datagrams take a millisecond. A test may lose them,
 * leave them unread in a host's sockets, change their TTL, or have a host's sockets fail.
 */
import { HostError } from '../../src/runtime/engine/host-error.ts';
import type { HostInterface } from '../../src/runtime/engine/network-ports.ts';
import type {
  PathDatagram,
  PathHandlers,
  PathPorts,
  PathReceiver,
  PathReceiverTarget,
  PathSender,
  PathSenderTarget,
} from '../../src/runtime/engine/path-ports.ts';
import { type Ip, ipFamily, parseIp } from '../../src/runtime/model/ip.ts';
import type { EchoEnd, EchoLine } from '../../src/runtime/programs/speaker/bgp/bfd-echoes.ts';
import { PORT_SINGLE_HOP_ECHO } from '../../src/runtime/protocols/bfd/iana.ts';
import type { VirtualClock } from './virtual-clock.ts';

const DELAY_MS = 1;

export interface PathTransfer {
  readonly from: Ip;
  readonly to: Ip;
  readonly port: number;
  readonly payload: Uint8Array;
}

export class FakePathLink {
  readonly clock: VirtualClock;
  readonly #hosts: FakePathHost[] = [];
  readonly sent: PathTransfer[] = [];
  isLost: (transfer: PathTransfer) => boolean = () => false;
  ttl = 255;

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  host(interfaces: readonly HostInterface[]): FakePathHost {
    const host = new FakePathHost(this, interfaces);
    this.#hosts.push(host);
    return host;
  }

  /** There and back again, if the neighbour sends it on. */
  echo(end: EchoEnd, payload: Uint8Array): void {
    const transfer = { from: end.local, to: end.peer, port: PORT_SINGLE_HOP_ECHO, payload };
    this.sent.push(transfer);
    const neighbour = this.#hosts.find((host) => host.has(end.peer));
    if (this.isLost(transfer) || neighbour?.forwarding !== true) return;
    this.clock.schedule(2 * DELAY_MS, () => {
      for (const host of this.#hosts) if (host.echoEnds.has(end)) end.received(payload);
    });
  }

  carry(transfer: PathTransfer): void {
    this.sent.push(transfer);
    if (this.isLost(transfer)) return;
    this.clock.schedule(DELAY_MS, () => {
      for (const host of this.#hosts) host.arrive(transfer, this.ttl);
    });
  }
}

export class FakePathHost implements PathPorts {
  readonly #link: FakePathLink;
  readonly #callbacks = new Set<() => void>();
  #interfaces: readonly HostInterface[];
  readonly receivers: FakePathReceiver[] = [];
  readonly senders: FakePathSender[] = [];
  /** Whether its kernel sends on what is not for it, as echo packets are. */
  forwarding = false;
  /** Those whose echo packets go out. */
  readonly echoEnds = new Set<EchoEnd>();
  readonly echoes = {
    open: (end: EchoEnd): EchoLine => {
      this.echoEnds.add(end);
      return {
        send: (payload) => {
          this.#link.echo(end, payload.slice());
          return undefined;
        },
        readAll: () => undefined,
        close: () => this.echoEnds.delete(end),
      };
    },
  };
  /** Datagrams stay unread until readAll, as while the thread is busy. */
  isBusy = false;
  /** Set: opening a receiver, opening a sender, sending fails with it. */
  receiveErrno: number | undefined;
  openErrno: number | undefined;
  sendErrno: number | undefined;

  readonly interfaces = {
    current: () => this.#interfaces,
    onChange: (callback: () => void) => {
      this.#callbacks.add(callback);
      return () => this.#callbacks.delete(callback);
    },
  };

  constructor(link: FakePathLink, interfaces: readonly HostInterface[]) {
    this.#link = link;
    this.#interfaces = interfaces;
  }

  setInterfaces(...interfaces: HostInterface[]): void {
    this.#interfaces = interfaces;
    for (const callback of this.#callbacks) callback();
  }

  openReceiver(target: PathReceiverTarget, handlers: PathHandlers): PathReceiver {
    if (this.receiveErrno !== undefined) throw new HostError(`receive by UDP port ${target.port}`, this.receiveErrno);
    // As the kernel does: the name counts when it is bound.
    const deviceIndex = this.#interfaces.find(({ name }) => name === target.device)?.index;
    const bound = JSON.stringify([target, deviceIndex]);
    if (this.openReceivers().some((other) => other.bound === bound)) throw new Error(`opened twice: ${bound}`);
    const receiver = new FakePathReceiver(target, bound, handlers);
    this.receivers.push(receiver);
    return receiver;
  }

  openSender(target: PathSenderTarget): PathSender {
    if (this.openErrno !== undefined) throw new HostError(`send to ${target.peer}`, this.openErrno);
    const local = target.local ?? this.#sourceFor(target);
    const sender = new FakePathSender(target, local, (payload) => {
      if (this.sendErrno !== undefined) return new HostError(`send to ${target.peer}`, this.sendErrno);
      this.#link.carry({ from: local, to: target.peer, port: target.port, payload: payload.slice() });
      return undefined;
    });
    this.senders.push(sender);
    return sender;
  }

  isForwarding(): boolean {
    return this.forwarding;
  }

  openReceivers(): readonly FakePathReceiver[] {
    return this.receivers.filter(({ closed }) => !closed);
  }

  openSenders(): readonly FakePathSender[] {
    return this.senders.filter(({ closed }) => !closed);
  }

  has(ip: Ip): boolean {
    return this.#ownerOf(ip) !== undefined;
  }

  arrive({ from, to, port, payload }: PathTransfer, ttl: number): void {
    const owner = this.#ownerOf(to);
    if (owner === undefined) return;
    for (const receiver of this.openReceivers()) {
      const { device, family, port: own, from: which } = receiver.target;
      if (own !== port || family !== ipFamily(to) || (device !== undefined && device !== owner.name)) continue;
      if (which === 'unforwarded' && ttl !== 255) continue;
      receiver.queue.push({ payload, source: from, destination: to, ttl });
      if (!this.isBusy) receiver.readAll();
    }
  }

  #ownerOf(ip: Ip): HostInterface | undefined {
    return this.#interfaces.find(
      ({ running, addresses }) => running && addresses.some((address) => address.startsWith(`${ip}/`)),
    );
  }

  #sourceFor({ peer, device }: PathSenderTarget): Ip {
    const candidates = this.#interfaces.filter(({ name }) => device === undefined || name === device);
    for (const address of candidates.flatMap(({ addresses }) => addresses)) {
      const ip = parseIp(address.replace(/\/.*/, ''));
      if (ip.ok && ipFamily(ip.value) === ipFamily(peer)) return ip.value;
    }
    throw new HostError(`send to ${peer}`, 101);
  }
}

export class FakePathReceiver implements PathReceiver {
  readonly target: PathReceiverTarget;
  readonly bound: string;
  readonly queue: PathDatagram[] = [];
  closed = false;
  readonly #handlers: PathHandlers;

  constructor(target: PathReceiverTarget, bound: string, handlers: PathHandlers) {
    this.target = target;
    this.bound = bound;
    this.#handlers = handlers;
  }

  readAll(): void {
    for (let next = this.queue.shift(); next !== undefined && !this.closed; next = this.queue.shift()) {
      const buffer = next.payload.slice();
      this.#handlers.datagram({ ...next, payload: buffer });
      buffer.fill(0xee);
    }
  }

  fail(errno: number): void {
    this.closed = true;
    this.#handlers.failed(new HostError('receive', errno));
  }

  close(): void {
    this.closed = true;
  }
}

export class FakePathSender implements PathSender {
  readonly target: PathSenderTarget;
  readonly local: Ip;
  closed = false;
  readonly #send: (payload: Uint8Array) => HostError | undefined;

  constructor(target: PathSenderTarget, local: Ip, send: (payload: Uint8Array) => HostError | undefined) {
    this.target = target;
    this.local = local;
    this.#send = send;
  }

  send(payload: Uint8Array): HostError | undefined {
    if (this.closed) throw new Error('sent by a closed socket');
    return this.#send(payload);
  }

  close(): void {
    this.closed = true;
  }
}

export function hostInterface(
  name: string,
  index: number,
  addresses: readonly string[],
  more: Partial<HostInterface> = {},
): HostInterface {
  return { name, index, addresses, running: true, broadcast: true, arp: true, ...more };
}
