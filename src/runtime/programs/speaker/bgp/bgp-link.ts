/**
 * One BGP session on the network: its connections opened, its bytes carried, its timer kept. What becomes of it goes to
 * one callback. Belongs to the thread of its sockets.
 *
 *     routes, bfdDown, accept ─▶ ┌────────────┐ ─▶ onChange(state, failure, advertised)
 *     stream ─▶ received, closed │ BgpSession │ ─▶ dial, write, close ─▶ stream
 *     clock ─▶ timer ──────────▶ └────────────┘
 */
import { DeadlineTimer } from '../../../engine/deadline-timer.ts';
import type { Log } from '../../../engine/log.ts';
import type { Clock } from '../../../engine/ports.ts';
import type { OpenStream, StandingHandlers, Stream, StreamHandlers } from '../../../engine/stream-ports.ts';
import type { AdvertisedRoute, PlannedSession } from '../../../model/bgp-plan.ts';
import type { BgpSessionView } from '../../../model/bgp-session.ts';
import type { Ip } from '../../../model/ip.ts';
import type { BgpInput, BgpOutput, ConnectionId, NextHops, SessionFailure } from '../../../protocols/bgp/interface.ts';
import { BgpSession } from '../../../protocols/bgp/session.ts';
import { connectReason } from './connect-reason.ts';
import { type Remote, sessionOptions, streamTarget } from './session-options.ts';

/** So much may wait for the kernel before the session is told that it takes no more. */
const MOST_BUFFERED_BYTES = 1024 * 1024;
/** How long a connection that is closed in order is waited for. */
const LINGER_MS = 1000;
/** How long a router that is not known may take to be found, before that counts as a failed attempt. */
const FIND_MS = 2000;
/** What a router sends wrong over and over is told once in this time. */
const FAULTS_EVERY_MS = 60_000;

export interface BgpLinkOptions {
  readonly planned: Pick<PlannedSession, 'peer' | 'identifier'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly seed: number;
  readonly open: OpenStream;
  /** Where the router is; a sentence: it is not known, and why. */
  readonly remote: () => Remote | string;
  readonly nextHops: (local: Ip, device: string | undefined) => NextHops;
  /** Something of its view has changed. Not called from inside a call. */
  readonly onChange: () => void;
}

export class BgpLink {
  readonly #options: BgpLinkOptions;
  readonly #session: BgpSession;
  readonly #streams = new Map<ConnectionId, { readonly stream: Stream; isBlocked: boolean }>();
  readonly #lingering = new Set<Stream>();
  readonly #timer: DeadlineTimer;
  /** To be opened as soon as it is known where the router is. */
  #waiting: { readonly connection: ConnectionId; readonly cancel: () => void } | undefined;
  #remoteAddress = '';
  /** Since when it has been established, or has not. */
  #turnedWallMs: number;
  #faultsToldAt: number | undefined;
  #isTelling = false;

  constructor(options: BgpLinkOptions) {
    this.#options = options;
    const { clock, planned, seed } = options;
    this.#turnedWallMs = clock.wallMs();
    this.#session = new BgpSession(sessionOptions(planned, { seed }), clock.now());
    this.#timer = new DeadlineTimer(
      clock,
      () => this.#session.deadline(),
      () => this.#handle({ kind: 'timer' }),
    );
    const { remote } = planned.peer;
    if ('address' in remote) this.#remoteAddress = remote.address;
  }

  start(): void {
    this.#handle({ kind: 'start' });
  }

  setRoutes(generation: number, routes: readonly AdvertisedRoute[]): void {
    this.#handle({ kind: 'routes', generation, routes });
  }

  setGracefulShutdown(mode: 'on' | 'off'): void {
    this.#handle({ kind: 'graceful-shutdown', mode });
  }

  /** It may be known by now where the router is. */
  remoteChanged(): void {
    const waiting = this.#waiting;
    if (waiting !== undefined && typeof this.#options.remote() !== 'string') this.#dial(waiting.connection);
  }

  /** The path has failed, in words. */
  bfdDown(reason: string): void {
    this.#handle({ kind: 'bfd-down', reason });
  }

  /** A connection that the router has made. What it returns is to be told of it. */
  accept(stream: Stream, local: Ip): StandingHandlers {
    const connection = this.#session.nextConnection();
    const place = this.#options.remote();
    const device = typeof place === 'string' ? undefined : place.device;
    this.#streams.set(connection, { stream, isBlocked: false });
    this.#handle({ kind: 'accepted', connection, local, nextHops: this.#options.nextHops(local, device) });
    return this.#handlers(connection, device);
  }

  /** Ends it. Its connections linger for as long as they need to say so. */
  stop(stop: Omit<Extract<BgpInput, { kind: 'stop' }>, 'kind'>): void {
    this.#handle({ kind: 'stop', ...stop });
    this.#timer.cancel();
    this.#stopWaiting();
  }

  /** Whether the router keeps the routes of a session that ends without a word. */
  get keepsRoutes(): boolean {
    return this.#session.snapshot().gracefulRestart !== 'none';
  }

  get isEstablished(): boolean {
    return this.#session.snapshot().state === 'established';
  }

  view(): Omit<BgpSessionView, 'bfd'> {
    const { planned } = this.#options;
    const snapshot = this.#session.snapshot();
    const { lastFailure, local, remoteAsn, remoteIdentifier, advertisedGeneration } = snapshot;
    return {
      peer: planned.peer.name,
      state: snapshot.state,
      sinceWallMs: this.#turnedWallMs,
      remoteAddress: this.#remoteAddress,
      ...(local === undefined ? {} : { localAddress: local }),
      ...(remoteAsn === undefined ? {} : { remoteAsn }),
      ...(remoteIdentifier === undefined ? {} : { remoteIdentifier }),
      ...(advertisedGeneration === undefined ? {} : { advertisedGeneration }),
      advertisedRoutes: snapshot.advertisedRoutes,
      notAdvertised: snapshot.notAdvertised,
      advertisedFamilies: snapshot.advertisedFamilies,
      ...(lastFailure === undefined ? {} : { lastError: this.#words(lastFailure) }),
      established: snapshot.established,
      flaps: snapshot.flaps,
      messages: snapshot.messages,
      receivedPrefixes: snapshot.receivedPrefixes,
    };
  }

  #handlers(connection: ConnectionId, device: string | undefined): StreamHandlers {
    return {
      connected: (local) => {
        const nextHops = this.#options.nextHops(local, device);
        this.#handle({ kind: 'connected', connection, local, nextHops });
      },
      received: (bytes) => this.#handle({ kind: 'received', connection, bytes }),
      drained: () => {
        const entry = this.#streams.get(connection);
        if (entry !== undefined) entry.isBlocked = false;
        this.#handle({ kind: 'drained', connection });
      },
      closed: (error) => {
        const entry = this.#streams.get(connection);
        if (entry !== undefined) this.#lingering.delete(entry.stream);
        this.#streams.delete(connection);
        const reason = error === undefined ? undefined : error.message;
        this.#handle({ kind: 'closed', connection, ...(reason === undefined ? {} : { reason }) });
      },
    };
  }

  #handle(input: BgpInput): void {
    const { clock } = this.#options;
    for (const output of this.#session.handle(input, clock.now())) this.#carryOut(output);
    this.#reportBlocked();
    this.#timer.arm();
  }

  #carryOut(output: BgpOutput): void {
    switch (output.kind) {
      case 'dial':
        this.#dial(output.connection);
        return;
      case 'write':
        this.#streams.get(output.connection)?.stream.write(output.bytes);
        return;
      case 'close':
        this.#close(output.connection, output.how);
        return;
      case 'faulty-update':
        this.#tellFault(output.reason);
        return;
      case 'changed':
        if (output.from === 'established' || output.to === 'established') {
          this.#turnedWallMs = this.#options.clock.wallMs();
        }
        this.#tell();
        return;
      case 'failed':
      case 'advertised':
        this.#tell();
        return;
    }
  }

  #dial(connection: ConnectionId): void {
    const { planned, open, remote } = this.#options;
    this.#stopWaiting();
    const place = remote();
    if (typeof place === 'string') {
      this.#wait(connection);
      return;
    }
    this.#remoteAddress = place.address;
    const stream = open(streamTarget(planned.peer, place), this.#handlers(connection, place.device));
    this.#streams.set(connection, { stream, isBlocked: false });
  }

  #wait(connection: ConnectionId): void {
    const { clock, remote } = this.#options;
    const cancel = clock.schedule(FIND_MS, () => {
      this.#waiting = undefined;
      const place = remote();
      if (typeof place === 'string') this.#handle({ kind: 'closed', connection, reason: place });
      else this.#dial(connection);
    });
    this.#waiting = { connection, cancel };
  }

  #stopWaiting(): void {
    this.#waiting?.cancel();
    this.#waiting = undefined;
  }

  #close(connection: ConnectionId, how: 'in-order' | 'at-once'): void {
    if (this.#waiting?.connection === connection) this.#stopWaiting();
    const entry = this.#streams.get(connection);
    if (entry === undefined) return;
    const { stream } = entry;
    if (how === 'at-once') {
      this.#streams.delete(connection);
      stream.destroy();
      return;
    }
    stream.end();
    this.#lingering.add(stream);
    this.#options.clock.schedule(LINGER_MS, () => {
      if (!this.#lingering.delete(stream)) return;
      this.#streams.delete(connection);
      stream.destroy();
    });
  }

  #reportBlocked(): void {
    for (const [connection, entry] of this.#streams) {
      if (entry.isBlocked || entry.stream.bufferedBytes() < MOST_BUFFERED_BYTES) continue;
      entry.isBlocked = true;
      const outputs = this.#session.handle({ kind: 'blocked', connection }, this.#options.clock.now());
      for (const output of outputs) this.#carryOut(output);
    }
  }

  #words(failure: SessionFailure): string {
    return failure.cause === 'connect' ? connectReason(failure.reason, this.#options.planned.peer) : failure.reason;
  }

  #tell(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    this.#options.clock.schedule(0, () => {
      this.#isTelling = false;
      this.#options.onChange();
    });
  }

  #tellFault(reason: string): void {
    const { clock, log, planned } = this.#options;
    const now = clock.now();
    if (this.#faultsToldAt !== undefined && now - this.#faultsToldAt < FAULTS_EVERY_MS) return;
    this.#faultsToldAt = now;
    log.warn({ peer: planned.peer.name, reason }, 'the router sends faulty updates; they are ignored like all others');
  }
}
