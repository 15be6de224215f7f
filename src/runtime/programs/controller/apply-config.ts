/**
 * ACT, for the configuration's own objects: each says what was made of it. The keys of the controller's write queue that
 * are answered here:
 *
 *     config/<plural>/<ns>/<name> · configmap · state
 *
 * A status is written when it does not say what it should, so a status edited by hand is put right.
 */

import { apiTime } from '../../adapters/kube/api-time.ts';
import type { EventSink } from '../../adapters/kube/events.ts';
import { metallbApiVersion } from '../../adapters/kube/paths.ts';
import {
  annotateConfigMap,
  bearsIdentity,
  type ConfigurationStateIdentity,
  writeConfigurationState,
  writeStatus,
} from '../../adapters/kube/write-config-objects.ts';
import type { PoolUsage } from '../../decide/allocation/pool-usage.ts';
import { IGNORED_ANNOTATION } from '../../decide/configuration/config-ignored.ts';
import type { DecidedConfig } from '../../decide/configuration/config-source.ts';
import type { Clock, KubeApi } from '../../engine/ports.ts';
import { DONE, type Outcome } from '../../engine/work-queue.ts';
import type { ConfigMapView } from '../../model/cluster.ts';
import type { ConfigError } from '../../model/config.ts';
import { formatResource, type RawResource } from '../../model/resource.ts';
import { formatKey } from '../../model/service.ts';
import { CONFIG_PLURALS, type ConfigPlural } from '../configuration.ts';
import { configurationStatus, saysAlready } from '../configuration-state.ts';
import { type ControllerCaches, STATE_NAME } from './caches.ts';
import { configMapChanges, ERROR_ANNOTATION, poolStatus, resourceConditions } from './config-diff.ts';

export interface ApplyConfigOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly caches: ControllerCaches;
  readonly events: EventSink;
  readonly state: ConfigurationStateIdentity;
}

/** What was decided, as far as the configuration's objects are told of it. */
export interface ConfigDecision {
  readonly decided: DecidedConfig;
  /** By the pool's name. */
  readonly usage: () => ReadonlyMap<string, PoolUsage>;
  /** Names of the pools whose figures may have changed. */
  readonly pools: ReadonlySet<string>;
  /** The version of the old ConfigMap that it was decided with. */
  readonly configMap: ConfigMapView | undefined;
}

export class ConfigApplier {
  readonly #options: ApplyConfigOptions;
  #decision: ConfigDecision | undefined;
  /** By "Kind ns/name". */
  #faults: ReadonlyMap<string, readonly ConfigError[]> = new Map();
  /** What was last written to an object, and the version that came of it: a server may drop part, which no repeating mends. */
  readonly #written = new Map<string, string>();

  constructor(options: ApplyConfigOptions) {
    this.#options = options;
  }

  /** Takes over a decision and returns the keys of what may have to be written: now, and after the Services. */
  take(decision: ConfigDecision): { readonly now: readonly string[]; readonly soon: readonly string[] } {
    const isSameConfig = this.#decision?.decided === decision.decided;
    this.#decision = decision;
    if (!isSameConfig) {
      const { faulty } = decision.decided;
      this.#faults = new Map(faulty.map(({ object, errors }) => [formatResource(object), errors]));
    }
    const { resources } = this.#options.caches.configuration;
    // Pools count the Services' addresses; what the others say follows from the configuration alone.
    const plurals = isSameConfig ? (['ipaddresspools'] as const) : CONFIG_PLURALS;
    return {
      now: decision.configMap === undefined ? ['state'] : ['state', 'configmap'],
      soon: plurals.flatMap((plural) =>
        resources[plural]
          .list()
          .filter(({ name }) => !isSameConfig || decision.pools.has(name))
          .map((resource) => `config/${plural}/${formatKey(resource)}`),
      ),
    };
  }

  /** Another controller writes from now on. */
  forget(): void {
    this.#decision = undefined;
    this.#written.clear();
  }

  /** Whether the key is one of those above. */
  owns(key: string): boolean {
    return key === 'state' || key === 'configmap' || key.startsWith('config/');
  }

  /** Writes one object if it does not say what was decided. Rejects with KubeError. */
  async write(key: string): Promise<Outcome> {
    const decision = this.#decision;
    if (decision === undefined) return DONE;
    if (key === 'state') return this.#writeState(decision);
    if (key === 'configmap') return this.#writeConfigMap(decision);
    const [, plural = '', ...name] = key.split('/');
    return this.#writeResource(plural as ConfigPlural, name.join('/'), decision);
  }

  async #writeResource(plural: ConfigPlural, key: string, decision: ConfigDecision): Promise<Outcome> {
    const { api, caches, events } = this.#options;
    const cache = caches.configuration.resources[plural];
    const resource = cache.get(key);
    if (resource === undefined) return DONE;
    const path = formatResource(resource);
    const status = this.#statusOf(plural, resource, decision);
    const writing = (version: string | undefined): string => JSON.stringify([version, status]);
    const isWritten = this.#written.get(path) === writing(resource.resourceVersion);
    if (saysAlready(resource, { ...status }) || isWritten) return DONE;
    cache.learn(await writeStatus(api, plural, resource, status));
    this.#written.set(path, writing(cache.get(key)?.resourceVersion));
    const before = JSON.stringify(resource.status ?? null);
    for (const { type, status: verdict, reason, message } of status.conditions) {
      if (verdict !== 'False' || before.includes(JSON.stringify(message))) continue;
      const { namespace, name, uid, kind } = resource;
      const object = { apiVersion: metallbApiVersion(plural), kind, namespace, name, uid };
      events.emit({ object, type: 'Warning', reason: type === 'Accepted' ? 'ConfigurationError' : reason, message });
    }
    return DONE;
  }

  #statusOf(plural: ConfigPlural, resource: RawResource, { decided, usage }: ConfigDecision) {
    const faults = this.#faults.get(formatResource(resource)) ?? [];
    const nowText = this.#nowText();
    if (plural !== 'ipaddresspools') return { conditions: resourceConditions(resource, faults, nowText) };
    const figures = decided.source === 'resources' ? usage().get(resource.name) : undefined;
    return poolStatus(resource, figures, faults, nowText);
  }

  async #writeConfigMap(decision: ConfigDecision): Promise<Outcome> {
    const { api, caches, events } = this.#options;
    const configMap = caches.configuration.configMap();
    if (configMap === undefined || configMap.resourceVersion !== decision.configMap?.resourceVersion) return DONE;
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

  async #writeState({ decided }: ConfigDecision): Promise<Outcome> {
    const { api, caches, state } = this.#options;
    const known = caches.state.get(`${state.namespace}/${STATE_NAME}`);
    const status = configurationStatus({
      errors: decided.errors,
      condition: 'poolReconcilerValid',
      known,
      nowText: this.#nowText(),
    });
    if (known !== undefined && saysAlready(known, { ...status }) && bearsIdentity(known, state)) return DONE;
    await writeConfigurationState(api, state, status, known);
    return DONE;
  }

  #nowText(): string {
    return apiTime(this.#options.clock.wallMs());
  }
}
