/** What goes into the liveness machine, what comes out of it, and what it shows of itself. */
import type { Claim } from '../../model/claim.ts';
import type { Ip } from '../../model/ip.ts';
import type { Sha256Hex } from '../../model/platform.ts';
import type { BootId } from './messages.ts';
import type { SendOutput } from './outbox.ts';

export interface LivenessOptions {
  /** This speaker's node. */
  readonly node: string;
  readonly boot: BootId;
  readonly sha256Hex: Sha256Hex;
  /** Spreads the heartbeats; nothing secret. 0 … 2^32 − 1. */
  readonly seed: number;
}

/** A speaker of another node, as its Lease tells of it. */
export interface PeerIdentity {
  readonly node: string;
  readonly boot: BootId;
}

export type LivenessInput =
  /** All other speakers that can be reached by datagrams. One with another boot is another process, and unheard. */
  | { readonly kind: 'peers'; readonly peers: readonly PeerIdentity[] }
  /** A message whose sender is proven: the process that is known as this node's. */
  | { readonly kind: 'datagram'; readonly from: string; readonly bytes: Uint8Array }
  /** The deadline has come. Only after the socket was read: what has arrived must not look like silence. */
  | { readonly kind: 'timer' }
  /** This speaker announces these from now on, too. */
  | { readonly kind: 'claim'; readonly ips: readonly Ip[] }
  /** It does not any more. */
  | { readonly kind: 'release'; readonly ips: readonly Ip[] }
  /** It retires: it goes on announcing until others have claimed. */
  | { readonly kind: 'leave' }
  /** It ends. Nothing else may follow but the timer, for 50 ms at most. */
  | { readonly kind: 'goodbye' }
  /** The node answered that nobody listens on the port. */
  | { readonly kind: 'unreachable'; readonly node: string };

/** unknown: ask its Lease. */
export type PeerState = 'unknown' | 'alive' | 'dead';

export type PeerReason =
  /** unknown */
  | 'never-heard'
  | 'new-boot'
  /** It is silent here, but nobody confirms that: perhaps it is this speaker that is cut off. */
  | 'unconfirmed'
  /** alive */
  | 'heard'
  /** dead */
  | 'witnessed'
  | 'only-witness'
  | 'said-goodbye';

export type LivenessOutput =
  | SendOutput
  /** Find out whether the node answers at once that nobody listens on its port; if it does: 'unreachable'. */
  | { readonly kind: 'knock'; readonly node: string }
  /** What is believed of a speaker has changed. */
  | {
      readonly kind: 'peer';
      readonly node: string;
      readonly state: PeerState;
      readonly reason: PeerReason;
      /** Of the dead: who witnessed it. */
      readonly witnesses?: readonly string[];
    }
  /** It lives, but wants its addresses taken over. */
  | { readonly kind: 'leaving'; readonly node: string }
  /** Who claims these is not as it was. */
  | { readonly kind: 'claims-changed'; readonly ips: readonly Ip[] }
  /** Others have claimed what this speaker claimed: it must not announce these any more, from this moment on. */
  | { readonly kind: 'overtaken'; readonly claims: readonly Claim[] }
  /** This speaker was so late that it may have been given up: better not to announce until 'assured'. */
  | { readonly kind: 'doubt'; readonly lateMs: number }
  /** It may announce what it still claims. */
  | { readonly kind: 'assured'; readonly by: 'a peer' | 'nobody answers' }
  /** Nobody is heard any more, or somebody again. */
  | { readonly kind: 'cut-off'; readonly cutOff: boolean }
  /** A proven sender sent what cannot be read. */
  | { readonly kind: 'refused'; readonly from: string; readonly reason: string };

/** For metrics and the debug view. Milliseconds; undefined: never. */
export interface LivenessSnapshot {
  readonly node: string;
  readonly incarnation: number;
  readonly epoch: number;
  readonly leaving: boolean;
  readonly cutOff: boolean;
  /** How late its own timers were lately at worst. */
  readonly latenessMs: number;
  readonly watchers: readonly string[];
  readonly watched: readonly string[];
  readonly peers: readonly PeerSnapshot[];
}

export interface PeerSnapshot {
  readonly node: string;
  readonly state: PeerState;
  readonly leaving: boolean;
  readonly incarnation: number;
  readonly heardMsAgo: number | undefined;
  /** How long it may be silent. */
  readonly timeoutMs: number;
  readonly roundTripMs: number | undefined;
  readonly heartbeats: number;
  readonly lostHeartbeats: number;
  readonly claims: number;
}
