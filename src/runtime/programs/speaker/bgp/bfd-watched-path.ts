/**
 * One BFD session with its socket and its timer: whatever its machine (protocols/bfd/session.ts) wants done is done here.
 *
 *     blocked(reason) ⇄ running(sender, receiver)      by the interfaces, see bfd-sessions.ts
 *
 * A path that is known to have failed, as when its interface is down, is down at once and not by silence (RFC 5880
 * §6.8.16).
 */
import os from 'node:os';
import { DeadlineTimer } from '../../../engine/deadline-timer.ts';
import { type HostError, toHostError } from '../../../engine/host-error.ts';
import type { PathPorts, PathReceiver, PathSender } from '../../../engine/path-ports.ts';
import type { Clock } from '../../../engine/ports.ts';
import type { BfdView } from '../../../model/bgp-session.ts';
import type { BfdProfile } from '../../../model/config.ts';
import { type Ip, ipFamily } from '../../../model/ip.ts';
import type { BfdPacket } from '../../../protocols/bfd/codec.ts';
import type { BfdPath, SessionEntry } from '../../../protocols/bfd/demultiplex.ts';
import {
  DIAGNOSTIC_NEIGHBOR_SIGNALED_DOWN,
  LOWEST_SOURCE_PORT,
  PORT_MULTIHOP_CONTROL,
  PORT_SINGLE_HOP_CONTROL,
  TTL_SENT,
} from '../../../protocols/bfd/iana.ts';
import type { BfdInput, BfdIntervals, BfdOutput } from '../../../protocols/bfd/interface.ts';
import { BfdSession } from '../../../protocols/bfd/session.ts';
import { EchoWatch } from './bfd-echo-watch.ts';
import type { EchoEnd, EchoLine } from './bfd-echoes.ts';
import type { UsableRoute } from './bfd-receivers.ts';
import type { BfdDevice, WantedBfd } from './bfd-route.ts';
import { describeBfd, describeOpenError } from './bfd-words.ts';

/** How often the word that it is switched off is sent at its end: packets may be lost, and nobody stays to repeat it. */
const FAREWELLS = 3;

const { EADDRNOTAVAIL, EBADF, EINVAL, ENODEV, ENXIO } = os.constants.errno;
/** What sending fails with when the socket is beyond use, as when the address that it sends from is gone. */
const OF_THE_SOCKET: readonly number[] = [EADDRNOTAVAIL, EBADF, EINVAL, ENODEV, ENXIO];

/** What happened to a session, for who relies on it. */
export type BfdChange =
  | { readonly kind: 'up' }
  /** The path has failed: what goes over it is to be ended. */
  | { readonly kind: 'down'; readonly reason: string }
  /** The router has switched it off, which is no failure (RFC 5882 §3.2): what goes over it is to be left alone. */
  | { readonly kind: 'switched-off'; readonly reason: string };

export interface WatchedPathOptions {
  readonly wanted: WantedBfd;
  readonly ports: PathPorts;
  readonly clock: Clock;
  /** 1 … 2^32 − 1, hard to guess, and no other session's. */
  readonly discriminator: number;
  /** Opens the way of its echo packets. Throws HostError. */
  readonly openEcho: (end: EchoEnd) => EchoLine;
  /** 8 bytes, hard to guess, and no other session's. */
  readonly echoSecret: Uint8Array;
  readonly onChanged: (change: BfdChange) => void;
  /** It cannot send any more by the socket that it has. */
  readonly onBroken: () => void;
}

interface Running {
  readonly path: BfdPath;
  readonly device: BfdDevice | undefined;
  readonly sender: PathSender;
  readonly receiver: PathReceiver;
}

export class WatchedPath {
  readonly #options: WatchedPathOptions;
  #profile: BfdProfile;
  #machine: BfdSession | undefined;
  #running: Running | undefined;
  #reason = 'it has not begun yet';
  #sendError: HostError | undefined;
  #tooLowTtl: number | undefined;
  #isBroken = false;
  #packetsSent = 0;
  /** Without a watch: there is to be one, and it could not be opened. */
  #echo: { readonly watch?: EchoWatch; readonly intervalMs: number } | undefined;
  /** Of watches that are over. */
  #echoesBefore = { sent: 0, received: 0 };
  readonly #timer: DeadlineTimer;
  #isOver = false;

  constructor(options: WatchedPathOptions) {
    this.#options = options;
    this.#profile = options.wanted.profile;
    this.#timer = new DeadlineTimer(
      options.clock,
      () => (this.#running === undefined ? undefined : this.#machine?.deadline()),
      () => this.#handle({ kind: 'timer' }),
    );
  }

  get wanted(): WantedBfd {
    return this.#options.wanted;
  }

  get path(): BfdPath | undefined {
    return this.#running?.path;
  }

  /** For the table that packets are told apart by; undefined: it is to get none. */
  entry(session: string): SessionEntry | undefined {
    if (this.#running === undefined) return undefined;
    const { path } = this.#running;
    return {
      session,
      discriminator: this.#options.discriminator,
      path,
      minimumTtl: path.hops === 'single' ? TTL_SENT : this.#profile.minimumTtl,
    };
  }

  setProfile(profile: BfdProfile): void {
    if (profile.detectMultiplier !== this.#profile.detectMultiplier) this.#endEcho();
    this.#profile = profile;
    this.#handle({ kind: 'intervals', ...intervalsOf(profile) });
  }

  /** Goes on, or begins, that way. `isOurs`: whether an address is one of this node's. Undefined: it runs. Or why not. */
  use(route: UsableRoute, receiver: PathReceiver, isOurs: (ip: Ip) => boolean): string | undefined {
    const before = this.#running;
    const fits =
      before !== undefined &&
      before.path.hops === route.kind &&
      before.device?.index === route.device?.index &&
      isOurs(before.sender.local) &&
      !this.#isBroken;
    if (fits) {
      this.#running = { ...before, receiver };
      this.#followEcho();
      return undefined;
    }
    this.#stop();
    let sender: PathSender;
    try {
      sender = this.#openSender(route);
    } catch (error) {
      return describeOpenError(toHostError('open a BFD socket', error));
    }
    const { peer } = this.wanted;
    const path: BfdPath =
      route.kind === 'single'
        ? { hops: 'single', interface: route.device.name, peer }
        : { hops: 'multiple', local: sender.local, peer };
    this.#running = { path, device: route.device, sender, receiver };
    this.#begin(route);
    return undefined;
  }

  /** There is no way, or none that can be used. */
  block(reason: string): void {
    this.#reason = reason;
    this.#stop();
    this.#handle({ kind: 'disable', because: 'path-down' });
  }

  receive(packet: BfdPacket): void {
    this.#sendError = undefined;
    this.#tooLowTtl = undefined;
    this.#handle({ kind: 'packet', packet });
  }

  /** A packet came for it that is not heeded, because it has passed more routers than it may. */
  receiveFromTooFar(ttl: number): void {
    this.#tooLowTtl = ttl;
  }

  view(): BfdView {
    const snapshot = this.#machine?.snapshot();
    const isBlocked = this.#running === undefined;
    const { transmitIntervalMs, detectionTimeMs } = snapshot ?? {};
    return {
      state: isBlocked ? 'down' : (snapshot?.state ?? 'down'),
      diagnostic: isBlocked ? this.#reason : this.#describe(),
      ...(isBlocked || transmitIntervalMs === undefined ? {} : { transmitIntervalMs }),
      ...(isBlocked || detectionTimeMs === undefined ? {} : { detectionTimeMs }),
      packetsSent: this.#packetsSent,
      packetsReceived: snapshot?.packetsReceived ?? 0,
      ...this.#echoCounts(),
      ups: snapshot?.ups ?? 0,
      downs: snapshot?.downs ?? 0,
    };
  }

  /** Tells the router that it is no failure, and is over. onChanged is not called. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const outputs =
      this.#machine?.handle({ kind: 'disable', because: 'administratively-down' }, this.#options.clock.now()) ?? [];
    for (let count = 0; count < FAREWELLS; count++) this.#send(outputs);
    this.#stop();
  }

  #begin(route: UsableRoute): void {
    if (this.#machine === undefined) {
      const { clock, discriminator } = this.#options;
      this.#machine = new BfdSession(
        {
          ...intervalsOf(this.#profile),
          localDiscriminator: discriminator,
          role: this.#profile.passiveMode ? 'passive' : 'active',
          requiredMinEchoRxMs: this.#echoMs(route),
          // Only spreads the packets.
          seed: discriminator,
        },
        clock.now(),
      );
    }
    this.#handle({ kind: 'enable' });
  }

  /**
   * RFC 5880 §6.4: echo packets of the router are addressed to itself, and this node's kernel sends them back if it
   * forwards. Of IPv6 the router is told to send none, as MetalLB does.
   */
  #echoMs(route: UsableRoute): number {
    const { echoMode, echoIntervalMs } = this.#profile;
    const isLooped =
      echoMode &&
      route.kind === 'single' &&
      ipFamily(this.wanted.peer) === 'ipv4' &&
      this.#options.ports.isForwarding(route.device.name);
    return isLooped ? echoIntervalMs : 0;
  }

  /** §6.4: while the session is up and the router takes echo packets. Over IPv6 there are none, as with MetalLB. */
  #echoIntervalMs(): number | undefined {
    const { echoMode, echoIntervalMs } = this.#profile;
    // Asked at every packet: most sessions have no echo mode.
    if (!echoMode || this.#running?.path.hops !== 'single' || ipFamily(this.wanted.peer) !== 'ipv4') return undefined;
    const snapshot = this.#machine?.snapshot();
    const takesMs = snapshot?.state === 'up' ? snapshot.remoteMinEchoRxMs : 0;
    return takesMs > 0 ? Math.max(echoIntervalMs, takesMs) : undefined;
  }

  #followEcho(): void {
    const intervalMs = this.#echoIntervalMs();
    if (intervalMs === this.#echo?.intervalMs) return;
    this.#endEcho();
    const { sender, device } = this.#running ?? {};
    if (intervalMs === undefined || sender === undefined || device === undefined || this.#isOver) return;
    const { clock, discriminator, echoSecret, openEcho, onBroken } = this.#options;
    try {
      const watch = new EchoWatch({
        intervalMs,
        multiplier: this.#profile.detectMultiplier,
        secret: echoSecret,
        seed: discriminator,
        clock,
        open: (end) => openEcho({ device, peer: this.wanted.peer, local: sender.local, ...end }),
        onFailed: () => this.#handle({ kind: 'echo-failed' }),
        onLost: () => {
          this.#endEcho();
          onBroken();
        },
      });
      this.#echo = { watch, intervalMs };
    } catch (error) {
      // Control packets watch the path all the same.
      this.#echo = { intervalMs };
      this.#sendError = toHostError('open a socket for BFD echo packets', error);
    }
  }

  #endEcho(): void {
    this.#echoesBefore = this.#echoCounted();
    this.#echo?.watch?.close();
    this.#echo = undefined;
  }

  #echoCounted(): { readonly sent: number; readonly received: number } {
    const { sent, received } = this.#echoesBefore;
    return { sent: sent + (this.#echo?.watch?.sent ?? 0), received: received + (this.#echo?.watch?.received ?? 0) };
  }

  #echoCounts(): Pick<BfdView, 'echoesSent' | 'echoesReceived'> {
    const { sent, received } = this.#echoCounted();
    return { echoesSent: sent, echoesReceived: received };
  }

  #openSender({ kind, device }: UsableRoute): PathSender {
    const { peer, local } = this.wanted;
    return this.#options.ports.openSender({
      peer,
      port: kind === 'single' ? PORT_SINGLE_HOP_CONTROL : PORT_MULTIHOP_CONTROL,
      lowestSourcePort: LOWEST_SOURCE_PORT,
      ...(local === undefined ? {} : { local }),
      ...(device === undefined ? {} : { device: device.name }),
    });
  }

  #stop(): void {
    this.#timer.cancel();
    this.#endEcho();
    this.#running?.sender.close();
    this.#running = undefined;
    this.#sendError = undefined;
    this.#tooLowTtl = undefined;
    this.#isBroken = false;
  }

  #handle(input: BfdInput): void {
    if (this.#machine === undefined || this.#isOver) return;
    const outputs = this.#machine.handle(input, this.#options.clock.now());
    this.#send(outputs);
    this.#timer.arm();
    this.#followEcho();
    // Last: who hears of it may end this session.
    for (const output of outputs) {
      if (output.kind === 'drain') this.#drain();
      if (output.kind === 'changed') this.#tell(output);
    }
  }

  /** Packets that came in time may wait unread behind whatever kept this thread. */
  #drain(): void {
    this.#running?.receiver.readAll();
    this.#handle({ kind: 'drained' });
  }

  #tell({ from, to, remoteState, diagnostic }: Extract<BfdOutput, { kind: 'changed' }>): void {
    if (this.#isOver || (from !== 'up' && to !== 'up')) return;
    const { onChanged } = this.#options;
    if (to === 'up') {
      onChanged({ kind: 'up' });
      return;
    }
    const reason = this.#running === undefined ? this.#reason : this.#describe();
    const isSwitchedOff = diagnostic === DIAGNOSTIC_NEIGHBOR_SIGNALED_DOWN && remoteState === 'admin-down';
    onChanged({ kind: isSwitchedOff ? 'switched-off' : 'down', reason });
  }

  #describe(): string {
    if (this.#machine === undefined) return this.#reason;
    const snapshot = this.#machine.snapshot();
    return describeBfd({
      ...snapshot,
      peer: this.wanted.peer,
      isHeard: snapshot.packetsReceived > 0,
      sendError: this.#sendError,
      tooLowTtl: this.#tooLowTtl,
    });
  }

  #send(outputs: readonly BfdOutput[]): void {
    for (const output of outputs) {
      if (output.kind !== 'send' || this.#running === undefined) continue;
      const error = this.#running.sender.send(output.payload);
      if (error === undefined) this.#packetsSent += 1;
      else this.#sendFailed(error);
    }
  }

  #sendFailed(error: HostError): void {
    this.#sendError = error;
    if (this.#isBroken || this.#isOver || !OF_THE_SOCKET.includes(error.errno)) return;
    this.#isBroken = true;
    this.#options.onBroken();
  }
}

function intervalsOf(profile: BfdProfile): BfdIntervals {
  return {
    desiredMinTxMs: profile.transmitIntervalMs,
    requiredMinRxMs: profile.receiveIntervalMs,
    detectMultiplier: profile.detectMultiplier,
  };
}
