/**
 * The search for the router behind one interface: keeps a socket there while the interface works, and carries what the
 * machine (protocols/ndp/router-finder.ts) says. Belongs to the thread of its ports.
 *
 *     interfaces ─▶ link ──▶ ┌──────────────┐ ─▶ frames ─▶ socket
 *     socket ─▶ received ──▶ │ RouterFinder │ ─▶ onChange
 *     clock ─▶ timer ──────▶ └──────────────┘
 */
import { type Backoff, backoffMs } from '../../../engine/backoff.ts';
import { DeadlineTimer } from '../../../engine/deadline-timer.ts';
import { HostError } from '../../../engine/host-error.ts';
import type { HostInterface, NetworkPorts, PacketSocket } from '../../../engine/network-ports.ts';
import type { Clock, Random } from '../../../engine/ports.ts';
import { interfaceIps } from '../../../model/announcements.ts';
import { type Ip, isLinkLocal } from '../../../model/ip.ts';
import { macToBits } from '../../../protocols/ethernet/codec.ts';
import { ALL_ROUTERS, ipv6FromKey, ipv6ToKey } from '../../../protocols/ip/ipv6.ts';
import {
  type RouterLink as FoundLink,
  type RouterDropReason,
  RouterFinder,
  type RouterFinderInput,
} from '../../../protocols/ndp/router-finder.ts';

export interface RouterLinkOptions {
  readonly ports: NetworkPorts;
  readonly clock: Clock;
  readonly random: Random;
  /** The view has changed. May be called from inside a call. */
  readonly onChange: () => void;
}

export type RouterReason =
  | 'no-such-interface'
  | 'interface-down'
  | 'not-ethernet'
  | 'no-link-local-address'
  | 'cannot-listen'
  | 'searching'
  | 'no-router'
  | 'several-routers';

export type RouterView =
  /** Link-local. `others`: routers that are there as well, and are not used. */
  | { readonly kind: 'found'; readonly address: Ip; readonly others: readonly Ip[] }
  /** `text`: in words, with what to do. */
  | { readonly kind: 'not-found'; readonly reason: RouterReason; readonly text: string };

export interface RouterLinkCounters {
  readonly sent: number;
  readonly sendErrors: number;
  readonly received: number;
  readonly dropped: Readonly<Partial<Record<RouterDropReason, number>>>;
}

const REOPEN: Backoff = { baseMs: 100, ceilingMs: 10_000 };

interface Listening {
  readonly index: number;
  readonly socket: PacketSocket;
}

export class RouterLink {
  readonly name: string;
  readonly #options: RouterLinkOptions;
  readonly #finder: RouterFinder;
  #listening: Listening | undefined;
  /** Opening has failed this often in a row, the last time for that reason. */
  #failures = 0;
  #failure: HostError | undefined;
  #cancelRetry: (() => void) | undefined;
  readonly #timer: DeadlineTimer;
  /** What keeps it from being searched. */
  #obstacle: RouterReason | undefined;
  #sent = 0;
  #sendErrors = 0;
  #received = 0;
  readonly #dropped = new Map<RouterDropReason, number>();

  constructor(name: string, options: RouterLinkOptions) {
    this.name = name;
    this.#options = options;
    this.#finder = new RouterFinder(Math.floor(options.random.next() * 2 ** 32));
    this.#timer = new DeadlineTimer(
      options.clock,
      () => this.#finder.deadline(),
      () => this.#handle({ kind: 'timer' }),
    );
    this.interfacesChanged();
  }

  interfacesChanged(): void {
    const iface = this.#options.ports.interfaces.current().find(({ name }) => name === this.name);
    const link = linkOf(iface);
    if (typeof link === 'string' || iface === undefined) {
      this.#stop(typeof link === 'string' ? link : 'no-such-interface');
      return;
    }
    if (this.#listening !== undefined && this.#listening.index !== iface.index) this.#hangUp();
    this.#obstacle = undefined;
    if (this.#listening === undefined && this.#cancelRetry === undefined) this.#listen(iface.index);
    if (this.#listening !== undefined) this.#handle({ kind: 'link', link });
  }

  view(): RouterView {
    if (this.#obstacle !== undefined) return this.#notFound(this.#obstacle);
    const snapshot = this.#finder.snapshot();
    if (snapshot.kind === 'found') {
      return { kind: 'found', address: ipv6FromKey(snapshot.router), others: snapshot.others.map(ipv6FromKey) };
    }
    if (snapshot.reason === 'several-routers')
      return this.#notFound(snapshot.reason, snapshot.routers.map(ipv6FromKey));
    return this.#notFound(snapshot.reason === 'no-link' ? 'cannot-listen' : snapshot.reason);
  }

  counters(): RouterLinkCounters {
    const dropped = Object.fromEntries([...this.#dropped].sort(([a], [b]) => (a < b ? -1 : 1)));
    return { sent: this.#sent, sendErrors: this.#sendErrors, received: this.#received, dropped };
  }

  close(): void {
    this.#timer.cancel();
    this.#cancelRetry?.();
    this.#listening?.socket.close();
    this.#listening = undefined;
  }

  #stop(obstacle: RouterReason): void {
    this.#hangUp();
    if (this.#obstacle === obstacle) return;
    this.#obstacle = obstacle;
    this.#options.onChange();
  }

  #hangUp(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.#failures = 0;
    this.#listening?.socket.close();
    this.#listening = undefined;
    this.#handle({ kind: 'link', link: undefined });
  }

  #listen(index: number): void {
    try {
      const socket = this.#options.ports.sockets.open({ name: this.name, index }, 'router', {
        frame: (frame) => {
          this.#received += 1;
          this.#handle({ kind: 'received', frame });
        },
        failed: (error) => this.#failed(error),
        // All groups are let in then; only a switch may keep solicitations to itself, and advertisements go out all the same.
        groupsFailed: () => undefined,
      });
      this.#listening = { index, socket };
      socket.setGroups([ipv6FromKey(ALL_ROUTERS)]);
      this.#failures = 0;
      this.#failure = undefined;
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      this.#failed(error);
    }
  }

  #failed(error: HostError): void {
    this.#hangUpAfter(error);
    const delayMs = backoffMs(REOPEN, this.#failures, this.#options.random);
    this.#cancelRetry = this.#options.clock.schedule(delayMs, () => {
      this.#cancelRetry = undefined;
      this.interfacesChanged();
    });
    this.#options.onChange();
  }

  #hangUpAfter(error: HostError): void {
    const failures = this.#failures + 1;
    this.#hangUp();
    this.#failures = failures;
    this.#failure = error;
  }

  #handle(input: RouterFinderInput): void {
    const { clock, onChange } = this.#options;
    for (const output of this.#finder.handle(input, clock.now())) {
      if (output.kind === 'send') this.#send(output.frame);
      else if (output.kind === 'changed') onChange();
      else this.#dropped.set(output.reason, (this.#dropped.get(output.reason) ?? 0) + 1);
    }
    this.#timer.arm();
  }

  #send(frame: Uint8Array): void {
    if (this.#listening?.socket.send(frame) === undefined) this.#sent += 1;
    else this.#sendErrors += 1;
  }

  #notFound(reason: RouterReason, routers: readonly Ip[] = []): RouterView {
    return { kind: 'not-found', reason, text: this.#words(reason, routers) };
  }

  #words(reason: RouterReason, routers: readonly Ip[]): string {
    const { name } = this;
    switch (reason) {
      case 'no-such-interface':
        return `this node has no interface ${name}`;
      case 'interface-down':
        return `${name} is down or has no carrier`;
      case 'not-ethernet':
        return `${name} has no Ethernet address, so routers cannot be looked for on it`;
      case 'no-link-local-address':
        return `${name} has no IPv6 link-local address: IPv6 may be turned off on it (net.ipv6.conf.${name}.disable_ipv6)`;
      case 'cannot-listen':
        return `${name} cannot be listened on: ${this.#failure?.message ?? 'it is being opened'}`;
      case 'searching':
        return `routers on ${name} have been asked for, and have a second to answer`;
      case 'no-router':
        return `no router advertises itself on ${name}: it must send IPv6 router advertisements (FRR does for "neighbor … interface")`;
      case 'several-routers':
        return `several routers advertise themselves on ${name}, ${routers.join(' and ')}: name the one that is meant by its address, in peerAddress`;
    }
  }
}

/** This side of the link, or why it cannot be used. */
function linkOf(iface: HostInterface | undefined): FoundLink | RouterReason {
  if (iface === undefined) return 'no-such-interface';
  if (!iface.running) return 'interface-down';
  if (iface.mac === undefined) return 'not-ethernet';
  const linkLocal = interfaceIps(iface).find(isLinkLocal);
  if (linkLocal === undefined) return 'no-link-local-address';
  return { mac: macToBits(iface.mac), address: ipv6ToKey(linkLocal) };
}
