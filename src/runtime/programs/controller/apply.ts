/**
 * ACT, in the controller: takes the last decision and makes each object say it. One key an object, so that one that
 * cannot be written holds up no other:
 *
 *     service/<ns>/<name> · and those of apply-config.ts
 *
 * An address goes to a Service only after the Service that gives it up has been written. Whatever is written is learnt at
 * once, so that the next decision starts from it.
 */
import type { EventSink } from '../../adapters/kube/events.ts';
import { KubeError } from '../../adapters/kube/kube-error.ts';
import type { ConfigurationStateIdentity } from '../../adapters/kube/write-config-objects.ts';
import { type ServiceStatusWrite, writeServiceStatus } from '../../adapters/kube/write-service.ts';
import type { Clock, KubeApi } from '../../engine/ports.ts';
import { DONE, type Outcome, RETRY } from '../../engine/work-queue.ts';
import type { Ip } from '../../model/ip.ts';
import type { ServiceView } from '../../model/service.ts';
import { apiTime } from '../configuration-state.ts';
import { ConfigApplier } from './apply-config.ts';
import type { ControllerCaches } from './caches.ts';
import { farewell, givenUp, serviceEvents, serviceWrite } from './service-diff.ts';
import type { Decision } from './snapshot.ts';

export interface ApplyOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly caches: ControllerCaches;
  readonly events: EventSink;
  readonly state: ConfigurationStateIdentity;
  /** Something was written that other decisions may have waited for. */
  readonly onReleased: () => void;
  /** A write failed and is tried again. */
  readonly onError: (key: string, error: KubeError) => void;
}

/** Statuses of pools follow their Services' writes after this long, all changes of it together. */
export const POOL_STATUS_DELAY_MS = 200;

export class Applier {
  readonly #options: ApplyOptions;
  #decision: Decision | undefined;
  /** Addresses that some Service is to give up, and which. */
  #leaving: ReadonlyMap<Ip, readonly string[]> = new Map();
  readonly #config: ConfigApplier;

  constructor(options: ApplyOptions) {
    this.#options = options;
    this.#config = new ConfigApplier(options);
  }

  /** Takes over a decision and returns the keys of everything that may have to be written. */
  take(decision: Decision): { readonly now: readonly string[]; readonly soon: readonly string[] } {
    this.#decision = decision;
    this.#leaving = leavingAddresses(decision);
    const nowText = this.#nowText();
    const config = this.#config.take(decision);
    const now: string[] = [...config.now];
    for (const [key, allocation] of decision.allocations) {
      if (serviceWrite(allocation, nowText) !== undefined) now.push(`service/${key}`);
    }
    for (const key of decision.left) {
      if (!decision.allocations.has(key) && this.#farewell(key) !== undefined) now.push(`service/${key}`);
    }
    return { now, soon: config.soon };
  }

  /** Writes one object if it does not say what was decided. */
  async write(key: string): Promise<Outcome> {
    const decision = this.#decision;
    if (decision === undefined) return DONE;
    try {
      return await this.#writeKind(key, decision);
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      // Gone: nothing to write any more.
      if (error.status === 404 && !key.startsWith('state')) return DONE;
      // Somebody else wrote first: the informer brings it, and the decision after that is tried here.
      if (error.status !== 409) this.#options.onError(key, error);
      return error.retryAfterSeconds === undefined
        ? RETRY
        : { kind: 'retry-after', delayMs: error.retryAfterSeconds * 1000 };
    }
  }

  #writeKind(key: string, decision: Decision): Promise<Outcome> {
    if (this.#config.owns(key)) return this.#config.write(key);
    return this.#writeService(key.slice(key.indexOf('/') + 1), decision);
  }

  async #writeService(key: string, decision: Decision): Promise<Outcome> {
    const { api, caches, events } = this.#options;
    const allocation = decision.allocations.get(key);
    const current = caches.services.get(key);
    if (current === undefined) return DONE;
    // Decided on an older version of it: the change that made it newer has asked for a new decision already.
    if (allocation !== undefined && allocation.service.resourceVersion !== current.resourceVersion) return DONE;
    const write = allocation === undefined ? this.#farewell(key) : serviceWrite(allocation, this.#nowText());
    if (write === undefined || this.#isBlocked(key, write)) return DONE;
    caches.services.learn(await writeServiceStatus(api, write));
    if (allocation === undefined) return DONE;
    for (const event of serviceEvents(allocation)) events.emit(event);
    if (givenUp(allocation).length > 0) this.#options.onReleased();
    return DONE;
  }

  #farewell(key: string): ServiceStatusWrite | undefined {
    const current = this.#decision?.left.has(key) ? this.#options.caches.services.get(key) : undefined;
    return current === undefined ? undefined : farewell(current);
  }

  /** Whether another Service's status still has an address that it is to give up for this one. */
  #isBlocked(key: string, write: ServiceStatusWrite): boolean {
    return (write.ips ?? []).some((ip) =>
      (this.#leaving.get(ip) ?? []).some((other) => other !== key && this.#stillSays(other, ip)),
    );
  }

  #stillSays(key: string, ip: Ip): boolean {
    const service: ServiceView | undefined = this.#options.caches.services.get(key);
    return service?.ingress.some((entry) => entry.ip === ip) ?? false;
  }

  /** RFC 3339 in whole seconds, as the API keeps it. */
  #nowText(): string {
    return apiTime(this.#options.clock.wallMs());
  }
}

function leavingAddresses(decision: Decision): Map<Ip, string[]> {
  const leaving = new Map<Ip, string[]>();
  for (const [key, allocation] of decision.allocations) {
    for (const ip of givenUp(allocation)) leaving.set(ip, [...(leaving.get(ip) ?? []), key]);
  }
  return leaving;
}
