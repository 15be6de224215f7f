/**
 * What the packet path counts, per interface: why frames were not answered, and per address what was asked, answered
 * and announced. Counters only grow, and stay when an address or an interface goes: metrics want it so.
 */
import type { Ip } from '../../model/ip.ts';
import { type Ipv4Bits, ipv4FromBits } from '../../protocols/arp/codec.ts';
import { DROP_REASONS, type DropReason } from '../../protocols/arp/responder.ts';

export interface AddressCounters {
  /** Requests for the address that are ours to answer. */
  readonly requestsReceived: number;
  /** Of those, the replies that the kernel took. */
  readonly repliesSent: number;
  /** Gratuitous frames that the kernel took; an announcement is two of them. */
  readonly gratuitousSent: number;
}

export interface AddressRow extends AddressCounters {
  readonly interface: string;
  readonly ip: Ip;
}

export interface InterfaceCounters {
  readonly drops: Readonly<Record<DropReason, number>>;
  /** Replies and gratuitous frames that the kernel did not take. */
  readonly sendErrors: number;
  /** Sockets that could not be opened or broke. */
  readonly socketErrors: number;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

interface Counts extends Mutable<Omit<InterfaceCounters, 'drops'>> {
  readonly drops: Record<DropReason, number>;
  readonly addresses: Map<Ipv4Bits, Mutable<AddressCounters>>;
}

export class PacketCounters {
  readonly #interfaces = new Map<string, Counts>();

  drop(name: string, reason: DropReason): void {
    this.#of(name).drops[reason] += 1;
  }

  sendError(name: string): void {
    this.#of(name).sendErrors += 1;
  }

  socketError(name: string): void {
    this.#of(name).socketErrors += 1;
  }

  add(name: string, ip: Ipv4Bits, counter: keyof AddressCounters): void {
    const { addresses } = this.#of(name);
    let counts = addresses.get(ip);
    if (counts === undefined) {
      counts = { requestsReceived: 0, repliesSent: 0, gratuitousSent: 0 };
      addresses.set(ip, counts);
    }
    counts[counter] += 1;
  }

  /** A copy. */
  interface(name: string): InterfaceCounters {
    const { drops, sendErrors, socketErrors } = this.#of(name);
    return { drops: { ...drops }, sendErrors, socketErrors };
  }

  interfaceNames(): readonly string[] {
    return [...this.#interfaces.keys()];
  }

  /** One row for each interface and address that anything was counted for. */
  addressRows(): AddressRow[] {
    return [...this.#interfaces].flatMap(([name, { addresses }]) =>
      [...addresses].map(([bits, counts]) => ({ interface: name, ip: ipv4FromBits(bits), ...counts })),
    );
  }

  #of(name: string): Counts {
    let counts = this.#interfaces.get(name);
    if (counts === undefined) {
      const drops = Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as Record<DropReason, number>;
      counts = { drops, sendErrors: 0, socketErrors: 0, addresses: new Map() };
      this.#interfaces.set(name, counts);
    }
    return counts;
  }
}
