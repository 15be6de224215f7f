/**
 * What the packet path counts, per interface: why frames were not answered, and per address what was asked, answered
 * and announced. Counters only grow, and stay when an address or an interface goes: metrics want it so.
 */
import type { Ip } from '../../model/ip.ts';
import { ARP_DROP_REASONS, type ArpDropReason } from '../../protocols/arp/responder.ts';
import { ECHO_DROP_REASONS, type EchoDropReason } from '../../protocols/echo/answer.ts';
import { NDP_DROP_REASONS, type NdpDropReason } from '../../protocols/ndp/responder.ts';
import { type AddressKey, addressOf } from './address-keys.ts';

export interface AddressCounters {
  /** Requests and solicitations for the address that are ours to answer. */
  readonly requestsReceived: number;
  /** Of those, the answers that the kernel took. */
  readonly repliesSent: number;
  /** Gratuitous frames that the kernel took; an announcement is two of them by ARP and one by neighbour discovery. */
  readonly gratuitousSent: number;
  /** Answers to pings that the kernel took. */
  readonly pingsAnswered: number;
}

export interface AddressRow extends AddressCounters {
  readonly interface: string;
  readonly ip: Ip;
}

/** Why frames were not answered, by protocol. 'echo': of ICMP and ICMPv6. */
export interface Drops {
  readonly arp: Readonly<Record<ArpDropReason, number>>;
  readonly ndp: Readonly<Record<NdpDropReason, number>>;
  readonly echo: Readonly<Record<EchoDropReason, number>>;
}

export interface InterfaceCounters {
  readonly drops: Drops;
  /** Replies and gratuitous frames that the kernel did not take. */
  readonly sendErrors: number;
  /** Sockets that could not be opened or broke. */
  readonly socketErrors: number;
  /** Times that groups could not all be joined. */
  readonly groupErrors: number;
}

type Errors = 'sendErrors' | 'socketErrors' | 'groupErrors';
type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

interface Counts extends Record<Errors, number> {
  readonly drops: { readonly [Protocol in keyof Drops]: Mutable<Drops[Protocol]> };
  readonly addresses: Map<AddressKey, Mutable<AddressCounters>>;
}

export class PacketCounters {
  readonly #interfaces = new Map<string, Counts>();

  drop<Protocol extends keyof Drops>(name: string, protocol: Protocol, reason: keyof Drops[Protocol]): void {
    const drops = this.#of(name).drops[protocol] as Record<keyof Drops[Protocol], number>;
    drops[reason] += 1;
  }

  error(name: string, which: Errors): void {
    this.#of(name)[which] += 1;
  }

  add(name: string, ip: AddressKey, counter: keyof AddressCounters): void {
    const { addresses } = this.#of(name);
    let counts = addresses.get(ip);
    if (counts === undefined) {
      counts = { requestsReceived: 0, repliesSent: 0, gratuitousSent: 0, pingsAnswered: 0 };
      addresses.set(ip, counts);
    }
    counts[counter] += 1;
  }

  /** A copy. */
  interface(name: string): InterfaceCounters {
    const { drops, sendErrors, socketErrors, groupErrors } = this.#of(name);
    return {
      drops: { arp: { ...drops.arp }, ndp: { ...drops.ndp }, echo: { ...drops.echo } },
      sendErrors,
      socketErrors,
      groupErrors,
    };
  }

  interfaceNames(): readonly string[] {
    return [...this.#interfaces.keys()];
  }

  /** One row for each interface and address that anything was counted for. */
  addressRows(): AddressRow[] {
    return [...this.#interfaces].flatMap(([name, { addresses }]) =>
      [...addresses].map(([key, counts]) => ({ interface: name, ip: addressOf(key), ...counts })),
    );
  }

  #of(name: string): Counts {
    let counts = this.#interfaces.get(name);
    if (counts === undefined) {
      const drops = { arp: zeros(ARP_DROP_REASONS), ndp: zeros(NDP_DROP_REASONS), echo: zeros(ECHO_DROP_REASONS) };
      counts = { drops, sendErrors: 0, socketErrors: 0, groupErrors: 0, addresses: new Map() };
      this.#interfaces.set(name, counts);
    }
    return counts;
  }
}

function zeros<Reason extends string>(reasons: readonly Reason[]): Record<Reason, number> {
  return Object.fromEntries(reasons.map((reason) => [reason, 0])) as Record<Reason, number>;
}
