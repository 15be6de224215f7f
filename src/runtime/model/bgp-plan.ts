/**
 * What this node advertises by BGP, and to whom: the joint between the plan (decide/bgp) and the sessions
 * (protocols/bgp). The whole plan is handed over at every change; nobody edits one in place. Plain data, so it crosses
 * threads as it is.
 */
import type { BgpCommunity } from './bgp-community.ts';
import type { BfdProfile, BgpPeer } from './config.ts';
import type { Ip } from './ip.ts';
import type { IpPrefix } from './ip-prefix.ts';

export interface BgpPlan {
  /** Counts up by one with every plan of this process that differs from the last one. */
  readonly generation: number;
  /** One for each router that this node holds a session with, ordered by the peer's name. */
  readonly sessions: readonly PlannedSession[];
  /**
   * The node gives its routes up and still carries traffic: routers hear of it before (RFC 8326), and turn to other nodes.
   * Absent: what goes is withdrawn at once.
   */
  readonly gracefulWithdrawal?: true;
}

export interface PlannedSession {
  /** With its password, where it has one. */
  readonly peer: BgpPeer;
  /** The profile that the peer names. Absent: no BFD. */
  readonly bfd?: BfdProfile;
  /** BGP identifier of this side. */
  readonly identifier: Ip;
  /** Each prefix once, in a fixed order; of families that the session does not carry there are none. */
  readonly routes: readonly AdvertisedRoute[];
}

export interface AdvertisedRoute {
  readonly prefix: IpPrefix;
  /** LOCAL_PREF on sessions within one AS: 0 … 2^32 − 1. Absent: the session's default. */
  readonly localPref?: number;
  /** MULTI_EXIT_DISC: 0 … 2^32 − 1. Absent: the attribute is left out. */
  readonly multiExitDisc?: number;
  /** How often this side's AS number stands in the path beyond the once that it must, 1 … 10. Absent: not at all. */
  readonly asPathPrepend?: number;
  /** Each once, ordered by their text; at most MOST_COMMUNITIES. */
  readonly communities: readonly BgpCommunity[];
}

/** As many large ones leave room for all else of a route in a message of 4096 bytes (RFC 4271 §4.1). */
export const MOST_COMMUNITIES = 300;
