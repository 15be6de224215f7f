/**
 * The configuration in force, as the decisions see it: what decide/config-from-resources makes of the custom resources
 * (or of the old ConfigMap), checked, with every default filled in. Lists are in a fixed order (by name), so that equal
 * content gives an equal value.
 */
import type { LabelSelector } from './labels.ts';
import type { AddressRange } from './range.ts';

export interface Config {
  /** Ordered by name. Names are unique; no two ranges overlap. */
  readonly pools: readonly Pool[];
  /** Ordered by name. */
  readonly l2Advertisements: readonly L2Advertisement[];
}

export interface Pool {
  readonly name: string;
  /** In the order the user wrote them; addresses are handed out from the first range's lowest address on. */
  readonly ranges: readonly AddressRange[];
  /** false: only Services that ask for this pool, or for an address in it, get one. */
  readonly autoAssign: boolean;
  /** IPv4 addresses that end in .0 or .255 are neither handed out nor owned. */
  readonly avoidBuggyIps: boolean;
  /**
   * What stands for a faulty pool of which no good version is known: the addresses that Services hold of it stay and
   * stay announced, but none is given out. Absent: a pool in order.
   */
  readonly frozen?: true;
  /** Absent: any Service. */
  readonly serviceAllocation?: ServiceAllocation;
  /** Addresses of the pool that are somebody else's (a router's, a keepalived VIP): never given out. Absent: none. */
  readonly excludeAddresses?: readonly AddressRange[];
  /** For how long the address of a deleted Service waits for a Service of its name, in milliseconds. Absent: not at all. */
  readonly retentionMs?: number;
  /** For how long an address that was given up goes to nobody else, in milliseconds. Absent: not at all. */
  readonly quarantineMs?: number;
  /**
   * The pool is being emptied. NoNewAddresses: nobody gets one any more. MoveServices: and who holds one moves to another
   * pool as soon as one serves it. Absent: it is not.
   */
  readonly drain?: 'NoNewAddresses' | 'MoveServices';
  /** The most addresses of this pool that the Services of one namespace hold. Absent: no limit. */
  readonly maxAddressesPerNamespace?: number;
}

export interface ServiceAllocation {
  /** Lower comes first; 0 is unset and comes last. */
  readonly priority: number;
  /** Whether the pool is restricted by namespace at all; then `namespaces` may be empty and allows nothing. */
  readonly restrictsNamespaces: boolean;
  /** Named ones and those that the namespace selectors matched, ordered. */
  readonly namespaces: readonly string[];
  /** ORed; empty: any Service of the allowed namespaces. */
  readonly serviceSelectors: readonly LabelSelector[];
}

export interface L2Advertisement {
  readonly name: string;
  /** The pools it covers, selectors resolved, ordered. */
  readonly pools: readonly string[];
  /** ORed; empty: every node. */
  readonly nodeSelectors: readonly LabelSelector[];
  /** Interface names; empty: every interface that holds the address's subnet. */
  readonly interfaces: readonly string[];
  /** ORed; empty: every Service. */
  readonly serviceSelectors: readonly LabelSelector[];
}

/** One fault in the configuration: which object and field, what is wrong, what to do. */
export interface ConfigError {
  /** "IPAddressPool metallb-system/default spec.addresses[0]" */
  readonly path: string;
  readonly message: string;
  /** 'unresolved': something it names is not there yet, tried again when it appears; 'invalid': it must be edited. */
  readonly kind: 'invalid' | 'unresolved';
}
