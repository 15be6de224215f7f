/**
 * ACT, in the controller: takes the last decision and makes each object say it. One key an object, so that one that
 * cannot be written holds up no other:
 *
 *     service/<ns>/<name> · pool/<ns>/<name> · l2/<ns>/<name> · configmap · state
 *
 * An address goes to a Service only after the Service that gives it up has been written. Whatever is written is learnt at
 * once, so that the next decision starts from it.
 */
import type { EventSink } from '../../adapters/kube/events.ts';
import { isNotLeader } from '../../adapters/kube/fenced-api.ts';
import type { Informer } from '../../adapters/kube/informer.ts';
import { KubeError } from '../../adapters/kube/kube-error.ts';
import {
  adoptConfigurationState,
  annotateConfigMap,
  type ConfigurationStateIdentity,
  writeConfigurationState,
  writeStatus,
} from '../../adapters/kube/write-config-objects.ts';
import { type ServiceStatusWrite, writeServiceStatus } from '../../adapters/kube/write-service.ts';
import type { Clock, KubeApi } from '../../engine/ports.ts';
import { DONE, type Outcome, RETRY } from '../../engine/work-queue.ts';
import type { Ip } from '../../model/ip.ts';
import { formatResource, type RawResource } from '../../model/resource.ts';
import type { ServiceView } from '../../model/service.ts';
import { type ControllerCaches, type OwnedResource, STATE_NAME } from './caches.ts';
import {
  acceptedCondition,
  configMapChanges,
  configurationState,
  ERROR_ANNOTATION,
  IGNORED_ANNOTATION,
  poolStatus,
  saysAlready,
} from './config-diff.ts';
import { farewell, givenUp, serviceEvents, serviceWrite } from './service-diff.ts';
import type { Decision } from './snapshot.ts';
import { WritesUnderWay } from './writes-under-way.ts';

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
  /** What was last written to an object, for servers whose resource definition drops part of it. */
  readonly #written = new Map<string, string>();
  readonly #underWay: WritesUnderWay;

  constructor(options: ApplyOptions) {
    this.#options = options;
    this.#underWay = new WritesUnderWay({
      versionOf: (key) => options.caches.services.get(key)?.resourceVersion,
      onNews: () => options.onReleased(),
    });
  }

  /** Takes over a decision and returns the keys of everything that may have to be written. */
  take(decision: Decision): { readonly now: readonly string[]; readonly soon: readonly string[] } {
    this.#decision = decision;
    this.#underWay.decided();
    this.#leaving = leavingAddresses(decision);
    const nowText = this.#nowText();
    const now: string[] = ['state'];
    for (const [key, allocation] of decision.allocations) {
      if (serviceWrite(allocation, nowText) !== undefined) now.push(`service/${key}`);
    }
    for (const key of decision.left) {
      if (!decision.allocations.has(key) && this.#farewell(key) !== undefined) now.push(`service/${key}`);
    }
    if (decision.configMap !== undefined) now.push('configmap');
    const { pools, l2Advertisements } = this.#options.caches.configuration;
    const soon = pools.list().map(({ namespace, name }) => `pool/${namespace}/${name}`);
    soon.push(...l2Advertisements.list().map(({ namespace, name }) => `l2/${namespace}/${name}`));
    return { now, soon };
  }

  /** Another controller writes from now on: what this one has written and decided says nothing any more. */
  forget(): void {
    this.#decision = undefined;
    this.#leaving = new Map();
    this.#written.clear();
    this.#underWay.forget();
  }

  /** Writes one object if it does not say what was decided. */
  async write(key: string): Promise<Outcome> {
    const decision = this.#decision;
    if (decision === undefined) return DONE;
    try {
      return await this.#writeKind(key, decision);
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      // Whoever leads now has decided anew.
      if (isNotLeader(error)) return DONE;
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
    const { pools, l2Advertisements } = this.#options.caches.configuration;
    const name = key.slice(key.indexOf('/') + 1);
    if (key.startsWith('service/')) return this.#writeService(name, decision);
    if (key.startsWith('pool/')) return this.#writePool(pools, name, decision);
    if (key.startsWith('l2/')) return this.#writeL2(l2Advertisements, name, decision);
    return key === 'configmap' ? this.#writeConfigMap(decision) : this.#writeState(decision);
  }

  async #writeService(key: string, decision: Decision): Promise<Outcome> {
    const { caches, events } = this.#options;
    const allocation = decision.allocations.get(key);
    const current = caches.services.get(key);
    if (current === undefined) return DONE;
    // Decided on an older version of it: the change that made it newer has asked for a new decision already.
    if (allocation !== undefined && allocation.service.resourceVersion !== current.resourceVersion) return DONE;
    const write = allocation === undefined ? this.#farewell(key) : serviceWrite(allocation, this.#nowText());
    if (write === undefined || this.#isBlocked(key, write)) return DONE;
    await this.#sendService(key, write);
    if (allocation === undefined) return DONE;
    for (const event of serviceEvents(allocation)) events.emit(event);
    if (givenUp(allocation).length > 0) this.#options.onReleased();
    return DONE;
  }

  async #sendService(key: string, write: ServiceStatusWrite): Promise<void> {
    const { api, caches } = this.#options;
    this.#underWay.sent(key, write.service.resourceVersion, write.ips ?? []);
    try {
      caches.services.learn(await writeServiceStatus(api, write));
    } catch (error) {
      // A server's refusal is a word; silence, and a server that failed in the midst of it, are none.
      if (error instanceof KubeError && error.status >= 400 && error.status < 500)
        this.#underWay.settled(key, 'refused');
      throw error;
    }
    this.#underWay.settled(key, 'written');
  }

  #farewell(key: string): ServiceStatusWrite | undefined {
    const current = this.#decision?.left.has(key) ? this.#options.caches.services.get(key) : undefined;
    return current === undefined ? undefined : farewell(current);
  }

  /** Whether another Service's status still has, or may yet get, an address that is this one's by the decision. */
  #isBlocked(key: string, write: ServiceStatusWrite): boolean {
    const gives = (other: string, ip: Ip): boolean => this.#decision?.allocations.get(other)?.ips.includes(ip) ?? false;
    if (this.#underWay.mustWait(key, write.ips ?? [], gives)) return true;
    return (write.ips ?? []).some((ip) =>
      (this.#leaving.get(ip) ?? []).some((other) => other !== key && this.#stillSays(other, ip)),
    );
  }

  #stillSays(key: string, ip: Ip): boolean {
    const service: ServiceView | undefined = this.#options.caches.services.get(key);
    return service?.ingress.some((entry) => entry.ip === ip) ?? false;
  }

  async #writePool(cache: Informer<RawResource>, key: string, decision: Decision): Promise<Outcome> {
    const resource = cache.get(key);
    if (resource === undefined) return DONE;
    const inForce = decision.decided.source === 'resources';
    const usage = inForce ? decision.usage.find(({ pool }) => pool === resource.name) : undefined;
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
    if (known !== undefined && !isOwned(known, state)) caches.state.learn(await adoptConfigurationState(api, state));
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

/** An object that goes away with the pod of the controller that led before would go in the midst of this one's work. */
function isOwned(known: OwnedResource, { owner }: ConfigurationStateIdentity): boolean {
  return owner === undefined || known.ownerUids.includes(owner.uid);
}

function leavingAddresses(decision: Decision): Map<Ip, string[]> {
  const leaving = new Map<Ip, string[]>();
  for (const [key, allocation] of decision.allocations) {
    for (const ip of givenUp(allocation)) leaving.set(ip, [...(leaving.get(ip) ?? []), key]);
  }
  return leaving;
}
