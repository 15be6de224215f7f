/**
 * The speaker's packet path: keeps packet sockets on every interface where something is announced, answers ARP and
 * neighbour discovery there (and pings, when told so), and sends the gratuitous announcements. It is handed the whole
 * announcement table at every change and follows the host's interfaces by itself, down and up, gone and made anew. Joins
 * pure parts (announceable.ts, the responders, the announcer) to the ports; runs on the thread that owns them, without
 * ever waiting.
 *
 *     setTable ────┐                        ┌─▶ tables ──▶ respond(frame) ─▶ reply | drop, counted
 *     interfaces ──┼─▶ reconcile ─▶ sockets ┼─▶ solicited-node groups, joined
 *     retry timer ─┘    (as needed)         └─▶ Announcer ─▶ frames, now and at its deadline
 */
import { type Backoff, backoffMs } from '../../engine/backoff.ts';
import { DeadlineTimer } from '../../engine/deadline-timer.ts';
import { HostError } from '../../engine/host-error.ts';
import type { Log } from '../../engine/log.ts';
import type { NetworkPorts, PacketTraffic } from '../../engine/network-ports.ts';
import type { Clock, Random } from '../../engine/ports.ts';
import type { AnnouncementTable, InterfaceFacts } from '../../model/announcements.ts';
import type { Ip } from '../../model/ip.ts';
import { Announcer, type AnnouncerInput, type AnnouncerOutput } from '../../protocols/announcer/announcer.ts';
import { encodeArpAnnouncement } from '../../protocols/arp/announcement.ts';
import { respondArp } from '../../protocols/arp/responder.ts';
import { respondIcmpEcho } from '../../protocols/echo/icmp.ts';
import { respondIcmpv6Echo } from '../../protocols/echo/icmpv6.ts';
import { macFromBits, macToBits } from '../../protocols/ethernet/codec.ts';
import { type Ipv6Key, ipv6FromKey, solicitedNodeGroup } from '../../protocols/ip/ipv6.ts';
import { encodeNdpAnnouncement } from '../../protocols/ndp/announcement.ts';
import { respondNdp } from '../../protocols/ndp/responder.ts';
import { type AddressKey, type AddressKeys, addressOf, isIpv4, keysOf } from './address-keys.ts';
import {
  type AnnounceableInterface,
  type AnnouncementPlan,
  allowedOf,
  announceableInterfaces,
  heldAddresses,
  planAnnouncements,
  withoutHeld,
} from './announceable.ts';
import type { AnnouncementGuard, GuardedPlace, NeighbourTraffic } from './announcement-guard.ts';
import { closeEndpoint, type Endpoint, endpointId, newEndpoint, wantedTraffic } from './endpoint.ts';
import { type AddressRow, type InterfaceCounters, PacketCounters } from './packet-counters.ts';

export interface PacketPathOptions {
  readonly ports: NetworkPorts;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Interfaces never announced on: those whose name one of these matches anywhere. */
  readonly excludePatterns: readonly RegExp[];
  /** Whether announced addresses answer ICMP and ICMPv6 echo requests. */
  readonly pings: 'ignore' | 'answer';
  /** Absent: whatever is in the table is announced. */
  readonly guard?: AnnouncementGuard;
  /** An announcement of the address has gone out somewhere: the first one, and each one after it. */
  readonly onAnnounced?: (ip: Ip) => void;
}

export interface PacketPath {
  /** Replaces what is announced; takes effect before it returns. A table older than the current one is ignored. */
  setTable(table: AnnouncementTable): void;
  /** The guard answers otherwise than before: answers and announcements follow before it returns. */
  replan(): void;
  /** Neighbours may have been led astray about these: they are announced anew, in all rounds. */
  announceAgain(ips: readonly Ip[]): void;
  /** Sends a frame out of an interface where something of that traffic is to be announced. A lost frame is counted. */
  send(name: string, traffic: NeighbourTraffic, frame: Uint8Array): void;
  /** The interfaces that can be announced on, running or not, ordered by index. */
  interfaces(): readonly InterfaceFacts[];
  /** Calls back after `interfaces()` has changed. The returned function ends that. */
  onInterfacesChanged(callback: () => void): () => void;
  /** Counters since the start, and what is open now: for metrics and the debug view. */
  snapshot(): PacketPathSnapshot;
  /** Closes all sockets; nothing is answered or sent afterwards. The ports stay the caller's. Idempotent. */
  close(): void;
}

export interface PacketPathSnapshot {
  /** Of the table in force; −1 before the first. */
  readonly generation: number;
  /** Interfaces that are or have been served. */
  readonly interfaces: readonly InterfaceRow[];
  readonly addresses: readonly AddressRow[];
  /** Pairs of address and interface, and those of them that have first rounds of announcements to come. */
  readonly announcer: { readonly announced: number; readonly pending: number };
}

export interface InterfaceRow extends InterfaceCounters {
  readonly name: string;
  /** Whether all sockets that are wanted there are open now, and there are some. */
  readonly listening: boolean;
  /** Frames that the kernel threw away because they were not read in time, on the sockets open now. */
  readonly kernelDrops: number;
}

/** How long to wait before a socket that failed is opened again. */
const REOPEN: Backoff = { baseMs: 100, ceilingMs: 10_000 };

export function createPacketPath(options: PacketPathOptions): PacketPath {
  return new SpeakerPacketPath(options);
}

const NOTHING: AnnouncementPlan = { ipv4: new Map(), ipv6: new Map() };

class SpeakerPacketPath implements PacketPath {
  readonly #options: PacketPathOptions;
  readonly #announcer: Announcer<AddressKey>;
  readonly #counters = new PacketCounters();
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #callbacks = new Set<() => void>();
  readonly #unwatch: () => void;
  #announceable: readonly AnnounceableInterface[];
  /** Addresses that the host holds itself; empty while pings are not answered. */
  #held: readonly string[];
  #table: AnnouncementTable = { generation: -1, addresses: [] };
  #keys: AddressKeys = new Map();
  #neighbours = NOTHING;
  #pings = NOTHING;
  readonly #timer: DeadlineTimer;
  #open = true;

  constructor(options: PacketPathOptions) {
    this.#options = options;
    this.#announcer = new Announcer({ random: () => options.random.next() });
    this.#timer = new DeadlineTimer(
      options.clock,
      () => this.#announcer.deadline(),
      () => this.#announce({ kind: 'timer' }),
    );
    this.#announceable = this.#readInterfaces();
    this.#held = this.#readHeld();
    this.#unwatch = options.ports.interfaces.onChange(() => this.#onInterfaces());
  }

  setTable(table: AnnouncementTable): void {
    if (!this.#open || table.generation < this.#table.generation) return;
    this.#table = table;
    this.#keys = keysOf(
      table.addresses.map(({ ip }) => ip),
      this.#keys,
    );
    this.#reconcile();
  }

  replan(): void {
    if (this.#open) this.#reconcile();
  }

  announceAgain(ips: readonly Ip[]): void {
    const addresses = ips.flatMap((ip) => this.#keys.get(ip) ?? []);
    if (this.#open && addresses.length > 0) this.#announce({ kind: 'again', addresses });
  }

  send(name: string, traffic: NeighbourTraffic, frame: Uint8Array): void {
    const error = this.#endpoints.get(endpointId(name, traffic))?.socket?.send(frame);
    if (error !== undefined) this.#counters.error(name, 'sendErrors');
  }

  interfaces(): readonly InterfaceFacts[] {
    return this.#announceable.map(({ name, index, mac, running, addresses }) => ({
      name,
      index,
      mac,
      running,
      addresses,
    }));
  }

  onInterfacesChanged(callback: () => void): () => void {
    const own = () => callback();
    this.#callbacks.add(own);
    return () => this.#callbacks.delete(own);
  }

  snapshot(): PacketPathSnapshot {
    const endpoints = Map.groupBy(this.#endpoints.values(), ({ name }) => name);
    const names = new Set([...endpoints.keys(), ...this.#counters.interfaceNames()]);
    return {
      generation: this.#table.generation,
      interfaces: [...names].sort().map((name) => {
        const sockets = (endpoints.get(name) ?? []).map(({ socket }) => socket);
        return {
          name,
          listening: sockets.length > 0 && sockets.every((socket) => socket !== undefined),
          kernelDrops: sockets.reduce((sum, socket) => sum + (socket?.kernelDrops() ?? 0), 0),
          ...this.#counters.interface(name),
        };
      }),
      addresses: this.#counters.addressRows(),
      announcer: this.#announcer.snapshot(),
    };
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#unwatch();
    this.#callbacks.clear();
    this.#timer.cancel();
    for (const endpoint of this.#endpoints.values()) closeEndpoint(endpoint);
    this.#endpoints.clear();
  }

  #readInterfaces(): readonly AnnounceableInterface[] {
    return announceableInterfaces(this.#options.ports.interfaces.current(), this.#options.excludePatterns);
  }

  #readHeld(): readonly string[] {
    return this.#options.pings === 'answer' ? heldAddresses(this.#options.ports.interfaces.current()) : [];
  }

  #onInterfaces(): void {
    const [before, heldBefore] = [this.#announceable, this.#held];
    this.#announceable = this.#readInterfaces();
    this.#held = this.#readHeld();
    const sameFacts = isSame(before, this.#announceable);
    if (sameFacts && isSame(heldBefore, this.#held)) return;
    this.#reconcile();
    if (sameFacts) return;
    for (const callback of this.#callbacks) callback();
  }

  /** Makes sockets, answers and announcements what the table and the interfaces ask for. Safe to run at any time. */
  #reconcile(): void {
    const { pings, guard } = this.#options;
    const mustHear = (name: string, kind: NeighbourTraffic) => guard?.mustHear(name, kind) ?? false;
    const wanted = planAnnouncements(this.#table, { keys: this.#keys, interfaces: this.#announceable });
    const ipv4 = addressesByInterface(wanted.ipv4);
    const ipv6 = addressesByInterface(wanted.ipv6);
    const traffic = new Map<string, Wanted>();
    for (const facts of this.#announceable) {
      if (!facts.running) continue;
      for (const kind of wantedTraffic(facts.name, { ipv4, ipv6, pings, mustHear })) {
        traffic.set(endpointId(facts.name, kind), { traffic: kind, facts });
      }
    }
    this.#closeAllBut(traffic);
    for (const [id, { traffic: kind, facts }] of traffic) {
      const endpoint = this.#serve(id, kind, facts);
      if (kind === 'ndp') this.#joinGroups(endpoint, ipv6.get(facts.name) ?? []);
    }
    this.#follow(this.#guarded(wanted));
  }

  #closeAllBut(wanted: ReadonlyMap<string, Wanted>): void {
    const before = new Set([...this.#endpoints.values()].map(({ name }) => name));
    for (const endpoint of this.#endpoints.values()) {
      if (wanted.get(endpoint.id)?.facts.index === endpoint.index) continue;
      closeEndpoint(endpoint);
      this.#endpoints.delete(endpoint.id);
    }
    const left = new Set([...this.#endpoints.values()].map(({ name }) => name));
    for (const name of before) if (!left.has(name)) this.#options.guard?.interfaceGone(name);
  }

  /** Of what is wanted what may be. */
  #guarded(wanted: AnnouncementPlan): AnnouncementPlan {
    const { guard } = this.#options;
    if (guard === undefined) return wanted;
    guard.setWanted([...this.#keys].flatMap(([ip, key]) => this.#places(ip, key, wanted)));
    return allowedOf(wanted, this.#keys, (place) => guard.mayAnnounce(place));
  }

  /** Where the address is wanted and can be sent and heard. */
  #places(ip: Ip, key: AddressKey, wanted: AnnouncementPlan): GuardedPlace[] {
    const names = isIpv4(key) ? wanted.ipv4.get(key) : wanted.ipv6.get(key);
    return [...(names ?? [])].flatMap((name) => {
      const endpoint = this.#endpoints.get(endpointId(name, isIpv4(key) ? 'arp' : 'ndp'));
      const mac = endpoint?.socket === undefined ? undefined : macFromBits(endpoint.mac);
      return mac === undefined ? [] : [{ ip, interface: name, mac }];
    });
  }

  #follow(plan: AnnouncementPlan): void {
    const { pings, ports } = this.#options;
    this.#neighbours = plan;
    this.#pings = pings === 'answer' ? withoutHeld(plan, ports.interfaces.current()) : NOTHING;
    const ipv4 = addressesByInterface(plan.ipv4);
    const ipv6 = addressesByInterface(plan.ipv6);
    this.#announce({
      kind: 'set',
      outlets: [...this.#endpoints.values()]
        .filter(({ socket, traffic }) => socket !== undefined && (traffic === 'arp' || traffic === 'ndp'))
        .map(({ id, traffic, name, index, mac }) => ({
          name: id,
          index,
          mac,
          addresses: (traffic === 'arp' ? ipv4 : ipv6).get(name) ?? [],
        })),
    });
  }

  #serve(id: string, traffic: PacketTraffic, { name, index, mac }: AnnounceableInterface): Endpoint {
    const endpoint = this.#endpoints.get(id) ?? newEndpoint(id, traffic, { name, index, mac: macToBits(mac) });
    this.#endpoints.set(id, endpoint);
    endpoint.mac = macToBits(mac);
    if (endpoint.socket === undefined && endpoint.cancelRetry === undefined) this.#openSocket(endpoint);
    return endpoint;
  }

  #openSocket(endpoint: Endpoint): void {
    const { sockets } = this.#options.ports;
    try {
      endpoint.socket = sockets.open(endpoint, endpoint.traffic, {
        frame: (frame) => this.#answer(endpoint, frame),
        failed: (error) => this.#onSocketFailed(endpoint, error),
        groupsFailed: (error) => this.#onGroupsFailed(endpoint, error),
      });
      endpoint.failures = 0;
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      this.#retryLater(endpoint, error);
    }
  }

  /** Told at every change, so that what could not be joined is tried again. */
  #joinGroups(endpoint: Endpoint, addresses: readonly Ipv6Key[]): void {
    if (endpoint.socket === undefined) return;
    const groups = new Map<Ipv6Key, Ip>();
    for (const address of addresses) {
      const group = solicitedNodeGroup(address);
      if (!groups.has(group)) groups.set(group, endpoint.groups.get(group) ?? ipv6FromKey(group));
    }
    endpoint.groups = groups;
    endpoint.socket.setGroups([...groups.values()]);
  }

  #onGroupsFailed(endpoint: Endpoint, error: HostError): void {
    this.#counters.error(endpoint.name, 'groupErrors');
    if (error.message === endpoint.groupError) return;
    endpoint.groupError = error.message;
    this.#options.log.warn(
      { interface: endpoint.name, error: error.message },
      'a multicast group cannot be joined: behind a switch that snoops MLD, hosts may not find IPv6 addresses here',
    );
  }

  #onSocketFailed(endpoint: Endpoint, error: HostError): void {
    closeEndpoint(endpoint);
    this.#retryLater(endpoint, error);
    // Announced again from the start once there is a socket: what was sent shortly before may not have got out.
    this.#reconcile();
  }

  #retryLater(endpoint: Endpoint, error: HostError): void {
    const { clock, random, log } = this.#options;
    endpoint.failures += 1;
    const delayMs = backoffMs(REOPEN, endpoint.failures, random);
    this.#counters.error(endpoint.name, 'socketErrors');
    log.warn(
      { interface: endpoint.name, error: error.message, retryInMs: Math.round(delayMs) },
      'cannot announce on an interface; trying again',
    );
    endpoint.cancelRetry = clock.schedule(delayMs, () => {
      endpoint.cancelRetry = undefined;
      this.#reconcile();
    });
  }

  #answer(endpoint: Endpoint, frame: Uint8Array): void {
    this.#letHear(endpoint, frame);
    // What was heard may have closed it.
    if (endpoint.socket === undefined) return;
    switch (endpoint.traffic) {
      case 'arp': {
        const answer = respondArp(frame, this.#neighbours.ipv4, endpoint);
        if (answer.kind === 'drop') this.#counters.drop(endpoint.name, 'arp', answer.reason);
        else this.#replyToNeighbour(endpoint, answer);
        return;
      }
      case 'ndp': {
        const answer = respondNdp(frame, this.#neighbours.ipv6, endpoint);
        if (answer.kind === 'drop') this.#counters.drop(endpoint.name, 'ndp', answer.reason);
        else this.#replyToNeighbour(endpoint, answer);
        return;
      }
      case 'icmp-echo': {
        const answer = respondIcmpEcho(frame, this.#pings.ipv4, endpoint);
        if (answer.kind === 'drop') this.#counters.drop(endpoint.name, 'echo', answer.reason);
        else this.#replyToPing(endpoint, answer);
        return;
      }
      case 'icmpv6-echo': {
        const answer = respondIcmpv6Echo(frame, this.#pings.ipv6, endpoint);
        if (answer.kind === 'drop') this.#counters.drop(endpoint.name, 'echo', answer.reason);
        else this.#replyToPing(endpoint, answer);
        return;
      }
    }
  }

  #letHear({ name, traffic }: Endpoint, frame: Uint8Array): void {
    if (traffic === 'arp' || traffic === 'ndp') this.#options.guard?.heard(frame, name, traffic);
  }

  #replyToNeighbour(endpoint: Endpoint, { frame, ip }: Reply): void {
    const error = endpoint.socket?.send(frame);
    this.#counters.add(endpoint.name, ip, 'requestsReceived');
    if (error === undefined) this.#counters.add(endpoint.name, ip, 'repliesSent');
    else this.#counters.error(endpoint.name, 'sendErrors');
  }

  #replyToPing(endpoint: Endpoint, { frame, ip }: Reply): void {
    if (endpoint.rateLimit.take(this.#options.clock.now()) === 'refused') {
      this.#counters.drop(endpoint.name, 'echo', 'rate-limited');
      return;
    }
    const error = endpoint.socket?.send(frame);
    if (error === undefined) this.#counters.add(endpoint.name, ip, 'pingsAnswered');
    else this.#counters.error(endpoint.name, 'sendErrors');
  }

  #announce(input: AnnouncerInput<AddressKey>): void {
    const now = this.#options.clock.now();
    for (const output of this.#announcer.handle(input, now)) this.#sendGratuitous(output);
    this.#timer.arm();
  }

  /** What the kernel does not take is lost; the next round, and the refreshes after the last, make up for it. */
  #sendGratuitous({ outlet, ip, mac }: AnnouncerOutput<AddressKey>): void {
    const endpoint = this.#endpoints.get(outlet);
    if (endpoint?.socket === undefined) return;
    const frames = isIpv4(ip) ? encodeArpAnnouncement(ip, mac) : encodeNdpAnnouncement(ip, mac);
    let isSent = false;
    for (const frame of frames) {
      const error = endpoint.socket.send(frame);
      if (error === undefined) this.#counters.add(endpoint.name, ip, 'gratuitousSent');
      else this.#counters.error(endpoint.name, 'sendErrors');
      isSent ||= error === undefined;
    }
    if (isSent) this.#options.onAnnounced?.(addressOf(ip));
  }
}

interface Reply {
  readonly frame: Uint8Array;
  readonly ip: AddressKey;
}

interface Wanted {
  readonly traffic: PacketTraffic;
  readonly facts: AnnounceableInterface;
}

/** The table the other way round: what is announced on each interface, in the table's order. */
function addressesByInterface<Key>(table: ReadonlyMap<Key, ReadonlySet<string>>): ReadonlyMap<string, readonly Key[]> {
  const addresses = new Map<string, Key[]>();
  for (const [ip, names] of table) {
    for (const name of names) {
      const list = addresses.get(name);
      if (list === undefined) addresses.set(name, [ip]);
      else list.push(ip);
    }
  }
  return addresses;
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
