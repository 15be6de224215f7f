/**
 * The controller, joined: caches tell the world queue, the world queue decides, the write queue applies. Everything from
 * outside comes in by the options, so that a test runs it whole against a real API server, or with fakes.
 *
 *     caches ──change──▶ world queue (one key) ──decision──▶ write queue (a key an object) ──▶ API
 *                            ▲                                        │
 *                            └──────────── an address was released ───┘
 *
 * Nothing is decided before every cache has been read whole once, so a start takes nothing away.
 */
import { EventSink } from '../../adapters/kube/events.ts';
import { isNotLeader } from '../../adapters/kube/fenced-api.ts';
import type { KubeError } from '../../adapters/kube/kube-error.ts';
import type { ConfigurationStateIdentity } from '../../adapters/kube/write-config-objects.ts';
import type { PoolUsage } from '../../decide/allocation/pool-usage.ts';
import type { Log } from '../../engine/log.ts';
import type { Clock, KubeApi, Random } from '../../engine/ports.ts';
import { DONE, type Outcome, WorkQueue } from '../../engine/work-queue.ts';
import { holdsBack } from '../../model/config.ts';
import type { AddressRange } from '../../model/range.ts';
import { formatFaults } from '../configuration-state.ts';
import { Applier, POOL_STATUS_DELAY_MS } from './apply.ts';
import { type ControllerCaches, openCaches, STATE_NAME, startCaches, stopCaches, unsynced } from './caches.ts';
import { CalicoKeeper, type CalicoMode } from './calico-keeper.ts';
import { type CalicoNews, calicoEvent } from './calico-report.ts';
import { type Decision, World } from './world.ts';

const WORLD = 'world';
/** In the queue of writes: the program's own figures. */
const FIGURES = 'figures';
const FIGURES_DELAY_MS = 200;
/** In the queue of writes: Calico's list of blocks. */
const CALICO = 'calico';
/** Requests for writing that may run at once: enough to hide the API's latency, few enough not to crowd it. */
const WRITE_CONCURRENCY = 8;
/** What the program's counters are told; see adapters/observe/metrics.ts for the meanings. */
export interface ControllerMetrics {
  updated(): void;
  updateFailed(): void;
  watchFailed(): void;
  eventDropped(): void;
  configLoaded(state: { readonly loaded: boolean; readonly stale: boolean }): void;
  poolsUsed(usage: Iterable<PoolUsage>): void;
  /** Services without an address, by reason. */
  pending(byReason: ReadonlyMap<string, number>): void;
  /** A Service got its first address this long after it was first seen without one. */
  served(seconds: number): void;
}

export interface ControllerOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: ControllerMetrics;
  readonly namespace: string;
  readonly loadBalancerClass: string | undefined;
  /** The cluster's own networks, as far as the API does not tell them. */
  readonly podNetworks: readonly AddressRange[];
  readonly serviceNetworks: readonly AddressRange[];
  /** What Events name as their speaker. */
  readonly instance: string;
  readonly state: ConfigurationStateIdentity;
  /** What Calico is told to advertise; absent: Calico is left alone. */
  readonly calico?: CalicoMode | undefined;
}

export class Controller {
  readonly #options: ControllerOptions;
  readonly #caches: ControllerCaches;
  readonly #applier: Applier;
  readonly #observed: World;
  readonly #world: WorkQueue;
  readonly #writes: WorkQueue;
  readonly #events: EventSink;
  readonly #calico: CalicoKeeper | undefined;
  #decision: Decision | undefined;
  #faultsTold = '';
  /** Whether it gives out addresses: since lead(), once Services have been read anew, until standBy(). */
  #role: 'standing-by' | 'taking-over' | 'leading' = 'standing-by';
  /** Counts lead() and standBy(). */
  #term = 0;
  /** The writes of the last time that it led. */
  #earlierWrites: Promise<void> = Promise.resolve();

  constructor(options: ControllerOptions) {
    const { api, clock, random, log, metrics } = options;
    this.#options = options;
    this.#caches = openCaches({
      api,
      clock,
      random,
      namespace: options.namespace,
      podNetworks: options.podNetworks,
      serviceNetworks: options.serviceNetworks,
      onChange: () => this.#changed(),
      onServiceChange: (key) => {
        this.#observed.serviceChanged(key);
        this.#changed();
      },
      onError: (cache, err) => {
        metrics.watchFailed();
        log.warn({ cache, err }, 'cannot read from the API server, trying again');
      },
    });
    this.#events = new EventSink({
      api,
      clock,
      component: 'metallb-controller',
      instance: options.instance,
      isBusy: () => this.#writes.size > WRITE_CONCURRENCY,
      onDropped: (event, err) => {
        metrics.eventDropped();
        if (isNotLeader(err)) return;
        log.warn({ reason: event.reason, object: event.object.name, err }, 'an event could not be told');
      },
    });
    this.#applier = new Applier({
      api,
      clock,
      caches: this.#caches,
      events: this.#events,
      state: options.state,
      onWritten: (key) => {
        this.#observed.serviceChanged(key);
        this.#world.add(WORLD);
      },
      onServed: (seconds) => metrics.served(seconds),
      onError: (key, err) => this.#writeFailed(key, err),
    });
    this.#observed = new World(this.#caches, clock, options.loadBalancerClass);
    this.#world = new WorkQueue({ clock, random, handle: () => this.#decide() });
    this.#writes = new WorkQueue({
      clock,
      random,
      handle: (key) => this.#write(key),
      concurrency: WRITE_CONCURRENCY,
    });
    this.#calico = options.calico === undefined ? undefined : this.#openCalico(options.calico);
  }

  start(): void {
    startCaches(this.#caches, () => this.#changed());
    this.#calico?.start();
  }

  /**
   * This one alone leads now: decides over everything. From Services that are read after this moment, because a watch may
   * be late, and the controller before may have given what the copy shows as free.
   */
  async lead(): Promise<void> {
    this.#term += 1;
    const term = this.#term;
    this.#role = 'taking-over';
    await this.#earlierWrites;
    await this.#caches.services.refresh();
    if (term !== this.#term) return;
    this.#role = 'leading';
    this.#observed.lookAtEverything();
    this.#changed();
  }

  /** Another may lead from now on: drops what was decided and what waits to be written. */
  standBy(): void {
    this.#term += 1;
    this.#role = 'standing-by';
    this.#decision = undefined;
    this.#earlierWrites = this.#writes.clear();
    this.#applier.forget();
    this.#calico?.forget();
    this.#options.metrics.poolsUsed([]);
    this.#options.metrics.pending(new Map());
  }

  /** Ends the watches and the writes under way; the cluster stays as it is. */
  async stop(): Promise<void> {
    await Promise.all([this.#world.stop(), this.#writes.stop(), stopCaches(this.#caches), this.#calico?.stop()]);
  }

  /** What is still missing before it does its work, in words; empty: it does. */
  waitingFor(): string[] {
    const reads = unsynced(this.#caches).map((name) => `the first list of ${name} has not been read`);
    if (reads.length > 0 || this.#role === 'standing-by') return reads;
    if (this.#decision === undefined) return ['nothing has been decided yet'];
    if (this.#decision.decided.config === undefined) return ['the configuration is faulty and no good one is known'];
    return [];
  }

  #changed(): void {
    if (unsynced(this.#caches).length === 0) this.#world.add(WORLD);
  }

  async #decide(): Promise<Outcome> {
    if (unsynced(this.#caches).length > 0) return DONE;
    // Whoever stands by decides, too: it knows then what deleted Services gave up, and has the last good configuration.
    const decision = this.#observed.decide();
    this.#tellConfig(decision);
    this.#lookAgainAt(decision.allocator?.nextEndMs());
    if (this.#role !== 'leading') return DONE;
    this.#decision = decision;
    this.#writes.addAfter(FIGURES, FIGURES_DELAY_MS);
    const { now, soon } = this.#applier.take(decision);
    for (const key of now) this.#writes.add(key);
    for (const key of soon) this.#writes.addAfter(key, POOL_STATUS_DELAY_MS);
    if (this.#calico?.take(decision.decided.config) === true) this.#writes.add(CALICO);
    return DONE;
  }

  async #write(key: string): Promise<Outcome> {
    if (key === FIGURES) {
      this.#tellFigures();
      return DONE;
    }
    if (key === CALICO) return (await this.#calico?.keep()) ?? DONE;
    const outcome = await this.#applier.write(key);
    if (outcome.kind === 'done' && key.startsWith('service/')) this.#options.metrics.updated();
    return outcome;
  }

  #writeFailed(key: string, err: KubeError): void {
    this.#options.metrics.updateFailed();
    this.#options.log.warn({ key, err }, 'cannot write, trying again');
  }

  #openCalico(mode: CalicoMode): CalicoKeeper {
    const { api, clock, random, log, metrics } = this.#options;
    return new CalicoKeeper({
      api,
      clock,
      random,
      mode,
      onWake: () => {
        if (this.#role === 'leading') this.#writes.add(CALICO);
      },
      onFault: (fault) => {
        this.#observed.tellFurther(fault === undefined ? [] : [fault]);
        this.#changed();
        if (fault !== undefined) this.#tellOfCalico({ fault });
      },
      onWritten: (plan) => {
        const { added, removed } = plan;
        log.info({ added, removed }, 'Calico’s list of blocks is in step with the pools');
        this.#tellOfCalico({ plan });
      },
      onError: (err) => {
        metrics.watchFailed();
        log.warn({ err }, 'cannot keep Calico in step with the pools, trying again');
      },
    });
  }

  /** On our own ConfigurationState: Calico's object has no namespace that an Event could lie in. */
  #tellOfCalico(news: CalicoNews): void {
    const state = this.#caches.state.get(`${this.#options.state.namespace}/${STATE_NAME}`);
    if (state !== undefined) this.#events.emit(calicoEvent(state, news));
  }

  /** When an address has waited or rested long enough, it may be somebody's. */
  #lookAgainAt(wallMs: number | undefined): void {
    if (wallMs !== undefined) this.#world.addAfter(WORLD, Math.max(0, wallMs - this.#options.clock.wallMs()) + 1);
  }

  #tellFigures(): void {
    const allocator = this.#decision?.allocator;
    if (allocator === undefined) return;
    this.#options.metrics.poolsUsed(allocator.usage());
    this.#options.metrics.pending(allocator.pending());
  }

  #tellConfig({ decided }: Decision): void {
    const { log, metrics } = this.#options;
    const stale = decided.errors.some(holdsBack);
    metrics.configLoaded({ loaded: decided.config !== undefined, stale });
    const faults = formatFaults(decided.errors);
    if (faults === this.#faultsTold) return;
    this.#faultsTold = faults;
    if (faults === '') log.info({ source: decided.source }, 'the configuration is in order');
    else log.warn({ source: decided.source, errors: decided.errors }, 'the configuration has faults');
  }
}
