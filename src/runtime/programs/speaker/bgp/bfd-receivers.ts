/**
 * The sockets that BFD packets come in by: one for each interface and family over one hop, one for each VRF and family
 * over several. Sessions share them; what no session uses any more is closed.
 */
import { toHostError } from '../../../engine/host-error.ts';
import type { PathDatagram, PathPorts, PathReceiver } from '../../../engine/path-ports.ts';
import { type Ip, ipFamily } from '../../../model/ip.ts';
import { PORT_MULTIHOP_CONTROL, PORT_SINGLE_HOP_CONTROL } from '../../../protocols/bfd/iana.ts';
import type { BfdArrival } from '../../../protocols/bfd/read.ts';
import type { BfdRoute } from './bfd-route.ts';
import { describeOpenError } from './bfd-words.ts';

export interface BfdReceiversOptions {
  readonly ports: PathPorts;
  readonly arrived: (arrival: BfdArrival) => void;
  /** One of them receives nothing any more; opened again at the next need. */
  readonly failed: () => void;
}

export type UsableRoute = Exclude<BfdRoute, { readonly kind: 'none' }>;

export class BfdReceivers {
  readonly #options: BfdReceiversOptions;
  readonly #open = new Map<string, PathReceiver>();
  /** Of those that have been asked for since begin(). */
  #needed = new Set<string>();

  constructor(options: BfdReceiversOptions) {
    this.#options = options;
  }

  /** What is not asked for from now on until end() is closed then. */
  begin(): void {
    this.#needed = new Set();
  }

  /** The one for that way; opened if it is not yet. Or why it cannot be, in words. */
  need(peer: Ip, route: UsableRoute): PathReceiver | string {
    const key = `${ipFamily(peer)} ${route.kind} ${route.device?.index ?? ''}`;
    this.#needed.add(key);
    const open = this.#open.get(key);
    if (open !== undefined) return open;
    try {
      const receiver = this.#openFor(key, peer, route);
      this.#open.set(key, receiver);
      return receiver;
    } catch (error) {
      return describeOpenError(toHostError('open a BFD socket', error));
    }
  }

  end(): void {
    for (const [key, receiver] of this.#open) {
      if (this.#needed.has(key)) continue;
      receiver.close();
      this.#open.delete(key);
    }
  }

  #openFor(key: string, peer: Ip, { kind, device }: UsableRoute): PathReceiver {
    const isSingle = kind === 'single';
    return this.#options.ports.openReceiver(
      {
        family: ipFamily(peer),
        port: isSingle ? PORT_SINGLE_HOP_CONTROL : PORT_MULTIHOP_CONTROL,
        from: isSingle ? 'unforwarded' : 'anywhere',
        ...(device === undefined ? {} : { device: device.name }),
      },
      {
        datagram: ({ payload, source, destination, ttl }: PathDatagram) =>
          this.#options.arrived({
            payload,
            ttl,
            peer: source,
            ...(kind === 'single'
              ? { hops: 'single', interface: device.name }
              : { hops: 'multiple', local: destination }),
          }),
        failed: () => {
          this.#open.delete(key);
          this.#options.failed();
        },
      },
    );
  }
}
