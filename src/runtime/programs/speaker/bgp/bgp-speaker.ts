/**
 * All BGP sessions of this node: one link for each planned session, made, changed and ended as the plan says.
 *
 *     setPlan(plan) ─▶ new peer: link ─▶ start          same peer, same options: its routes are set
 *                      changed options: ended, and made anew      gone: ended
 *     routers ──────▶ links to unnumbered routers: opened when it is known where those are
 *     a node that gives its routes up, or close() ─▶ the routers turn to other nodes, then the routes, or the sessions, go
 *
 * Ended is said so that as little as possible is lost: a router that restarts gracefully with us keeps the routes while a
 * session is only made anew, and while this speaker is replaced by another of its node.
 */
import type { Log } from '../../../engine/log.ts';
import type { Clock, Random } from '../../../engine/ports.ts';
import type { AcceptedStream, OpenStream, StandingHandlers, StreamPeer } from '../../../engine/stream-ports.ts';
import type { InterfaceFacts } from '../../../model/announcements.ts';
import type { BgpPlan, PlannedSession } from '../../../model/bgp-plan.ts';
import type { BgpSessionView } from '../../../model/bgp-session.ts';
import type { BgpPeer } from '../../../model/config.ts';
import {
  CEASE_ADMINISTRATIVE_SHUTDOWN,
  CEASE_OTHER_CONFIGURATION_CHANGE,
  CEASE_PEER_DE_CONFIGURED,
} from '../../../protocols/bgp/iana.ts';
import type { WantedBfd } from './bfd-route.ts';
import type { BfdSessions } from './bfd-sessions.ts';
import { wantedBfd } from './bfd-wanted.ts';
import type { BfdChange } from './bfd-watched-path.ts';
import { BgpDoor, type DoorView, type Listening } from './bgp-door.ts';
import { BgpLink } from './bgp-link.ts';
import { nextHopsOf } from './next-hops.ts';
import type { RouterWatch } from './router-watch.ts';
import { type Remote, sessionText, streamTarget } from './session-options.ts';

/** How long what is said last has to get to them. */
const FAREWELL_MS = 200;
/** Routes that sessions are given before sockets and timers get their turn: some milliseconds, in which BFD must wait. */
const ROUTES_PER_TURN = 20_000;

export interface BgpSpeakerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly open: OpenStream;
  /** Absent: routers cannot connect to this node; it connects to them. */
  readonly listening?: Listening;
  readonly interfaces: () => readonly InterfaceFacts[];
  /** Finds unnumbered routers; what it has found is said by routersChanged(). Stays the caller's. */
  readonly routers: Pick<RouterWatch, 'setInterfaces' | 'router'>;
  /** Watches the ways to the routers that are to be; what it finds out is said by bfdChanged(). Closed with the sessions. */
  readonly bfd: Pick<BfdSessions, 'setSessions' | 'view' | 'close'>;
  /**
   * How long routers have to turn to other nodes, before routes that are about to go are withdrawn. 0: they are not told
   * before.
   */
  readonly gracefulShutdownMs: number;
  /** Something of the views has changed. Not called from inside a call. */
  readonly onChange: () => void;
}

interface Held {
  readonly text: string;
  readonly link: BgpLink;
  readonly planned: PlannedSession;
}

export class BgpSpeaker {
  readonly #options: BgpSpeakerOptions;
  readonly #door: BgpDoor | undefined;
  #held: ReadonlyMap<string, Held> = new Map();
  /** A plan that takes the routes away, which routers have been told is to come. */
  #awaited: { plan: BgpPlan; readonly cancel: () => void } | undefined;
  /** Sessions that have not been given the plan's routes yet, by name, in the order in which they are to be. */
  #behind: { readonly names: readonly string[]; readonly cancel: () => void } | undefined;
  #isClosing = false;

  constructor(options: BgpSpeakerOptions) {
    this.#options = options;
    const { clock, random, log, listening } = options;
    if (listening === undefined) return;
    const accepted = (connection: AcceptedStream) => this.#accept(connection);
    this.#door = new BgpDoor({ clock, random, log, listening, accepted });
  }

  setPlan(plan: BgpPlan): void {
    if (this.#isClosing) return;
    if (plan.gracefulWithdrawal === true && this.#options.gracefulShutdownMs > 0) this.#announceWithdrawal(plan);
    else this.#carryOut(plan);
  }

  /** Routers turn to other nodes meanwhile. The first such plan sets the time; those that follow take its place. */
  #announceWithdrawal(plan: BgpPlan): void {
    const advertising = [...this.#held.values()].filter(({ link }) => link.view().advertisedRoutes > 0);
    if (this.#awaited !== undefined) {
      this.#awaited.plan = plan;
    } else if (advertising.length === 0) {
      this.#carryOut(plan);
    } else {
      for (const { link } of advertising) link.setGracefulShutdown('on');
      const { clock, gracefulShutdownMs } = this.#options;
      this.#awaited = {
        plan,
        cancel: clock.schedule(gracefulShutdownMs, () => this.#carryOut(this.#awaited?.plan ?? plan)),
      };
    }
  }

  #carryOut({ generation, sessions }: BgpPlan): void {
    const wasAwaited = this.#awaited !== undefined;
    this.#awaited?.cancel();
    this.#awaited = undefined;
    this.#behind?.cancel();
    const interfaces = sessions.flatMap(({ peer: { remote } }) => ('interface' in remote ? [remote.interface] : []));
    this.#options.routers.setInterfaces(interfaces);
    const before = this.#held;
    const now = new Map<string, Held>();
    for (const planned of sessions) {
      const { name } = planned.peer;
      const text = sessionText(planned);
      const known = before.get(name);
      if (known !== undefined && known.text !== text) {
        known.link.stop({ routes: 'keep', subcode: CEASE_OTHER_CONFIGURATION_CHANGE });
      }
      const link = known?.text === text ? known.link : this.#open(planned);
      now.set(name, { text, link, planned });
    }
    this.#held = now;
    // However fast plans come, everybody's turn comes: whoever has waited longest is first.
    const inTurn = new Set([...(this.#behind?.names ?? []), ...now.keys()]);
    const held = [...inTurn].flatMap((name) => now.get(name) ?? []);
    this.#setRoutes(generation, held, wasAwaited ? Number.POSITIVE_INFINITY : ROUTES_PER_TURN);
    for (const [name, { link }] of before) {
      if (!now.has(name)) link.stop({ routes: 'withdraw', subcode: CEASE_PEER_DE_CONFIGURED });
    }
    // The routes have gone by now, or are to stay after all.
    if (wasAwaited) for (const { link } of now.values()) link.setGracefulShutdown('off');
    this.#door?.setPeers(this.#streamPeers());
    this.#options.bfd.setSessions(this.#wantedBfd());
    this.#options.clock.schedule(0, this.#options.onChange);
  }

  /** Sessions that come later go on with the routes that they have; those that are new begin then. */
  #setRoutes(generation: number, held: readonly Held[], most: number): void {
    let routes = 0;
    let count = 0;
    for (const { link, planned } of held) {
      if (routes >= most) break;
      link.setRoutes(generation, planned.routes);
      link.start();
      routes += planned.routes.length;
      count += 1;
    }
    const left = held.slice(count);
    this.#behind = {
      names: left.map(({ planned }) => planned.peer.name),
      cancel:
        left.length === 0
          ? () => undefined
          : this.#options.clock.schedule(0, () => this.#setRoutes(generation, left, most)),
    };
  }

  routersChanged(): void {
    if (this.#isClosing) return;
    for (const { link } of this.#held.values()) link.remoteChanged();
    this.#door?.setPeers(this.#streamPeers());
    this.#options.bfd.setSessions(this.#wantedBfd());
  }

  /** What BFD has found out about the way to a router. */
  bfdChanged(name: string, change: BfdChange): void {
    if (change.kind === 'down') this.#held.get(name)?.link.bfdDown(`BFD: ${change.reason}`);
    this.#options.clock.schedule(0, this.#options.onChange);
  }

  /** Whether routers can connect. Undefined: they are not to. */
  door(): DoorView | undefined {
    return this.#door?.view();
  }

  /** Ordered by the peer's name. */
  views(): readonly BgpSessionView[] {
    return this.sessions().map(({ view }) => view);
  }

  /** The same with what is planned. */
  sessions(): readonly { readonly planned: PlannedSession; readonly view: BgpSessionView }[] {
    return [...this.#held.values()].map(({ planned, link }) => {
      const bfd = this.#options.bfd.view(planned.peer.name);
      return { planned, view: { ...link.view(), ...(bfd === undefined ? {} : { bfd }) } };
    });
  }

  /**
   * Ends all sessions. Routers that keep the routes meanwhile are told nothing: they wait for this node's next speaker.
   * The others are told that the routes are about to go, then that they have gone. Resolves when all is said.
   */
  async close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#awaited?.cancel();
    this.#behind?.cancel();
    this.#door?.close();
    const held = [...this.#held.values()];
    const established = held.filter(({ link }) => link.isEstablished);
    const leaving = established.filter((one) => !keepsRoutes(one));
    const { gracefulShutdownMs } = this.#options;
    if (leaving.length > 0 && gracefulShutdownMs > 0) {
      for (const { link } of leaving) link.setGracefulShutdown('on');
      await this.#pause(gracefulShutdownMs);
    }
    for (const one of held) {
      const routes = keepsRoutes(one) ? 'keep' : 'withdraw';
      one.link.stop({ routes, subcode: CEASE_ADMINISTRATIVE_SHUTDOWN, text: 'the speaker of this node ends' });
    }
    // Not before: that BFD ends must not look like the failure of a path.
    this.#options.bfd.close();
    if (established.length > 0) await this.#pause(FAREWELL_MS);
  }

  #wantedBfd(): readonly WantedBfd[] {
    return [...this.#held.values()].flatMap(({ planned }) => {
      const remote = this.#remoteOf(planned.peer);
      return typeof remote === 'string' ? [] : (wantedBfd(planned, remote.address) ?? []);
    });
  }

  #accept({ stream, peer, local }: AcceptedStream): StandingHandlers {
    const held = this.#held.get(peer.name);
    if (held !== undefined) return held.link.accept(stream, local);
    stream.destroy();
    return { received: () => undefined, drained: () => undefined, closed: () => undefined };
  }

  #streamPeers(): readonly StreamPeer[] {
    return [...this.#held.values()].flatMap(({ planned: { peer } }) => {
      const remote = this.#remoteOf(peer);
      return typeof remote === 'string' ? [] : [{ name: peer.name, ...streamTarget(peer, remote) }];
    });
  }

  #open(planned: PlannedSession): BgpLink {
    const { clock, random, log, open, interfaces, onChange } = this.#options;
    return new BgpLink({
      planned,
      clock,
      log,
      seed: Math.floor(random.next() * 2 ** 32),
      open,
      remote: () => this.#remoteOf(planned.peer),
      nextHops: (local, device) => nextHopsOf(local, interfaces(), device),
      onChange,
    });
  }

  #remoteOf({ remote }: BgpPeer): Remote | string {
    if ('address' in remote) return { address: remote.address };
    const router = this.#options.routers.router(remote.interface);
    return router.kind === 'found' ? { address: router.address, device: remote.interface } : router.text;
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.schedule(delayMs, resolve);
    });
  }
}

/**
 * FRR and BIRD take the end of BFD for a failure of the path even where they restart gracefully with this side, and drop
 * the routes at once: with BFD they are to be warned like routers that keep nothing.
 */
function keepsRoutes({ planned, link }: Held): boolean {
  return link.keepsRoutes && planned.bfd === undefined;
}
