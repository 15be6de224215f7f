/**
 * A BGPSessionStatus as it is read: how one node's session with one BGPPeer fares, and what the router was told. People
 * and tools read it, the speakers write it. No such kind in MetalLB.
 */
import type { BfdView, BgpState } from './bgp-session.ts';

/** Label: which BGPPeer it is about. */
export const STATUS_PEER_LABEL = 'metallb.io/bgp-peer';

export interface BgpSessionStatus {
  readonly node: string;
  /** Name of the BGPPeer. */
  readonly peer: string;
  /** While it is not established, it may be another of the states before that by now. */
  readonly state: BgpState;
  /** Since when it is established, or is not: RFC 3339, whole seconds. */
  readonly since: string;
  /** The router's. Absent: it was not found yet. */
  readonly address?: string;
  /** This side of the connection. Absent: none stands. */
  readonly localAddress?: string;
  /** What the router says of itself. Absent: it has not yet. */
  readonly asn?: number;
  readonly identifier?: string;
  /** Absent: the session has no BFD. */
  readonly bfd?: BfdView['state'];
  /** How many the router was told of. */
  readonly advertisedPrefixes: number;
  /** The first of them, ordered; so many that the object stays small. */
  readonly prefixes: readonly string[];
  /** Why routes of a family are not told, in words. */
  readonly notAdvertised: readonly string[];
  /** How often the router told of a prefix since the session was established; nobody uses them. */
  readonly receivedPrefixes: number;
  /** Why the last connection ended, or was not made, in words. Absent: none has. */
  readonly lastError?: string;
  /** How often it ceased to be established. */
  readonly flaps: number;
}
