/**
 * The configuration in force, as the decisions see it: what decide/configuration/config-from-resources makes of the
 * custom resources (or of the old ConfigMap), checked, with every default filled in. Lists are in a fixed order (by
 * name), so that equal content gives an equal value.
 */
import type { BgpCommunity } from './bgp-community.ts';
import type { Ip } from './ip.ts';
import type { LabelSelector } from './labels.ts';
import type { AddressRange } from './range.ts';

export interface Config {
  /** Ordered by name. Names are unique; no two ranges overlap. */
  readonly pools: readonly Pool[];
  /** Ordered by name. */
  readonly l2Advertisements: readonly L2Advertisement[];
  /** Ordered by name. Of those that open a session from one node no two go to the same place. */
  readonly bgpPeers: readonly BgpPeer[];
  /** Ordered by name. Of those on one pool no two want different local preferences for one route. */
  readonly bgpAdvertisements: readonly BgpAdvertisement[];
  /** Ordered by name; names are unique. */
  readonly communities: readonly NamedCommunity[];
  /** Ordered by name. Every profile that a peer names is among them. */
  readonly bfdProfiles: readonly BfdProfile[];
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
  /**
   * What happens when a foreign host on the LAN holds an address of the pool. Reallocate: the Service gets another, if
   * there is one. Defend: it keeps it, and it goes on being announced. Absent: Keep; it keeps it, and it is not announced
   * as long as the conflict lasts.
   */
  readonly onConflict?: 'Reallocate' | 'Defend';
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
  /** A node's preference is the sum of the weights it matches; empty: all nodes are alike. In the order written. */
  readonly preferredNodeSelectors: readonly PreferredNodes[];
}

export interface PreferredNodes {
  /** 1 … 100 */
  readonly weight: number;
  readonly preference: LabelSelector;
}

/** A router to hold a BGP session with. */
export interface BgpPeer {
  readonly name: string;
  /** AS number of this side: 1 … 4294967295. */
  readonly myAsn: number;
  /** AS number of the router; 'internal': whatever it says, if it is myAsn; 'external': if it is another. */
  readonly peerAsn: number | 'internal' | 'external';
  /** AS number shown to this router in place of myAsn. Absent: myAsn. */
  readonly localAsn?: number;
  /** Where the router is: by its address, or behind an interface (unnumbered). */
  readonly remote: { readonly address: Ip } | { readonly interface: string };
  /** Absent: the node's routing chooses. */
  readonly sourceAddress?: Ip;
  /** TCP port of the router. */
  readonly port: number;
  /** 0: never expires; else 3 … 65535. Absent: the session's own default. Absent exactly when keepaliveTimeMs is. */
  readonly holdTimeSeconds?: number;
  readonly keepaliveTimeMs?: number;
  /** Wait between attempts to connect: 1 … 65535. Absent: the session's own default. */
  readonly connectTimeSeconds?: number;
  /** BGP identifier of this side, an IPv4 address. Absent: one of the node's. */
  readonly routerId?: Ip;
  /** Nodes that open the session; ORed; empty: every node. */
  readonly nodeSelectors: readonly LabelSelector[];
  /** TCP MD5 password (RFC 2385). Absent: none, or it is in a Secret that was not looked at. Never to be shown. */
  readonly password?: string;
  /** Name of the Secret that the password is in. */
  readonly passwordSecret?: string;
  /** Name of the BFD profile. Absent: no BFD. */
  readonly bfdProfile?: string;
  /** Ask the router to keep our routes while this side restarts (RFC 4724). */
  readonly gracefulRestart: boolean;
  /** The router is in another AS and more than one hop away. */
  readonly ebgpMultiHop: boolean;
  /** GTSM (RFC 5082): packets that came over more hops than these are dropped, 1 … 254. Absent: any are let in. */
  readonly ttlSecurityHops?: number;
  /** Linux VRF of the session. Absent: the default one. */
  readonly vrf?: string;
  /** Announce both families over this one session. */
  readonly dualStackAddressFamily: boolean;
}

export interface BgpAdvertisement {
  readonly name: string;
  /** The pools it covers, selectors resolved, ordered. */
  readonly pools: readonly string[];
  /** Prefix length of the IPv4 routes: 1 … 32. */
  readonly aggregationLength: number;
  /** Prefix length of the IPv6 routes: 0 … 128. */
  readonly aggregationLengthV6: number;
  /** LOCAL_PREF on sessions within one AS: 1 … 4294967295. Absent, or written 0: none is set. */
  readonly localPref?: number;
  /** Names resolved; each once, ordered by their text. */
  readonly communities: readonly BgpCommunity[];
  /** Names of the peers that hear of it, as written; empty: every peer. Names of no peer: nobody hears of it. */
  readonly peers: readonly string[];
  /** ORed; empty: every node. */
  readonly nodeSelectors: readonly LabelSelector[];
  /** ORed; empty: every Service. Where there are some, the aggregation lengths are 32 and 128. */
  readonly serviceSelectors: readonly LabelSelector[];
  /** How often this side's AS number stands in the path beyond the once that it must: 1 … 10. Absent: not at all. */
  readonly asPathPrepend?: number;
  /** MULTI_EXIT_DISC: 0 … 4294967295. Absent: none is set. */
  readonly multiExitDisc?: number;
  /** Announce: a Service without a serving endpoint is announced all the same. Absent: Withdraw; it is not. */
  readonly withoutEndpoints?: 'Announce';
}

export interface NamedCommunity {
  readonly name: string;
  readonly value: BgpCommunity;
}

/** Timers of a BFD session (RFC 5880), defaults filled in. */
export interface BfdProfile {
  readonly name: string;
  /** 10 … 60000 */
  readonly receiveIntervalMs: number;
  /** 10 … 60000 */
  readonly transmitIntervalMs: number;
  /** How many packets in a row must be missing: 2 … 255. */
  readonly detectMultiplier: number;
  /** 10 … 60000; of use with echoMode only. */
  readonly echoIntervalMs: number;
  /** IPv4 over one hop only. */
  readonly echoMode: boolean;
  /** Wait for the router to send first. */
  readonly passiveMode: boolean;
  /** Lowest TTL of what arrives over several hops: 1 … 254. */
  readonly minimumTtl: number;
}

/** One fault in the configuration: which object and field, what is wrong, what to do. */
export interface ConfigError {
  /** "IPAddressPool metallb-system/default spec.addresses[0]" */
  readonly path: string;
  readonly message: string;
  /**
   * invalid: it must be edited. unresolved: something it needs is not there, tried again when it appears. Of both, the
   * last good version stays in force. dangling: something it names is not there, and it is in force without it.
   */
  readonly kind: 'invalid' | 'unresolved' | 'dangling';
}

/** Whether the error keeps what is written from being in force. */
export function holdsBack({ kind }: ConfigError): boolean {
  return kind !== 'dangling';
}
