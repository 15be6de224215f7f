/**
 * The watch over conflicts where the packet path can ask it: reads what frames say of whose an address is, makes the
 * frames that the watch sends, and tells the log what people want to know of it.
 *
 *     packet path ── setWanted, heard ─▶ ┌───────────────┐ ─▶ packet path: probes, defences, replan, announceAgain
 *                 ◀─ mayAnnounce ─────── │ ConflictWatch │ ─▶ log, metrics, the worker: who holds what
 *                                        └───────────────┘
 */
import type { Log } from '../../engine/log.ts';
import type { Clock, Random } from '../../engine/ports.ts';
import type { LanConflict } from '../../model/conflict.ts';
import { type Ip, ipFamily } from '../../model/ip.ts';
import type { Mac } from '../../model/mac.ts';
import { encodeArpAnnouncement } from '../../protocols/arp/announcement.ts';
import { encodeArpProbe } from '../../protocols/arp/probe.ts';
import { sightingOf } from '../../protocols/arp/sighting.ts';
import type { Place } from '../../protocols/conflict/messages.ts';
import { type MacBits, macFromBits, macToBits } from '../../protocols/ethernet/codec.ts';
import { encodeNdpAnnouncement } from '../../protocols/ndp/announcement.ts';
import { encodeNdpProbe } from '../../protocols/ndp/probe.ts';
import { ndpSightingOf } from '../../protocols/ndp/sighting.ts';
import { type AddressKey, addressKey, addressOf, isIpv4 } from './address-keys.ts';
import type { AnnouncedPlace } from './announceable.ts';
import type { AnnouncementGuard, GuardedPlace, NeighbourTraffic } from './announcement-guard.ts';
import { ConflictWatch, type WantedPlace } from './conflict-watch.ts';
import type { PacketPath } from './packet-path.ts';

export interface ConflictGuardOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly nodeName: string;
  readonly path: () => Pick<PacketPath, 'send' | 'replan' | 'announceAgain'>;
  /** What the table says of an address that is announced. */
  readonly claimOf: (ip: Ip) => Pick<WantedPlace, 'policy' | 'held'>;
  /** Whether this node's claim to the address is the highest that it knows. */
  readonly isOurs: (ip: Ip) => boolean;
  /** All that foreign hosts hold, at every change. */
  readonly onConflicts: (conflicts: readonly LanConflict[]) => void;
  /** One more was found. */
  readonly onFound: () => void;
}

export class ConflictGuard implements AnnouncementGuard {
  readonly #options: ConflictGuardOptions;
  readonly #watch: ConflictWatch;
  #wanted: ReadonlyMap<Ip, readonly GuardedPlace[]> = new Map();
  #conflicts: readonly LanConflict[] = [];

  constructor(options: ConflictGuardOptions) {
    this.#options = options;
    const { clock, random, nodeName, path } = options;
    this.#watch = new ConflictWatch({
      clock,
      random,
      nodeName,
      sendProbe: (place, mac) => this.#send(place, [probe(addressKey(place.ip), macToBits(mac))]),
      defend: (place) => this.#defend(place),
      onDecided: () => path().replan(),
      onConflicts: (conflicts) => this.#onConflicts(conflicts),
      onStaleOwner: ({ ip }) => this.#onStaleOwner(ip),
    });
  }

  /** What foreign hosts hold, as seen from this node. */
  get conflicts(): readonly LanConflict[] {
    return this.#conflicts;
  }

  setOwnMacs(macs: readonly Mac[]): void {
    this.#watch.setOwnMacs(macs);
  }

  setSpeakerMacs(macs: readonly Mac[]): void {
    this.#watch.setSpeakerMacs(macs);
  }

  setWanted(places: readonly GuardedPlace[]): void {
    this.#wanted = Map.groupBy(places, ({ ip }) => ip);
    this.#watch.setWanted(places.map((place) => ({ ...place, ...this.#options.claimOf(place.ip) })));
  }

  mayAnnounce(place: AnnouncedPlace): boolean {
    return this.#watch.mayAnnounce(place);
  }

  /** Whether the address is announced anywhere, and not only wanted. */
  isAnnounced(ip: Ip): boolean {
    return (this.#wanted.get(ip) ?? []).some((place) => this.#watch.mayAnnounce(place));
  }

  /** Until whoever holds an address is gone, the interface is listened to. */
  mustHear(name: string, traffic: NeighbourTraffic): boolean {
    const family = traffic === 'arp' ? 'ipv4' : 'ipv6';
    return this.#conflicts.some((conflict) => conflict.interface === name && ipFamily(conflict.ip) === family);
  }

  heard(frame: Uint8Array, name: string, traffic: NeighbourTraffic): void {
    const sighting = traffic === 'arp' ? sightingOf(frame) : ndpSightingOf(frame);
    if (sighting === undefined) return;
    const place = { ip: addressOf(sighting.ip), interface: name };
    if (this.#watch.isWatched(place)) this.#watch.see(place, sighting.as, macFromBits(sighting.mac));
  }

  interfaceGone(name: string): void {
    this.#watch.interfaceGone(name);
  }

  close(): void {
    this.#watch.close();
  }

  #send(place: Place, frames: readonly Uint8Array[]): void {
    const traffic = ipFamily(place.ip) === 'ipv4' ? 'arp' : 'ndp';
    for (const frame of frames) this.#options.path().send(place.interface, traffic, frame);
  }

  #defend(place: Place): void {
    const mac = this.#wanted.get(place.ip)?.find((wanted) => wanted.interface === place.interface)?.mac;
    if (mac !== undefined) this.#send(place, announcement(addressKey(place.ip), macToBits(mac)));
  }

  /** Both announce it until the claims have been compared; whoever wins must have the last word with the neighbours. */
  #onStaleOwner(ip: Ip): void {
    const { isOurs, path } = this.#options;
    if (isOurs(ip)) path().announceAgain([ip]);
  }

  #onConflicts(conflicts: readonly LanConflict[]): void {
    const { log, onConflicts, onFound } = this.#options;
    for (const { ip, mac, interface: name } of without(conflicts, this.#conflicts)) {
      log.warn({ ip, mac, interface: name }, 'a host that is no speaker holds an address of a Service');
      onFound();
    }
    for (const { ip, mac, interface: name } of without(this.#conflicts, conflicts)) {
      log.info({ ip, mac, interface: name }, 'the address of a Service is not held by that host any more');
    }
    this.#conflicts = conflicts;
    onConflicts(conflicts);
  }
}

/** Those of `all` that `others` does not have. */
function without(all: readonly LanConflict[], others: readonly LanConflict[]): readonly LanConflict[] {
  const keyOf = ({ ip, interface: name, mac }: LanConflict) => `${ip} ${name} ${mac}`;
  const known = new Set(others.map(keyOf));
  return all.filter((conflict) => !known.has(keyOf(conflict)));
}

function announcement(key: AddressKey, mac: MacBits): readonly Uint8Array[] {
  return isIpv4(key) ? encodeArpAnnouncement(key, mac) : encodeNdpAnnouncement(key, mac);
}

function probe(key: AddressKey, mac: MacBits): Uint8Array {
  return isIpv4(key) ? encodeArpProbe(key, mac) : encodeNdpProbe(key, mac);
}
