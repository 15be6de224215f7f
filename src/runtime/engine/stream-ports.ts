/**
 * TCP connections as a BGP session opens and takes them: to or from one router, with what protects the connection below
 * the protocol. Implemented in adapters/host. Belongs to one thread; handlers are called from the event loop, never from
 * inside a call.
 */
import type { Ip } from '../model/ip.ts';
import type { HostError } from './host-error.ts';

export interface StreamTarget {
  readonly address: Ip;
  readonly port: number;
  /** Absent: the node's routing chooses. */
  readonly sourceAddress?: Ip;
  /** An interface or a VRF that the connection is bound to; a link-local address needs one. Absent: any. */
  readonly device?: string;
  readonly hops: HopLimit;
  /** TCP MD5 signatures (RFC 2385), 1 … 80 bytes. Absent: none. Never to be shown. */
  readonly password?: string;
}

export type HopLimit =
  /** Datagrams go out with this TTL or hop limit: 1 … 255. A router on the link is reached with 1. */
  | { readonly kind: 'ttl'; readonly ttl: number }
  /** RFC 5082: they go out with 255, and what comes over more than so many hops is dropped by the kernel: 1 … 254. */
  | { readonly kind: 'gtsm'; readonly hops: number };

/** Of a connection that stands. */
export interface StandingHandlers {
  /** Bytes in the order in which they were sent. They are the handler's. */
  readonly received: (bytes: Uint8Array) => void;
  /** All that was written is with the kernel, after bufferedBytes() was not 0. */
  readonly drained: () => void;
  /** It is over, or never came to be. No error: the other side closed it in order. Called once, and nothing after it. */
  readonly closed: (error: HostError | undefined) => void;
}

export interface StreamHandlers extends StandingHandlers {
  /** It stands. `local` is the address that it goes out by. */
  readonly connected: (local: Ip) => void;
}

export interface Stream {
  /** Hands bytes over; what the kernel does not take is kept until it does. Before it stands, and after its end: ignored. */
  write(bytes: Uint8Array): void;
  /** What the kernel has not taken yet. */
  bufferedBytes(): number;
  /** Sends what is written, then closes in order. closed() follows when the other side has closed as well. */
  end(): void;
  /** Gives it up at once. closed() is not called. Idempotent. */
  destroy(): void;
}

/** Begins to connect; whatever goes wrong, be it here, comes by closed(). */
export type OpenStream = (target: StreamTarget, handlers: StreamHandlers) => Stream;

export interface ListenTarget {
  /** 1 … 65535; below 1024 needs CAP_NET_BIND_SERVICE. */
  readonly port: number;
  /** Addresses of this host to be reached by, each once. Absent: all of them, of both families. */
  readonly addresses?: readonly Ip[];
  /** A VRF, or an interface, that connections must come in by. Absent: any outside of VRFs. */
  readonly device?: string;
}

/** Who may connect. */
export interface StreamPeer {
  /** Handed out with the connection. */
  readonly name: string;
  readonly address: Ip;
  /** The interface that a link-local address is behind, which needs one; without a meaning for others. */
  readonly device?: string;
  readonly hops: HopLimit;
  /** As in StreamTarget: who does not sign with it gets no connection. */
  readonly password?: string;
}

export interface AcceptedStream {
  readonly stream: Stream;
  readonly peer: StreamPeer;
  /** The address of this host that the peer has connected to. */
  readonly local: Ip;
}

/** Why a connection was broken off before anybody was told of it. */
export const REFUSED_CONNECTIONS = [
  /** From an address, or by an interface, that no peer has. */
  'unknown-peer',
  /** RFC 5082: it was opened from further away than the peer is. */
  'too-many-hops',
  /** It was over, or its socket could not be given what the peer demands. */
  'not-usable',
] as const;

export type RefusedConnection = (typeof REFUSED_CONNECTIONS)[number];

export interface ListenerHandlers {
  /** A peer has connected. What it returns is told of the connection from now on. */
  readonly accepted: (connection: AcceptedStream) => StandingHandlers;
  /** No connections are taken any more, for that reason; open another listener later. Called once at most. */
  readonly failed: (error: HostError) => void;
}

/** Its password cannot be set, or another peer of the same address is in its way: it gets no connection. */
export interface UnadmittedPeer {
  readonly peer: StreamPeer;
  /** In words, without the password. */
  readonly reason: string;
}

export interface StreamListener {
  /**
   * Everybody who may connect from now on; before the first call nobody may. Connections that stand are left alone. Of
   * several peers that cannot be told apart the first counts.
   */
  setPeers(peers: readonly StreamPeer[]): readonly UnadmittedPeer[];
  /** Since it was opened. */
  refused(): Readonly<Record<RefusedConnection, number>>;
  /** Takes no more connections; those that stand are left alone. Idempotent. */
  close(): void;
}

/** Throws a HostError, such as for a port that is taken; then nothing is left open. */
export type OpenListener = (target: ListenTarget, handlers: ListenerHandlers) => StreamListener;
