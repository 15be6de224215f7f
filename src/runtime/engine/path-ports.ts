/**
 * UDP datagrams whose way counts: by which device they came, from how far, to which address. Implemented in adapters/host,
 * faked in tests/support. Belongs to one thread; handlers are called from the event loop, and by readAll() alone from
 * inside a call.
 */
import type { Ip, IpFamily } from '../model/ip.ts';
import type { HostError } from './host-error.ts';

export interface PathDatagram {
  /** The receiver's buffer, overwritten after the call returns. Longer ones are cut to 512 bytes. */
  readonly payload: Uint8Array;
  readonly source: Ip;
  /** The address of this host that it was sent to. */
  readonly destination: Ip;
  /** TTL or hop limit as it arrived: 1 … 255. */
  readonly ttl: number;
}

export interface PathReceiverTarget {
  readonly family: IpFamily;
  readonly port: number;
  /** Only what comes by this interface, or by those of this VRF. Absent: all that are in no VRF. */
  readonly device?: string;
  /** unforwarded: the kernel lets in only what has passed no router, TTL 255 (RFC 5082). */
  readonly from: 'anywhere' | 'unforwarded';
}

export interface PathHandlers {
  readonly datagram: (datagram: PathDatagram) => void;
  /** It receives nothing any more; open another. At most once. */
  readonly failed: (error: HostError) => void;
}

export interface PathReceiver {
  /** Has datagram() called for all that waits in the socket, before it returns. */
  readAll(): void;
  /** Idempotent. No handler is called afterwards. */
  close(): void;
}

export interface PathSenderTarget {
  readonly peer: Ip;
  readonly port: number;
  /** Absent: the node's routing chooses. */
  readonly local?: Ip;
  /** An interface or a VRF; a link-local peer needs one. Absent: any. */
  readonly device?: string;
  /** Its own port is this or a higher one, and nobody else's. */
  readonly lowestSourcePort: number;
}

export interface PathSender {
  /** The address that it sends from. */
  readonly local: Ip;
  /**
   * Sends with TTL 255, before anything less urgent. Undefined: the kernel took it. What earlier datagrams have met on
   * their way (a port where nobody listens) is told as an error as well, and does not keep this one from being sent.
   */
  send(payload: Uint8Array): HostError | undefined;
  /** Idempotent. */
  close(): void;
}

export interface PathPorts {
  /** Throws HostError, as when the port is taken. */
  openReceiver(target: PathReceiverTarget, handlers: PathHandlers): PathReceiver;
  /** Throws HostError, as when there is no way to the peer. */
  openSender(target: PathSenderTarget): PathSender;
  /** Whether the kernel sends on what comes by the interface for others, as echo packets need; IPv4. */
  isForwarding(interfaceName: string): boolean;
}
