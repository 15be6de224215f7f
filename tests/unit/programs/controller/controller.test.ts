/** The controller as the one that leads and as one that stands by, on a played API server. */
import { beforeEach, expect, test } from '@jest/globals';
import type { ApiRequest } from '../../../../src/runtime/engine/ports.ts';
import { Controller, type ControllerMetrics } from '../../../../src/runtime/programs/controller/controller.ts';
import { apiList, FakeKubeApi } from '../../../support/fake-kube-api.ts';
import { fixedRandom, VirtualClock } from '../../../support/virtual-clock.ts';

type Body = Readonly<Record<string, unknown>>;
/** What the server holds, by name. */
let services: Map<string, Body>;
let version: number;
let clock: VirtualClock;
let api: FakeKubeApi;
let controller: Controller;
/** Number of pools that the metrics show. */
let poolsShown: number;

beforeEach(() => {
  version = 10;
  poolsShown = 0;
  services = new Map();
  clock = new VirtualClock();
  api = new FakeKubeApi(serve);
  const metrics: ControllerMetrics = {
    updated: () => {},
    updateFailed: () => {},
    watchFailed: () => {},
    eventDropped: () => {},
    configLoaded: () => {},
    poolsUsed: (usage) => {
      poolsShown = Array.from(usage).length;
    },
    pending: () => {},
    served: () => {},
  };
  controller = new Controller({
    api,
    clock,
    random: fixedRandom(),
    log: { info: () => {}, warn: () => {} },
    metrics,
    namespace: 'metallb-system',
    loadBalancerClass: undefined,
    podNetworks: [],
    serviceNetworks: [],
    instance: 'test',
    state: { namespace: 'metallb-system', name: 'controller', labels: {} },
  });
});

const POOL = {
  metadata: { namespace: 'metallb-system', name: 'default', uid: 'uid-pool', resourceVersion: '1', generation: 1 },
  spec: { addresses: ['10.0.0.1-10.0.0.9'] },
};

function serve({ method = 'GET', path, body }: ApiRequest): unknown {
  const write = (body ?? {}) as { metadata?: Body; status?: Body };
  if (method === 'GET' && path === '/api/v1/services') return apiList([...services.values()], String(version));
  if (method === 'GET') return apiList(path.endsWith('/ipaddresspools') ? [POOL] : [], String(version));
  const name = /services\/([^/]+)\/status$/.exec(path)?.[1];
  if (name === undefined) return {};
  put(name, { ...statusOf(name), ...write.status });
  return services.get(name);
}

/** Makes or changes a Service, without a word to whoever watches. */
function put(name: string, status: Body = {}): void {
  version += 1;
  services.set(name, {
    metadata: { namespace: 'default', name, uid: `uid-${name}`, resourceVersion: String(version) },
    spec: { type: 'LoadBalancer', clusterIP: '10.68.0.1', clusterIPs: ['10.68.0.1'], ports: [{ port: 80 }] },
    status,
  });
}

function tellWatch(name: string): void {
  const watch = api.watches.findLast(({ request }) => request.path === '/api/v1/services');
  watch?.send({ type: 'ADDED', object: services.get(name) });
}

const writes = (): ApiRequest[] => api.requests.filter(({ method = 'GET' }) => method !== 'GET');
interface Status {
  readonly loadBalancer?: { readonly ingress?: readonly { readonly ip: string }[] };
}
const statusOf = (name: string): Status => (services.get(name)?.['status'] ?? {}) as Status;
const addressesOf = (name: string): readonly string[] =>
  (statusOf(name).loadBalancer?.ingress ?? []).map(({ ip }) => ip);

test('standing by it reads everything, counts as ready, and writes nothing', async () => {
  put('web');
  controller.start();
  expect(controller.waitingFor()).not.toEqual([]);
  await clock.advance(1000);
  expect(controller.waitingFor()).toEqual([]);
  expect(writes()).toEqual([]);
});

test('leading, it starts from what the server holds then, not from what its watch has brought', async () => {
  controller.start();
  await clock.advance(1000);
  // Given by the controller that led before; no event of it has come.
  put('theirs', { loadBalancer: { ingress: [{ ip: '10.0.0.1' }] } });
  put('a-new-one');
  tellWatch('a-new-one');
  await clock.advance(1000);
  void controller.lead();
  await clock.advance(1000);
  expect(addressesOf('a-new-one')).toEqual(['10.0.0.2']);
  expect(addressesOf('theirs')).toEqual(['10.0.0.1']);
  expect(controller.waitingFor()).toEqual([]);
  expect(poolsShown).toBe(1);
});

test('it drops what was to be written when it stands by again, and decides anew when it leads again', async () => {
  put('web');
  controller.start();
  void controller.lead();
  await clock.advance(0);
  controller.standBy();
  const before = writes().length;
  put('later');
  tellWatch('later');
  await clock.advance(60_000);
  expect(writes().slice(before)).toEqual([]);
  expect(poolsShown).toBe(0);
  expect(controller.waitingFor()).toEqual([]);
  void controller.lead();
  await clock.advance(1000);
  expect([addressesOf('web'), addressesOf('later')].flat().sort()).toEqual(['10.0.0.1', '10.0.0.2']);
});

test('a term that ended before everything was read leaves nothing behind', async () => {
  put('web');
  controller.start();
  await clock.advance(1000);
  void controller.lead();
  controller.standBy();
  await clock.advance(60_000);
  expect(writes()).toEqual([]);
});
