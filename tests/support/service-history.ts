/**
 * What became of every Service, revision by revision, as a watch tells it: the order of the events is the order in which
 * the API server took the writes. Notes whenever an address is on two living Services at once, and whenever a Service
 * that has an address gets another or loses it.
 */

import { hostClock } from '../../src/runtime/adapters/host/clock.ts';
import { KubeConnection } from '../../src/runtime/adapters/kube/connection.ts';
import { loadKubeConfig } from '../../src/runtime/adapters/kube/credentials.ts';

interface WatchedService {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
  readonly spec: { readonly type: string };
  readonly status: { readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string }[] } };
}

export class ServiceHistory {
  readonly violations: string[] = [];
  /** Events seen. */
  events = 0;
  /** Services that ever had an address, by uid. */
  readonly served = new Set<string>();
  readonly #connection: KubeConnection;
  readonly #stop = new AbortController();
  /** Living Services of type LoadBalancer and their addresses, by uid. */
  readonly #living = new Map<string, { readonly name: string; readonly ips: readonly string[] }>();
  #lastVersion = '';
  #watching: Promise<void> = Promise.resolve();

  constructor(kubeconfig: string) {
    this.#connection = new KubeConnection(loadKubeConfig(kubeconfig), hostClock);
  }

  /** From now on; Services that are there already are taken as they are. */
  async start(): Promise<void> {
    const list = (await this.#connection.request({ op: 'list services', path: '/api/v1/services' })) as {
      readonly items: readonly WatchedService[];
      readonly metadata: { readonly resourceVersion: string };
    };
    for (const service of list.items) this.#put(service);
    this.#lastVersion = list.metadata.resourceVersion;
    this.#watching = this.#watch();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
    this.#connection.close();
  }

  /** "namespace/name" and addresses of what lives. */
  living(): readonly { readonly name: string; readonly ips: readonly string[] }[] {
    return [...this.#living.values()];
  }

  async #watch(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#connection
        .watch(
          {
            op: 'watch services',
            path: '/api/v1/services',
            query: { watch: true, resourceVersion: this.#lastVersion, allowWatchBookmarks: true },
            signal: this.#stop.signal,
          },
          { event: (event) => this.#take(event as { readonly type: string; readonly object: WatchedService }) },
          150_000,
        )
        .catch((error: unknown) => {
          if (!this.#stop.signal.aborted) throw error;
        });
    }
  }

  #take({ type, object }: { readonly type: string; readonly object: WatchedService }): void {
    if (type === 'ERROR') throw new Error(`the watch broke off: ${JSON.stringify(object)}`);
    this.#lastVersion = object.metadata.resourceVersion;
    if (type === 'BOOKMARK') return;
    this.events += 1;
    if (type === 'DELETED') this.#living.delete(object.metadata.uid);
    else this.#put(object);
  }

  #put({ metadata, spec, status }: WatchedService): void {
    if (spec.type !== 'LoadBalancer') return;
    const { uid, resourceVersion } = metadata;
    const name = `${metadata.namespace}/${metadata.name}`;
    const ips = (status.loadBalancer?.ingress ?? []).map(({ ip }) => ip ?? '');
    const before = this.#living.get(uid)?.ips ?? [];
    const at = `at revision ${resourceVersion}`;
    if (before.length > 0 && before.join() !== ips.join()) {
      this.violations.push(`${name} had ${before.join()} and then ${ips.join() || 'nothing'} ${at}`);
    }
    for (const [other, { name: otherName, ips: otherIps }] of this.#living) {
      if (other === uid) continue;
      const shared = ips.filter((ip) => otherIps.includes(ip));
      if (shared.length > 0) this.violations.push(`${name} and ${otherName} both have ${shared.join()} ${at}`);
    }
    if (ips.length > 0) this.served.add(uid);
    this.#living.set(uid, { name, ips });
  }
}
