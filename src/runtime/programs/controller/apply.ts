/**
 * ACT, in the controller: takes the last decision and makes each object say it. One key an object, so that one that
 * cannot be written holds up no other:
 *
 *     service/<ns>/<name> · pool/<ns>/<name> · l2/<ns>/<name> · configmap · state
 */
import type { EventSink } from '../../adapters/kube/events.ts';
import type { Informer } from '../../adapters/kube/informer.ts';
import { KubeError } from '../../adapters/kube/kube-error.ts';
import {
  annotateConfigMap,
  type ConfigurationStateIdentity,
  writeConfigurationState,
  writeStatus,
} from '../../adapters/kube/write-config-objects.ts';
import type { Clock, KubeApi } from '../../engine/ports.ts';
import { DONE, type Outcome } from '../../engine/work-queue.ts';
import { formatResource, type RawResource } from '../../model/resource.ts';
import { ServiceApplier } from './apply-services.ts';
import { type ControllerCaches, STATE_NAME } from './caches.ts';
import {
  acceptedCondition,
  configMapChanges,
  configurationState,
  ERROR_ANNOTATION,
  IGNORED_ANNOTATION,
  poolStatus,
  saysAlready,
} from './config-diff.ts';
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

export class Applier {
  readonly #options: ApplyOptions;
  readonly #services: ServiceApplier;
  #decision: Decision | undefined;
  /** What was last written to an object, for servers whose resource definition drops part of it. */
  readonly #written = new Map<string, string>();

  constructor(options: ApplyOptions) {
    const { api, clock, caches, events, onWritten, onServed } = options;
    this.#options = options;
    this.#services = new ServiceApplier({
      api,
      clock,
      services: caches.services,
      events,
      nowText: () => this.#nowText(),
      onWritten,
      onServed,
    });
  }

  /** Takes over a decision and returns the keys of everything that may have to be written. */
  take(decision: Decision): { readonly now: readonly string[]; readonly soon: readonly string[] } {
    const isNewConfig = decision.decided !== this.#decision?.decided;
    this.#decision = decision;
    const now = this.#services.take(decision).map((key) => `service/${key}`);
    now.push('state');
    if (decision.configMap !== undefined) now.push('configmap');
    const { pools, l2Advertisements } = this.#options.caches.configuration;
    const soon = pools
      .list()
      .filter(({ name }) => isNewConfig || decision.pools.has(name))
      .map(({ namespace, name }) => `pool/${namespace}/${name}`);
    if (isNewConfig) soon.push(...l2Advertisements.list().map(({ namespace, name }) => `l2/${namespace}/${name}`));
    return { now, soon };
  }

  /** Writes one object if it does not say what was decided. */
  async write(key: string): Promise<Outcome> {
    const decision = this.#decision;
    if (decision === undefined) return DONE;
    try {
      return await this.#writeKind(key, decision);
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      // Gone: nothing to write any more. A 404 in other words is not from the API server, but from somebody on the way.
      if (error.reason === 'NotFound' && !key.startsWith('state')) return DONE;
      // A conflict, too: somebody else wrote first. The informer brings it, and the decision after that is tried here.
      this.#options.onError(key, error);
      return { kind: 'retry', atLeastMs: (error.retryAfterSeconds ?? 0) * 1000 };
    }
  }

  #writeKind(key: string, decision: Decision): Promise<Outcome> {
    const { pools, l2Advertisements } = this.#options.caches.configuration;
    const name = key.slice(key.indexOf('/') + 1);
    if (key.startsWith('service/')) return this.#services.write(name).then(() => DONE);
    if (key.startsWith('pool/')) return this.#writePool(pools, name, decision);
    if (key.startsWith('l2/')) return this.#writeL2(l2Advertisements, name, decision);
    return key === 'configmap' ? this.#writeConfigMap(decision) : this.#writeState(decision);
  }

  async #writePool(cache: Informer<RawResource>, key: string, decision: Decision): Promise<Outcome> {
    const resource = cache.get(key);
    if (resource === undefined) return DONE;
    const inForce = decision.decided.source === 'resources';
    const usage = inForce ? decision.usage().get(resource.name) : undefined;
    const status = poolStatus(resource, usage, this.#faultsOf(resource, decision), this.#nowText());
    return this.#writeVerdict(cache, 'ipaddresspools', resource, status);
  }

  async #writeL2(cache: Informer<RawResource>, key: string, decision: Decision): Promise<Outcome> {
    const resource = cache.get(key);
    if (resource === undefined) return DONE;
    const condition = acceptedCondition(resource, this.#faultsOf(resource, decision), this.#nowText());
    return this.#writeVerdict(cache, 'l2advertisements', resource, { conditions: [condition] });
  }

  async #writeVerdict(
    cache: Informer<RawResource>,
    plural: 'ipaddresspools' | 'l2advertisements',
    resource: RawResource,
    status: { readonly conditions: readonly { readonly status: string; readonly message: string }[] },
  ): Promise<Outcome> {
    const path = formatResource(resource);
    const text = JSON.stringify([resource.uid, status]);
    if (saysAlready(resource, { ...status }) || this.#written.get(path) === text) return DONE;
    const { api, events } = this.#options;
    cache.learn(await writeStatus(api, plural, resource, status));
    this.#written.set(path, text);
    const [verdict] = status.conditions;
    const said = JSON.stringify(resource.status ?? null).includes(JSON.stringify(verdict?.message ?? ''));
    if (verdict?.status === 'False' && !said) {
      const { namespace, name, uid, kind } = resource;
      const object = { apiVersion: 'metallb.io/v1beta1', kind, namespace, name, uid };
      events.emit({ object, type: 'Warning', reason: 'ConfigurationError', message: verdict.message });
    }
    return DONE;
  }

  async #writeConfigMap(decision: Decision): Promise<Outcome> {
    const { api, caches, events } = this.#options;
    const known = decision.configMap;
    const configMap = caches.configuration.configMap();
    if (configMap === undefined || configMap.resourceVersion !== known?.resourceVersion) return DONE;
    const changes = configMapChanges(configMap, decision.decided);
    if (changes === undefined) return DONE;
    caches.configuration.configMaps.learn(await annotateConfigMap(api, configMap, changes));
    const { namespace, name, uid } = configMap;
    const object = { apiVersion: 'v1', kind: 'ConfigMap', namespace, name, uid };
    const error = changes[ERROR_ANNOTATION];
    const ignored = changes[IGNORED_ANNOTATION];
    if (error) events.emit({ object, type: 'Warning', reason: 'ConfigurationError', message: error });
    if (ignored) events.emit({ object, type: 'Warning', reason: 'ConfigurationIgnored', message: ignored });
    return DONE;
  }

  async #writeState(decision: Decision): Promise<Outcome> {
    const { api, caches, state } = this.#options;
    const known = caches.state.get(`${state.namespace}/${STATE_NAME}`);
    const status = configurationState(decision.decided, known, this.#nowText());
    if (known !== undefined && saysAlready(known, { ...status })) return DONE;
    await writeConfigurationState(api, state, status);
    return DONE;
  }

  #faultsOf(resource: RawResource, decision: Decision) {
    const path = formatResource(resource);
    return decision.decided.faulty.find(({ object }) => formatResource(object) === path)?.errors ?? [];
  }

  /** RFC 3339 in whole seconds, as the API keeps it. */
  #nowText(): string {
    return new Date(this.#options.clock.wallMs()).toISOString().replace(/\.\d+Z$/, 'Z');
  }
}
