/**
 * The session with one router: a machine without clock or socket that makes connections, sees to it that one is left of
 * several, and tells the router the routes it is given.
 *
 *               start          connected            OPEN                KEEPALIVE
 *     ┌──────┐ ───────▶ ┌─────────┐ ───────▶ ┌───────────┐ ───────▶ ┌──────────────┐ ───────▶ ┌─────────────┐
 *     │ idle │          │ connect │          │ open-sent │          │ open-confirm │          │ established │
 *     └──────┘ ◀─┐      └─────────┘          └───────────┘          └──────────────┘          └─────────────┘
 *         ▲      │           │ ▲ retry            ▲                        │                         │
 *         │      │           ▼ │                  │ accepted               │                         │
 *         │      │      ┌────────┐ ───────────────┘                        │                         │
 *         │      └──────│ active │                                         │                         │
 *         │       stop  └────────┘                                         │                         │
 *         └─────────────── NOTIFICATION, hold timer, lost: again after a while ◀───────────────────────┘
 *
 * It shows the state of the connection that has come furthest. Each is a machine of its own (connection.ts); after one
 * has failed, the next attempt comes the later the more there were, with jitter.
 *
 * Routes are sent in batches, one at each 'timer', so that whoever shares the thread gets his turn; and none while the
 * kernel takes no more. End-of-RIB follows when all of the first routes are sent, so never before there were some given.
 *
 * Use: act on what `handle` returns, then call it with 'timer' at `deadline()`.
 *
 * Deviations from RFC 4271 §8: there is no DelayOpen; after a failure the wait is that of a backoff up to the connect time
 * (or a minute, where a NOTIFICATION ended it), not a fixed ConnectRetryTime; MinRouteAdvertisementInterval is 0: what
 * gathers while a batch is on its way goes out as one.
 * Implements: RFC 4271 §8, §9.2, §6.7, §6.8, RFC 4724 §4, RFC 8538 §4, RFC 2918 §4, RFC 7313 §4, RFC 5882 §4.1, RFC 9384 §3
 */
import type { BgpState } from '../../model/bgp-session.ts';
import { assertNever } from '../../model/result.ts';
import { after, type Instant } from '../../model/time.ts';
import { seededShare } from '../seeded-random.ts';
import { describeCapabilities } from './agreement.ts';
import { encodeEndOfRib } from './codec/encode-update.ts';
import { type Family, ipFamilyOf, isSameFamily } from './codec/family.ts';
import { MAX_EXTENDED_MESSAGE_BYTES, MAX_MESSAGE_BYTES } from './codec/header.ts';
import { ceaseNotification, hardReset, type Notification } from './codec/notification.ts';
import { openAsn } from './codec/open.ts';
import { packUpdates } from './codec/pack-updates.ts';
import { encodeRouteRefresh, type RouteRefresh } from './codec/route-refresh.ts';
import { type ReceivedUpdate, reachability } from './codec/update.ts';
import { keptDirection } from './collision.ts';
import { Connection, type ConnectionHost } from './connection.ts';
import { CEASE_BFD_DOWN, CEASE_CONNECTION_COLLISION_RESOLUTION } from './iana.ts';
import type { BgpInput, BgpOutput, BgpSessionOptions, BgpSnapshot, ConnectionId, SessionFailure } from './interface.ts';
import { MessageCounts } from './message-counts.ts';
import { OwnPaths } from './own-path.ts';
import { RibOut } from './rib-out.ts';

/**
 * A batch of so many prefixes is packed within a few milliseconds, and a router reads one while the next is being packed.
 * Long messages take more to fill.
 */
const BATCH_PREFIXES = 2000;
const EXTENDED_BATCH_PREFIXES = 10_000;
const FIRST_RETRY_MS = 250;
/** Of a router that ends it by a NOTIFICATION nothing else is to be expected soon. */
const REFUSED_RETRY_MS = 60_000;
/** A session that has lasted this long was a working one: the next failure is the first again. */
const WORKING_MS = 10_000;
/** Two connections that both sides have begun at the same time have met within this. */
const COLLISION_MS = 5000;

interface PathsByMode {
  readonly usual: OwnPaths;
  /** RFC 8326: while the routes are about to go. */
  readonly goingDown: OwnPaths;
}

export class BgpSession {
  readonly #options: BgpSessionOptions;
  readonly #share: () => number;
  readonly #counts = new MessageCounts();
  readonly #rib = new RibOut();
  readonly #connections = new Map<ConnectionId, Connection>();
  readonly #host: ConnectionHost;
  #outputs: BgpOutput[] = [];
  #isStarted = false;
  #lastId = 0;
  #state: BgpState = 'idle';
  #since: Instant;
  #now: Instant;
  /** When to connect next, and what it is called until then. */
  #retry: { readonly at: Instant | undefined; readonly state: 'idle' | 'active' } = { at: undefined, state: 'idle' };
  #failures = 0;
  #lastFailure: SessionFailure | undefined;
  /** The connection that is established. What it was told before a shutdown that is called off is known to be the same. */
  #current: { readonly connection: Connection; readonly since: Instant; readonly paths: PathsByMode } | undefined;
  #isShuttingDown = false;
  /** Families whose first routes are not all sent yet; and those that are being sent again between two marks. */
  #unfinished: readonly Family[] = [];
  #repeating: readonly Family[] = [];
  /** Of which the first mark is still to be written. */
  #toMark: readonly Family[] = [];
  #advertised: number | undefined;
  #established = 0;
  #flaps = 0;
  #receivedPrefixes = 0;

  constructor(options: BgpSessionOptions, now: Instant) {
    this.#options = options;
    this.#share = seededShare(options.seed);
    this.#since = now;
    this.#now = now;
    this.#host = {
      output: (output) => this.#outputs.push(output),
      jitter: () => this.#jitter(),
      counts: this.#counts,
      isRestarting: () => this.#established === 0,
      opened: (connection, at) => this.#collide(connection, at),
      established: (connection, at) => this.#establish(connection, at),
      update: (received) => this.#hear(received),
      refresh: (refresh) => this.#refresh(refresh),
      ended: (connection, failure, at) => this.#ended(connection, failure, at),
    };
  }

  handle(input: BgpInput, now: Instant): BgpOutput[] {
    this.#outputs = [];
    this.#now = now;
    this.#take(input, now);
    this.#advertise();
    this.#showState(now);
    return this.#outputs;
  }

  /** When 'timer' is due; undefined: not before something else happens. */
  deadline(): Instant | undefined {
    if (this.#mayAdvertise() && this.#rib.dueRoutes > 0) return this.#now;
    const times = [...this.#connections.values()].map((connection) => connection.deadline());
    const due = [...times, this.#retry.at].filter((at) => at !== undefined);
    return due.length === 0 ? undefined : (Math.min(...due) as Instant);
  }

  /** For a connection that the peer has made. */
  nextConnection(): ConnectionId {
    this.#lastId += 1;
    return this.#lastId;
  }

  snapshot(): BgpSnapshot {
    const shown = this.#furthest();
    const open = shown?.remoteOpen;
    const agreement = shown?.agreement;
    return {
      state: this.#state,
      since: this.#since,
      isStarted: this.#isStarted,
      ...(shown?.local === undefined ? {} : { local: shown.local }),
      ...(open === undefined ? {} : { remoteAsn: openAsn(open), remoteIdentifier: open.identifier }),
      ...(agreement === undefined ? {} : { holdTimeSeconds: agreement.holdTimeSeconds }),
      families: agreement?.families ?? [],
      capabilities: open === undefined ? [] : describeCapabilities(open),
      gracefulRestart: agreement?.gracefulRestart ?? 'none',
      ...(this.#advertised === undefined ? {} : { advertisedGeneration: this.#advertised }),
      advertisedRoutes: this.#rib.toldRoutes,
      pendingRoutes: this.#rib.dueRoutes,
      notAdvertised: this.#current?.paths.usual.obstacles(this.#options.families) ?? [],
      advertisedFamilies: this.#current?.paths.usual.carried(this.#options.families) ?? [],
      ...(this.#lastFailure === undefined ? {} : { lastFailure: this.#lastFailure }),
      established: this.#established,
      flaps: this.#flaps,
      messages: this.#counts.list(),
      receivedPrefixes: this.#receivedPrefixes,
      ...(this.#retry.at === undefined ? {} : { nextAttemptAt: this.#retry.at }),
    };
  }

  #take(input: BgpInput, now: Instant): void {
    switch (input.kind) {
      case 'start':
        this.#start(now);
        return;
      case 'stop':
        this.#stop(input, now);
        return;
      case 'timer':
        this.#onTimer(now);
        return;
      case 'connected':
        this.#connections.get(input.connection)?.opened(input.local, input.nextHops, now);
        return;
      case 'accepted':
        this.#accept(input, now);
        return;
      case 'received':
        this.#connections.get(input.connection)?.receive(input.bytes, now);
        return;
      case 'closed':
        this.#connections.get(input.connection)?.lost(input.reason, now);
        return;
      case 'blocked':
      case 'drained':
        this.#connections.get(input.connection)?.setBlocked(input.kind, now);
        return;
      case 'routes':
        this.#rib.want(input.generation, input.routes);
        return;
      case 'graceful-shutdown':
        this.#isShuttingDown = input.mode === 'on';
        this.#repath('as-before');
        return;
      case 'bfd-down':
        this.#pathFailed(input.reason, now);
        return;
      default:
        assertNever(input);
    }
  }

  #start(now: Instant): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#failures = 0;
    this.#retry = { at: this.#options.role === 'active' ? now : undefined, state: 'active' };
    this.#dialWhenDue(now);
  }

  #stop({ routes, subcode, text }: Extract<BgpInput, { kind: 'stop' }>, now: Instant): void {
    this.#isStarted = false;
    const reason = 'this side has ended it';
    for (const connection of [...this.#connections.values()]) {
      const restart = connection.agreement?.gracefulRestart ?? 'none';
      // RFC 4724 §4.2: without a NOTIFICATION the router takes it for a restart.
      if (routes === 'keep' && restart !== 'none' && connection.state === 'established') {
        connection.drop({ cause: 'stopped', reason }, now, 'in-order');
      } else {
        connection.refuse(final(ceaseNotification(subcode, text), restart), reason, now, 'stopped');
      }
    }
    this.#retry = { at: undefined, state: 'idle' };
  }

  #onTimer(now: Instant): void {
    for (const connection of [...this.#connections.values()]) connection.timer(now);
    this.#dialWhenDue(now);
  }

  #dialWhenDue(now: Instant): void {
    if (this.#retry.at === undefined || now < this.#retry.at) return;
    this.#retry = { at: undefined, state: 'active' };
    // One that the peer has made is under way: when it fails, there is another wait.
    if (this.#connections.size > 0) return;
    const id = this.nextConnection();
    this.#connections.set(id, new Connection({ id, direction: 'outgoing' }, this.#options, this.#host, now));
    this.#outputs.push({ kind: 'dial', connection: id });
  }

  #accept({ connection: id, local, nextHops }: Extract<BgpInput, { kind: 'accepted' }>, now: Instant): void {
    if (!this.#isStarted) {
      this.#outputs.push({ kind: 'close', connection: id, how: 'at-once' });
      return;
    }
    const connection = new Connection({ id, direction: 'incoming' }, this.#options, this.#host, now);
    const older = [...this.#connections.values()].filter(
      ({ direction, state }) => direction === 'incoming' && state !== 'established',
    );
    this.#connections.set(id, connection);
    for (const other of older) other.drop({ cause: 'lost', reason: 'the router has connected anew' }, now);
    connection.opened(local, nextHops, now);
  }

  /** RFC 4271 §6.8: an OPEN has come by the connection; of those that have one already, and this, one may stay. */
  #collide(connection: Connection, now: Instant): void {
    const { remoteOpen, agreement } = connection;
    if (remoteOpen === undefined || agreement === undefined) return;
    const { localAsn: asn, identifier } = this.#options;
    const kept = keptDirection({ identifier, asn }, { identifier: remoteOpen.identifier, asn: agreement.remoteAsn });
    for (const other of [...this.#connections.values()]) {
      if (other === connection || connection.isOver) continue;
      if (other.state === 'established') {
        // RFC 4724 §4.2: who restarts gracefully connects anew before the old connection is known to be dead.
        const keepsRoutes = other.agreement?.gracefulRestart !== 'none';
        if (keepsRoutes && connection.direction === 'incoming' && this.#isSettled(now))
          other.drop({ cause: 'lost', reason: 'the router has connected anew' }, now);
        else collided(connection, now);
      } else if (other.state === 'open-confirm') {
        // There is one of each direction at the most.
        collided(connection.direction === kept ? other : connection, now);
      }
    }
  }

  /** What comes sooner after it was established is the router's end of a collision, and no restart. */
  #isSettled(now: Instant): boolean {
    return this.#current !== undefined && now - this.#current.since >= COLLISION_MS;
  }

  #establish(connection: Connection, now: Instant): void {
    for (const other of [...this.#connections.values()]) if (other !== connection) collided(other, now);
    this.#retry = { at: undefined, state: 'active' };
    this.#established += 1;
    this.#current = { connection, since: now, paths: this.#pathsOn(connection) };
    this.#unfinished = connection.agreement?.families ?? [];
    this.#repath('nothing');
  }

  #pathsOn({ agreement, nextHops }: Connection): PathsByMode {
    if (agreement === undefined) throw new Error('a connection is established without an OPEN');
    const { localAsn } = this.#options;
    const pathsWith = (gracefulShutdown: 'on' | 'off') =>
      new OwnPaths({ localAsn, agreement, nextHops, gracefulShutdown });
    return { usual: pathsWith('off'), goingDown: pathsWith('on') };
  }

  #repath(told: 'nothing' | 'as-before'): void {
    if (this.#current === undefined) return;
    const { usual, goingDown } = this.#current.paths;
    this.#rib.begin(this.#isShuttingDown ? goingDown : usual, told);
  }

  #hear(received: ReceivedUpdate): void {
    for (const { prefixes } of reachability(received).announced) this.#receivedPrefixes += prefixes.length;
    for (const { fault } of received.faults) this.#outputs.push({ kind: 'faulty-update', reason: fault.reason });
  }

  /** RFC 7313 §5: marks of the peer's own routes mean nothing to who keeps none. */
  #refresh({ family, subtype }: RouteRefresh): void {
    if (subtype === 'request') this.#repeat(family);
  }

  #repeat(family: Family): void {
    const { connection } = this.#current ?? {};
    if (connection?.agreement?.families.some((spoken) => isSameFamily(spoken, family)) !== true) return;
    this.#rib.repeat(family);
    // RFC 7313 §4: no marks before the End-of-RIB.
    const isUnfinished = this.#unfinished.some((other) => isSameFamily(other, family));
    if (connection.agreement.routeRefresh !== 'enhanced' || isUnfinished) return;
    // Written when the kernel takes something: a router that asks and does not read costs no memory.
    this.#toMark = withFamily(this.#toMark, family);
  }

  #pathFailed(reason: string, now: Instant): void {
    for (const connection of [...this.#connections.values()]) {
      const restart = connection.agreement?.gracefulRestart ?? 'none';
      connection.refuse(final(ceaseNotification(CEASE_BFD_DOWN), restart), reason, now, 'bfd-down');
    }
  }

  #ended(connection: Connection, failure: SessionFailure, now: Instant): void {
    this.#connections.delete(connection.id);
    const current = this.#current?.connection === connection ? this.#current : undefined;
    if (current !== undefined) {
      this.#flaps += 1;
      if (now - current.since >= WORKING_MS) this.#failures = 0;
      this.#current = undefined;
      this.#rib.end();
      this.#unfinished = [];
      this.#repeating = [];
      this.#toMark = [];
      this.#advertised = undefined;
      this.#receivedPrefixes = 0;
    }
    const others = this.#connections.size > 0;
    // One of two has gone, and the other goes on: nothing has failed.
    if (others && current === undefined) return;
    this.#lastFailure = failure;
    this.#outputs.push({ kind: 'failed', failure });
    // The old one of a router that has restarted: so there is a moment in which nothing is established.
    if (others) this.#showState(now);
    if (!this.#isStarted || others) return;
    // An attempt of the router's does not put off this side's next one.
    if (connection.direction === 'incoming' && current === undefined && this.#retry.at !== undefined) return;
    this.#failures += 1;
    const isTcp = failure.cause === 'connect';
    const state = isTcp || this.#options.role === 'passive' ? 'active' : 'idle';
    const at = this.#options.role === 'passive' ? undefined : after(now, this.#retryMs(failure));
    this.#retry = { at, state };
  }

  #retryMs({ cause }: SessionFailure): number {
    const wasRefused = cause === 'notification-sent' || cause === 'notification-received';
    const most = Math.max(this.#options.connectTimeSeconds * 1000, wasRefused ? REFUSED_RETRY_MS : 0);
    return Math.min(FIRST_RETRY_MS * 2 ** Math.min(this.#failures - 1, 20), most) * this.#jitter();
  }

  /** RFC 4271 §10 */
  #jitter(): number {
    return 0.75 + 0.25 * this.#share();
  }

  #mayAdvertise(): boolean {
    return this.#current !== undefined && !this.#current.connection.isBlocked;
  }

  #advertise(): void {
    const { connection } = this.#current ?? {};
    const agreement = connection?.agreement;
    if (connection === undefined || agreement === undefined || connection.isBlocked) return;
    for (const family of this.#toMark) {
      this.#counts.sent('route-refresh');
      connection.write(encodeRouteRefresh(family, 'begin'));
      this.#repeating = withFamily(this.#repeating, family);
    }
    this.#toMark = [];
    if (this.#rib.dueRoutes > 0) {
      const most = agreement.extendedMessages ? EXTENDED_BATCH_PREFIXES : BATCH_PREFIXES;
      const messages = packUpdates(this.#rib.take(most), {
        asnBytes: agreement.asnBytes,
        maxMessageBytes: agreement.extendedMessages ? MAX_EXTENDED_MESSAGE_BYTES : MAX_MESSAGE_BYTES,
        ipv4NextHops: agreement.ipv4NextHops,
      });
      if (messages.length > 0) connection.write(joined(messages));
      this.#counts.sent('update', messages.length);
    }
    if (this.#rib.dueRoutes === 0) this.#finish(connection);
  }

  /** All is told. */
  #finish(connection: Connection): void {
    for (const family of this.#repeating) {
      this.#counts.sent('route-refresh');
      connection.write(encodeRouteRefresh(family, 'end'));
    }
    this.#repeating = [];
    const { generation } = this.#rib;
    // Before there are routes, the end of them would have the router forget those that it keeps.
    if (generation === undefined) return;
    for (const family of this.#unfinished) {
      if (ipFamilyOf(family) === undefined) continue;
      this.#counts.sent('update');
      connection.write(encodeEndOfRib(family));
    }
    this.#unfinished = [];
    if (this.#advertised === generation) return;
    this.#advertised = generation;
    this.#outputs.push({ kind: 'advertised', generation });
  }

  #showState(now: Instant): void {
    const to = this.#stateNow();
    if (to === this.#state) return;
    const from = this.#state;
    this.#state = to;
    this.#since = now;
    this.#outputs.push({ kind: 'changed', from, to });
  }

  #stateNow(): BgpState {
    const state = this.#furthest()?.state;
    if (state === undefined || state === 'over') return this.#isStarted ? this.#retry.state : 'idle';
    return state === 'connecting' ? 'connect' : state;
  }

  #furthest(): Connection | undefined {
    const order = ['connecting', 'open-sent', 'open-confirm', 'established'];
    return [...this.#connections.values()].reduce<Connection | undefined>(
      (best, one) => (best === undefined || order.indexOf(one.state) > order.indexOf(best.state) ? one : best),
      undefined,
    );
  }
}

function collided(connection: Connection, now: Instant): void {
  const reason = 'another connection with the router stays';
  connection.refuse(ceaseNotification(CEASE_CONNECTION_COLLISION_RESOLUTION), reason, now);
}

/** RFC 8538 §3: a router that keeps routes over a NOTIFICATION is told by which it is not to. */
function final(notification: Notification, restart: 'none' | 'plain' | 'notification'): Notification {
  return restart === 'notification' ? hardReset(notification) : notification;
}

function withFamily(families: readonly Family[], family: Family): readonly Family[] {
  return families.some((other) => isSameFamily(other, family)) ? families : [...families, family];
}

function joined(messages: readonly Uint8Array[]): Uint8Array {
  if (messages.length === 1) return messages[0] as Uint8Array;
  const whole = new Uint8Array(messages.reduce((bytes, message) => bytes + message.length, 0));
  let at = 0;
  for (const message of messages) {
    whole.set(message, at);
    at += message.length;
  }
  return whole;
}
