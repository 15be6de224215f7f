/** Calico's list of blocks against a played API server that serves one of Calico's groups, both, or none. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { ApiRequest } from '../../../../src/runtime/engine/ports.ts';
import type { Config, ConfigError } from '../../../../src/runtime/model/config.ts';
import { parseAddressRange } from '../../../../src/runtime/model/range.ts';
import { CalicoKeeper, type CalicoMode } from '../../../../src/runtime/programs/controller/calico-keeper.ts';
import { apiList, FakeKubeApi, kubeError } from '../../../support/fake-kube-api.ts';
import { fixedRandom, VirtualClock } from '../../../support/virtual-clock.ts';

const V3 = '/apis/projectcalico.org/v3/bgpconfigurations';
const CRD = '/apis/crd.projectcalico.org/v1/bgpconfigurations';
const RECORD = 'metallb.io/calico-blocks';

interface Stored {
  readonly metadata: { readonly name: string; readonly resourceVersion: string; annotations: Record<string, string> };
  readonly spec: Record<string, unknown>;
}

let clock: VirtualClock;
let api: FakeKubeApi;
/** Paths of the groups that are served. */
let served: Set<string>;
let stored: Stored | undefined;
let version: number;
/** Thrown at the next write, once. */
let refusal: Error | undefined;
let faults: (ConfigError | undefined)[];
let wakes: number;

beforeEach(() => {
  clock = new VirtualClock();
  api = new FakeKubeApi(serve);
  served = new Set([V3, CRD]);
  stored = undefined;
  version = 100;
  refusal = undefined;
  faults = [];
  wakes = 0;
});

function put(spec: Record<string, unknown>, annotations: Record<string, string> = {}): void {
  version += 1;
  stored = { metadata: { name: 'default', resourceVersion: String(version), annotations }, spec };
}

function serve({ method = 'GET', path, body }: ApiRequest): unknown {
  const group = path.replace(/\/default$/, '');
  if (!served.has(group)) throw kubeError(404, 'http-404');
  if (method === 'GET' && path === group) return apiList(stored === undefined ? [] : [stored], String(version));
  if (method === 'GET') {
    if (stored === undefined) throw kubeError(404, 'NotFound');
    return stored;
  }
  if (refusal !== undefined) {
    const error = refusal;
    refusal = undefined;
    throw error;
  }
  const write = body as { metadata: { resourceVersion?: string; annotations: object }; spec: Stored['spec'] };
  if (method === 'POST' && stored !== undefined) throw kubeError(409, 'AlreadyExists');
  if (method === 'PATCH' && write.metadata.resourceVersion !== String(version)) throw kubeError(409, 'Conflict');
  const annotations = Object.entries({ ...stored?.metadata.annotations, ...write.metadata.annotations });
  put({ ...stored?.spec, ...write.spec }, Object.fromEntries(annotations.filter(([, text]) => text !== null)));
  return stored;
}

const keeper = (mode: CalicoMode = 'pools'): CalicoKeeper =>
  new CalicoKeeper({
    api,
    clock,
    random: fixedRandom(),
    mode,
    onWake: () => {
      wakes += 1;
    },
    onFault: (fault) => faults.push(fault),
    onWritten: () => {},
    onError: () => {},
  });

function config(...addresses: readonly string[]): Config {
  const ranges = addresses.flatMap((text) => {
    const range = parseAddressRange(text);
    return range.ok ? [range.value] : [];
  });
  return {
    pools: [{ name: 'default', ranges, autoAssign: true, avoidBuggyIps: false }],
    l2Advertisements: [],
    bgpPeers: [],
    bgpAdvertisements: [],
    communities: [],
    bfdProfiles: [],
  };
}

const blocks = (): unknown =>
  ((stored?.spec['serviceLoadBalancerIPs'] ?? []) as { cidr: string }[]).map(({ cidr }) => cidr);
const writes = (): string[] =>
  api.requests.filter(({ method = 'GET' }) => method !== 'GET').map(({ method, path }) => `${method} ${path}`);

describe('which group is written', () => {
  test.each([
    { name: 'Calico’s own API, where both are served', given: [V3, CRD], want: [`POST ${V3}`] },
    { name: 'what it is stored in, where that is all there is', given: [CRD], want: [`POST ${CRD}`] },
    { name: 'Calico’s own API, where that is all there is', given: [V3], want: [`POST ${V3}`] },
  ])('$name', async ({ given, want }) => {
    served = new Set(given);
    const calico = keeper();
    calico.take(config('10.0.0.0/24'));
    expect(await calico.keep()).toEqual({ kind: 'done' });
    expect(writes()).toEqual(want);
    expect(blocks()).toEqual(['10.0.0.0/24']);
    expect(stored?.metadata.annotations).toEqual({ [RECORD]: '10.0.0.0/24' });
  });

  test('without Calico it is said and asked again; when it is there, it is in step and nothing is said any more', async () => {
    served = new Set();
    const calico = keeper();
    calico.take(config('10.0.0.0/24'));
    expect(await calico.keep()).toEqual({ kind: 'retry-after', delayMs: 30_000 });
    expect(await calico.keep()).toMatchObject({ kind: 'retry-after' });
    expect(faults.map((fault) => fault?.message)).toEqual([
      expect.stringContaining('no Calico with BGP: neither projectcalico.org/v3 nor crd.projectcalico.org/v1'),
    ]);
    served = new Set([CRD]);
    expect(await calico.keep()).toEqual({ kind: 'done' });
    expect(faults.at(-1)).toBeUndefined();
  });

  test('an API of Calico that is down for a while is no Calico that is not there', async () => {
    put({ serviceLoadBalancerIPs: [] });
    api.answerWith((request) => {
      if (request.path.startsWith(V3)) throw kubeError(503, 'ServiceUnavailable', 7);
      return serve(request);
    });
    const calico = keeper();
    calico.take(config('10.0.0.0/24'));
    expect(await calico.keep()).toEqual({ kind: 'retry', atLeastMs: 7000 });
    expect(writes()).toEqual([]);
    expect(faults.at(-1)?.message).toContain('it cannot be kept in step with the pools for now');
  });
});

describe('what is written', () => {
  test('only our blocks: the object’s other fields and others’ blocks stay, and in step nothing is written', async () => {
    put({ asNumber: 64_512, serviceLoadBalancerIPs: [{ cidr: '192.0.2.0/24' }] }, { theirs: 'x' });
    const calico = keeper();
    calico.take(config('10.0.0.0/24', 'fd00::10-fd00::11'));
    await calico.keep();
    await calico.keep();
    expect(writes()).toEqual([`PATCH ${V3}/default`]);
    expect(stored?.spec['asNumber']).toBe(64_512);
    expect(blocks()).toEqual(['192.0.2.0/24', '10.0.0.0/24', 'fd00::10/127']);
    expect(stored?.metadata.annotations).toEqual({ theirs: 'x', [RECORD]: '10.0.0.0/24,fd00::10/127' });
  });

  test('pools change: ours change in one write; without a configuration nothing is taken out', async () => {
    put({ serviceLoadBalancerIPs: [{ cidr: '192.0.2.0/24' }] });
    const calico = keeper();
    expect(calico.take(config('10.0.0.0/24'))).toBe(true);
    await calico.keep();
    expect(calico.take(config('10.0.0.0/24'))).toBe(false);
    expect(calico.take(undefined)).toBe(false);
    await calico.keep();
    expect(blocks()).toEqual(['192.0.2.0/24', '10.0.0.0/24']);
    expect(calico.take(config('10.0.1.0/24'))).toBe(true);
    await calico.keep();
    expect(blocks()).toEqual(['192.0.2.0/24', '10.0.1.0/24']);
    expect(writes()).toHaveLength(2);
  });

  test('the mode none takes ours out and leaves the rest, without Calico as well', async () => {
    put({ serviceLoadBalancerIPs: [{ cidr: '10.0.0.0/24' }, { cidr: '192.0.2.0/24' }] }, { [RECORD]: '10.0.0.0/24' });
    const calico = keeper('none');
    calico.take(config('10.0.0.0/24'));
    expect(await calico.keep()).toEqual({ kind: 'done' });
    expect(blocks()).toEqual(['192.0.2.0/24']);
    expect(stored?.metadata.annotations).toEqual({});
    served = new Set();
    expect(await calico.keep()).toMatchObject({ kind: 'retry-after' });
    expect(faults).toEqual([]);
  });
});

describe('what goes wrong', () => {
  test('somebody writes in between: no fault, and the next try keeps what they wrote', async () => {
    put({ serviceLoadBalancerIPs: [] });
    api.answerWith((request) => {
      if (request.method === 'PATCH' && version === 101) put({ serviceLoadBalancerIPs: [{ cidr: '192.0.2.0/24' }] });
      return serve(request);
    });
    const calico = keeper();
    calico.take(config('10.0.0.0/24'));
    expect(await calico.keep()).toMatchObject({ kind: 'retry' });
    expect(faults).toEqual([]);
    expect(await calico.keep()).toEqual({ kind: 'done' });
    expect(blocks()).toEqual(['192.0.2.0/24', '10.0.0.0/24']);
  });

  test.each([
    { status: 403, reason: 'Forbidden', want: 'the controller may not keep it in step with the pools' },
    { status: 422, reason: 'Invalid', want: 'the API server refuses to keep it in step with the pools: test: Invalid' },
    { status: 0, reason: 'ECONNREFUSED', want: 'for now, and is tried again: test: ECONNREFUSED' },
  ])('$status $reason is said once, tried again, and unsaid', async ({ status, reason, want }) => {
    const calico = keeper();
    calico.take(config('10.0.0.0/24'));
    refusal = kubeError(status, reason);
    expect(await calico.keep()).toMatchObject({ kind: 'retry' });
    refusal = kubeError(status, reason);
    expect(await calico.keep()).toMatchObject({ kind: 'retry' });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatchObject({
      path: 'BGPConfiguration default spec.serviceLoadBalancerIPs',
      message: expect.stringContaining(want),
      kind: 'unresolved',
    });
    expect(await calico.keep()).toEqual({ kind: 'done' });
    expect(faults).toHaveLength(2);
    expect(faults[1]).toBeUndefined();
  });

  test('a write that came too late, because another leads now, is nothing to be told', async () => {
    const calico = keeper();
    calico.take(config('10.0.0.0/24'));
    refusal = kubeError(0, 'not-leader');
    expect(await calico.keep()).toEqual({ kind: 'done' });
    expect(faults).toEqual([]);
  });

  test('who leads again writes again, and has forgotten what was wrong', async () => {
    const calico = keeper();
    calico.take(config('10.0.0.0/24'));
    refusal = kubeError(403, 'Forbidden');
    await calico.keep();
    calico.forget();
    expect(faults.at(-1)).toBeUndefined();
    expect(await calico.keep()).toEqual({ kind: 'done' });
    expect(writes()).toHaveLength(1);
    expect(calico.take(config('10.0.0.0/24'))).toBe(true);
  });
});

test('it wakes when somebody edits the object, not for an override of one node', async () => {
  put({ serviceLoadBalancerIPs: [] });
  served = new Set([CRD]);
  const calico = keeper();
  calico.start();
  await clock.advance(1000);
  expect(wakes).toBe(1);
  const watch = api.watches.findLast(({ request }) => request.path === CRD);
  const other = { metadata: { name: 'node.worker-1', resourceVersion: '102' }, spec: { serviceLoadBalancerIPs: [] } };
  watch?.send({ type: 'ADDED', object: other });
  expect(wakes).toBe(1);
  put({ serviceLoadBalancerIPs: [{ cidr: '192.0.2.0/24' }] });
  watch?.send({ type: 'MODIFIED', object: stored });
  expect(wakes).toBe(2);
  await calico.stop();
});
