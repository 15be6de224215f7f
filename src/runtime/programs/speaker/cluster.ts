/**
 * The speaker's cluster half: caches of the API, the speakers' liveness, and the plan, joined. On any change it plans
 * the whole of layer 2 anew and hands this node's table over when it differs from the last one.
 *
 *   informers ─┐
 *   Leases ────┼─▶ plan ─▶ planLayer2 ─▶ tableFor(this node) ─▶ main thread
 *   deadline ──┘                     └─▶ log, Events, counters
 *
 * Nothing is handed over before every cache has synced and a configuration has been read, so a start withdraws nothing.
 */
import { isDeepStrictEqual } from 'node:util';
import { type AnyInformer, Informer } from '../../adapters/kube/informer.ts';
import { ENDPOINT_SLICES_PATH, NODES_PATH, SERVICES_PATH } from '../../adapters/kube/paths.ts';
import { toEndpointSliceView, toLeaseView, toNodeDetails } from '../../adapters/kube/read-model.ts';
import { toServiceView } from '../../adapters/kube/read-service.ts';
import type { Untyped } from '../../adapters/kube/untyped.ts';
import type { DecidedConfig } from '../../decide/config-source.ts';
import { type AddressPlan, planLayer2, tableFor } from '../../decide/plan-layer2.ts';
import { formatSpeakerInterfaces, PORT_ANNOTATION, parseSpeakerPort } from '../../decide/speaker-facts.ts';
import type { Clock, KubeApi, Random } from '../../engine/ports.ts';
import { DONE, WorkQueue } from '../../engine/work-queue.ts';
import type { AnnouncedAddress } from '../../model/announcements.ts';
import type { EndpointSliceView, LeaseView, NodeDetails } from '../../model/cluster.ts';
import type { Sha256Hex } from '../../model/platform.ts';
import type { ServiceView } from '../../model/service.ts';
import { LeaseDetector } from '../../protocols/liveness/lease-detector.ts';
import { Configuration } from '../configuration.ts';
import { LeaseKeeper, SPEAKER_LEASE_LABELS } from './lease-keeper.ts';
import type { ClusterCounters, ClusterWorkerData, FromCluster, ToCluster } from './messages.ts';
import { PresenceProber, type PresenceTarget } from './presence-prober.ts';
import { layer2Facts } from './snapshot.ts';

export interface ClusterOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly sha256Hex: Sha256Hex;
  readonly settings: ClusterWorkerData;
  readonly post: (message: FromCluster) => void;
  /** Before every plan: the configuration it is made with, and what is wrong with it. */
  readonly onConfiguration: (decided: DecidedConfig) => void;
  /** After every plan: what it is now and was before, and how to look a Service up. */
  readonly onPlanned: (
    plans: readonly AddressPlan[],
    before: readonly AddressPlan[],
    service: (key: string) => ServiceView | undefined,
  ) => void;
  readonly onError: (error: unknown) => void;
}

export class Cluster {
  readonly #options: ClusterOptions;
  readonly #services: Informer<ServiceView>;
  readonly #endpointSlices: Informer<EndpointSliceView>;
  readonly #nodes: Informer<NodeDetails>;
  readonly #leases: Informer<LeaseView>;
  readonly #configuration: Configuration;
  readonly #keeper: LeaseKeeper;
  readonly #detector: LeaseDetector;
  readonly #prober: PresenceProber;
  readonly #queue: WorkQueue;
  #plans: readonly AddressPlan[] = [];
  #table: readonly AnnouncedAddress[] | undefined;
  #missing: readonly string[] | undefined;
  #cancelDeadline: (() => void) | undefined;
  /** The API server was out of reach at the last renewal. */
  #cutOff = false;

  constructor(options: ClusterOptions) {
    this.#options = options;
    const { clock, random, settings } = options;
    this.#queue = new WorkQueue({
      clock,
      random,
      handle: async () => {
        this.#plan();
        return DONE;
      },
    });
    this.#services = this.#informer(SERVICES_PATH, withAddress, {});
    this.#endpointSlices = this.#informer(ENDPOINT_SLICES_PATH, toEndpointSliceView, {});
    this.#nodes = this.#informer(NODES_PATH, toNodeDetails, {});
    this.#leases = this.#informer(
      `/apis/coordination.k8s.io/v1/namespaces/${settings.namespace}/leases`,
      toLeaseView,
      { labelSelector: `app=${SPEAKER_LEASE_LABELS.app},component=${SPEAKER_LEASE_LABELS.component}` },
      (key) => this.#sawLease(key),
    );
    this.#configuration = new Configuration({
      api: options.api,
      clock,
      random,
      namespace: settings.namespace,
      onChange: () => this.#changed(),
      onError: options.onError,
    });
    this.#detector = new LeaseDetector(settings.nodeName);
    this.#prober = new PresenceProber({
      clock,
      wanted: () => this.#detector.probesWanted(clock.now()),
      target: (node) => this.#presenceOf(node),
      onReached: (node) => this.#reached(node),
    });
    this.#keeper = new LeaseKeeper({
      api: options.api,
      clock,
      namespace: settings.namespace,
      nodeName: settings.nodeName,
      nodeUid: () => this.#nodes.get(settings.nodeName)?.uid,
      presencePort: settings.presencePort,
      speakers: () => this.#leases.size,
      onRenewed: (leaseMs) => this.#renewed(leaseMs),
      onFailed: (error) => this.#renewalFailed(error),
    });
  }

  start(): void {
    for (const informer of this.#informers()) {
      informer.start();
      void informer.whenSynced().then(() => this.#changed());
    }
    this.#changed();
  }

  handle(message: ToCluster): void {
    switch (message.kind) {
      case 'interfaces':
        this.#keeper.setInterfaces(formatSpeakerInterfaces(message.interfaces));
        return;
      case 'retire':
        void this.#retire();
        return;
    }
  }

  async #retire(): Promise<void> {
    await this.#keeper.retire();
    this.#cancelDeadline?.();
    this.#prober.stop();
    await Promise.all(this.#informers().map((informer) => informer.stop()));
    this.#options.post({ kind: 'retired' });
  }

  #informers(): readonly AnyInformer[] {
    return [this.#services, this.#endpointSlices, this.#nodes, this.#leases, ...this.#configuration.informers()];
  }

  #informer<View extends object>(
    path: string,
    toView: (raw: Untyped) => View | undefined,
    selectors: { readonly labelSelector?: string },
    onChange: (key: string) => void = () => undefined,
  ): Informer<View> {
    const { api, clock, random, onError } = this.#options;
    return new Informer<View>({
      api,
      clock,
      random,
      path,
      ...selectors,
      toView,
      onChange: (key) => {
        onChange(key);
        this.#changed();
      },
      onError,
    });
  }

  #changed(): void {
    this.#queue.add('plan');
  }

  #sawLease(key: string): void {
    const now = this.#options.clock.now();
    const lease = this.#leases.get(key);
    if (lease === undefined) {
      this.#detector.handle({ kind: 'vanished', node: nodeOfLease(key) }, now);
      return;
    }
    const { holder, renewTime, durationSeconds } = lease;
    this.#detector.handle(
      { kind: 'observed', node: holder, stamp: renewTime, leaseMs: clampLeaseMs(durationSeconds) },
      now,
    );
  }

  #renewed(leaseMs: number): void {
    this.#detector.handle({ kind: 'renewed', leaseMs }, this.#options.clock.now());
    if (this.#cutOff) {
      this.#cutOff = false;
      // Connections that went through the outage may be dead without knowing it: what they missed is needed now.
      for (const informer of this.#informers()) informer.reconnect();
    }
    this.#changed();
  }

  #renewalFailed(error: unknown): void {
    this.#cutOff = true;
    this.#detector.handle({ kind: 'renewal-failed' }, this.#options.clock.now());
    this.#options.onError(error);
    this.#changed();
  }

  #reached(node: string): void {
    this.#detector.handle({ kind: 'reached', node }, this.#options.clock.now());
    this.#changed();
  }

  /** Where a node's speaker can be reached directly. */
  #presenceOf(node: string): PresenceTarget | undefined {
    const { namespace } = this.#options.settings;
    const port = parseSpeakerPort(this.#leases.get(`${namespace}/speaker-${node}`)?.annotations[PORT_ANNOTATION]);
    const [address] = this.#nodes.get(node)?.internalIps ?? [];
    return port === undefined || address === undefined ? undefined : { address, port };
  }

  #plan(): void {
    const missing = this.#whatIsMissing();
    if (!isDeepStrictEqual(missing, this.#missing)) {
      this.#missing = missing;
      this.#options.post({ kind: 'health', missing });
    }
    if (missing.length > 0) return;
    const { clock, settings, sha256Hex, onConfiguration, onPlanned } = this.#options;
    const decided = this.#configuration.decide();
    const { config } = decided;
    onConfiguration(decided);
    // Only a faulty ConfigMap is known, and never was a good one: nothing can be planned, and nothing is taken away.
    if (config === undefined) return;
    const now = clock.now();
    const caches = {
      services: this.#services.list(),
      endpointSlices: this.#endpointSlices.list(),
      nodes: this.#nodes.list(),
      leases: this.#leases.list(),
    };
    const facts = layer2Facts(caches, config, this.#detector.alive(now), settings);
    const before = this.#plans;
    this.#plans = planLayer2(facts, sha256Hex);
    this.#handOver(tableFor(settings.nodeName, this.#plans));
    onPlanned(this.#plans, before, (key) => this.#services.get(key));
    this.#options.post({ kind: 'counters', counters: countersOf(this.#plans, settings.nodeName, decided) });
    this.#prober.kick();
    this.#cancelDeadline?.();
    const deadline = this.#detector.deadline(now);
    if (deadline !== undefined) {
      this.#cancelDeadline = clock.schedule(Math.max(0, deadline - now), () => this.#changed());
    }
  }

  #handOver(addresses: readonly AnnouncedAddress[]): void {
    if (isDeepStrictEqual(addresses, this.#table)) return;
    this.#table = addresses;
    this.#options.post({ kind: 'table', addresses });
  }

  #whatIsMissing(): readonly string[] {
    const missing: string[] = [];
    for (const [what, informer] of [
      ['Services', this.#services],
      ['EndpointSlices', this.#endpointSlices],
      ['Nodes', this.#nodes],
      ['Leases', this.#leases],
    ] as const) {
      if (!informer.synced) missing.push(`${what} have not been read yet`);
    }
    if (!this.#configuration.synced) missing.push('the configuration has not been read yet');
    return missing;
  }
}

/** Services that carry no address are of no interest to a speaker; they would only take memory. */
function withAddress(raw: Untyped): ServiceView | undefined {
  const service = toServiceView(raw);
  return service.type === 'LoadBalancer' && service.ingress.length > 0 ? service : undefined;
}

/** A Lease that is gone is known by its key alone: "namespace/speaker-NODE". */
function nodeOfLease(key: string): string {
  return key.replace(/^[^/]*\/speaker-/, '');
}

/** What a Lease says of itself comes over the network: neither nothing nor a year. */
function clampLeaseMs(durationSeconds: number): number {
  return Math.min(300, Math.max(1, durationSeconds)) * 1000;
}

function countersOf(plans: readonly AddressPlan[], nodeName: string, decided: DecidedConfig): ClusterCounters {
  const unannounced: Record<string, number> = {};
  for (const { reason } of plans) {
    if (reason !== undefined) unannounced[reason] = (unannounced[reason] ?? 0) + 1;
  }
  return {
    configLoaded: decided.config !== undefined,
    configStale: decided.errors.some(({ kind }) => kind === 'invalid'),
    announced: plans.filter(({ owner }) => owner === nodeName).map(({ ip, services }) => ({ ip, services })),
    unannounced,
  };
}
