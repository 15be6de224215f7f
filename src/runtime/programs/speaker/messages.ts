/**
 * What crosses between the speaker's two threads, and how often:
 *
 *       main thread (network)                          worker (cluster)
 *   UDP port is open       ── 'liveness-port' ▶  renews the Lease with it
 *   interfaces changed     ── 'interfaces' ──▶   renews the Lease with them
 *   gateways changed       ── 'gateways' ────▶   renews the Lease with them
 *   liveness changed       ── 'liveness' ────▶   plans with it
 *   conflicts changed      ── 'conflicts' ───▶   renews the Lease with them; all plan with them
 *   BGP sessions changed   ── 'bgp-sessions' ▶   writes and tells what is established and advertised
 *   SIGTERM                ── 'retire' ──────▶   deletes the Lease, answers 'retired'
 *   watches them           ◀── 'peers' ───────   at every change of who there is
 *   knows them on the LAN  ◀── 'speaker-macs' ─  at every change of them
 *   claims and answers     ◀── 'table' ───────   whole table, at every change of the plan
 *   BGP sessions, routes   ◀── 'bgp' ─────────   all of them, at every change of the plan
 *   /readyz                ◀── 'health' ──────   at every change of what is missing
 *   /metrics               ◀── 'counters' ────   after every plan
 *   /metrics               ◀── 'advertised' ──   at every change of what routers were told
 *
 * Plain data only; each message stands alone.
 */
import type { InterfaceFacts } from '../../model/announcements.ts';
import type { BgpPlan } from '../../model/bgp-plan.ts';
import type { BgpSessionView } from '../../model/bgp-session.ts';
import type { Claim } from '../../model/claim.ts';
import type { LanConflict } from '../../model/conflict.ts';
import type { Ip } from '../../model/ip.ts';
import type { Mac } from '../../model/mac.ts';
import type { PeerState } from '../../protocols/liveness/interface.ts';
import type { BootId } from '../../protocols/liveness/messages.ts';
import type { AddressTable } from './announced.ts';

export type ToCluster =
  /** Where other speakers reach this one by UDP; before that, nowhere. */
  | { readonly kind: 'liveness-port'; readonly port: number }
  | { readonly kind: 'interfaces'; readonly interfaces: readonly InterfaceFacts[] }
  /** Where this node's default routes go to, in a fixed order. */
  | { readonly kind: 'gateways'; readonly gateways: readonly string[] }
  | { readonly kind: 'liveness'; readonly view: LivenessView }
  /** All that foreign hosts hold, as this node hears it. */
  | { readonly kind: 'conflicts'; readonly conflicts: readonly LanConflict[] }
  /** Of all routers that there are sessions with. */
  | { readonly kind: 'bgp-sessions'; readonly sessions: readonly BgpSessionView[] }
  | { readonly kind: 'retire' };

export type FromCluster =
  /** All other speakers that there are, dead or alive. */
  | { readonly kind: 'peers'; readonly peers: readonly Peer[] }
  /** Of all speakers, this one and dead ones too, sorted. */
  | { readonly kind: 'speaker-macs'; readonly macs: readonly Mac[] }
  | { readonly kind: 'table'; readonly table: AddressTable }
  | { readonly kind: 'bgp'; readonly plan: BgpPlan }
  /** What keeps the cluster half from being ready, in words; none: it is ready. */
  | { readonly kind: 'health'; readonly missing: readonly string[] }
  | { readonly kind: 'counters'; readonly counters: ClusterCounters }
  /** All that this node advertises by BGP. */
  | { readonly kind: 'advertised'; readonly services: readonly AdvertisedAddresses[] }
  | { readonly kind: 'retired' };

/** What the speakers know of each other without the API server. */
export interface LivenessView {
  /** Of other nodes; absent or unknown: their Leases are to be asked. */
  readonly states: Readonly<Record<string, PeerState>>;
  /** Nodes whose speakers live but want their addresses taken over; this one may be among them. */
  readonly leaving: readonly string[];
  readonly claims: readonly Claim[];
}

/** Where another speaker is reached, and which process it is. */
export interface Peer {
  readonly node: string;
  readonly boot: BootId;
  readonly address: Ip;
  readonly port: number;
}

/** What of a Service one router at least was told of. */
export interface AdvertisedAddresses {
  /** "namespace/name" */
  readonly service: string;
  /** Ordered. */
  readonly addresses: readonly Ip[];
}

/** What the cluster half knows that /metrics shows. */
export interface ClusterCounters {
  readonly configLoaded: boolean;
  /** Something in the configuration is faulty: an older version of it is in force. */
  readonly configStale: boolean;
  /** What this node announces by layer 2. */
  readonly announced: readonly { readonly ip: string; readonly services: readonly string[] }[];
  /** How often this node took each address over from another; those that it never did are left out. */
  readonly takenOver: readonly { readonly ip: string; readonly count: number }[];
  /** How many addresses no node may announce, by layer 2 or by BGP, by reason. */
  readonly unannounced: Readonly<Record<string, number>>;
}

/** What the worker is started with. */
export interface ClusterWorkerData {
  readonly nodeName: string;
  readonly namespace: string;
  /** This speaker's pod, where it runs in one. */
  readonly pod: { readonly name: string; readonly uid: string } | undefined;
  readonly kubeconfigPath: string | undefined;
  /** Of this process, for its Lease. */
  readonly boot: BootId;
  readonly election: 'spread' | 'metallb';
  readonly loadBalancerClass: string | undefined;
  readonly excludedNodes: 'skip' | 'use';
  readonly logLevel: string;
}
