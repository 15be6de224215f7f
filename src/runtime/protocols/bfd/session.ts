/**
 * One BFD session in asynchronous mode: a machine without clock or socket. Both sides send periodically, and whoever hears
 * nothing for the detection time takes the path for dead.
 *
 *                             ┌──────┐ heard AdminDown, Up; silence
 *                             │      ▼
 *     heard AdminDown,     ┌──┴─────────┐  heard Down    ┌────────┐
 *     Down; silence ──────▶│    down    ├───────────────▶│  init  │
 *          ▲               └─────┬──────┘◀───────────────┴───┬────┘
 *          │           heard Init│        heard AdminDown;   │ heard Init, Up
 *          │                     ▼        silence            │
 *          │                   ┌────┐◀───────────────────────┘
 *          └───────────────────┤ up │
 *                              └────┘
 *     disable: admin-down from everywhere; enable: down again
 *
 * What this side wants of intervals is told with a poll, and a change that makes either side slower to notice a failure, or
 * that the neighbour must know of first, counts from the answer on (see Pace).
 *
 * Silence is judged only after the socket has been read: a process that slept finds packets there that came in time. On
 * 'drain' the caller tells what it finds and then 'drained'; the silence stands if it still lasts.
 *
 * Use: act on what `handle` returns, then call it with 'timer' at `deadline()`. It never demands (the demand bit), and uses
 * no authentication. Echo packets are another machine's (EchoFunction), whose failure it is told.
 * Implements: RFC 5880 §6.1, §6.2, §6.5, §6.8.1–6.8.7, §6.8.16. Deviations: where they stand below.
 */
import { assertNever } from '../../model/result.ts';
import { after, type Instant } from '../../model/time.ts';
import { type BfdPacket, encodeBfdPacket } from './codec.ts';
import {
  type BfdState,
  DIAGNOSTIC_ADMINISTRATIVELY_DOWN,
  DIAGNOSTIC_DETECTION_TIME_EXPIRED,
  DIAGNOSTIC_ECHO_FUNCTION_FAILED,
  DIAGNOSTIC_NEIGHBOR_SIGNALED_DOWN,
  DIAGNOSTIC_NONE,
  DIAGNOSTIC_PATH_DOWN,
} from './iana.ts';
import type { BfdInput, BfdIntervals, BfdOutput, BfdSessionOptions, BfdSnapshot } from './interface.ts';
import { Jitter } from './jitter.ts';
import { Pace } from './pace.ts';

/** Of the neighbour, before anything was heard (RFC 5880 §6.8.1), and again when nothing has been for long. */
const UNHEARD = { discriminator: 0, minRxMs: 0.001, minEchoRxMs: 0, isDemanding: false } as const;

export class BfdSession {
  readonly #options: BfdSessionOptions;
  readonly #jitter: Jitter;
  readonly #pace: Pace;
  #outputs: BfdOutput[] = [];
  #state: BfdState = 'down';
  #diagnostic = DIAGNOSTIC_NONE;
  #since: Instant;
  #remoteState: BfdState = 'down';
  #remoteDiagnostic = DIAGNOSTIC_NONE;
  #remote: { discriminator: number; minRxMs: number; minEchoRxMs: number; isDemanding: boolean } = { ...UNHEARD };
  /** The neighbour's packets that must be missing, and its desired interval; undefined: not heard. */
  #heard: { at: Instant; multiplier: number; desiredMinTxMs: number } | undefined;
  /** The last packet, and the share of the interval after which the next one follows. */
  #sentAt: Instant;
  #share = 0;
  #isDraining = false;
  #packetsSent = 0;
  #packetsReceived = 0;
  #ups = 0;
  #downs = 0;
  #rescues = 0;

  /** Begins down, with its first packet due at once if it is active. */
  constructor(options: BfdSessionOptions, now: Instant) {
    this.#options = options;
    this.#jitter = new Jitter(options.seed);
    this.#pace = new Pace(options);
    this.#since = now;
    this.#sentAt = now;
  }

  handle(input: BfdInput, now: Instant): BfdOutput[] {
    this.#outputs = [];
    this.#take(input, now);
    return this.#outputs;
  }

  /** When 'timer' is due; undefined: not before something else happens. */
  deadline(): Instant | undefined {
    const transmit = this.#transmitAt();
    const silence = this.#isDraining ? undefined : this.#silentAt();
    if (transmit === undefined || silence === undefined) return transmit ?? silence;
    return transmit < silence ? transmit : silence;
  }

  snapshot(): BfdSnapshot {
    return {
      state: this.#state,
      remoteState: this.#remoteState,
      diagnostic: this.#diagnostic,
      remoteDiagnostic: this.#remoteDiagnostic,
      localDiscriminator: this.#options.localDiscriminator,
      remoteDiscriminator: this.#remote.discriminator,
      remoteMinEchoRxMs: this.#remote.minEchoRxMs,
      transmitIntervalMs: this.#transmitIntervalMs(),
      detectionTimeMs: this.#detectionTimeMs(),
      isPolling: this.#pace.isPolling,
      since: this.#since,
      packetsSent: this.#packetsSent,
      packetsReceived: this.#packetsReceived,
      ups: this.#ups,
      downs: this.#downs,
      rescues: this.#rescues,
    };
  }

  #take(input: BfdInput, now: Instant): void {
    switch (input.kind) {
      case 'packet':
        this.#receive(input.packet, now);
        return;
      case 'timer':
        this.#onTimer(now);
        return;
      case 'drained':
        this.#onDrained(now);
        return;
      case 'intervals':
        this.#setIntervals(input, now);
        return;
      case 'disable': {
        const isPath = input.because === 'path-down';
        this.#become('admin-down', isPath ? DIAGNOSTIC_PATH_DOWN : DIAGNOSTIC_ADMINISTRATIVELY_DOWN, now);
        return;
      }
      case 'echo-failed':
        // §6.8.5
        if (this.#state === 'up') this.#become('down', DIAGNOSTIC_ECHO_FUNCTION_FAILED, now);
        return;
      case 'enable':
        if (this.#state === 'admin-down') this.#become('down', this.#diagnostic, now);
        return;
      default:
        assertNever(input);
    }
  }

  /** RFC 5880 §6.8.6, from where the session is known. */
  #receive(packet: BfdPacket, now: Instant): void {
    this.#packetsReceived += 1;
    this.#remoteState = packet.state;
    this.#remoteDiagnostic = packet.diagnostic;
    this.#remote.discriminator = packet.myDiscriminator;
    this.#remote.minRxMs = packet.requiredMinRxMicroseconds / 1000;
    this.#remote.minEchoRxMs = packet.requiredMinEchoRxMicroseconds / 1000;
    this.#remote.isDemanding = packet.demand;
    this.#heard = {
      at: now,
      multiplier: packet.detectMultiplier,
      desiredMinTxMs: packet.desiredMinTxMicroseconds / 1000,
    };
    if (packet.final) this.#pace.answered();
    if (this.#state === 'admin-down') return;
    this.#follow(packet.state, now);
    // §6.8.7: at once, whatever else holds.
    if (packet.poll) this.#send({ final: true }, now);
  }

  /** The state table of §6.8.6. */
  #follow(remote: BfdState, now: Instant): void {
    switch (this.#state) {
      case 'down':
        if (remote === 'down') this.#become('init', this.#diagnostic, now);
        else if (remote === 'init') this.#become('up', this.#diagnostic, now);
        return;
      case 'init':
        if (remote === 'admin-down') this.#become('down', DIAGNOSTIC_NEIGHBOR_SIGNALED_DOWN, now);
        else if (remote === 'init' || remote === 'up') this.#become('up', this.#diagnostic, now);
        return;
      case 'up':
        if (remote === 'down' || remote === 'admin-down') {
          this.#become('down', DIAGNOSTIC_NEIGHBOR_SIGNALED_DOWN, now);
        }
        return;
      case 'admin-down':
        return;
      default:
        assertNever(this.#state);
    }
  }

  #onTimer(now: Instant): void {
    const silentAt = this.#silentAt();
    if (silentAt !== undefined && now >= silentAt && !this.#isDraining) {
      this.#isDraining = true;
      this.#outputs.push({ kind: 'drain' });
    }
    const transmitAt = this.#transmitAt();
    if (transmitAt !== undefined && now >= transmitAt) this.#send({ final: false }, now);
  }

  #onDrained(now: Instant): void {
    if (!this.#isDraining) return;
    this.#isDraining = false;
    const silentAt = this.#silentAt();
    if (silentAt === undefined || now < silentAt) {
      this.#rescues += 1;
      return;
    }
    this.#forget();
    // §6.8.4
    if (this.#state === 'init' || this.#state === 'up') {
      this.#become('down', DIAGNOSTIC_DETECTION_TIME_EXPIRED, now);
    }
  }

  /**
   * §6.8.1: who was not heard for the detection time has no discriminator any more.
   * Deviation: what it could receive is forgotten with that. One that had wanted no packets and begins anew, waiting to be
   * spoken to, would wait for ever otherwise.
   */
  #forget(): void {
    this.#remote = { ...UNHEARD };
    this.#heard = undefined;
  }

  #setIntervals(intervals: BfdIntervals, now: Instant): void {
    if (this.#pace.want(intervals)) this.#tell(now);
  }

  #become(to: BfdState, diagnostic: number, now: Instant): void {
    const from = this.#state;
    if (from === to && diagnostic === this.#diagnostic) return;
    this.#state = to;
    this.#diagnostic = diagnostic;
    if (from !== to) {
      this.#since = now;
      if (to === 'up') this.#ups += 1;
      if (from === 'up') this.#downs += 1;
      if (to === 'up' || from === 'up') this.#pace.turn(to === 'up' ? 'up' : 'not-up');
      this.#outputs.push({
        kind: 'changed',
        from,
        to,
        diagnostic,
        remoteState: this.#remoteState,
        remoteDiagnostic: this.#remoteDiagnostic,
      });
    }
    this.#tell(now);
  }

  /** §6.8.7: what is new is sent between the periodic packets, so that the neighbour knows at once. */
  #tell(now: Instant): void {
    if (this.#maySend()) this.#send({ final: false }, now);
  }

  #send({ final }: { readonly final: boolean }, now: Instant): void {
    const { desiredMinTxMs, requiredMinRxMs, detectMultiplier } = this.#pace.told;
    const payload = encodeBfdPacket({
      diagnostic: this.#diagnostic,
      state: this.#state,
      // §6.8.7: never both.
      poll: this.#pace.isPolling && !final,
      final,
      controlPlaneIndependent: false,
      demand: false,
      detectMultiplier,
      myDiscriminator: this.#options.localDiscriminator,
      yourDiscriminator: this.#remote.discriminator,
      desiredMinTxMicroseconds: microseconds(desiredMinTxMs),
      requiredMinRxMicroseconds: microseconds(requiredMinRxMs),
      requiredMinEchoRxMicroseconds: microseconds(this.#options.requiredMinEchoRxMs),
    });
    this.#outputs.push({ kind: 'send', payload });
    this.#packetsSent += 1;
    // An answer to a poll comes on top: whoever polls fast must not make the periodic packets come late, nor early.
    if (final) return;
    this.#sentAt = now;
    this.#share = this.#jitter.draw(detectMultiplier);
  }

  /** §6.8.7: whether packets may go out at all that nobody has polled for. */
  #maySend(): boolean {
    return this.#remote.discriminator !== 0 || this.#options.role === 'active';
  }

  #transmitAt(): Instant | undefined {
    const intervalMs = this.#transmitIntervalMs();
    return intervalMs === undefined ? undefined : after(this.#sentAt, intervalMs * this.#share);
  }

  /** Before jitter. Undefined: nothing is sent periodically. */
  #transmitIntervalMs(): number | undefined {
    if (!this.#maySend()) return undefined;
    const isDemanded = this.#remote.isDemanding && this.#state === 'up' && this.#remoteState === 'up';
    // §6.8.7: a poll goes on under demand, but not to a neighbour that receives nothing.
    if (this.#remote.minRxMs === 0 || (isDemanded && !this.#pace.isPolling)) return undefined;
    return Math.max(this.#pace.transmitMs, this.#remote.minRxMs);
  }

  /** §6.8.4, asynchronous mode. */
  #detectionTimeMs(): number | undefined {
    if (this.#heard === undefined) return undefined;
    return this.#heard.multiplier * Math.max(this.#pace.receiveMs, this.#heard.desiredMinTxMs);
  }

  #silentAt(): Instant | undefined {
    const detectionTimeMs = this.#detectionTimeMs();
    if (this.#heard === undefined || detectionTimeMs === undefined) return undefined;
    return after(this.#heard.at, detectionTimeMs);
  }
}

function microseconds(milliseconds: number): number {
  return Math.round(milliseconds * 1000);
}
