/** Leadership on a played API server that keeps one Lease as a real one would, with two controllers at it. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { ApiRequest } from '../../../../src/runtime/engine/ports.ts';
import { Leadership } from '../../../../src/runtime/programs/controller/leadership.ts';
import { apiList, FakeKubeApi, kubeError } from '../../../support/fake-kube-api.ts';
import { fixedRandom, VirtualClock } from '../../../support/virtual-clock.ts';

const LIST = '/apis/coordination.k8s.io/v1/namespaces/metallb-system/leases';
const LEASE = `${LIST}/controller`;

interface Lease {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly resourceVersion: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

let clock: VirtualClock;
let lease: Lease | undefined;
let version: number;
let inReach: boolean;
let apis: FakeKubeApi[];

beforeEach(() => {
  clock = new VirtualClock();
  lease = undefined;
  version = 0;
  inReach = true;
  apis = [];
});

function serve({ method = 'GET', path, body }: ApiRequest): unknown {
  if (!inReach) throw kubeError(0, 'timeout');
  if (method === 'GET' && path === LIST) return apiList(lease === undefined ? [] : [lease], String(version));
  if (path !== LEASE && method !== 'POST') throw kubeError(404, 'NotFound');
  if (method === 'GET') {
    if (lease === undefined) throw kubeError(404, 'NotFound');
    return lease;
  }
  const given = body as { metadata: { resourceVersion?: string }; spec: object };
  if (method === 'POST' && lease !== undefined) throw kubeError(409, 'AlreadyExists');
  if (method === 'PATCH' && lease === undefined) throw kubeError(404, 'NotFound');
  if (method === 'PATCH' && given.metadata.resourceVersion !== lease?.metadata.resourceVersion) {
    throw kubeError(409, 'Conflict');
  }
  const type = lease === undefined ? 'ADDED' : 'MODIFIED';
  version += 1;
  lease = {
    metadata: { name: 'controller', namespace: 'metallb-system', resourceVersion: String(version) },
    spec: { ...lease?.spec, ...given.spec },
  };
  for (const api of apis) for (const watch of api.watches) watch.send({ type, object: lease });
  return lease;
}

function controller(identity: string) {
  const told: string[] = [];
  const api = new FakeKubeApi(serve);
  apis.push(api);
  const lines: string[] = [];
  const log = {
    info: (_: object, text: string) => lines.push(text),
    warn: (_: object, text: string) => lines.push(text),
  };
  const leadership = new Leadership({
    api,
    clock,
    random: fixedRandom(1),
    log,
    namespace: 'metallb-system',
    identity,
    leaseMs: 5000,
    onGained: () => told.push('gained'),
    onLost: (reason) => told.push(`lost: ${reason}`),
  });
  leadership.start();
  return { leadership, told, api, lines };
}

describe('one controller', () => {
  test('makes the Lease and leads within the same breath', async () => {
    const { leadership, told } = controller('pod-a');
    expect(leadership.waitingFor()).toEqual(['the lease metallb-system/controller has not been read']);
    await clock.advance(0);
    expect(told).toEqual(['gained']);
    expect(leadership.isLeader()).toBe(true);
    expect(leadership.waitingFor()).toEqual([]);
    expect(lease?.spec).toEqual({
      holderIdentity: 'pod-a',
      leaseDurationSeconds: 5,
      leaseTransitions: 0,
      acquireTime: '2020-01-01T00:00:00.000000Z',
      renewTime: '2020-01-01T00:00:00.000000Z',
    });
  });

  test('renews it once a second and keeps the time of its taking', async () => {
    const { told } = controller('pod-a');
    await clock.advance(60_000);
    expect(told).toEqual(['gained']);
    expect(version).toBe(61);
    expect(lease?.spec).toMatchObject({
      acquireTime: '2020-01-01T00:00:00.000000Z',
      renewTime: '2020-01-01T00:01:00.000000Z',
    });
  });

  test('says why it waits when the Lease cannot be read, once', async () => {
    inReach = false;
    const { leadership, lines } = controller('pod-a');
    await clock.advance(10_000);
    expect(leadership.waitingFor()).toEqual(['the lease metallb-system/controller has not been read: test: timeout']);
    expect(lines).toEqual(['the lease is out of reach, trying again']);
    inReach = true;
    await clock.advance(1000);
    expect(leadership.isLeader()).toBe(true);
    expect(lines).toContain('the lease is in reach again');
  });

  test('leads no more three seconds after the last renewal that was answered', async () => {
    const { leadership, told } = controller('pod-a');
    await clock.advance(1000);
    inReach = false;
    await clock.advance(2999);
    expect(leadership.isLeader()).toBe(true);
    expect(leadership.writableMs()).toBe(1501);
    await clock.advance(1);
    expect(told).toEqual(['gained', 'lost: not-renewed']);
    inReach = true;
    await clock.advance(500);
    expect(told.at(-1)).toBe('gained');
  });
});

describe('two controllers', () => {
  test('the second stands by, and leads within a tenth of a second of a release', async () => {
    const a = controller('pod-a');
    await clock.advance(10);
    const b = controller('pod-b');
    await clock.advance(20_000);
    expect(b.leadership.isLeader()).toBe(false);
    expect(b.leadership.waitingFor()).toEqual([]);
    expect(b.lines).toEqual(['standing by: another controller leads']);
    const retired = a.leadership.retire();
    await clock.advance(100);
    await retired;
    expect(a.told).toEqual(['gained', 'lost: retired']);
    expect(b.told).toEqual(['gained']);
    expect(lease?.spec).toMatchObject({ holderIdentity: 'pod-b', leaseTransitions: 1, leaseDurationSeconds: 5 });
  });

  test('a second process of the same pod leads at once', async () => {
    controller('pod-a').api.answerWith(() => {
      throw kubeError(0, 'aborted');
    });
    lease = undefined;
    controller('pod-a');
    await clock.advance(0);
    const again = controller('pod-a');
    await clock.advance(0);
    expect(again.leadership.isLeader()).toBe(true);
    expect(lease).toMatchObject({ spec: { leaseTransitions: 0 } });
  });
});
