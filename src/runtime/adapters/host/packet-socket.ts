/**
 * Raw frames on one interface: AF_PACKET sockets behind the PacketSockets port. Needs CAP_NET_RAW.
 * The socket is made deaf (protocol 0), given its filter, and only then bound, so that no unfiltered frame ever gets in.
 */
import os from 'node:os';
import { HostError } from '../../engine/host-error.ts';
import type { PacketHandlers, PacketSocket, PacketSockets, PacketTraffic } from '../../engine/network-ports.ts';
import type { Ip } from '../../model/ip.ts';
import {
  ARP_FILTER,
  BFD_ECHO_FILTER,
  type BpfInstruction,
  encodeBpf,
  ICMP_ECHO_FILTER,
  ICMPV6_ECHO_FILTER,
  NDP_FILTER,
  ROUTER_FILTER,
} from './bpf.ts';
import { MulticastGroups } from './multicast-groups.ts';
import {
  AF_PACKET,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
  PACKET_IGNORE_OUTGOING,
  PACKET_STATISTICS,
  SO_RCVBUF,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_PACKET,
  SOL_SOCKET,
} from './native/constants.ts';
import * as libc from './native/libc.ts';
import { ReadableWatch } from './native/readable.ts';

/** Per kind of traffic: the EtherType to bind to and the filter before it. */
const TRAFFIC: Readonly<Record<PacketTraffic, { etherType: number; filter: readonly BpfInstruction[] }>> = {
  arp: { etherType: ETH_P_ARP, filter: ARP_FILTER },
  ndp: { etherType: ETH_P_IPV6, filter: NDP_FILTER },
  'icmp-echo': { etherType: ETH_P_IP, filter: ICMP_ECHO_FILTER },
  'icmpv6-echo': { etherType: ETH_P_IPV6, filter: ICMPV6_ECHO_FILTER },
  'bfd-echo': { etherType: ETH_P_IP, filter: BFD_ECHO_FILTER },
  router: { etherType: ETH_P_IPV6, filter: ROUTER_FILTER },
};

/** Frames read before other descriptors and timers get their turn. */
const FRAMES_PER_TURN = 64;
/** Of readAll: more than a receive buffer holds, so that a flood cannot hold the thread. */
const FRAMES_AT_MOST = 4096;
/** Room for requests that arrive while the thread is busy; the kernel caps it at net.core.rmem_max. */
const RECEIVE_BUFFER_BYTES = 1 << 20;

const { EAGAIN, EBADF, EINTR, ENETDOWN } = os.constants.errno;

/** One for all sockets: a frame is dealt with before the next is read, and longer ones than this are of no interest. */
const frameBuffer = new Uint8Array(2048);

export const hostPacketSockets: PacketSockets = {
  open: ({ name, index }, traffic, handlers) => new HostPacketSocket({ name, index }, traffic, handlers),
};

class HostPacketSocket implements PacketSocket {
  readonly #fd: number;
  readonly #interface: string;
  readonly #handlers: PacketHandlers;
  readonly #watch: ReadableWatch;
  readonly #groups: MulticastGroups;
  #kernelDrops = 0;
  #open = true;

  constructor(target: { name: string; index: number }, traffic: PacketTraffic, handlers: PacketHandlers) {
    this.#interface = target.name;
    this.#handlers = handlers;
    this.#fd = openBound(target, traffic);
    this.#groups = new MulticastGroups({ packetSocket: this.#fd, ...target }, (error) => {
      if (this.#open) handlers.groupsFailed(error);
    });
    this.#watch = new ReadableWatch(this.#fd, {
      readable: () => this.#readFrames(FRAMES_PER_TURN),
      stuck: (error) => this.#fail(error),
    });
  }

  send(frame: Uint8Array): HostError | undefined {
    if (!this.#open) return new HostError(`send on ${this.#interface}`, EBADF);
    const sent = libc.send(this.#fd, frame);
    return sent >= 0 ? undefined : new HostError(`send on ${this.#interface}`, -sent);
  }

  readAll(): void {
    if (this.#open) this.#readFrames(FRAMES_AT_MOST);
  }

  setGroups(groups: readonly Ip[]): void {
    if (this.#open) this.#groups.set(groups);
  }

  kernelDrops(): number {
    if (this.#open) {
      // struct tpacket_stats {unsigned packets, drops}; reading it sets both to zero.
      const statistics = new Uint32Array(2);
      libc.getSocketOption(
        this.#fd,
        { level: SOL_PACKET, option: PACKET_STATISTICS },
        new Uint8Array(statistics.buffer),
        `read statistics of packet socket on ${this.#interface}`,
      );
      this.#kernelDrops += statistics[1] ?? 0;
    }
    return this.#kernelDrops;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#groups.close();
    this.#watch.close();
  }

  #readFrames(most: number): 'read' | 'nothing' | 'failed' {
    let outcome: 'read' | 'nothing' = 'nothing';
    for (let count = 0; count < most; count++) {
      const length = libc.receive(this.#fd, frameBuffer);
      if (length < 0) {
        const errno = -length;
        if (errno === EAGAIN || errno === EINTR) return outcome;
        // The link went down: reading has cleared the error, and frames come again when it is back up.
        if (errno === ENETDOWN) continue;
        this.#fail(new HostError(`receive on ${this.#interface}`, errno));
        return 'failed';
      }
      outcome = 'read';
      this.#handlers.frame(frameBuffer.subarray(0, length));
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

/** Throws HostError; then no descriptor is left open. */
function openBound(target: { name: string; index: number }, traffic: PacketTraffic): number {
  const { etherType, filter } = TRAFFIC[traffic];
  const on = `packet socket on ${target.name}`;
  const type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = libc.openSocket({ domain: AF_PACKET, type, protocol: 0 }, `open ${on} (needs CAP_NET_RAW)`);
  try {
    libc.attachFilter(fd, encodeBpf(filter), `attach filter to ${on}`);
    const ignoreOutgoing = { level: SOL_PACKET, option: PACKET_IGNORE_OUTGOING };
    libc.setSocketOption(fd, ignoreOutgoing, libc.intValue(1), `ignore outgoing frames on ${on}`);
    const receiveBuffer = { level: SOL_SOCKET, option: SO_RCVBUF };
    libc.setSocketOption(fd, receiveBuffer, libc.intValue(RECEIVE_BUFFER_BYTES), `set receive buffer of ${on}`);
    libc.bindSocket(fd, linkLayerAddress(etherType, target.index), `bind ${on}`);
    return fd;
  } catch (error) {
    libc.closeDescriptor(fd);
    throw error;
  }
}

/** struct sockaddr_ll {u16 family; u16 protocol, network order; int ifindex; …}, 20 bytes. */
function linkLayerAddress(etherType: number, index: number): Uint8Array {
  const address = new Uint8Array(20);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_PACKET, libc.LITTLE_ENDIAN);
  view.setUint16(2, etherType);
  view.setInt32(4, index, libc.LITTLE_ENDIAN);
  return address;
}
