/** Datagrams as the speakers use them: to many, from many, each a whole message or lost. Implemented in adapters/host. */

export interface DatagramTarget {
  readonly address: string;
  readonly port: number;
}

export interface DatagramHandlers {
  /** One datagram. The bytes are the handler's. */
  readonly datagram: (bytes: Uint8Array) => void;
}

export interface DatagramSocket {
  /** The port that it is bound to. */
  readonly port: number;
  /** Hands it to the kernel. What cannot be sent is lost and counted, like what is lost on its way. */
  send(target: DatagramTarget, bytes: Uint8Array): void;
  /** Calls back if the node answers at once that nobody listens on that port. */
  knock(target: DatagramTarget, refused: () => void): void;
  /** What went wrong since it was opened, by the system's name for it: {"ENETUNREACH": 3}. */
  errors(): Readonly<Record<string, number>>;
  /** Idempotent. */
  close(): void;
}
