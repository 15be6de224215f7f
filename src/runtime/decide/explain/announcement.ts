/** Who announces a Service's addresses, and why nobody or nobody else does: plain data that prints as JSON. */
import type { BgpState } from '../../model/bgp-session.ts';
import type { Ip } from '../../model/ip.ts';
import type { IpPrefix } from '../../model/ip-prefix.ts';
import type { BgpNodeRefusal, PeerRefusal } from '../bgp/refusals.ts';
import type { OwnerReason } from '../layer2/deal-out.ts';
import type { AddressRefusal, NodeRefusal } from '../layer2/refusals.ts';

export interface AnnouncementSection {
  /** Every address that the Service has is announced. */
  readonly announced: boolean;
  readonly addresses: readonly AddressAnnouncement[];
  /** What would make it work, the most useful first. */
  readonly advice: readonly string[];
}

export type AnnouncementReason =
  | AddressRefusal
  /** A live speaker says that it announces the address. */
  | 'announced'
  /** Several do: one is about to hear of the other, or they do not hear each other. */
  | 'announced-twice'
  /** A node could, and is to, but no live speaker says that it does. */
  | 'nobody-says-so'
  /** Not by layer 2: a live speaker says that a router was told of it. */
  | 'by-bgp'
  /** A node is to advertise it by BGP, but no live speaker says that a router was told. */
  | 'bgp-nobody-told'
  /** By Calico: a block of its list covers the address. */
  | 'by-calico'
  /** Calico is to, and no block of its list covers the address. */
  | 'calico-not-told';

export interface AddressAnnouncement {
  readonly ip: Ip;
  readonly reason: AnnouncementReason;
  /** A sentence, without a full stop. */
  readonly message: string;
  /** The nodes whose speakers live and say that they announce it. */
  readonly announcedBy: readonly string[];
  /** The node that is to announce it, by what the API shows. */
  readonly owner?: string;
  /** Why that node. */
  readonly why?: OwnerReason;
  /** Where the owner answers: names, or every interface in the address's subnet. */
  readonly interfaces: 'in-subnet' | readonly string[];
  /** By layer 2: every node of the cluster, those that announce it first, then those that could, then the others; by name. */
  readonly nodes: readonly NodeStanding[];
  /**
   * By BGP: every node of the cluster, those that have peers to tell yet first, then the others that advertise it, then the
   * rest; by name. Absent: no BGPAdvertisement covers the address, and no speaker says that it advertises it.
   */
  readonly bgp?: readonly BgpStanding[];
}

export interface NodeStanding {
  readonly node: string;
  readonly standing: 'announces' | 'could' | 'cannot';
  /** Why it cannot. */
  readonly reason?: NodeRefusal;
  readonly message: string;
  /** Endpoints of the Service on the node that serve; with externalTrafficPolicy Local. */
  readonly endpoints?: number;
}

/** What a node does of an address by BGP. */
export interface BgpStanding {
  readonly node: string;
  /** advertises: it says that it told a router · is-to: it is to, and told none. */
  readonly standing: 'advertises' | 'is-to' | 'cannot';
  /** Why it cannot. */
  readonly reason?: BgpNodeRefusal;
  readonly message: string;
  /** Those that it has a session with, and that were told; by name. Empty where it cannot, and told nobody. */
  readonly peers: readonly BgpPeerStanding[];
  /** Endpoints of the Service on the node that serve; with externalTrafficPolicy Local. */
  readonly endpoints?: number;
}

export interface BgpPeerStanding {
  /** Name of the BGPPeer. */
  readonly peer: string;
  /** told-unplanned: it was told, although it is not to be · not-told: it is to be told · not-meant: it is not to be. */
  readonly standing: 'told' | 'told-unplanned' | 'not-told' | 'not-meant';
  /** What it is to be told; of one told-unplanned the address. */
  readonly prefixes: readonly IpPrefix[];
  /** Why it is not to be told. */
  readonly reason?: PeerRefusal;
  readonly session: BgpState | 'unknown';
  /** What it is told or why not, and how the session fares, with its last error. */
  readonly message: string;
}
