/**
 * What crosses between the speaker's two threads, and how often:
 *
 *       main thread (network)                          worker (cluster)
 *   interfaces changed     ── 'interfaces' ──▶   renews the Lease with them
 *   SIGTERM                ── 'retire' ──────▶   deletes the Lease, answers 'retired'
 *   answers ARP from it    ◀── 'table' ───────   whole table, at every change of the plan
 *   /readyz                ◀── 'health' ──────   at every change of what is missing
 *   /metrics               ◀── 'counters' ────   once a second, when they changed
 *
 * Plain data only; each message stands alone.
 */
import type { AnnouncementTable, InterfaceFacts } from '../../model/announcements.ts';

export type ToCluster =
  | { readonly kind: 'interfaces'; readonly interfaces: readonly InterfaceFacts[] }
  | { readonly kind: 'retire' };

export type FromCluster =
  | { readonly kind: 'table'; readonly table: AnnouncementTable }
  /** What keeps the cluster half from being ready, in words; none: it is ready. */
  | { readonly kind: 'health'; readonly missing: readonly string[] }
  | { readonly kind: 'counters'; readonly counters: ClusterCounters }
  | { readonly kind: 'retired' };

/** Counted in the worker, exported by the main thread. */
export interface ClusterCounters {
  readonly configLoaded: boolean;
  readonly configStale: boolean;
  /** Objects that changed since the start. */
  readonly updates: number;
  /** Failed requests and unreadable objects since the start. */
  readonly updateErrors: number;
  /** Addresses that some node announces, by whether it is this one; and those that nobody does, by reason. */
  readonly announced: readonly { readonly ip: string; readonly services: readonly string[] }[];
  readonly unannounced: Readonly<Record<string, number>>;
}

/** What the worker is started with. */
export interface ClusterWorkerData {
  readonly nodeName: string;
  readonly namespace: string;
  readonly podName: string | undefined;
  readonly kubeconfigPath: string | undefined;
  readonly loadBalancerClass: string | undefined;
  readonly excludedNodes: 'skip' | 'use';
  readonly logLevel: string;
}
