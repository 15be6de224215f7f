/**
 * What a speaker answers for: the joint between the slow loop (the cluster, decisions) and the packet path. The whole
 * table is handed over at every change; nobody edits one in place. Plain data, so it crosses threads as it is.
 */
import { type Ip, parseIp } from './ip.ts';

export interface AnnouncementTable {
  /** Counts up by one with every table of this process; a lower one than the current is stale. */
  readonly generation: number;
  readonly addresses: readonly AnnouncedAddress[];
}

export interface AnnouncedAddress {
  readonly ip: Ip;
  /** Names of the interfaces to answer on; 'in-subnet': each that has the address in one of its subnets. */
  readonly interfaces: 'in-subnet' | readonly string[];
}

/** One network interface of this node as the packet path sees it. */
export interface InterfaceFacts {
  readonly name: string;
  /** Kernel interface index. */
  readonly index: number;
  /** "02:…"; absent for interfaces without an Ethernet address. */
  readonly mac?: string;
  /** Administratively up and with carrier. */
  readonly running: boolean;
  /** Its addresses with their prefix lengths, as text: "10.6.204.2/24". */
  readonly addresses: readonly string[];
}

/** Its addresses without their prefix lengths, in their order. */
export function interfaceIps({ addresses }: Pick<InterfaceFacts, 'addresses'>): readonly Ip[] {
  return addresses.flatMap((text) => {
    const ip = parseIp(text.split('/')[0] ?? '');
    return ip.ok ? [ip.value] : [];
  });
}
