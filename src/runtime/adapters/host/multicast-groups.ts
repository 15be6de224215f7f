/**
 * The IPv6 groups of one packet socket, joined twice over:
 *
 * - as an Ethernet group on the packet socket (PACKET_MR_MULTICAST): lets the network card take the frames in, whatever
 *   state IPv6 is in on the interface. Nobody else learns of it;
 * - as an IPv6 group on an ordinary socket (IPV6_JOIN_GROUP): makes the kernel report the membership by MLD, again
 *   whenever a switch or router asks and whenever the link comes up, without which a switch that snoops MLD does not
 *   forward the group's frames to this port.
 *
 * A socket holds only so many memberships (net.core.optmem_max: some 360 on older kernels, 2,340 on newer ones), so more
 * are opened as they fill. They are never bound: no datagram ever reaches them. Neither kind needs a privilege beyond the
 * packet socket's own. All memberships end with their sockets.
 *
 * Implements: RFC 2464 §7 (the Ethernet group), RFC 4861 §7.2.1 (joining), with the kernel doing RFC 3810 (MLD).
 */
import os from 'node:os';
import { HostError } from '../../engine/host-error.ts';
import { type Ip, ipBytes } from '../../model/ip.ts';
import {
  AF_INET6,
  IPV6_JOIN_GROUP,
  IPV6_LEAVE_GROUP,
  PACKET_ADD_MEMBERSHIP,
  PACKET_DROP_MEMBERSHIP,
  PACKET_MR_MULTICAST,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_IPV6,
  SOL_PACKET,
} from './native/constants.ts';
import * as libc from './native/libc.ts';

const { ENOBUFS, ENOMEM } = os.constants.errno;

/** An ordinary IPv6 socket that holds memberships. */
interface Reporter {
  readonly fd: number;
  /** It has refused one for lack of room since it last gave one up. */
  full: boolean;
}

interface Membership {
  /** The packet socket has joined the Ethernet group. */
  onLink: boolean;
  /** Where the IPv6 group is joined; undefined: not yet. */
  reporter: Reporter | undefined;
}

export class MulticastGroups {
  readonly #packetSocket: number;
  readonly #interface: { readonly name: string; readonly index: number };
  readonly #memberships = new Map<Ip, Membership>();
  readonly #reporters: Reporter[] = [];

  /** The packet socket stays its owner's. */
  constructor(packetSocket: number, { name, index }: { readonly name: string; readonly index: number }) {
    this.#packetSocket = packetSocket;
    this.#interface = { name, index };
  }

  /** See PacketSocket.setGroups. Several IPv6 groups may be one Ethernet group; the kernel counts. */
  set(groups: readonly Ip[]): HostError | undefined {
    const wanted = new Set(groups);
    for (const [group, membership] of this.#memberships) if (!wanted.has(group)) this.#leave(group, membership);
    let first: HostError | undefined;
    let reports: 'possible' | 'failing' = 'possible';
    for (const group of wanted) {
      const membership = this.#memberships.get(group) ?? { onLink: false, reporter: undefined };
      this.#memberships.set(group, membership);
      if (!membership.onLink) {
        const error = this.#changeLinkMembership(PACKET_ADD_MEMBERSHIP, group);
        membership.onLink = error === undefined;
        first ??= error;
      }
      // What one group's report fails of, as IPv6 turned off on the interface, the others' would fail of too.
      if (membership.reporter !== undefined || reports === 'failing') continue;
      const joined = this.#report(group);
      if (joined instanceof HostError) {
        first ??= joined;
        reports = 'failing';
      } else membership.reporter = joined;
    }
    return first;
  }

  /** Ends all memberships but those on the packet socket, which end with it. */
  close(): void {
    for (const { fd } of this.#reporters.splice(0)) libc.closeDescriptor(fd);
    this.#memberships.clear();
  }

  #leave(group: Ip, { onLink, reporter }: Membership): void {
    this.#memberships.delete(group);
    // That it has ended already, because the interface is gone, is as good.
    if (onLink) this.#changeLinkMembership(PACKET_DROP_MEMBERSHIP, group);
    if (reporter === undefined) return;
    this.#changeReport(reporter.fd, IPV6_LEAVE_GROUP, group);
    reporter.full = false;
  }

  /** Joins the IPv6 group on the first socket that has room. */
  #report(group: Ip): Reporter | HostError {
    for (const reporter of this.#reporters) {
      if (reporter.full) continue;
      const error = this.#changeReport(reporter.fd, IPV6_JOIN_GROUP, group);
      if (error === undefined) return reporter;
      if (error.errno !== ENOMEM && error.errno !== ENOBUFS) return error;
      reporter.full = true;
    }
    const reporter = this.#openReporter();
    if (reporter instanceof HostError) return reporter;
    const error = this.#changeReport(reporter.fd, IPV6_JOIN_GROUP, group);
    if (error === undefined) {
      this.#reporters.push(reporter);
      return reporter;
    }
    libc.closeDescriptor(reporter.fd);
    return error;
  }

  #openReporter(): Reporter | HostError {
    try {
      const type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
      const op = `open socket for IPv6 groups on ${this.#interface.name}`;
      return { fd: libc.openSocket({ domain: AF_INET6, type, protocol: 0 }, op), full: false };
    } catch (error) {
      if (error instanceof HostError) return error;
      throw error;
    }
  }

  /** struct ipv6_mreq {u8 group[16]; int ifindex}. */
  #changeReport(fd: number, option: number, group: Ip): HostError | undefined {
    const request = new Uint8Array(20);
    request.set(ipBytes(group));
    new DataView(request.buffer).setInt32(16, this.#interface.index, libc.LITTLE_ENDIAN);
    return this.#setOption(fd, { level: SOL_IPV6, option }, request);
  }

  /** struct packet_mreq {int ifindex; u16 type, length; u8 address[8]}; the group's MAC is 33:33 and its last 32 bits. */
  #changeLinkMembership(option: number, group: Ip): HostError | undefined {
    const request = new Uint8Array(16);
    const view = new DataView(request.buffer);
    view.setInt32(0, this.#interface.index, libc.LITTLE_ENDIAN);
    view.setUint16(4, PACKET_MR_MULTICAST, libc.LITTLE_ENDIAN);
    view.setUint16(6, 6, libc.LITTLE_ENDIAN);
    request.set([0x33, 0x33, ...ipBytes(group).subarray(12)], 8);
    return this.#setOption(this.#packetSocket, { level: SOL_PACKET, option }, request);
  }

  #setOption(fd: number, option: libc.SocketOption, value: Uint8Array): HostError | undefined {
    try {
      libc.setSocketOption(fd, option, value, `change membership of an IPv6 group on ${this.#interface.name}`);
      return undefined;
    } catch (error) {
      if (error instanceof HostError) return error;
      throw error;
    }
  }
}
