/** What goes into a BGP session, what comes out of it, and what it shows of itself: plain data. */
import type { AdvertisedRoute } from '../../model/bgp-plan.ts';
import type { BgpMessageCounts, BgpState } from '../../model/bgp-session.ts';
import type { Ip, IpFamily } from '../../model/ip.ts';
import type { Instant } from '../../model/time.ts';
import type { Family } from './codec/family.ts';
import type { Notification } from './codec/notification.ts';

export interface BgpSessionOptions {
  /** AS number that this side shows: 1 … 2^32 − 1. */
  readonly localAsn: number;
  /** 'internal': whatever the peer says, if it is localAsn; 'external': if it is another. */
  readonly peerAsn: number | 'internal' | 'external';
  /** BGP identifier of this side. */
  readonly identifier: Ip;
  /** Proposed: 0 (none), or 3 … 65535. */
  readonly holdTimeSeconds: number;
  /** Absent: a third of the hold time agreed on. Never more than that. */
  readonly keepaliveTimeMs?: number;
  /** The longest wait between attempts to connect: 1 … 65535. */
  readonly connectTimeSeconds: number;
  /** Families that routes may be of: at least one. */
  readonly families: readonly Family[];
  /** Whether the connection goes over IPv6, so that IPv4 routes could have IPv6 next hops (RFC 8950). */
  readonly transport: 'ipv4' | 'ipv6';
  /** How long the peer is to keep routes while this side restarts, 1 … 4095. Absent: no graceful restart. */
  readonly restartTimeSeconds?: number;
  /** passive: waits to be connected to. active: connects as well. */
  readonly role: 'active' | 'passive';
  /** Spreads timers. 0 … 2^32 − 1. */
  readonly seed: number;
}

/** One TCP connection; numbers are never used again, so what comes late from a dead one is told apart. */
export type ConnectionId = number;

/** What routes have for next hops on a connection. At least one. */
export interface NextHops {
  readonly ipv4?: Ip;
  readonly ipv6?: Ip;
  /** Goes along with ipv6; alone where there is no other (unnumbered). */
  readonly linkLocal?: Ip;
}

export type BgpInput =
  /** To be held from now on. */
  | { readonly kind: 'start' }
  /**
   * To be given up. The router is told why; with graceful restart it is not, and keeps the routes, if `routes` says so.
   * `subcode`: of Cease.
   */
  | { readonly kind: 'stop'; readonly routes: 'withdraw' | 'keep'; readonly subcode: number; readonly text?: string }
  /** The deadline has come. */
  | { readonly kind: 'timer' }
  /** The connection that was dialled stands. */
  | { readonly kind: 'connected'; readonly connection: ConnectionId; readonly local: Ip; readonly nextHops: NextHops }
  /** The peer has connected. The caller draws the number with `nextConnection`. */
  | { readonly kind: 'accepted'; readonly connection: ConnectionId; readonly local: Ip; readonly nextHops: NextHops }
  | { readonly kind: 'received'; readonly connection: ConnectionId; readonly bytes: Uint8Array }
  /** It is over, or never came to be. Without a reason: the peer closed it in order. */
  | { readonly kind: 'closed'; readonly connection: ConnectionId; readonly reason?: string }
  /** The kernel takes no more for now; until 'drained' only keepalives are written. */
  | { readonly kind: 'blocked'; readonly connection: ConnectionId }
  | { readonly kind: 'drained'; readonly connection: ConnectionId }
  /** All routes to be advertised from now on, each prefix once. */
  | { readonly kind: 'routes'; readonly generation: number; readonly routes: readonly AdvertisedRoute[] }
  /**
   * 'on': routes are told to be about to go (RFC 8326), with the lowest preference, so that the router turns to others
   * before they are withdrawn.
   */
  | { readonly kind: 'graceful-shutdown'; readonly mode: 'on' | 'off' }
  /** BFD says that the path has failed (RFC 5882 §4.1), in words. Ends the connection at once. */
  | { readonly kind: 'bfd-down'; readonly reason: string };

export type BgpOutput =
  /** Connect, and answer with 'connected' or 'closed'. */
  | { readonly kind: 'dial'; readonly connection: ConnectionId }
  | { readonly kind: 'write'; readonly connection: ConnectionId; readonly bytes: Uint8Array }
  /** in-order: what was written goes out first. at-once: it may be lost. 'closed' may or may not follow. */
  | { readonly kind: 'close'; readonly connection: ConnectionId; readonly how: 'in-order' | 'at-once' }
  | { readonly kind: 'changed'; readonly from: BgpState; readonly to: BgpState }
  /** A connection that had exchanged anything has ended, or an attempt has failed. */
  | { readonly kind: 'failed'; readonly failure: SessionFailure }
  /** What the peer sent was wrong in a way that the session survives (RFC 7606), in words. */
  | { readonly kind: 'faulty-update'; readonly reason: string }
  /** All routes of this generation have been written. */
  | { readonly kind: 'advertised'; readonly generation: number };

export interface SessionFailure {
  /** connect: it could not be reached; lost: the connection ended; sent, received: by that NOTIFICATION; else as it says. */
  readonly cause: 'connect' | 'lost' | 'notification-sent' | 'notification-received' | 'bfd-down' | 'stopped';
  readonly notification?: Notification;
  /** In words. */
  readonly reason: string;
}

export interface BgpSnapshot {
  readonly state: BgpState;
  readonly since: Instant;
  readonly isStarted: boolean;
  /** Of the connection that counts. */
  readonly local?: Ip;
  readonly remoteAsn?: number;
  readonly remoteIdentifier?: Ip;
  /** Agreed on. */
  readonly holdTimeSeconds?: number;
  /** Families that both sides speak. */
  readonly families: readonly Family[];
  readonly capabilities: readonly string[];
  /** Whether the peer keeps routes when the connection is lost, and when it ends by a NOTIFICATION. */
  readonly gracefulRestart: 'none' | 'plain' | 'notification';
  readonly advertisedGeneration?: number;
  readonly advertisedRoutes: number;
  readonly pendingRoutes: number;
  readonly notAdvertised: readonly string[];
  /** Of the established connection: those of `families` that there are next hops for. */
  readonly advertisedFamilies: readonly IpFamily[];
  readonly lastFailure?: SessionFailure;
  readonly established: number;
  readonly flaps: number;
  readonly messages: BgpMessageCounts;
  /** How often the peer has announced a prefix by the established connection; they are not kept, so repeats count. */
  readonly receivedPrefixes: number;
  /** When it connects next; undefined while it is connected or waits for nothing. */
  readonly nextAttemptAt?: Instant;
}
