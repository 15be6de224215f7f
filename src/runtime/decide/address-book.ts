/**
 * Who holds which address, and whether another Service may join in. Services share an address when all of them carry the
 * same sharing key, send traffic to the same places, and no port of a protocol is wanted twice.
 */
import type { Ip } from '../model/ip.ts';
import type { Sharing } from './service-request.ts';

export class AddressBook {
  /** Address → holder's "namespace/name" → how it shares. */
  readonly #holders = new Map<Ip, Map<string, Sharing>>();
  /** Sharing key → the addresses held under it. */
  readonly #bySharingKey = new Map<string, Set<Ip>>();

  isHeld(ip: Ip): boolean {
    return this.#holders.has(ip);
  }

  /** Why the Service may not hold the address; undefined: it may. What it holds itself is no obstacle. */
  obstacle(ip: Ip, holder: string, sharing: Sharing): string | undefined {
    const holders = this.#holders.get(ip);
    if (holders === undefined) return undefined;
    // By name, because the first one found is told, and equal worlds must be told equally.
    const others = Array.from(holders)
      .filter(([other]) => other !== holder)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const strangers = others.filter(([, other]) => !mayMeet(other, sharing)).map(([other]) => other);
    if (strangers.length > 0) {
      return `${ip} is held by ${strangers.join(', ')}, with which it may not be shared (same allow-shared-ip, and with externalTrafficPolicy Local the same selector)`;
    }
    for (const [other, { ports }] of others) {
      const clash = ports.find((port) =>
        sharing.ports.some((own) => own.port === port.port && own.protocol === port.protocol),
      );
      if (clash !== undefined) return `port ${clash.protocol}/${clash.port} of ${ip} is used by ${other}`;
    }
    return undefined;
  }

  /** Addresses held under the sharing key: those another Service with that key might join. */
  sharedUnder(key: string): Iterable<Ip> {
    return key === '' ? [] : (this.#bySharingKey.get(key) ?? []);
  }

  hold(ip: Ip, holder: string, sharing: Sharing): void {
    const holders = this.#holders.get(ip) ?? new Map<string, Sharing>();
    this.#holders.set(ip, holders.set(holder, sharing));
    if (sharing.key === '') return;
    const shared = this.#bySharingKey.get(sharing.key) ?? new Set<Ip>();
    this.#bySharingKey.set(sharing.key, shared.add(ip));
  }

  release(ip: Ip, holder: string): void {
    const holders = this.#holders.get(ip);
    const sharing = holders?.get(holder);
    if (holders === undefined || sharing === undefined) return;
    holders.delete(holder);
    if (holders.size > 0) return;
    this.#holders.delete(ip);
    this.#bySharingKey.get(sharing.key)?.delete(ip);
  }
}

function mayMeet(a: Sharing, b: Sharing): boolean {
  return a.key !== '' && a.key === b.key && a.backend === b.backend;
}
