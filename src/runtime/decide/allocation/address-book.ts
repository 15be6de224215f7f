/**
 * Who holds which address, whether another Service may join in, and how many addresses a namespace or a pool has in use.
 * Services share an address when all of them carry the same sharing key, send traffic to the same places, and no port of
 * a protocol is wanted twice.
 */
import { type Ip, type IpFamily, ipFamily } from '../../model/ip.ts';
import { compareText } from '../../model/text-order.ts';
import type { Sharing } from './service-request.ts';

interface Holder {
  /** "namespace/name" */
  readonly key: string;
  readonly sharing: Sharing;
}

/** Who may meet on an address: those of one key and one backend. */
interface SharingGroup {
  readonly ips: Set<Ip>;
  /** "TCP/80" → on how many of the group's addresses it is taken. */
  readonly takenPorts: Map<string, number>;
}

export class AddressBook {
  /** Mostly one an address, which an array holds in a fraction of what a map would take. */
  readonly #holders = new Map<Ip, Holder[]>();
  readonly #groups = new Map<string, SharingGroup>();
  /** Pool → different addresses in use. */
  readonly #inUse = new Map<string, Record<IpFamily, number>>();
  /** Namespace, or namespace and pool → different addresses in use. */
  readonly #ofNamespace = new Map<string, number>();
  readonly #isLimited: boolean;

  /** `limits: 'none'`: nobody asks how many a namespace holds, so they are not counted. */
  constructor({ limits }: { readonly limits: 'some' | 'none' }) {
    this.#isLimited = limits === 'some';
  }

  isHeld(ip: Ip): boolean {
    return this.#holders.has(ip);
  }

  /** Whether this very Service holds it. */
  isHeldBy(ip: Ip, holder: string): boolean {
    return this.#holders.get(ip)?.some(({ key }) => key === holder) ?? false;
  }

  /** Who holds it, ordered. */
  holdersOf(ip: Ip): readonly string[] {
    return (this.#holders.get(ip) ?? []).map(({ key }) => key).sort(compareText);
  }

  /** Why the Service may not hold the address; undefined: it may. What it holds itself is no obstacle. */
  obstacle(ip: Ip, holder: string, sharing: Sharing): string | undefined {
    const holders = this.#holders.get(ip);
    if (holders === undefined) return undefined;
    const inTheWay = holders.filter(({ key, sharing: its }) => key !== holder && clashOf(its, sharing) !== undefined);
    if (inTheWay.length === 0) return undefined;
    // By name, because the first one found is told, and equal worlds must be told equally.
    inTheWay.sort((a, b) => compareText(a.key, b.key));
    const strangers = inTheWay.filter((other) => !mayMeet(other.sharing, sharing)).map(({ key }) => key);
    if (strangers.length > 0) {
      return `${ip} is held by ${strangers.join(', ')}, with which it may not be shared (same allow-shared-ip, and with externalTrafficPolicy Local the same selector)`;
    }
    const [first] = inTheWay;
    return first === undefined ? undefined : `port ${clashOf(first.sharing, sharing)} of ${ip} is used by ${first.key}`;
  }

  /** Addresses that another Service sharing like this might join; none where each has one of its ports taken. */
  sharedWith(sharing: Sharing): Iterable<Ip> {
    const group = sharing.key === '' ? undefined : this.#groups.get(groupOf(sharing));
    if (group === undefined) return [];
    const { takenPorts, ips } = group;
    return portNames(sharing).some((port) => takenPorts.get(port) === ips.size) ? [] : ips;
  }

  hold(ip: Ip, pool: string, holder: string, sharing: Sharing): void {
    this.release(ip, pool, holder);
    this.#countNamespace(ip, pool, holder, 1);
    const holders = this.#holders.get(ip);
    if (holders === undefined) {
      this.#countInUse(ip, pool, 1);
      this.#holders.set(ip, [{ key: holder, sharing }]);
    } else holders.push({ key: holder, sharing });
    if (sharing.key === '') return;
    const group = this.#groups.get(groupOf(sharing)) ?? { ips: new Set<Ip>(), takenPorts: new Map<string, number>() };
    this.#groups.set(groupOf(sharing), group);
    group.ips.add(ip);
    for (const port of portNames(sharing)) group.takenPorts.set(port, (group.takenPorts.get(port) ?? 0) + 1);
  }

  /** Nothing where the holder does not hold it. */
  release(ip: Ip, pool: string, holder: string): void {
    const holders = this.#holders.get(ip);
    const at = holders?.findIndex(({ key }) => key === holder) ?? -1;
    const [gone] = at < 0 ? [] : (holders?.splice(at, 1) ?? []);
    if (holders === undefined || gone === undefined) return;
    this.#countNamespace(ip, pool, holder, -1);
    if (holders.length === 0) {
      this.#holders.delete(ip);
      this.#countInUse(ip, pool, -1);
    }
    this.#leaveGroup(ip, gone.sharing);
  }

  /** Different addresses of the pool in use. */
  inUse(pool: string): Readonly<Record<IpFamily, number>> {
    return this.#inUse.get(pool) ?? { ipv4: 0, ipv6: 0 };
  }

  /** Different addresses that Services of the namespace hold, of the pool if one is given. */
  heldIn(namespace: string, pool?: string): number {
    return this.#ofNamespace.get(countKey(namespace, pool)) ?? 0;
  }

  /** Whether a Service of the namespace, other than the one given, holds the address. */
  isHeldIn(ip: Ip, namespace: string, except: string): boolean {
    const holders = this.#holders.get(ip);
    if (holders === undefined) return false;
    return holders.some(({ key }) => key !== except && namespaceOf(key) === namespace);
  }

  #leaveGroup(ip: Ip, sharing: Sharing): void {
    const group = sharing.key === '' ? undefined : this.#groups.get(groupOf(sharing));
    if (group === undefined) return;
    for (const port of portNames(sharing)) {
      const left = (group.takenPorts.get(port) ?? 1) - 1;
      if (left === 0) group.takenPorts.delete(port);
      else group.takenPorts.set(port, left);
    }
    if (!this.#holders.has(ip)) group.ips.delete(ip);
    if (group.ips.size === 0) this.#groups.delete(groupOf(sharing));
  }

  #countInUse(ip: Ip, pool: string, by: 1 | -1): void {
    const count = this.#inUse.get(pool) ?? { ipv4: 0, ipv6: 0 };
    count[ipFamily(ip)] += by;
    this.#inUse.set(pool, count);
  }

  #countNamespace(ip: Ip, pool: string, holder: string, by: 1 | -1): void {
    if (!this.#isLimited) return;
    const namespace = namespaceOf(holder);
    if (this.isHeldIn(ip, namespace, holder)) return;
    for (const key of [countKey(namespace), countKey(namespace, pool)]) {
      this.#ofNamespace.set(key, (this.#ofNamespace.get(key) ?? 0) + by);
    }
  }
}

export function namespaceOf(key: string): string {
  return key.slice(0, key.indexOf('/'));
}

/** No namespace and no pool has a space in its name. */
function countKey(namespace: string, pool = ''): string {
  return `${namespace} ${pool}`;
}

function groupOf({ key, backend }: Sharing): string {
  return `${key}\n${backend}`;
}

function portNames({ ports }: Sharing): string[] {
  return ports.map(({ protocol, port }) => `${protocol}/${port}`);
}

function mayMeet(a: Sharing, b: Sharing): boolean {
  return a.key !== '' && a.key === b.key && a.backend === b.backend;
}

/** The port that both want, or "" where they may not meet at all; undefined: they get along. */
function clashOf(a: Sharing, b: Sharing): string | undefined {
  if (!mayMeet(a, b)) return '';
  const clash = a.ports.find((port) => b.ports.some((own) => own.port === port.port && own.protocol === port.protocol));
  return clash === undefined ? undefined : `${clash.protocol}/${clash.port}`;
}
