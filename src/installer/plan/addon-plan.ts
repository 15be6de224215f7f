/**
 * What is to be installed, settled: every default filled in, every value checked, frozen. The templates and the steps
 * read this and nothing else of the inventory. Addresses are kept as the user wrote them beside their parsed range.
 */
import type { Ip } from '../../runtime/model/ip.ts';
import type { LabelSelector } from '../../runtime/model/labels.ts';
import type { AddressRange } from '../../runtime/model/range.ts';
import type { SourcePosition } from '../inventory/located.ts';

/** MetalLB's own namespace name; tools and documents rely on it, so it is not a variable. */
export const ADDON_NAMESPACE = 'metallb-system';

/** calico: the addon gives the addresses, Calico's own BGP announces them. */
export type Protocol = 'layer2' | 'bgp' | 'calico';
export type InstallMethod = 'helm' | 'yaml';

/** What the speakers are told by their flags, and where they run. */
export interface PlannedSpeakers {
  /** Regular expressions; empty: the chart's own list. */
  readonly excludeInterfaces: readonly string[];
  /** How an address gets its node: dealt out evenly and kept, or by MetalLB's hash. */
  readonly election: 'spread' | 'metallb';
  /** Whether announced addresses answer pings. */
  readonly answerPing: boolean;
  /** Whether the speakers' network threads run before all that is not real-time. */
  readonly realTime: boolean;
  /** TCP port at which routers may open BGP sessions to the nodes: 1 … 65535. Absent: they may not. */
  readonly bgpListenPort?: number;
  /** How long routers have to turn to other nodes before a node's routes go: 0 … 120. */
  readonly bgpGracefulShutdownSeconds: number;
  readonly speakerNodeSelector: Readonly<Record<string, string>>;
}

export interface AddonPlan extends PlannedSpeakers {
  /** metallb_install; false: the inventory says that this cluster does not want the addon. */
  readonly wanted: boolean;
  readonly protocol: Protocol;
  readonly pools: readonly PlannedPool[];
  readonly bgp: PlannedBgp;
  /** The nodes' subnets where the inventory tells them; empty: the nodes are asked. */
  readonly nodeSubnets: readonly PlannedRange[];
  /** CIDRs of the pods' and the Services' own networks; empty: the inventory does not say. */
  readonly podNetworks: readonly string[];
  readonly serviceNetworks: readonly string[];
  readonly image: PlannedImage;
  readonly installMethod: InstallMethod;
  /** Absent: Services without a class. */
  readonly loadBalancerClass?: string;
  readonly logLevel: string;
  /** 1 … 9; more than one takes over when another fails. */
  readonly controllerReplicas: number;
  /** How long one step may wait for the cluster. */
  readonly waitSeconds: number;
  readonly access: ClusterAccess;
  readonly nodes: readonly PlannedNode[];
  /** Nothing that stops the work, but the user should read it. */
  readonly warnings: readonly string[];
}

export interface PlannedRange {
  readonly text: string;
  readonly range: AddressRange;
  readonly at: SourcePosition;
}

export interface PlannedPool {
  readonly name: string;
  readonly at: SourcePosition;
  /** At least one; no two ranges of all pools overlap. */
  readonly addresses: readonly PlannedRange[];
  readonly autoAssign: boolean;
  readonly avoidBuggyIps: boolean;
  /** Lower comes first; 0 is unset and comes last. */
  readonly priority: number;
  /** Empty: every namespace. */
  readonly namespaces: readonly string[];
  /** Namespaces by label, beside those by name; ORed. */
  readonly namespaceSelectors: readonly LabelSelector[];
  /** ORed; empty: every Service. */
  readonly serviceSelectors: readonly LabelSelector[];
  /** Names of the interfaces that announce the pool in layer 2; empty: all that fit. */
  readonly interfaces: readonly string[];
  /** Nodes that announce the pool; ORed; empty: all. */
  readonly nodeSelectors: readonly LabelSelector[];
  /** What routers are told of the pool, at least one; BGP only. Their names differ, within all pools. */
  readonly advertisements: readonly PlannedAdvertisement[];
  /** The fields that were set for the pool and are for BGP only, by their names in the inventory. */
  readonly bgpFields: readonly string[];
  /** Never given out, each an address, a CIDR or a range. */
  readonly excludeAddresses: readonly PlannedRange[];
  /** "24h"; absent: the address of a deleted Service does not wait for it. */
  readonly retention?: string;
  /** "10m"; absent: an address that was given up is free at once. */
  readonly quarantine?: string;
  /** Absent: the pool is in use. */
  readonly drain?: 'NoNewAddresses' | 'MoveServices';
  /** When a foreign host holds an address of the pool; absent: Keep. */
  readonly onConflict?: 'Keep' | 'Reallocate' | 'Defend';
  /** 1 or more; absent: no limit. */
  readonly maxAddressesPerNamespace?: number;
}

export interface PlannedBgp {
  readonly peers: readonly PlannedPeer[];
  readonly bfdProfiles: readonly PlannedBfdProfile[];
  readonly communities: readonly { readonly name: string; readonly value: string }[];
}

export interface PlannedAdvertisement {
  readonly name: string;
  /** Where it is written; where its pool is, when it is not written at all. */
  readonly at: SourcePosition;
  /** Prefix length of the announced routes: 1 … 32. */
  readonly aggregationLength: number;
  /** 1 … 128 */
  readonly aggregationLengthV6: number;
  /** 0 … 2^32 − 1. Absent: the peer's default. */
  readonly localPref?: number;
  /** Names of communities or literal ones. */
  readonly communities: readonly string[];
  /** Names of the peers that hear of it; empty: all. */
  readonly peers: readonly string[];
  /** Nodes that announce it; ORed; empty: all. */
  readonly nodeSelectors: readonly LabelSelector[];
  /** Services it is for; ORed; empty: all. */
  readonly serviceSelectors: readonly LabelSelector[];
  /** 1 … 10. Absent: not at all. */
  readonly asPathPrepend?: number;
  /** 0 … 2^32 − 1. Absent: none is sent. */
  readonly multiExitDisc?: number;
  /** Absent: Withdraw. */
  readonly withoutEndpoints?: 'Withdraw' | 'Announce';
}

export interface PlannedPeer {
  readonly name: string;
  readonly at: SourcePosition;
  /** 1 … 2^32 − 1, as all AS numbers. */
  readonly myAsn: number;
  /** This, or dynamicAsn. */
  readonly peerAsn?: number;
  /** Whatever AS number the router has, if it is this side's (internal) or another (external). */
  readonly dynamicAsn?: 'internal' | 'external';
  /** Shown to the router in place of myAsn. */
  readonly localAsn?: number;
  /** This, or interface. */
  readonly peerAddress?: Ip;
  /** The router is behind it, and known by its router advertisements. */
  readonly interface?: string;
  readonly peerPort: number;
  readonly sourceAddress?: Ip;
  /** Linux VRF; absent: the default one. */
  readonly vrf?: string;
  /** Absent: 90. 0 switches the timer off; else 3 or more. */
  readonly holdTimeSeconds?: number;
  /** Absent: a third of the hold time. */
  readonly keepaliveTimeSeconds?: number;
  /** 1 … 65535 */
  readonly connectTimeSeconds?: number;
  readonly routerId?: Ip;
  /** Name of a Secret of type kubernetes.io/basic-auth in the addon's namespace; passwords never stand in an inventory. */
  readonly passwordSecret?: string;
  readonly bfdProfile?: string;
  readonly gracefulRestart: boolean;
  readonly ebgpMultiHop: boolean;
  /** GTSM: 1 … 254. Not along with ebgpMultiHop. */
  readonly ttlSecurityHops?: number;
  readonly dualStackAddressFamily: boolean;
  readonly nodeSelectors: readonly LabelSelector[];
}

export interface PlannedBfdProfile {
  readonly name: string;
  /** 10 … 60000; 300 where the inventory does not say, as in FRR. */
  readonly receiveIntervalMs: number;
  readonly transmitIntervalMs: number;
  /** 2 … 255, default 3: so many packets may be missed. */
  readonly detectMultiplier: number;
  readonly echoMode: boolean;
  /** 10 … 60000; absent: 50. */
  readonly echoIntervalMs?: number;
  readonly passiveMode: boolean;
  /** 1 … 254; absent: 254. */
  readonly minimumTtl?: number;
}

export interface PlannedImage {
  readonly repository: string;
  readonly tag: string;
  readonly pullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  /** Absolute path of an image archive to load on every node; absent: the nodes pull, or have it. */
  readonly archive?: { readonly path: string; readonly at: SourcePosition };
}

/** How the cluster is reached. Paths are absolute. */
export interface ClusterAccess {
  /** metallb_kubeconfig; absent: the usual places are searched. */
  readonly kubeconfig?: string;
  /** Where kubeasz leaves the cluster's own kubeconfig. */
  readonly inventoryKubeconfig: string;
  /** A path, or a name to look for on PATH. */
  readonly helm: string;
}

/** One machine of the inventory and how ssh reaches it. */
export interface PlannedNode {
  readonly name: string;
  readonly at: SourcePosition;
  /** What ssh connects to. */
  readonly address: string;
  /** What Kubernetes may know it by: its inventory name, address or k8s_nodename. */
  readonly aliases: readonly string[];
  /** 'local': commands run on this machine (ansible_connection=local). */
  readonly connection: 'ssh' | 'local';
  readonly user?: string;
  readonly port?: number;
  readonly privateKeyFile?: string;
  /** From ansible_ssh_common_args and ansible_ssh_extra_args. */
  readonly sshArguments: readonly string[];
  /** ansible_become: commands run through sudo. */
  readonly usesSudo: boolean;
  /** Where kubeasz puts its binaries. */
  readonly binDirectory: string;
}
