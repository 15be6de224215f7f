/**
 * TCP connections as a BGP session opens them: to one router, from one address, with what protects the connection below
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

export interface StreamHandlers {
  /** It stands. `local` is the address that it goes out by. */
  readonly connected: (local: Ip) => void;
  /** Bytes in the order in which they were sent. They are the handler's. */
  readonly received: (bytes: Uint8Array) => void;
  /** All that was written is with the kernel, after bufferedBytes() was not 0. */
  readonly drained: () => void;
  /** It is over, or never came to be. No error: the other side closed it in order. Called once, and nothing after it. */
  readonly closed: (error: HostError | undefined) => void;
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
