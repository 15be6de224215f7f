/** What a speaker sees of its BGP sessions: the facts that go from the sessions to what is told of them. Plain data. */
import type { Ip, IpFamily } from './ip.ts';

/** As RFC 4271 §8.2.2 names them. */
export type BgpState = 'idle' | 'connect' | 'active' | 'open-sent' | 'open-confirm' | 'established';

export interface BgpSessionView {
  /** Name of the BGPPeer. */
  readonly peer: string;
  readonly state: BgpState;
  /** Since when it is in this state; while not established: since when it has not been. Milliseconds since the epoch. */
  readonly sinceWallMs: number;
  /** Where it goes: the router's address, or "" of an unnumbered one that was not found yet. */
  readonly remoteAddress: string;
  /** This side of the connection. Absent: none stands. */
  readonly localAddress?: Ip;
  /** What the router's OPEN said. Absent: none has come. */
  readonly remoteAsn?: number;
  readonly remoteIdentifier?: Ip;
  /** The plan whose routes have all been sent. Absent: none yet on this connection. */
  readonly advertisedGeneration?: number;
  /** How many routes it has been sent and not been told to forget. */
  readonly advertisedRoutes: number;
  /** Why routes of a family are not sent: "ipv6 unicast: the router does not speak it". */
  readonly notAdvertised: readonly string[];
  /** Families whose routes are sent, now that the session is established. Before that: none. */
  readonly advertisedFamilies: readonly IpFamily[];
  /** Why the last connection ended, or was not made, in words. Absent: none has. */
  readonly lastError?: string;
  /** How often it was established, and ceased to be. */
  readonly established: number;
  readonly flaps: number;
  /** Since the process began. */
  readonly messages: BgpMessageCounts;
  /**
   * How often the router announced a prefix since the session was established. Nobody uses them or keeps them, so one that
   * is announced again counts again, and one that is withdrawn still counts.
   */
  readonly receivedPrefixes: number;
  /** Absent: the session has no BFD. */
  readonly bfd?: BfdView;
}

export interface BgpMessageCounts {
  readonly opensSent: number;
  readonly opensReceived: number;
  readonly notificationsSent: number;
  readonly notificationsReceived: number;
  readonly updatesSent: number;
  readonly updatesReceived: number;
  readonly keepalivesSent: number;
  readonly keepalivesReceived: number;
  readonly routeRefreshesSent: number;
  readonly routeRefreshesReceived: number;
}

export interface BfdView {
  readonly state: 'admin-down' | 'down' | 'init' | 'up';
  /** Why it is not up, in words. */
  readonly diagnostic: string;
  readonly transmitIntervalMs?: number;
  readonly detectionTimeMs?: number;
  readonly packetsSent: number;
  readonly packetsReceived: number;
  /** Echo packets that were sent, and that came back. */
  readonly echoesSent: number;
  readonly echoesReceived: number;
  readonly ups: number;
  readonly downs: number;
}
