/**
 * The sockets that echo packets go out and come back by: one for each interface, shared by its sessions. To which session a
 * packet belongs, its payload tells.
 */
import { HostError, toHostError } from '../../../engine/host-error.ts';
import type { InterfaceWatch, PacketSocket, PacketSockets } from '../../../engine/network-ports.ts';
import type { Clock } from '../../../engine/ports.ts';
import type { Ip } from '../../../model/ip.ts';
import type { Mac } from '../../../model/mac.ts';
import type { Instant } from '../../../model/time.ts';
import { decodeEchoFrame, encodeEchoFrame } from '../../../protocols/bfd/echo-frame.ts';
import type { BfdDevice } from './bfd-route.ts';

/** The kernel's word for a neighbour is asked for again after this time: it may be another station by then. */
const NEIGHBOUR_MS = 1000;

export interface BfdEchoesOptions {
  readonly sockets: PacketSockets;
  readonly interfaces: Pick<InterfaceWatch, 'current'>;
  /** Undefined: the kernel does not know it yet. */
  readonly neighbourMac: (ip: Ip, interfaceName: string) => Mac | undefined;
  readonly clock: Clock;
}

/** The way of one session's echo packets. */
export interface EchoLine {
  /** Undefined: the kernel took it. */
  send(payload: Uint8Array): HostError | undefined;
  /** Has received() called for all that waits in the socket, before it returns. */
  readAll(): void;
  /** Idempotent. */
  close(): void;
}

export interface EchoEnd {
  readonly device: BfdDevice;
  readonly peer: Ip;
  readonly local: Ip;
  /** A payload that came back by that interface, of whichever session. The bytes are overwritten afterwards. */
  readonly received: (payload: Uint8Array) => void;
  /** The socket is gone: nothing comes back any more, which is no failure of the path. */
  readonly lost: () => void;
}

interface Shared {
  readonly socket: PacketSocket;
  readonly ends: Set<EchoEnd>;
}

export class BfdEchoes {
  readonly #options: BfdEchoesOptions;
  readonly #shared = new Map<number, Shared>();

  constructor(options: BfdEchoesOptions) {
    this.#options = options;
  }

  /** Throws HostError. */
  open(end: EchoEnd): EchoLine {
    const { index } = end.device;
    const shared = this.#shared.get(index) ?? this.#listen(end.device);
    shared.ends.add(end);
    let known: { readonly mac: Mac; readonly until: Instant } | undefined;
    return {
      send: (payload) => {
        const { clock, interfaces, neighbourMac } = this.#options;
        const { device, peer, local } = end;
        if (known === undefined || clock.now() >= known.until) {
          const mac = neighbourMac(peer, device.name);
          known = mac === undefined ? undefined : { mac, until: (clock.now() + NEIGHBOUR_MS) as Instant };
        }
        const ownMac = interfaces.current().find((one) => one.index === index)?.mac;
        if (known === undefined || ownMac === undefined) {
          return new HostError(`send echo packets to ${peer}`, 0, { detail: 'its link address is not known' });
        }
        return shared.socket.send(encodeEchoFrame({ ownMac, neighbourMac: known.mac, local }, payload));
      },
      readAll: () => shared.socket.readAll(),
      close: () => {
        shared.ends.delete(end);
        if (shared.ends.size > 0 || this.#shared.get(index) !== shared) return;
        this.#shared.delete(index);
        shared.socket.close();
      },
    };
  }

  #listen(device: BfdDevice): Shared {
    const ends = new Set<EchoEnd>();
    const open = (): PacketSocket =>
      this.#options.sockets.open(device, 'bfd-echo', {
        frame: (frame) => {
          const payload = decodeEchoFrame(frame);
          // A copy: one that hears of a failure closes its end.
          if (payload !== undefined) for (const end of [...ends]) end.received(payload);
        },
        failed: () => {
          this.#shared.delete(device.index);
          for (const end of [...ends]) end.lost();
        },
        groupsFailed: () => undefined,
      });
    try {
      const shared = { socket: open(), ends };
      this.#shared.set(device.index, shared);
      return shared;
    } catch (error) {
      throw toHostError('open a socket for BFD echo packets', error);
    }
  }
}
