/**
 * Says when this node begins to advertise a Service by BGP, and when it ceases to: a log line each, and an Event on the
 * Service when it begins, in MetalLB's words.
 *
 *     a router was told of it ─▶ told once ──▶ sessions come and go, routes with them ─▶ nothing new
 *                                         └──▶ this node is not to advertise it any more ─▶ forgotten; the next time is news
 *
 * Every node may advertise every Service, so what one change of the cluster gives to say is as much as there are nodes
 * and Services: all speakers together keep to a pace.
 */
import type { Log } from '../../../engine/log.ts';
import type { Clock } from '../../../engine/ports.ts';
import { TokenBucket } from '../../../engine/token-bucket.ts';
import { type ServiceEventOptions, tellAssigned } from '../service-events.ts';
import type { ToldBgp } from './bgp-planning.ts';

/** By one speaker at once, and then by all together each second. */
const BURST = 20;
const EVENTS_PER_SECOND = 100;

export interface ServiceReportOptions extends ServiceEventOptions {
  readonly clock: Clock;
  readonly log: Pick<Log, 'info'>;
}

export class ServiceReport {
  readonly #options: ServiceReportOptions;
  readonly #pace: TokenBucket;
  /** Services ("namespace/name") that it has begun to advertise, and is to go on with. */
  readonly #begun = new Set<string>();
  /** Of those, the ones that no Event tells of yet. */
  readonly #untold = new Set<string>();
  #speakers = 1;
  #isTelling = false;

  constructor(options: ServiceReportOptions) {
    this.#options = options;
    const perSecond = (): number => EVENTS_PER_SECOND / this.#speakers;
    this.#pace = new TokenBucket({ clock: options.clock, burst: BURST, perSecond });
  }

  /** What is advertised now. `alive`: nodes whose speakers live. */
  tell({ services, isPlanned }: Pick<ToldBgp, 'services' | 'isPlanned'>, alive: readonly string[]): void {
    const { log } = this.#options;
    this.#speakers = Math.max(1, alive.length);
    for (const [service, { addresses, peers }] of services) {
      if (this.#begun.has(service)) continue;
      this.#begun.add(service);
      this.#untold.add(service);
      log.info({ service, addresses, peers }, 'advertising the Service by BGP');
    }
    for (const service of this.#begun) {
      if (services.has(service) || isPlanned(service)) continue;
      this.#begun.delete(service);
      this.#untold.delete(service);
      log.info({ service }, 'no longer advertising the Service by BGP');
    }
    if (!this.#isTelling) void this.#tellEvents();
  }

  async #tellEvents(): Promise<void> {
    this.#isTelling = true;
    while (this.#untold.size > 0) {
      await this.#pace.take();
      // What has ceased meanwhile is not told any more.
      const [service] = this.#untold;
      if (service === undefined) break;
      this.#untold.delete(service);
      tellAssigned(service, 'bgp', this.#options);
    }
    this.#isTelling = false;
  }
}
