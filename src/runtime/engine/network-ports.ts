/**
 * What the packet path needs of the host's network: raw frames on an interface, and which interfaces there are.
 * Implemented in adapters/host, faked in tests/support. All of it is synchronous and belongs to one thread, the one it
 * was made on; callbacks come from the event loop, never from inside a call to the port.
 */
import type { InterfaceFacts } from '../model/announcements.ts';
import type { Ip } from '../model/ip.ts';
import type { Mac } from '../model/mac.ts';
import type { HostError } from './host-error.ts';

/**
 * What a socket lets through, filtered in the kernel; of all of it only what is addressed to this host.
 *
 * | traffic     | frames                                                                    | to                  |
 * |-------------|---------------------------------------------------------------------------|---------------------|
 * | arp         | ARP requests and replies                                                  | us, all             |
 * | ndp         | neighbour solicitations and advertisements                                | us, groups joined   |
 * | icmp-echo   | ICMP echo requests                                                        | us                  |
 * | icmpv6-echo | ICMPv6 echo requests                                                      | us                  |
 * | bfd-echo    | BFD echo packets, over IPv4                                                | us                  |
 * | router      | router solicitations and advertisements, from the link itself             | us, groups joined   |
 */
export type PacketTraffic = 'arp' | 'ndp' | 'icmp-echo' | 'icmpv6-echo' | 'bfd-echo' | 'router';

export interface PacketHandlers {
  /**
   * A frame as received, from its Ethernet header on. The bytes are the socket's buffer and are overwritten after the
   * call returns: read or answer at once, copy what is to be kept. An exception ends the process.
   */
  readonly frame: (frame: Uint8Array) => void;
  /**
   * The socket receives nothing any more; close it, and open another later. At most once a socket. An interface that
   * goes down and comes up again is no such case: the socket lives through it.
   */
  readonly failed: (error: HostError) => void;
  /**
   * Not all groups could be joined. Frames of every group are let in then, but switches that must know of a group may not
   * bring its frames here.
   */
  readonly groupsFailed: (error: HostError) => void;
}

export interface PacketSocket {
  /**
   * Hands one whole frame to the interface; the bytes are the caller's again when it returns. Undefined: the kernel
   * took it. Never waits: a full queue is an error like a downed link, and the frame is lost.
   */
  send(frame: Uint8Array): HostError | undefined;
  /** Has frame() called for all that waits in the socket, before it returns. */
  readAll(): void;
  /**
   * Makes the interface a member of exactly these IPv6 groups, on this socket's behalf, and lets switches know of it
   * (MLD). Other sockets' groups are not touched. The first hundred changes are made before it returns, further ones
   * between frames. What failed is tried again at the next call.
   */
  setGroups(groups: readonly Ip[]): void;
  /** Frames the kernel threw away since the socket was opened, because they were not read in time. */
  kernelDrops(): number;
  /** Idempotent. No handler is called afterwards. */
  close(): void;
}

export interface PacketSockets {
  /** Opens a socket on the interface with this index. Throws HostError. One may be opened again after its close. */
  open(target: { name: string; index: number }, traffic: PacketTraffic, handlers: PacketHandlers): PacketSocket;
}

/** An interface with what decides whether it can be announced on. */
export interface HostInterface extends InterfaceFacts {
  readonly mac?: Mac;
  /** Sends to all stations of its link (IFF_BROADCAST). */
  readonly broadcast: boolean;
  /** Resolves neighbours by ARP (no IFF_NOARP). */
  readonly arp: boolean;
  /** Index of the bridge, bond or VRF it is a port of. */
  readonly masterIndex?: number;
}

export interface InterfaceWatch {
  /** All interfaces of the host, ordered by index. The same array until something about them changes. */
  current(): readonly HostInterface[];
  /** Calls back after every change, several at a time as one. The returned function ends that. */
  onChange(callback: () => void): () => void;
  /** Idempotent. */
  close(): void;
}

export interface NetworkPorts {
  readonly sockets: PacketSockets;
  readonly interfaces: InterfaceWatch;
}
