/** The network ports without a network: sockets that remember what was sent, interfaces that are what a test says. */
import { HostError } from '../../src/runtime/engine/host-error.ts';
import type {
  HostInterface,
  InterfaceWatch,
  NetworkPorts,
  PacketHandlers,
  PacketSocket,
  PacketSockets,
  PacketTraffic,
} from '../../src/runtime/engine/network-ports.ts';
import type { Ip } from '../../src/runtime/model/ip.ts';

export class FakePacketSocket implements PacketSocket {
  readonly name: string;
  readonly index: number;
  readonly sent: Uint8Array[] = [];
  closed = false;
  readonly traffic: PacketTraffic;
  groups: readonly Ip[] = [];
  /** Set: sending fails with it. */
  sendErrno: number | undefined;
  readonly #handlers: PacketHandlers;

  constructor(target: { name: string; index: number }, traffic: PacketTraffic, handlers: PacketHandlers) {
    this.traffic = traffic;
    this.name = target.name;
    this.index = target.index;
    this.#handlers = handlers;
  }

  send(frame: Uint8Array): HostError | undefined {
    if (this.closed) throw new Error(`sent on the closed socket of ${this.name}`);
    if (this.sendErrno !== undefined) return new HostError(`send on ${this.name}`, this.sendErrno);
    this.sent.push(frame.slice());
    return undefined;
  }

  readAll(): void {}

  setGroups(groups: readonly Ip[]): void {
    if (this.closed) throw new Error(`joined groups on the closed socket of ${this.name}`);
    this.groups = [...groups];
  }

  kernelDrops(): number {
    return 0;
  }

  close(): void {
    this.closed = true;
  }

  /** A frame comes in. The buffer is spoilt afterwards, as the port allows. */
  receive(frame: Uint8Array): void {
    if (this.closed) throw new Error(`received on the closed socket of ${this.name}`);
    const buffer = frame.slice();
    this.#handlers.frame(buffer);
    buffer.fill(0xee);
  }

  failGroups(errno: number): void {
    this.#handlers.groupsFailed(new HostError(`join groups on ${this.name}`, errno));
  }

  fail(errno: number): void {
    this.#handlers.failed(new HostError(`receive on ${this.name}`, errno));
  }
}

export class FakeNetwork implements NetworkPorts {
  readonly opened: FakePacketSocket[] = [];
  /** Set: opening fails with it. */
  openErrno: number | undefined;
  #interfaces: readonly HostInterface[] = [];
  readonly #callbacks = new Set<() => void>();

  readonly sockets: PacketSockets = {
    open: (target, traffic, handlers) => {
      if (this.openErrno !== undefined) throw new HostError(`open on ${target.name}`, this.openErrno);
      if (this.openOn(target.name, traffic)) throw new Error(`${target.name} has a socket for ${traffic} already`);
      const socket = new FakePacketSocket(target, traffic, handlers);
      this.opened.push(socket);
      return socket;
    },
  };

  readonly interfaces: InterfaceWatch = {
    current: () => this.#interfaces,
    onChange: (callback) => {
      this.#callbacks.add(callback);
      return () => this.#callbacks.delete(callback);
    },
    close: () => this.#callbacks.clear(),
  };

  setInterfaces(...interfaces: HostInterface[]): void {
    this.#interfaces = interfaces;
    for (const callback of this.#callbacks) callback();
  }

  /** The socket for the traffic that is open on the interface now. */
  openOn(name: string, traffic: PacketTraffic = 'arp'): FakePacketSocket | undefined {
    return this.opened.find((socket) => socket.name === name && socket.traffic === traffic && !socket.closed);
  }
}
