/**
 * Services of type LoadBalancer, made and watched by the bench itself: one connection and one watch, so that a
 * measurement and its floor are seen by the same eyes. All of them are in the namespace "default", with the label
 * app=bench.
 */
import { hostClock } from '../src/runtime/adapters/host/clock.ts';
import { hostRandom } from '../src/runtime/adapters/host/random.ts';
import { KubeConnection } from '../src/runtime/adapters/kube/connection.ts';
import { loadKubeConfig } from '../src/runtime/adapters/kube/credentials.ts';
import { Informer } from '../src/runtime/adapters/kube/informer.ts';
import { corePath, SERVICES_PATH } from '../src/runtime/adapters/kube/paths.ts';
import { asArray, asObject, asString, type Untyped } from '../src/runtime/adapters/kube/untyped.ts';
import type { KubeApi } from '../src/runtime/engine/ports.ts';
import type { SandboxHandle } from '../src/sandbox/sandbox.ts';
import { waitFor } from '../tests/support/wait-for.ts';
import { monotonicMs } from './machine.ts';

const NAMESPACE = 'default';
const PATH = corePath('services', NAMESPACE);
const DEFAULT_WAIT_MS = 30_000;
const PARALLEL = 4;
const DELETE_ALL_MS = 300_000;

export interface ServiceView {
  /** The first address in its status, "" while it has none. */
  readonly address: string;
  /** The reason in the condition metallb.io/Allocated, "" while it has none. */
  readonly reason: string;
}

export interface NewService {
  readonly name: string;
  /** Ask for this address; absent: any. */
  readonly address?: string;
  /** Ask for an address of this pool; absent: of any. */
  readonly pool?: string;
  /** Absent: the addon's. */
  readonly loadBalancerClass?: string;
  /** 'nginx': the demo's pods serve it. */
  readonly endpoints: 'nginx' | 'none';
}

/** A sandbox, or any other cluster that Services can be made in. */
export type Kubeconfig = Pick<SandboxHandle, 'kubeconfigPath'>;

interface Waiter {
  readonly isMet: (view: ServiceView | undefined) => boolean;
  readonly met: (atMs: number) => void;
}

export class BenchServices {
  readonly #api: KubeConnection;
  readonly #informer: Informer<ServiceView>;
  readonly #waiters = new Map<string, Waiter>();

  /** Use `openServices`. */
  constructor(handle: Kubeconfig) {
    this.#api = new KubeConnection(loadKubeConfig(handle.kubeconfigPath), hostClock);
    this.#informer = new Informer({
      api: this.#api,
      clock: hostClock,
      random: hostRandom,
      path: SERVICES_PATH,
      labelSelector: 'app=bench',
      toView: readService,
      onChange: (key) => this.#look(key),
    });
  }

  async start(): Promise<void> {
    this.#informer.start();
    await this.#informer.whenSynced();
  }

  /** Deletes what is left of the Services and ends the watch. */
  async close(): Promise<void> {
    await this.deleteAll();
    await this.leave();
  }

  /** Ends the watch; the Services stay. */
  async leave(): Promise<void> {
    await this.#informer.stop();
    this.#api.close();
  }

  /** For other requests of the same measurement, on the same connections. */
  get api(): KubeApi {
    return this.#api;
  }

  /** Resolves with the object when the API server has answered. */
  create(service: NewService): Promise<unknown> {
    return this.#api.request({ op: 'create service', method: 'POST', path: PATH, body: manifest(service) });
  }

  /** Writes an address as a controller would. */
  async setAddress(name: string, ip: string): Promise<void> {
    await this.#api.request({
      op: 'patch service status',
      method: 'PATCH',
      path: `${PATH}/${name}/status`,
      contentType: 'application/strategic-merge-patch+json',
      body: { status: { loadBalancer: { ingress: [{ ip }] } } },
    });
  }

  /** Resolves with the time of the monotonic clock, in milliseconds, at which the watch showed an address. */
  hasAddress(name: string, withinMs = DEFAULT_WAIT_MS): Promise<number> {
    return this.#when(name, { what: 'has no address', withinMs, isMet: (view) => (view?.address ?? '') !== '' });
  }

  /** Resolves when the watch showed that the Service was refused for this reason. */
  async isRefused(name: string, reason: string, withinMs = DEFAULT_WAIT_MS): Promise<void> {
    const what = `is not refused for ${reason}`;
    await this.#when(name, { what, withinMs, isMet: (view) => view?.address === '' && view.reason === reason });
  }

  addressOf(name: string): string {
    return this.#informer.get(`${NAMESPACE}/${name}`)?.address ?? '';
  }

  /** Resolves when the Service is gone, finalizers and all. */
  async delete(name: string): Promise<void> {
    const gone = this.#when(name, {
      what: 'is still there',
      withinMs: DEFAULT_WAIT_MS,
      isMet: (view) => view === undefined,
    });
    await Promise.all([this.#api.request({ op: 'delete service', method: 'DELETE', path: `${PATH}/${name}` }), gone]);
  }

  /** Resolves when the watch shows none any more. */
  async deleteAll(): Promise<void> {
    const query = { labelSelector: 'app=bench' };
    const request = { op: 'delete services', method: 'DELETE', path: PATH, query, timeoutMs: DELETE_ALL_MS } as const;
    const gone = async (): Promise<boolean> => {
      if (this.#informer.size > 0) await this.#api.request(request);
      return this.#informer.size === 0;
    };
    // The server gives a request a minute, which thousands of Services may well take: what it has done by then is done.
    await waitFor('all Services of the bench are gone', gone, { withinMs: DELETE_ALL_MS, everyMs: 500 });
  }

  #when(
    name: string,
    { what, withinMs, isMet }: { what: string; withinMs: number; isMet: Waiter['isMet'] },
  ): Promise<number> {
    const key = `${NAMESPACE}/${name}`;
    return new Promise((resolve, reject) => {
      const giveUp = setTimeout(() => {
        this.#waiters.delete(key);
        reject(new Error(`the Service ${key} ${what} after ${withinMs / 1000} s`));
      }, withinMs);
      const met = (atMs: number) => {
        clearTimeout(giveUp);
        this.#waiters.delete(key);
        resolve(atMs);
      };
      this.#waiters.set(key, { isMet, met });
      this.#look(key);
    });
  }

  #look(key: string): void {
    const waiter = this.#waiters.get(key);
    if (waiter?.isMet(this.#informer.get(key))) waiter.met(monotonicMs());
  }
}

/** Runs `use` with the Services of an empty list, and leaves it empty. */
export async function withServices<T>(handle: Kubeconfig, use: (services: BenchServices) => Promise<T>): Promise<T> {
  const services = new BenchServices(handle);
  await services.start();
  let result: T;
  try {
    result = await use(services);
  } catch (error) {
    // Whatever broke the measurement may well break the tidying up; the first failure is the one to tell.
    await services.close().catch(() => undefined);
    throw error;
  }
  await services.close();
  return result;
}

/** A few at a time; rejects with the first failure. */
export async function inParallel<T>(
  items: readonly T[],
  work: (item: T) => Promise<unknown>,
  parallel = PARALLEL,
): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}

function readService(raw: Untyped): ServiceView {
  const status = asObject(raw['status']);
  const [first] = asArray(asObject(status['loadBalancer'])['ingress']);
  const allocated = asArray(status['conditions'])
    .map(asObject)
    .find(({ type }) => type === 'metallb.io/Allocated');
  return { address: asString(asObject(first)['ip']), reason: asString(allocated?.['reason']) };
}

function manifest({ name, address, pool, loadBalancerClass, endpoints }: NewService): object {
  const annotations = {
    ...(address === undefined ? {} : { 'metallb.io/loadBalancerIPs': address }),
    ...(pool === undefined ? {} : { 'metallb.io/address-pool': pool }),
  };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name,
      labels: { app: 'bench' },
      annotations,
    },
    spec: {
      type: 'LoadBalancer',
      allocateLoadBalancerNodePorts: false,
      ports: [{ port: 80 }],
      ...(loadBalancerClass === undefined ? {} : { loadBalancerClass }),
      ...(endpoints === 'none' ? {} : { selector: { app: 'nginx' } }),
    },
  };
}
