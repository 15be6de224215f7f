/** Datagrams as the speakers use them: to many, from many, each a whole message or lost. Implemented in adapters/host. */
import type { HostError } from './host-error.ts';

export interface DatagramTarget {
  readonly address: string;
  readonly port: number;
}

export interface DatagramHandlers {
  /** One datagram. The bytes are the handler's. */
  readonly datagram: (bytes: Uint8Array) => void;
}

/** Of one socket of the kernel. LastingDatagramSocket opens the next one. */
export interface BreakableHandlers extends DatagramHandlers {
  /** A datagram did not go out, for that reason; `error` is the system's name for it. It is counted in errors(). */
  readonly unsent: (error: string, target: DatagramTarget) => void;
  /** It is of no use any more and has closed itself, for that reason. Called once at most, and nothing after it. */
  readonly broken: (error: HostError) => void;
}

/** Of the socket that lasts. */
export interface LastingHandlers extends DatagramHandlers {
  /** Datagrams go out and come in from now on, by this port: for the first time, or again. */
  readonly opened: (port: number) => void;
  /** They do not, because it cannot be opened, for that reason; told at every try. */
  readonly unopened: (error: HostError) => void;
  /** They do not any more, for that reason. */
  readonly broken: (error: HostError) => void;
  /** One did not go out, by the system's name for the reason; not told while there is no socket. */
  readonly unsent: (error: string, target: DatagramTarget) => void;
}

/** Rejects with a HostError, such as for a port that is taken. Port 0: any that is free. */
export type OpenDatagramSocket = (port: number, handlers: BreakableHandlers) => Promise<DatagramSocket>;

/** One socket of the kernel. */
export interface DatagramSocket extends DatagramSender {
  /** The port that it is bound to. */
  readonly port: number;
}

export interface DatagramSender {
  /** Hands it to the kernel. What cannot be sent is lost and counted, like what is lost on its way. */
  send(target: DatagramTarget, bytes: Uint8Array): void;
  /** Calls back if the node answers at once that nobody listens on that port. */
  knock(target: DatagramTarget, refused: () => void): void;
  /** What went wrong since it was opened, by the system's name for it: {"ENETUNREACH": 3}. */
  errors(): Readonly<Record<string, number>>;
  /** Idempotent. */
  close(): void;
}
