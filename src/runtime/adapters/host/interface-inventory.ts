/**
 * What is known of the host's interfaces, kept up to date from rtnetlink messages: a pure state, fed by
 * interfaces.ts. A dump replaces all that was known: what it does not mention is gone when it ends. Events that arrive
 * during a dump are applied in their order like its own messages; the kernel queues both on the same socket.
 */
import type { HostInterface } from '../../engine/network-ports.ts';
import type { AddressMessage, LinkMessage } from './rtnetlink-codec.ts';

interface KnownLink {
  readonly message: LinkMessage;
  /** Number of the dump in or after which it was last heard of. */
  readonly seenIn: number;
}

export class InterfaceInventory {
  #links = new Map<number, KnownLink>();
  /** By interface index, then by "address/length". */
  #addresses = new Map<number, Map<string, number>>();
  #dump = 0;
  #current: readonly HostInterface[] = [];

  beginDump(): void {
    this.#dump += 1;
  }

  endDump(): void {
    for (const [index, link] of this.#links) if (link.seenIn < this.#dump) this.#links.delete(index);
    for (const [index, addresses] of this.#addresses) {
      for (const [text, seenIn] of addresses) if (seenIn < this.#dump) addresses.delete(text);
      if (addresses.size === 0 || !this.#links.has(index)) this.#addresses.delete(index);
    }
  }

  apply(message: LinkMessage | AddressMessage): void {
    const addresses = this.#addresses.get(message.index) ?? new Map<string, number>();
    switch (message.kind) {
      case 'link':
        this.#links.set(message.index, { message, seenIn: this.#dump });
        break;
      case 'link-gone':
        this.#links.delete(message.index);
        this.#addresses.delete(message.index);
        break;
      case 'address':
        addresses.set(`${message.ip}/${message.prefixLength}`, this.#dump);
        this.#addresses.set(message.index, addresses);
        break;
      case 'address-gone':
        addresses.delete(`${message.ip}/${message.prefixLength}`);
        break;
    }
  }

  /** All interfaces, ordered by index; the same array as before when nothing about them has changed. */
  current(): readonly HostInterface[] {
    const next = [...this.#links.values()]
      .map(({ message }) => this.#describe(message))
      .sort((a, b) => a.index - b.index);
    if (JSON.stringify(next) !== JSON.stringify(this.#current)) this.#current = next;
    return this.#current;
  }

  #describe(link: LinkMessage): HostInterface {
    const { index, name, mac, masterIndex, running, broadcast, arp } = link;
    return {
      name,
      index,
      running,
      broadcast,
      arp,
      ...(mac === undefined ? {} : { mac }),
      ...(masterIndex === undefined ? {} : { masterIndex }),
      addresses: [...(this.#addresses.get(index)?.keys() ?? [])].sort(),
    };
  }
}
