/**
 * The speaker's packet path: keeps a packet socket on every interface where something is announced, answers ARP there,
 * and sends the gratuitous announcements. It is handed the whole announcement table at every change and follows the
 * host's interfaces by itself, down and up, gone and made anew. Joins pure parts (announceable.ts, the ARP responder
 * and announcer) to the ports; runs on the thread that owns them, without ever waiting.
 *
 *     setTable ────┐                        ┌─▶ ArpTable ──▶ respond(frame) ─▶ reply | drop, counted
 *     interfaces ──┼─▶ reconcile ─▶ sockets ┤
 *     retry timer ─┘    (as needed)         └─▶ ArpAnnouncer ─▶ frames, now and at its deadline
 */
import { type Backoff, backoffMs } from '../../engine/backoff.ts';
import { HostError } from '../../engine/host-error.ts';
import type { Log } from '../../engine/log.ts';
import type { NetworkPorts, PacketSocket } from '../../engine/network-ports.ts';
import type { Clock, Random } from '../../engine/ports.ts';
import type { AnnouncementTable, InterfaceFacts } from '../../model/announcements.ts';
import { ArpAnnouncer, type ArpAnnouncerInput, type ArpAnnouncerOutput } from '../../protocols/arp/announcer.ts';
import type { Ipv4Bits } from '../../protocols/arp/codec.ts';
import { type ArpTable, respond } from '../../protocols/arp/responder.ts';
import { type MacBits, macToBits } from '../../protocols/ethernet/codec.ts';
import { type AnnounceableInterface, announceableInterfaces, planArp } from './announceable.ts';
import { type AddressRow, type InterfaceCounters, PacketCounters } from './packet-counters.ts';

export interface PacketPathOptions {
  readonly ports: NetworkPorts;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Interfaces never announced on: those whose name one of these matches anywhere. */
  readonly excludePatterns: readonly RegExp[];
}

export interface PacketPath {
  /** Replaces what is announced; takes effect before it returns. A table older than the current one is ignored. */
  setTable(table: AnnouncementTable): void;
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
  /** Pairs of address and interface, and those of them that have gratuitous announcements to come. */
  readonly announcer: { readonly announced: number; readonly pending: number };
}

export interface InterfaceRow extends InterfaceCounters {
  readonly name: string;
  /** Whether a socket is open there now. */
  readonly listening: boolean;
  /** Frames that the kernel threw away because they were not read in time, on the socket open now. */
  readonly kernelDrops: number;
}

/** How long to wait before a socket that failed is opened again. */
const REOPEN: Backoff = { baseMs: 100, ceilingMs: 10_000 };

/** One interface that something is announced on. */
interface Endpoint {
  readonly name: string;
  readonly index: number;
  mac: MacBits;
  socket: PacketSocket | undefined;
  /** Opening has failed this often in a row. */
  failures: number;
  cancelRetry: (() => void) | undefined;
}

export function createPacketPath(options: PacketPathOptions): PacketPath {
  return new SpeakerPacketPath(options);
}

class SpeakerPacketPath implements PacketPath {
  readonly #options: PacketPathOptions;
  readonly #announcer = new ArpAnnouncer();
  readonly #counters = new PacketCounters();
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #callbacks = new Set<() => void>();
  readonly #unwatch: () => void;
  #announceable: readonly AnnounceableInterface[];
  #table: AnnouncementTable = { generation: -1, addresses: [] };
  #arpTable: ArpTable = new Map();
  #cancelTimer: (() => void) | undefined;
  #open = true;

  constructor(options: PacketPathOptions) {
    this.#options = options;
    this.#announceable = this.#readInterfaces();
    this.#unwatch = options.ports.interfaces.onChange(() => this.#onInterfaces());
  }

  setTable(table: AnnouncementTable): void {
    if (!this.#open || table.generation < this.#table.generation) return;
    this.#table = table;
    this.#reconcile();
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
    const names = new Set([...this.#endpoints.keys(), ...this.#counters.interfaceNames()]);
    return {
      generation: this.#table.generation,
      interfaces: [...names].sort().map((name) => {
        const socket = this.#endpoints.get(name)?.socket;
        return {
          name,
          listening: socket !== undefined,
          kernelDrops: socket?.kernelDrops() ?? 0,
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
    this.#cancelTimer?.();
    for (const endpoint of this.#endpoints.values()) closeEndpoint(endpoint);
    this.#endpoints.clear();
  }

  #readInterfaces(): readonly AnnounceableInterface[] {
    return announceableInterfaces(this.#options.ports.interfaces.current(), this.#options.excludePatterns);
  }

  #onInterfaces(): void {
    const before = this.#announceable;
    this.#announceable = this.#readInterfaces();
    if (JSON.stringify(before) === JSON.stringify(this.#announceable)) return;
    this.#reconcile();
    for (const callback of this.#callbacks) callback();
  }

  /** Makes sockets, answers and announcements what the table and the interfaces ask for. Safe to run at any time. */
  #reconcile(): void {
    this.#arpTable = planArp(this.#table, this.#announceable);
    const addresses = addressesByInterface(this.#arpTable);
    const wanted = this.#announceable.filter(({ name, running }) => running && addresses.has(name));
    for (const endpoint of this.#endpoints.values()) {
      if (wanted.some(({ name, index }) => name === endpoint.name && index === endpoint.index)) continue;
      closeEndpoint(endpoint);
      this.#endpoints.delete(endpoint.name);
    }
    for (const facts of wanted) this.#serve(facts);
    this.#announce({
      kind: 'set',
      announcements: [...this.#endpoints.values()]
        .filter(({ socket }) => socket !== undefined)
        .map(({ name, index, mac }) => ({ interface: name, index, mac, addresses: addresses.get(name) ?? [] })),
    });
  }

  #serve({ name, index, mac }: AnnounceableInterface): void {
    let endpoint = this.#endpoints.get(name);
    if (endpoint === undefined) {
      endpoint = { name, index, mac: macToBits(mac), socket: undefined, failures: 0, cancelRetry: undefined };
      this.#endpoints.set(name, endpoint);
    }
    endpoint.mac = macToBits(mac);
    if (endpoint.socket === undefined && endpoint.cancelRetry === undefined) this.#openSocket(endpoint);
  }

  #openSocket(endpoint: Endpoint): void {
    const { sockets } = this.#options.ports;
    try {
      endpoint.socket = sockets.open(endpoint, 'arp', {
        frame: (frame) => this.#answer(endpoint, frame),
        failed: (error) => this.#onSocketFailed(endpoint, error),
      });
      endpoint.failures = 0;
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      this.#retryLater(endpoint, error);
    }
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
    this.#counters.socketError(endpoint.name);
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
    const { name, socket } = endpoint;
    if (socket === undefined) return;
    const answer = respond(frame, this.#arpTable, endpoint);
    if (answer.kind === 'drop') {
      this.#counters.drop(name, answer.reason);
      return;
    }
    const error = socket.send(answer.frame);
    this.#counters.add(name, answer.ip, 'requestsReceived');
    if (error === undefined) this.#counters.add(name, answer.ip, 'repliesSent');
    else this.#counters.sendError(name);
  }

  #announce(input: ArpAnnouncerInput): void {
    const { clock } = this.#options;
    this.#cancelTimer?.();
    for (const output of this.#announcer.handle(input, clock.now())) this.#sendGratuitous(output);
    const deadline = this.#announcer.deadline();
    this.#cancelTimer =
      deadline === undefined
        ? undefined
        : clock.schedule(Math.max(0, deadline - clock.now()), () => this.#announce({ kind: 'timer' }));
  }

  #sendGratuitous(output: ArpAnnouncerOutput): void {
    const socket = this.#endpoints.get(output.interface)?.socket;
    if (socket === undefined) return;
    for (const frame of output.frames) {
      const error = socket.send(frame);
      if (error === undefined) this.#counters.add(output.interface, output.ip, 'gratuitousSent');
      else this.#counters.sendError(output.interface);
    }
  }
}

function closeEndpoint(endpoint: Endpoint): void {
  endpoint.cancelRetry?.();
  endpoint.cancelRetry = undefined;
  endpoint.socket?.close();
  endpoint.socket = undefined;
}

/** The table the other way round: what is announced on each interface, in the table's order. */
function addressesByInterface(table: ArpTable): ReadonlyMap<string, readonly Ipv4Bits[]> {
  const addresses = new Map<string, Ipv4Bits[]>();
  for (const [ip, names] of table) {
    for (const name of names) {
      const list = addresses.get(name);
      if (list === undefined) addresses.set(name, [ip]);
      else list.push(ip);
    }
  }
  return addresses;
}
