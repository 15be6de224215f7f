/**
 * The BFD sessions of this node: which are wanted is said as a whole, and each is led along whatever way the interfaces
 * offer. Two that go the same way, as to one router with two BGP sessions, are one session on the wire (RFC 5881 §3), and of
 * their profiles the strictest counts.
 *
 *     const sessions = new BfdSessions({ … , onChanged: (name, change) => … });
 *     sessions.setSessions([{ name: 'tor', peer, hops: 'single', profile }]);   // again with every change
 *     sessions.view('tor')
 *
 * setSessions and close may be called from onChanged.
 */
import type { Log } from '../../../engine/log.ts';
import type { InterfaceWatch } from '../../../engine/network-ports.ts';
import type { PathPorts } from '../../../engine/path-ports.ts';
import type { Clock } from '../../../engine/ports.ts';
import { interfaceIps } from '../../../model/announcements.ts';
import type { BfdView } from '../../../model/bgp-session.ts';
import type { Ip } from '../../../model/ip.ts';
import { type BfdPath, type SessionTable, sessionTable } from '../../../protocols/bfd/demultiplex.ts';
import { type BfdArrival, type BfdDropReason, readBfd } from '../../../protocols/bfd/read.ts';
import type { BfdEchoes } from './bfd-echoes.ts';
import { BfdReceivers } from './bfd-receivers.ts';
import { askedWay, findBfdRoute, type WantedBfd } from './bfd-route.ts';
import { withStrictestProfile } from './bfd-wanted.ts';
import { type BfdChange, WatchedPath } from './bfd-watched-path.ts';

/** After which what could not be opened is tried again, if the interfaces do not change before. */
const RETRY_MS = 5000;

export interface BfdSessionsOptions {
  readonly ports: PathPorts;
  /** For echo packets. Its sockets are closed with the sessions. */
  readonly echoes: Pick<BfdEchoes, 'open'>;
  /** The host's; not closed here. */
  readonly interfaces: Pick<InterfaceWatch, 'current' | 'onChange'>;
  readonly clock: Clock;
  readonly log: Log;
  /** 0 … 2^32 − 1, hard to guess. */
  readonly randomU32: () => number;
  /** A session that was up is not, or the other way round. */
  readonly onChanged: (name: string, change: BfdChange) => void;
}

interface Watched {
  readonly path: WatchedPath;
  readonly discriminator: number;
  /** Of those who want it; in the order in which they were given. */
  names: readonly string[];
  /** What was logged of it last. */
  logged: string | undefined;
}

export class BfdSessions {
  readonly #options: BfdSessionsOptions;
  readonly #receivers: BfdReceivers;
  readonly #unsubscribe: () => void;
  /** By what makes them one session, see keyOf. */
  readonly #watched = new Map<string, Watched>();
  readonly #keys = new Map<string, string>();
  readonly #drops = new Map<BfdDropReason, number>();
  #table: SessionTable = sessionTable([]);
  #cancelRetry: (() => void) | undefined;
  #isClosed = false;

  constructor(options: BfdSessionsOptions) {
    this.#options = options;
    this.#receivers = new BfdReceivers({
      ports: options.ports,
      arrived: (arrival) => this.#arrived(arrival),
      failed: () => this.#retryIn(0),
    });
    this.#unsubscribe = options.interfaces.onChange(() => this.#refresh());
  }

  /** Exactly these from now on. One whose intervals alone are others goes on. One that is left out says so to its router. */
  setSessions(wanted: readonly WantedBfd[]): void {
    if (this.#isClosed) return;
    const groups = Map.groupBy(wanted.map(withStrictestProfile(wanted)), keyOf);
    for (const [key, { path }] of this.#watched) {
      if (groups.has(key)) continue;
      this.#watched.delete(key);
      path.end();
    }
    this.#keys.clear();
    for (const [key, [first, ...others]] of groups) {
      if (first === undefined) continue;
      for (const { name } of [first, ...others]) this.#keys.set(name, key);
      const names = [first, ...others].map(({ name }) => name);
      const known = this.#watched.get(key);
      if (known === undefined) this.#watched.set(key, this.#watch(key, first, names));
      else {
        known.names = names;
        known.path.setProfile(first.profile);
      }
    }
    this.#refresh();
  }

  /** Undefined: it is not among those wanted. */
  view(name: string): BfdView | undefined {
    return this.#watched.get(this.#keys.get(name) ?? '')?.path.view();
  }

  /** Packets that came and were not heeded, by why. */
  drops(): ReadonlyMap<BfdDropReason, number> {
    return this.#drops;
  }

  /** Tells every router that this is no failure. Idempotent. onChanged is not called afterwards. */
  close(): void {
    if (this.#isClosed) return;
    this.setSessions([]);
    this.#isClosed = true;
    this.#cancelRetry?.();
    this.#unsubscribe();
  }

  #watch(key: string, wanted: WantedBfd, names: readonly string[]): Watched {
    const { ports, clock } = this.#options;
    const discriminator = this.#freeDiscriminator();
    const path = new WatchedPath({
      wanted,
      ports,
      clock,
      discriminator,
      openEcho: (end) => this.#options.echoes.open(end),
      echoSecret: this.#secret(),
      onChanged: (change) => this.#changed(key, change),
      onBroken: () => this.#retryIn(0),
    });
    return { path, discriminator, names, logged: undefined };
  }

  #secret(): Uint8Array {
    const { randomU32 } = this.#options;
    return new Uint8Array(Uint32Array.of(randomU32(), randomU32()).buffer);
  }

  #freeDiscriminator(): number {
    const taken = new Set([...this.#watched.values()].map(({ discriminator }) => discriminator));
    for (;;) {
      const discriminator = this.#options.randomU32();
      if (discriminator !== 0 && !taken.has(discriminator)) return discriminator;
    }
  }

  /** Leads every session along the way that there is now. */
  #refresh(): void {
    if (this.#isClosed) return;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    const interfaces = this.#options.interfaces.current();
    const addresses = new Set(interfaces.flatMap(interfaceIps));
    const ways = new Map<string, string>();
    this.#receivers.begin();
    // A copy: a session that is down by this may be taken away by who hears of it.
    for (const [key, watched] of [...this.#watched]) {
      if (this.#watched.get(key) !== watched) continue;
      const route = findBfdRoute(watched.path.wanted, interfaces);
      if (route.kind === 'none') {
        this.#block(watched, route.reason);
        continue;
      }
      const failure = this.#lead(watched, route, addresses) ?? claimWay(ways, watched);
      if (failure === undefined) watched.logged = undefined;
      else {
        this.#block(watched, failure);
        this.#retryIn(RETRY_MS);
      }
    }
    this.#receivers.end();
    this.#table = sessionTable([...this.#watched].flatMap(([key, { path }]) => path.entry(key) ?? []));
  }

  #lead(
    { path }: Watched,
    route: Exclude<ReturnType<typeof findBfdRoute>, { kind: 'none' }>,
    addresses: ReadonlySet<string>,
  ): string | undefined {
    const receiver = this.#receivers.need(path.wanted.peer, route);
    if (typeof receiver === 'string') return receiver;
    return path.use(route, receiver, (ip: Ip) => addresses.has(ip));
  }

  #block(watched: Watched, reason: string): void {
    if (watched.logged !== reason) {
      watched.logged = reason;
      this.#options.log.warn(
        { peer: watched.path.wanted.peer, peers: watched.names, reason },
        'BFD session cannot run',
      );
    }
    watched.path.block(reason);
  }

  #retryIn(delayMs: number): void {
    if (this.#isClosed || (this.#cancelRetry !== undefined && delayMs > 0)) return;
    this.#cancelRetry?.();
    this.#cancelRetry = this.#options.clock.schedule(delayMs, () => this.#refresh());
  }

  #arrived(arrival: BfdArrival): void {
    const reading = readBfd(arrival, this.#table);
    if (reading.kind === 'packet') {
      this.#watched.get(reading.session)?.path.receive(reading.packet);
      return;
    }
    this.#drops.set(reading.reason, (this.#drops.get(reading.reason) ?? 0) + 1);
    if (reading.reason !== 'ttl-too-low') return;
    for (const { path } of this.#watched.values()) {
      if (path.path?.hops === arrival.hops && path.path.peer === arrival.peer) path.receiveFromTooFar(arrival.ttl);
    }
  }

  #changed(key: string, change: BfdChange): void {
    for (const name of this.#watched.get(key)?.names ?? []) this.#options.onChanged(name, change);
  }
}

/**
 * The same for sessions that are one. What a machine cannot change as it goes makes another session, which begins anew;
 * the router is told that the one before was switched off, which is no failure.
 */
function keyOf(wanted: WantedBfd): string {
  const { passiveMode, echoMode, echoIntervalMs } = wanted.profile;
  return JSON.stringify([askedWay(wanted), passiveMode, echoMode ? echoIntervalMs : 0]);
}

/** Why this session cannot go its way, because one that is not the same goes it already. */
function claimWay(ways: Map<string, string>, { path, names }: Watched): string | undefined {
  const way = wayOf(path.path);
  if (way === undefined) return undefined;
  const other = ways.get(way);
  if (other !== undefined) {
    return `the BFD session of ${other} goes the same way, asked for by another local address, interface, VRF or number of hops; only one can`;
  }
  ways.set(way, names.join(', '));
  return undefined;
}

function wayOf(path: BfdPath | undefined): string | undefined {
  if (path === undefined) return undefined;
  return path.hops === 'single' ? `${path.interface} ${path.peer}` : `${path.local} > ${path.peer}`;
}
