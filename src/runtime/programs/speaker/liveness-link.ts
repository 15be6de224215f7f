/**
 * The liveness machine on the network: its datagrams sealed and sent, what comes opened and handed to it, its timer kept.
 * What it finds out goes to one callback. While there is no socket, as when the port is taken, it is deaf and mute and all
 * else is as ever. Belongs to the thread of its socket.
 *
 *     setPeers, claim, release, leave ─▶ ┌──────────┐ ─▶ onOutput(peer, leaving, claims-changed, overtaken, doubt, …)
 *     socket ─▶ seal.open ─▶ datagram ─▶ │ Liveness │ ─▶ send ─▶ seal.seal ─▶ socket
 *     clock ─▶ socket read ─▶ timer   ─▶ └──────────┘ ─▶ knock ─▶ socket ─▶ unreachable
 */
import type { DatagramSeal, Refusal } from '../../adapters/host/datagram-seal.ts';
import type { DatagramSender, DatagramTarget, LastingHandlers } from '../../engine/datagram-ports.ts';
import type { HostError } from '../../engine/host-error.ts';
import type { Log } from '../../engine/log.ts';
import type { Clock } from '../../engine/ports.ts';
import type { Claim } from '../../model/claim.ts';
import type { Ip } from '../../model/ip.ts';
import type { Sha256Hex } from '../../model/platform.ts';
import type { LivenessInput, LivenessOutput, LivenessSnapshot } from '../../protocols/liveness/interface.ts';
import { Liveness } from '../../protocols/liveness/liveness.ts';
import { LivenessTroubles } from './liveness-troubles.ts';

/** Another speaker, as its Lease tells of it. */
export interface LinkedPeer extends DatagramTarget {
  readonly node: string;
  readonly boot: string;
}

export type LinkOutput = Exclude<LivenessOutput, { kind: 'send' } | { kind: 'knock' } | { kind: 'refused' }>;

export interface LivenessLinkOptions {
  readonly node: string;
  readonly boot: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly seal: DatagramSeal;
  readonly sha256Hex: Sha256Hex;
  readonly seed: number;
  /** Opens the socket: openUdp with the port. */
  readonly open: (handlers: LastingHandlers) => DatagramSender;
  /** Called in order, one output at a time; must not call back into the link before it returns. */
  readonly onOutput: (output: LinkOutput) => void;
}

export interface LinkCounters {
  readonly received: number;
  readonly sent: number;
  /** Datagrams that were not taken, by reason; 'unreadable': sealed well, but no message. */
  readonly refused: Readonly<Partial<Record<Refusal | 'unreadable', number>>>;
  /** Of the socket, by the system's name; 'not-open': there was none to send by; 'reopened': another took its place. */
  readonly errors: Readonly<Record<string, number>>;
}

/** How long a goodbye is repeated. */
const GOODBYE_MS = 50;

export class LivenessLink {
  readonly #options: LivenessLinkOptions;
  readonly #socket: DatagramSender;
  readonly #troubles: LivenessTroubles;
  readonly #machine: Liveness;
  readonly #refused = new Map<Refusal | 'unreadable', number>();
  /** Called when the socket is open for the first time. */
  readonly #whenOpen: ((port: number) => void)[] = [];
  #port: number | undefined;
  #isListening = false;
  #targets: ReadonlyMap<string, DatagramTarget> = new Map();
  #received = 0;
  #sent = 0;
  #cancelTimer: (() => void) | undefined;
  #timerAt: number | undefined;
  /** The timer has come, and waits for the socket to be read; nothing that arrives puts it off again. */
  #isReading = false;
  #open = true;

  constructor(options: LivenessLinkOptions) {
    this.#options = options;
    const { node, boot, sha256Hex, seed } = options;
    this.#machine = new Liveness({ node, boot, sha256Hex, seed });
    this.#troubles = new LivenessTroubles(options);
    this.#socket = options.open({
      datagram: (bytes) => this.receive(bytes),
      opened: (port) => this.#opened(port),
      unopened: (error) => this.#troubles.unopened(error),
      broken: (error) => this.#broken(error),
      unsent: (error, target) => this.#troubles.unsent(error, target),
    });
  }

  /**
   * Calls back once there is a port where this speaker is heard, which its Lease is to tell the others; at once if there is
   * one already. It stays the same from then on: what breaks is heard there again soon.
   */
  whenOpen(callback: (port: number) => void): void {
    if (this.#port === undefined) this.#whenOpen.push(callback);
    else callback(this.#port);
  }

  /** All other speakers whose Leases tell an address and a boot. */
  setPeers(peers: readonly LinkedPeer[]): void {
    this.#targets = new Map(peers.map(({ node, address, port }) => [node, { address, port }]));
    this.#options.seal.setPeers(peers);
    this.#handle({ kind: 'peers', peers });
  }

  /** Whether it can hear and be heard now: whether there is a socket. */
  get isListening(): boolean {
    return this.#isListening;
  }

  claim(ips: readonly Ip[]): void {
    this.#handle({ kind: 'claim', ips });
  }

  release(ips: readonly Ip[]): void {
    this.#handle({ kind: 'release', ips });
  }

  /** From now on it wants its addresses taken over; it stays until `close`. */
  leave(): void {
    this.#handle({ kind: 'leave' });
  }

  claims(): readonly Claim[] {
    return this.#machine.claims();
  }

  owner(ip: Ip): Claim | undefined {
    return this.#machine.owner(ip);
  }

  snapshot(): LivenessSnapshot {
    return this.#machine.snapshot(this.#options.clock.now());
  }

  counters(): LinkCounters {
    return {
      received: this.#received,
      sent: this.#sent,
      refused: Object.fromEntries(this.#refused),
      errors: this.#socket.errors(),
    };
  }

  /** Says goodbye, and closes the socket when that is on its way. */
  async close(): Promise<void> {
    if (!this.#open) return;
    this.#handle({ kind: 'goodbye' });
    await new Promise<void>((resolve) => {
      this.#options.clock.schedule(GOODBYE_MS, resolve);
    });
    this.abandon();
  }

  /** Closes the socket without a word, as a crash would. */
  abandon(): void {
    this.#open = false;
    this.#isListening = false;
    this.#cancelTimer?.();
    this.#troubles.close();
    this.#socket.close();
  }

  receive(bytes: Uint8Array): void {
    if (!this.#open) return;
    this.#received += 1;
    const opened = this.#options.seal.open(bytes);
    if (opened.ok) this.#handle({ kind: 'datagram', from: opened.node, bytes: opened.message });
    else this.#count(opened.refusal);
  }

  #opened(port: number): void {
    this.#port = port;
    this.#isListening = true;
    this.#troubles.opened(port);
    for (const callback of this.#whenOpen.splice(0)) callback(port);
  }

  #broken(error: HostError): void {
    this.#isListening = false;
    this.#troubles.broken(error);
  }

  #handle(input: LivenessInput): void {
    if (!this.#open) return;
    for (const output of this.#machine.handle(input, this.#options.clock.now())) this.#carryOut(output);
    this.#planTimer();
  }

  #carryOut(output: LivenessOutput): void {
    switch (output.kind) {
      case 'send':
        for (const node of output.to) this.#send(node, output.bytes);
        return;
      case 'knock': {
        const { node } = output;
        const target = this.#targets.get(node);
        if (target !== undefined) this.#socket.knock(target, () => this.#handle({ kind: 'unreachable', node }));
        return;
      }
      case 'refused':
        this.#count('unreadable');
        return;
      default:
        this.#options.onOutput(output);
    }
  }

  #send(node: string, message: Uint8Array): void {
    const target = this.#targets.get(node);
    const datagram = this.#options.seal.seal(node, message);
    if (target === undefined || datagram === undefined) return;
    this.#sent += 1;
    this.#socket.send(target, datagram);
  }

  #count(refusal: Refusal | 'unreadable'): void {
    this.#refused.set(refusal, (this.#refused.get(refusal) ?? 0) + 1);
  }

  /** Left alone while it is right: most datagrams change nothing about the next heartbeat. */
  #planTimer(): void {
    const { clock } = this.#options;
    const deadline = this.#machine.deadline();
    if (this.#isReading || deadline === this.#timerAt) return;
    this.#cancelTimer?.();
    this.#timerAt = deadline;
    if (deadline === undefined) {
      this.#cancelTimer = undefined;
      return;
    }
    this.#cancelTimer = clock.schedule(Math.max(0, deadline - clock.now()), () => {
      // An immediate runs after pending I/O: what has arrived is read before anybody's silence is judged.
      this.#isReading = true;
      this.#cancelTimer = clock.schedule(0, () => {
        this.#isReading = false;
        this.#timerAt = undefined;
        this.#handle({ kind: 'timer' });
      });
    });
  }
}
