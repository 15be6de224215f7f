/**
 * Tells the log what goes wrong with the socket between speakers: each kind of failure once, what it costs and what to do
 * about it, and once that it is over.
 *
 *     cannot be opened ──▶ said, once a reason ──▶ open: said at once
 *     breaks ────────────▶ said, once a reason ──▶ not for CALM_MS: said
 *     does not send ─────▶ said, once a reason ──▶ not for CALM_MS: said
 */
import type { DatagramTarget } from '../../engine/datagram-ports.ts';
import { errnoName, type HostError } from '../../engine/host-error.ts';
import type { Log } from '../../engine/log.ts';
import type { Clock } from '../../engine/ports.ts';
import { after, type Instant } from '../../model/time.ts';

/** What comes again within that time has not been over. */
export const CALM_MS = 10_000;

export class LivenessTroubles {
  readonly #clock: Clock;
  readonly #log: Log;
  /** Why it cannot be opened, as it was said since it last was. */
  readonly #unopened = new Set<string>();
  /** What comes and goes: when it last came, and what is said when it has gone. */
  readonly #passing = new Map<string, { at: Instant; readonly over: string }>();
  #cancelLook: (() => void) | undefined;

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Log }) {
    this.#clock = clock;
    this.#log = log;
  }

  opened(port: number): void {
    if (this.#unopened.size === 0) return;
    this.#unopened.clear();
    this.#log.info({ port }, 'the UDP port of the speakers is open: from now on they hear each other directly');
  }

  unopened({ message: error, errno }: HostError): void {
    if (this.#unopened.has(error)) return;
    this.#unopened.add(error);
    this.#log.warn(
      { error, advice: OPENING[errnoName(errno)] },
      'the UDP port of the speakers cannot be opened, trying again; until then they judge each other by their Leases alone',
    );
  }

  broken({ message: error, errno }: HostError): void {
    if (this.#came(error, 'the UDP socket of the speakers does not break any more')) return;
    this.#log.warn(
      { error, advice: SENDING[errnoName(errno)] },
      'the UDP socket of the speakers broke and is opened anew; meanwhile this one is not heard',
    );
  }

  unsent(error: string, { address: to }: DatagramTarget): void {
    if (this.#came(error, 'datagrams to other speakers do not fail for that reason any more')) return;
    this.#log.warn(
      { error, to, advice: SENDING[error] },
      'a datagram to another speaker could not be sent; if none can be, that one does not hear this one',
    );
  }

  close(): void {
    this.#cancelLook?.();
  }

  /** Returns whether it was there already. */
  #came(error: string, over: string): boolean {
    const known = this.#passing.get(error);
    if (known !== undefined) {
      known.at = this.#clock.now();
      return true;
    }
    this.#passing.set(error, { at: this.#clock.now(), over });
    if (this.#passing.size === 1) this.#lookIn(CALM_MS);
    return false;
  }

  #lookIn(delayMs: number): void {
    this.#cancelLook = this.#clock.schedule(delayMs, () => this.#look());
  }

  #look(): void {
    const now = this.#clock.now();
    let next: Instant | undefined;
    for (const [error, { at, over }] of this.#passing) {
      const overAt = after(at, CALM_MS);
      if (overAt > now) {
        next = next === undefined || overAt < next ? overAt : next;
        continue;
      }
      this.#passing.delete(error);
      this.#log.info({ error }, over);
    }
    if (next !== undefined) this.#lookIn(next - now);
  }
}

/** What to do where it cannot be opened, by the system's name for the reason. */
const OPENING: Readonly<Record<string, string>> = {
  EACCES: 'ports below 1024 need the capability NET_BIND_SERVICE: choose a higher one (--ml-bindport) on all nodes',
  EADDRINUSE: 'end the program that has the port (ss -ulpn shows it), or choose another (--ml-bindport) on all nodes',
  EMFILE: 'raise the limit of open files of the speaker',
  ENFILE: 'raise the limit of open files of the node (fs.file-max)',
};

/** The same for what is open. */
const SENDING: Readonly<Record<string, string>> = {
  EACCES: 'look at the routes and the firewall of the node: they forbid it',
  EHOSTUNREACH: 'look at the routes of the node, and whether the other node is there',
  ENETDOWN: 'look at the interface that leads to the other nodes: it is down',
  ENOBUFS: 'look at the memory of the node, and at the queue of the interface that leads to the other nodes',
  ENODEV: 'look at the interface that leads to the other nodes: it is gone',
  ENETUNREACH: 'look at the routes of the node: none leads to the other one',
  ENOMEM: 'look at the memory of the node',
  EPERM: 'look at the firewall of the node: it does not let the datagrams out',
};
