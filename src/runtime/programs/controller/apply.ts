/**
 * ACT, in the controller: takes the last decision and makes each object say it. One key an object, so that one that
 * cannot be written holds up no other:
 *
 *     service/<ns>/<name> (apply-services.ts) · and those of apply-config.ts
 */

import { apiTime } from '../../adapters/kube/api-time.ts';
import type { EventSink } from '../../adapters/kube/events.ts';
import { isNotLeader } from '../../adapters/kube/fenced-api.ts';
import { KubeError } from '../../adapters/kube/kube-error.ts';
import type { ConfigurationStateIdentity } from '../../adapters/kube/write-config-objects.ts';
import type { Clock, KubeApi } from '../../engine/ports.ts';
import { DONE, type Outcome } from '../../engine/work-queue.ts';
import { ConfigApplier } from './apply-config.ts';
import { ServiceApplier } from './apply-services.ts';
import type { ControllerCaches } from './caches.ts';
import type { Decision } from './world.ts';

export interface ApplyOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly caches: ControllerCaches;
  readonly events: EventSink;
  readonly state: ConfigurationStateIdentity;
  /** The Service was written and is to be looked at as it is now. */
  readonly onWritten: (key: string) => void;
  readonly onServed: (seconds: number) => void;
  /** A write failed and is tried again. */
  readonly onError: (key: string, error: KubeError) => void;
}

/** Statuses of pools follow their Services' writes after this long, all changes of it together. */
export const POOL_STATUS_DELAY_MS = 200;
const SERVICE = 'service/';

export class Applier {
  readonly #options: ApplyOptions;
  readonly #services: ServiceApplier;
  readonly #config: ConfigApplier;

  constructor(options: ApplyOptions) {
    const { api, clock, caches, events, onWritten, onServed } = options;
    this.#options = options;
    this.#config = new ConfigApplier(options);
    this.#services = new ServiceApplier({
      api,
      clock,
      services: caches.services,
      events,
      nowText: () => apiTime(clock.wallMs()),
      onWritten,
      onServed,
    });
  }

  /** Takes over a decision and returns the keys of everything that may have to be written. */
  take(decision: Decision): { readonly now: readonly string[]; readonly soon: readonly string[] } {
    const config = this.#config.take(decision);
    const services = this.#services.take(decision).map((key) => `${SERVICE}${key}`);
    return { now: [...config.now, ...services], soon: config.soon };
  }

  /** Another controller writes from now on: what this one has written and decided says nothing any more. */
  forget(): void {
    this.#config.forget();
    this.#services.forget();
  }

  /** Writes one object if it does not say what was decided. */
  async write(key: string): Promise<Outcome> {
    try {
      if (this.#config.owns(key)) return await this.#config.write(key);
      await this.#services.write(key.slice(SERVICE.length));
      return DONE;
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      // Whoever leads now has decided anew.
      if (isNotLeader(error)) return DONE;
      // Gone: nothing to write any more. A 404 in other words is not from the API server, but from somebody on the way.
      if (error.reason === 'NotFound' && key !== 'state') return DONE;
      // A conflict, too: somebody else wrote first. The informer brings it, and the decision after that is tried here.
      this.#options.onError(key, error);
      return { kind: 'retry', atLeastMs: (error.retryAfterSeconds ?? 0) * 1000 };
    }
  }
}
