/** What goes into a BFD session, what comes out of it, and what it shows of itself: plain data. */
import type { Instant } from '../../model/time.ts';
import type { BfdPacket } from './codec.ts';
import type { BfdState } from './iana.ts';

/** How often packets go each way, as this side wants it. */
export interface BfdIntervals {
  /** This side sends no more often while up. */
  readonly desiredMinTxMs: number;
  /** This side receives no more often. More than 0: the neighbour is to send periodically. */
  readonly requiredMinRxMs: number;
  /** How many packets of this side in a row must be missing for the neighbour: 1 … 255. */
  readonly detectMultiplier: number;
}

export interface BfdSessionOptions extends BfdIntervals {
  /** 1 … 2^32 − 1, another for each session of this node, and hard to guess. */
  readonly localDiscriminator: number;
  /** passive: sends nothing before it has heard something. */
  readonly role: 'active' | 'passive';
  /** Echo packets of the neighbour that the kernel may loop; 0: it is told to send none. */
  readonly requiredMinEchoRxMs: number;
  /** Spreads the packets. 0 … 2^32 − 1. */
  readonly seed: number;
}

export type BfdInput =
  /** As readBfd gave it, for this session. */
  | { readonly kind: 'packet'; readonly packet: BfdPacket }
  /** The deadline has come. */
  | { readonly kind: 'timer' }
  /** The answer to 'drain': all that had arrived until then has been told. */
  | { readonly kind: 'drained' }
  /** These from now on. */
  | ({ readonly kind: 'intervals' } & BfdIntervals)
  /** Not to be up for now. path-down: because the interface or the like is known to have failed. */
  | { readonly kind: 'disable'; readonly because: 'administratively-down' | 'path-down' }
  /** While it is up: echo packets do not come back any more. */
  | { readonly kind: 'echo-failed' }
  | { readonly kind: 'enable' };

export type BfdOutput =
  /** One UDP payload to the neighbour, with TTL 255. */
  | { readonly kind: 'send'; readonly payload: Uint8Array }
  /**
   * Nothing was heard for the detection time. Perhaps this process slept, and packets wait unread: read the socket until
   * it is empty, tell what was there, and then 'drained'. Without that the session never goes down by silence.
   */
  | { readonly kind: 'drain' }
  /**
   * The state is another. `remoteState` tells a neighbour that fails (down) from one that was switched off (admin-down),
   * which is no failure of the path (RFC 5882 §3.2).
   */
  | {
      readonly kind: 'changed';
      readonly from: BfdState;
      readonly to: BfdState;
      /** Why, as this side sees it; IANA number, describeDiagnostic has its name. */
      readonly diagnostic: number;
      readonly remoteState: BfdState;
      /** Why, as the neighbour said last. */
      readonly remoteDiagnostic: number;
    };

export interface BfdSnapshot {
  readonly state: BfdState;
  readonly remoteState: BfdState;
  readonly diagnostic: number;
  readonly remoteDiagnostic: number;
  readonly localDiscriminator: number;
  /** 0: not heard of lately. */
  readonly remoteDiscriminator: number;
  /** It takes echo packets no more often; 0: none, or it was not heard of lately. */
  readonly remoteMinEchoRxMs: number;
  /** What it really sends by now, before jitter; undefined: nothing periodically. */
  readonly transmitIntervalMs: number | undefined;
  /** The silence that is taken for a failure; undefined: nothing was heard yet. */
  readonly detectionTimeMs: number | undefined;
  readonly isPolling: boolean;
  /** Since when it is in this state. */
  readonly since: Instant;
  readonly packetsSent: number;
  readonly packetsReceived: number;
  /** How often it came to be up, and ceased to. */
  readonly ups: number;
  readonly downs: number;
  /** How often a silence was none, because packets had been waiting unread. */
  readonly rescues: number;
}
