/**
 * The metrics registry. Names, labels and meanings of metallb_* follow MetalLB's, so that its dashboards and alerts go on
 * working; they are gauges despite "_total" in their names, as there.
 */
import { Counter, Gauge, Registry } from 'prom-client';
import type { Answer } from './http.ts';

export { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export function newRegistry(): Registry {
  return new Registry();
}

export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A gauge whose values are read whenever somebody asks; of several samples with equal labels the last counts. */
export function readGauge(registry: Registry, metric: Metric, read: () => readonly Sample[]): void {
  new Gauge({
    ...metric,
    registers: [registry],
    collect() {
      this.reset();
      for (const { labels, value } of read()) this.set(labels, value);
    },
  });
}

/** A counter whose values are counted elsewhere and read whenever somebody asks; samples with equal labels add up. */
export function readCounter(registry: Registry, metric: Metric, read: () => readonly Sample[]): void {
  new Counter({
    ...metric,
    registers: [registry],
    collect() {
      this.reset();
      for (const { labels, value } of read()) this.inc(labels, value);
    },
  });
}

/** GET /metrics */
export function metricsRoutes(registry: Registry): Readonly<Record<string, () => Promise<Answer>>> {
  return {
    '/metrics': async () => ({ status: 200, contentType: registry.contentType, body: await registry.metrics() }),
  };
}

/** What every program counts of its dealings with the API. */
export interface ClientMetrics {
  /** Changes of the cluster that were handled. */
  readonly updates: Counter;
  /** Of those, handled without success. */
  readonly updateErrors: Counter;
  /** 1 as soon as a configuration was read. */
  readonly configLoaded: Gauge;
  /** 1 while the configuration in the cluster is faulty and an older one is in force. */
  readonly configStale: Gauge;
  /** Reads and watches of the API that failed and are tried again. */
  readonly watchErrors: Counter;
  /** Events that could not be told. */
  readonly eventsDropped: Counter;
}

export function clientMetrics(registry: Registry): ClientMetrics {
  const registers = [registry];
  return {
    updates: new Counter({
      name: 'metallb_k8s_client_updates_total',
      help: 'Changes in the cluster that were handled.',
      registers,
    }),
    updateErrors: new Counter({
      name: 'metallb_k8s_client_update_errors_total',
      help: 'Changes in the cluster whose handling failed.',
      registers,
    }),
    configLoaded: new Gauge({
      name: 'metallb_k8s_client_config_loaded_bool',
      help: '1 when a configuration was read.',
      registers,
    }),
    configStale: new Gauge({
      name: 'metallb_k8s_client_config_stale_bool',
      help: '1 while the configuration in the cluster is faulty and the last good one is in force.',
      registers,
    }),
    watchErrors: new Counter({
      name: 'metallb_k8s_client_watch_errors_total',
      help: 'Lists and watches that failed and were tried again.',
      registers,
    }),
    eventsDropped: new Counter({
      name: 'metallb_k8s_client_events_dropped_total',
      help: 'Events that could not be told.',
      registers,
    }),
  };
}
