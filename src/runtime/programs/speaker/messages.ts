/**
 * What crosses between the speaker's two threads, and how often:
 *
 *       main thread (network)                          worker (cluster)
 *   interfaces changed     ── 'interfaces' ──▶   renews the Lease with them
 *   gateways changed       ── 'gateways' ────▶   renews the Lease with them
 *   SIGTERM                ── 'retire' ──────▶   deletes the Lease, answers 'retired'
 *   answers ARP from it    ◀── 'table' ───────   whole table, at every change of the plan
 *   /readyz                ◀── 'health' ──────   at every change of what is missing
 *   /metrics               ◀── 'counters' ────   after every plan
 *
 * Plain data only; each message stands alone.
 */
import type { AnnouncedAddress, InterfaceFacts } from '../../model/announcements.ts';

export type ToCluster =
  | { readonly kind: 'interfaces'; readonly interfaces: readonly InterfaceFacts[] }
  /** Where this node's default routes go to, in a fixed order. */
  | { readonly kind: 'gateways'; readonly gateways: readonly string[] }
  | { readonly kind: 'retire' };

export type FromCluster =
  | { readonly kind: 'table'; readonly addresses: readonly AnnouncedAddress[] }
  /** What keeps the cluster half from being ready, in words; none: it is ready. */
  | { readonly kind: 'health'; readonly missing: readonly string[] }
  | { readonly kind: 'counters'; readonly counters: ClusterCounters }
  | { readonly kind: 'retired' };

/** What the cluster half knows that /metrics shows. */
export interface ClusterCounters {
  readonly configLoaded: boolean;
  /** Something in the configuration is faulty: an older version of it is in force. */
  readonly configStale: boolean;
  /** What this node announces. */
  readonly announced: readonly { readonly ip: string; readonly services: readonly string[] }[];
  /** How many addresses nobody announces, by reason. */
  readonly unannounced: Readonly<Record<string, number>>;
}

/** What the worker is started with. */
export interface ClusterWorkerData {
  readonly nodeName: string;
  readonly namespace: string;
  /** This speaker's pod, where it runs in one. */
  readonly pod: { readonly name: string; readonly uid: string } | undefined;
  readonly kubeconfigPath: string | undefined;
  /** Where the main thread shows that this speaker is there; undefined: nowhere. */
  readonly presencePort: number | undefined;
  readonly loadBalancerClass: string | undefined;
  readonly excludedNodes: 'skip' | 'use';
  readonly logLevel: string;
}
