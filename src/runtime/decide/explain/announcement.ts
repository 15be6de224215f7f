/** Who announces a Service's addresses, and why nobody or nobody else does: plain data that prints as JSON. */
import type { Ip } from '../../model/ip.ts';
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
  /** Not by layer 2: a BGPAdvertisement covers the pool, and a live speaker says that a router was told. */
  | 'by-bgp'
  /** A BGPAdvertisement covers the pool, and no live speaker says that a router was told. */
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
  /** Every node of the cluster, those that announce it first, then those that could, then the others; by name. */
  readonly nodes: readonly NodeStanding[];
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
