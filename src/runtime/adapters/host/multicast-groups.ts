/**
 * The IPv6 groups of one packet socket. Each is joined on an ordinary socket (IPV6_JOIN_GROUP): that lets the network card
 * take the group's frames in, and makes the kernel report the membership by MLD, again whenever a switch or router asks
 * and whenever the link comes up. Without that a switch that snoops MLD does not forward the group's frames to this port.
 * PACKET_MR_MULTICAST on the packet socket would let the frames in too, but nobody learns of it.
 *
 * Where groups cannot be joined (the kernel has no IPv6, or not on this interface), all multicast frames are let in
 * (PACKET_MR_ALLMULTI) for as long as that is so: links without such switches work then.
 *
 *     set ─▶ joins, then leaves ─▶ 100 at once ─▶ on the next turn of the event loop 100 more ─▶ …
 *
 * Joining takes the kernel up to 80 µs a group when there are thousands, and frames must not wait for that. A socket
 * holds only so many groups (net.core.optmem_max: some 360 on older kernels, 2,340 on newer ones), so more are opened as
 * they fill. They are never bound: no datagram ever reaches them. None of this needs a privilege beyond the packet
 * socket's own.
 *
 * Implements: RFC 4861 §7.2.1 (joining), with the kernel doing RFC 2464 §7 (Ethernet groups) and RFC 3810 (MLD).
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
  PACKET_MR_ALLMULTI,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_IPV6,
  SOL_PACKET,
} from './native/constants.ts';
import * as libc from './native/libc.ts';

const CHANGES_PER_TURN = 100;

const { ENOBUFS, ENOMEM } = os.constants.errno;

/** An ordinary IPv6 socket that holds memberships. */
interface Member {
  readonly fd: number;
  /** It has refused a group for lack of room since it last gave one up. */
  full: boolean;
}

export interface MulticastTarget {
  readonly packetSocket: number;
  readonly name: string;
  /** Of the interface. */
  readonly index: number;
}

export class MulticastGroups {
  readonly #target: MulticastTarget;
  readonly #onFailed: (error: HostError) => void;
  /** Where each group is joined. */
  readonly #joined = new Map<Ip, Member>();
  readonly #members: Member[] = [];
  /** What is still to be done of the last `set`. */
  #joins: Ip[] = [];
  #leaves: Ip[] = [];
  #allMulticast: 'in' | 'filtered' = 'filtered';
  #nextTurn: NodeJS.Immediate | undefined;

  /** The packet socket stays its owner's. `onFailed` is called from the event loop. */
  constructor(target: MulticastTarget, onFailed: (error: HostError) => void) {
    this.#target = target;
    this.#onFailed = onFailed;
  }

  /** See PacketSocket.setGroups. */
  set(groups: readonly Ip[]): void {
    const wanted = new Set(groups);
    this.#joins = [...wanted].filter((group) => !this.#joined.has(group)).reverse();
    this.#leaves = [...this.#joined.keys()].filter((group) => !wanted.has(group));
    this.#takeTurn();
  }

  /** Ends all memberships but those on the packet socket, which end with it. */
  close(): void {
    clearImmediate(this.#nextTurn);
    this.#nextTurn = undefined;
    for (const { fd } of this.#members.splice(0)) libc.closeDescriptor(fd);
    this.#joined.clear();
  }

  #takeTurn(): void {
    clearImmediate(this.#nextTurn);
    this.#nextTurn = undefined;
    for (let changes = 0; changes < CHANGES_PER_TURN; changes++) {
      const group = this.#joins.pop();
      if (group !== undefined) this.#join(group);
      else {
        const gone = this.#leaves.pop();
        if (gone === undefined) return;
        this.#leave(gone);
      }
    }
    this.#nextTurn = setImmediate(() => this.#takeTurn());
  }

  #join(group: Ip): void {
    const joined = this.#joinSomewhere(group);
    if (!(joined instanceof HostError)) {
      this.#joined.set(group, joined);
      if (this.#joins.length === 0) this.#letAllIn('filtered');
      return;
    }
    // What one group fails of, as IPv6 turned off on the interface, the others would fail of too.
    this.#joins = [];
    this.#letAllIn('in');
    setImmediate(() => this.#onFailed(joined));
  }

  /** Joins on the first socket that has room. */
  #joinSomewhere(group: Ip): Member | HostError {
    for (const member of this.#members) {
      if (member.full) continue;
      const error = this.#change(member.fd, IPV6_JOIN_GROUP, group);
      if (error === undefined) return member;
      if (error.errno !== ENOMEM && error.errno !== ENOBUFS) return error;
      member.full = true;
    }
    const member = this.#openMember();
    if (member instanceof HostError) return member;
    const error = this.#change(member.fd, IPV6_JOIN_GROUP, group);
    if (error === undefined) {
      this.#members.push(member);
      return member;
    }
    libc.closeDescriptor(member.fd);
    return error;
  }

  #leave(group: Ip): void {
    const member = this.#joined.get(group);
    if (member === undefined) return;
    this.#joined.delete(group);
    // That it has ended already, because the interface is gone, is as good.
    this.#change(member.fd, IPV6_LEAVE_GROUP, group);
    member.full = false;
  }

  #openMember(): Member | HostError {
    const type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const op = `open socket for IPv6 groups on ${this.#target.name}`;
    try {
      return { fd: libc.openSocket({ domain: AF_INET6, type, protocol: 0 }, op), full: false };
    } catch (error) {
      if (error instanceof HostError) return error;
      throw error;
    }
  }

  /** struct ipv6_mreq {u8 group[16]; int ifindex}. */
  #change(fd: number, option: number, group: Ip): HostError | undefined {
    const request = new Uint8Array(20);
    request.set(ipBytes(group));
    new DataView(request.buffer).setInt32(16, this.#target.index, libc.LITTLE_ENDIAN);
    const op = `join or leave an IPv6 group on ${this.#target.name}`;
    return failureOf(() => libc.setSocketOption(fd, { level: SOL_IPV6, option }, request, op));
  }

  /** struct packet_mreq {int ifindex; u16 type, length; u8 address[8]}. */
  #letAllIn(wanted: 'in' | 'filtered'): void {
    if (this.#allMulticast === wanted) return;
    const { packetSocket, index, name } = this.#target;
    const request = new Uint8Array(16);
    const view = new DataView(request.buffer);
    view.setInt32(0, index, libc.LITTLE_ENDIAN);
    view.setUint16(4, PACKET_MR_ALLMULTI, libc.LITTLE_ENDIAN);
    const option = wanted === 'in' ? PACKET_ADD_MEMBERSHIP : PACKET_DROP_MEMBERSHIP;
    const op = `let multicast frames in on ${name}`;
    // It fails where the interface is gone, and nothing comes in anyway.
    const error = failureOf(() => libc.setSocketOption(packetSocket, { level: SOL_PACKET, option }, request, op));
    if (error === undefined) this.#allMulticast = wanted;
  }
}

function failureOf(call: () => void): HostError | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (error instanceof HostError) return error;
    throw error;
  }
}
