/**
 * The routers of BGP peers that are configured by their interface alone ("unnumbered"): found on each such interface by what
 * they advertise, while this node advertises itself to them.
 *
 *     setInterfaces(names) ─▶ a RouterLink each ─▶ router(name): { address } | { reason, text }
 *     ports.interfaces ─────▶ follow it down and up, gone and made anew
 *
 * A session that stands need not end because its router is not heard any more: whether it works its own timers say. What is
 * told here is where to connect to next, and by which address.
 */
import type { NetworkPorts } from '../../../engine/network-ports.ts';
import type { Clock, Random } from '../../../engine/ports.ts';
import { RouterLink, type RouterLinkCounters, type RouterView } from './router-link.ts';

export interface RouterWatchOptions {
  readonly ports: NetworkPorts;
  readonly clock: Clock;
  readonly random: Random;
  /** router() answers otherwise than before for some interface. Not called from inside a call. */
  readonly onChange: () => void;
}

export interface RouterRow extends RouterLinkCounters {
  readonly interface: string;
  readonly router: RouterView;
}

export class RouterWatch {
  readonly #options: RouterWatchOptions;
  readonly #links = new Map<string, RouterLink>();
  readonly #unwatch: () => void;
  #cancelTelling: (() => void) | undefined;
  #isOpen = true;

  constructor(options: RouterWatchOptions) {
    this.#options = options;
    this.#unwatch = options.ports.interfaces.onChange(() => {
      for (const link of this.#links.values()) link.interfacesChanged();
    });
  }

  /** All that routers are wanted on; those that are known already go on as they are. */
  setInterfaces(names: readonly string[]): void {
    if (!this.#isOpen) return;
    const { ports, clock, random } = this.#options;
    for (const [name, link] of this.#links) {
      if (names.includes(name)) continue;
      link.close();
      this.#links.delete(name);
    }
    for (const name of names) {
      if (this.#links.has(name)) continue;
      this.#links.set(name, new RouterLink(name, { ports, clock, random, onChange: () => this.#tell() }));
    }
  }

  /** Where the router behind the interface is, or why that is not known. */
  router(name: string): RouterView {
    const link = this.#links.get(name);
    if (link !== undefined) return link.view();
    return { kind: 'not-found', reason: 'searching', text: `routers on ${name} have not been asked for yet` };
  }

  /** In the order in which they were wanted: for metrics and the debug view. */
  rows(): readonly RouterRow[] {
    return [...this.#links.values()].map((link) => ({
      interface: link.name,
      router: link.view(),
      ...link.counters(),
    }));
  }

  /** Nothing is sent or heard any more. The ports stay the caller's. Idempotent. */
  close(): void {
    this.#isOpen = false;
    this.#unwatch();
    this.#cancelTelling?.();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }

  #tell(): void {
    if (!this.#isOpen) return;
    this.#cancelTelling ??= this.#options.clock.schedule(0, () => {
      this.#cancelTelling = undefined;
      this.#options.onChange();
    });
  }
}
