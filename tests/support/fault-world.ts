/**
 * One test's world behind a FaultProxy: a namespace of Services, one pool, a controller that sees the API through the
 * proxy, and an audit of every address that was ever written. The test changes and reads the world at the server itself.
 */
import { resolve } from 'node:path';
import { AddressAudit } from './address-audit.ts';
import { ApiClient, type ApiObject, readAccess } from './api-client.ts';
import { type ControlPlane, startControlPlaneForTests } from './control-plane.ts';
import { type ControllerProcess, startController } from './controller-process.ts';
import { FaultProxy, type RequestMatch } from './fault-proxy.ts';
import { waitFor } from './wait-for.ts';

const CRDS = resolve(import.meta.dirname, '../../roles/cluster-addon/files/metallb/crds');
const SYSTEM = 'metallb-system';
const POOLS = `/apis/metallb.io/v1beta1/namespaces/${SYSTEM}/ipaddresspools`;
const POOL = 'default';
const SOON = { withinMs: 15_000, everyMs: 50 };

/** A write of a Service's status; of this one only, when it is named. */
export function statusPatch(name = '[^/]+'): RequestMatch {
  return { method: 'PATCH', path: new RegExp(`/services/${name}/status$`) };
}
export const SERVICE_LIST: RequestMatch = { method: 'GET', path: /\/services$/, watch: false };
export const SERVICE_WATCH: RequestMatch = { method: 'GET', path: /\/services$/, watch: true };
export const POOL_LIST: RequestMatch = { method: 'GET', path: /\/ipaddresspools$/, watch: false };

export class FaultWorld {
  readonly api: ApiClient;
  readonly proxy: FaultProxy;
  readonly #plane: ControlPlane;
  readonly #ports: { readonly health: number; readonly metrics: number };
  #controller: ControllerProcess | undefined;
  #audit: AddressAudit | undefined;
  #tests = 0;

  private constructor(plane: ControlPlane, api: ApiClient, proxy: FaultProxy, firstPort: number) {
    this.#plane = plane;
    this.api = api;
    this.proxy = proxy;
    this.#ports = { health: firstPort, metrics: firstPort + 1 };
  }

  /** For beforeAll. The controller's two servers listen at firstPort and the one after it. */
  static async open(firstPort: number): Promise<FaultWorld> {
    const plane = await startControlPlaneForTests();
    const access = await readAccess(plane.kubeconfig);
    const world = new FaultWorld(plane, new ApiClient(access), await FaultProxy.start(plane.kubeconfig), firstPort);
    for (const args of [
      ['apply', '--server-side', '-f', CRDS],
      ['wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all'],
      ['create', 'namespace', SYSTEM],
    ]) {
      const done = await plane.kubectl(args);
      if (done.exitCode !== 0) throw new Error(done.stderr);
    }
    // Established is said before the server can list the kind.
    await waitFor('pools can be listed', () => world.api.request('GET', POOLS), SOON);
    return world;
  }

  /** For afterAll. */
  async close(): Promise<void> {
    this.api.close();
    await this.proxy.close();
    await this.#plane.stop();
  }

  /** For beforeEach: a namespace, the pool, a running controller. */
  async begin(addresses = '10.6.204.20-10.6.204.219'): Promise<void> {
    this.#tests += 1;
    await this.api.request('POST', '/api/v1/namespaces', { metadata: { name: this.namespace } });
    await this.setPool(addresses);
    this.#audit = await AddressAudit.start(this.api);
    await this.startController();
  }

  /** For afterEach: no address was ever with two Services, and the controller has come through it all. */
  async end(): Promise<void> {
    this.proxy.reset();
    const ready = await this.controller.get('health', '/readyz');
    const exitCode = await this.controller.stop();
    this.audit.stop();
    await this.deleteAll();
    await this.api.request('DELETE', `${POOLS}/${POOL}`);
    const { twice, changes } = this.audit;
    if (twice.length > 0) throw new Error(`an address was given twice: ${twice.join('; ')}`);
    if (changes === 0) throw new Error('the audit saw no Service change: it proves nothing');
    if (ready.status !== 200) throw new Error(`the controller is not ready any more: ${ready.body}`);
    if (exitCode !== 0) throw new Error(`the controller ended with ${exitCode}; its log:\n${this.controller.log()}`);
  }

  get namespace(): string {
    return `faults-${this.#tests}`;
  }

  get services(): string {
    return `/api/v1/namespaces/${this.namespace}/services`;
  }

  get controller(): ControllerProcess {
    if (this.#controller === undefined) throw new Error('no controller was started');
    return this.#controller;
  }

  get audit(): AddressAudit {
    if (this.#audit === undefined) throw new Error('no test has begun');
    return this.#audit;
  }

  /** Alone, without an election: an outage longer than the lease would end its term, which is not what is tried here. */
  async startController(wait: 'until-ready' | 'not' = 'until-ready'): Promise<void> {
    this.#controller = await startController(this.proxy.kubeconfig, this.#ports, {
      wait,
      args: ['--leader-elect=false'],
    });
  }

  /** Creates the pool or changes its addresses. */
  async setPool(addresses: string): Promise<void> {
    const spec = { addresses: [addresses] };
    const there = await this.api.request('GET', POOLS);
    if (there.items.length > 0) await this.api.request('PATCH', `${POOLS}/${POOL}`, { spec });
    else {
      const kind = { apiVersion: 'metallb.io/v1beta1', kind: 'IPAddressPool' };
      await this.api.request('POST', POOLS, { ...kind, metadata: { name: POOL }, spec });
    }
  }

  create(name: string, annotations: object = {}): Promise<ApiObject> {
    const spec = { type: 'LoadBalancer', ports: [{ port: 80 }] };
    return this.api.request('POST', this.services, { metadata: { name, annotations }, spec });
  }

  /** Resolves with the names, in order of creation. */
  async createMany(prefix: string, count: number): Promise<string[]> {
    const names = Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
    for (const name of names) await this.create(name);
    return names;
  }

  get(name: string): Promise<ApiObject> {
    return this.api.request('GET', `${this.services}/${name}`);
  }

  change(name: string, patch: object): Promise<ApiObject> {
    return this.api.request('PATCH', `${this.services}/${name}`, patch);
  }

  delete(name: string): Promise<ApiObject> {
    return this.api.request('DELETE', `${this.services}/${name}`);
  }

  async deleteAll(): Promise<void> {
    const { items } = await this.api.request('GET', this.services);
    for (const { metadata } of items) await this.delete(metadata.name);
  }

  /** Waits until the Service has exactly the address and says so. */
  async holds(name: string, ip: string): Promise<void> {
    const want = JSON.stringify([[ip], 'Allocated', POOL]);
    await waitFor(
      `${name} holds ${ip}`,
      async () => {
        const has = JSON.stringify(saysOf(await this.get(name)));
        if (has !== want) throw new Error(`it says ${has}`);
        return true;
      },
      SOON,
    );
  }

  /**
   * Waits until every Service of the namespace has one address, no two the same, each says so, and the pool counts just
   * these: nothing is lost and nothing has leaked. Resolves with name → address.
   */
  async allServed(names: readonly string[]): Promise<Map<string, string>> {
    return waitFor(
      `${names.length} Services served`,
      async () => {
        const { items } = await this.api.request('GET', this.services);
        const served = new Map<string, string>();
        for (const item of items) {
          const [ips, reason, pool] = saysOf(item);
          const [ip] = ips;
          if (ip === undefined || ips.length > 1 || reason !== 'Allocated' || pool !== POOL) {
            throw new Error(`${item.metadata.name} says ${JSON.stringify([ips, reason, pool])}`);
          }
          served.set(item.metadata.name, ip);
        }
        if ([...served.keys()].sort().join() !== [...names].sort().join()) {
          throw new Error(`there are ${[...served.keys()].join()}`);
        }
        if (new Set(served.values()).size !== names.length) throw new Error(`twice: ${[...served.values()].join()}`);
        const { status } = await this.api.request('GET', `${POOLS}/${POOL}`);
        if (status?.assignedIPv4 !== names.length) throw new Error(`the pool counts ${status?.assignedIPv4}`);
        return served;
      },
      SOON,
    );
  }

  /** The value of a counter of the controller. */
  async metric(name: string): Promise<number> {
    const { body } = await this.controller.get('metrics', '/metrics');
    const line = body.split('\n').find((each) => each.startsWith(`${name} `));
    if (line === undefined) throw new Error(`the controller counts no ${name}`);
    return Number(line.slice(name.length + 1));
  }
}

/** [addresses, the condition's reason, the pool annotation] */
function saysOf({ metadata, status }: ApiObject): [string[], string | undefined, string | undefined] {
  const condition = status.conditions?.find((each: ApiObject) => each.type === 'metallb.io/Allocated');
  const ips = (status.loadBalancer?.ingress ?? []).map((entry: ApiObject) => entry.ip);
  return [ips, condition?.reason, metadata.annotations?.['metallb.io/ip-allocated-from-pool']];
}
