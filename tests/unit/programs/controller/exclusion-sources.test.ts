/** The sources of exclusions on a played API server: what is read, what counts as a change, and when it is whole. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { formatRange } from '../../../../src/runtime/model/range.ts';
import { ExclusionSources } from '../../../../src/runtime/programs/controller/exclusion-sources.ts';
import { apiList, FakeKubeApi, kubeError, type OpenWatch } from '../../../support/fake-kube-api.ts';
import { range } from '../../../support/views.ts';
import { fixedRandom, VirtualClock } from '../../../support/virtual-clock.ts';

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/metallb-system/leases';
const SERVICE_CIDRS = '/apis/networking.k8s.io/v1/servicecidrs';

let clock: VirtualClock;
let api: FakeKubeApi;
let sources: ExclusionSources;
let changes: number;
let errors: Error[];
let hasServiceCidrs: boolean;

function node(version: number, given: { ready?: string; externalIp?: string } = {}): object {
  const { ready = 'True', externalIp } = given;
  return {
    metadata: { name: 'master', uid: 'u', resourceVersion: String(version) },
    spec: { podCIDR: '172.20.0.0/24', podCIDRs: ['172.20.0.0/24'] },
    status: {
      addresses: [
        { type: 'Hostname', address: 'master' },
        { type: 'InternalIP', address: '10.6.204.1' },
        ...(externalIp === undefined ? [] : [{ type: 'ExternalIP', address: externalIp }]),
      ],
      conditions: [{ type: 'Ready', status: ready }],
    },
  };
}

function lease(
  version: number,
  gateways: readonly string[] = ['10.6.204.254'],
  conflicts: readonly object[] | undefined = undefined,
): object {
  return {
    metadata: {
      namespace: 'metallb-system',
      name: 'speaker-master',
      uid: 'l',
      resourceVersion: String(version),
      annotations: {
        'metallb.io/speaker-interfaces': '[{"name":"eth0","subnets":["10.6.204.1/24","10.6.204.100/24"]}]',
        'metallb.io/speaker-gateways': JSON.stringify(gateways),
        'metallb.io/speaker-port': '7946',
        ...(conflicts === undefined ? {} : { 'metallb.io/speaker-conflicts': JSON.stringify(conflicts) }),
      },
    },
    spec: { holderIdentity: 'master', renewTime: `renewal ${version}` },
  };
}

beforeEach(async () => {
  clock = new VirtualClock();
  changes = 0;
  errors = [];
  hasServiceCidrs = true;
  api = new FakeKubeApi(({ path }) => {
    if (path === '/api/v1/nodes') return apiList([node(1)], '10');
    if (path === LEASES) return apiList([lease(2)], '10');
    if (!hasServiceCidrs) throw kubeError(404, 'NotFound');
    return apiList(
      [{ metadata: { name: 'kubernetes', uid: 's', resourceVersion: '3' }, spec: { cidrs: ['10.68.0.0/16'] } }],
      '10',
    );
  });
  sources = new ExclusionSources({
    api,
    clock,
    random: fixedRandom(),
    namespace: 'metallb-system',
    podNetworks: [range('172.21.0.0/16')],
    serviceNetworks: [],
    onChange: () => {
      changes += 1;
    },
    onError: (error) => errors.push(error),
  });
});
afterEach(() => sources.stop());

async function start(): Promise<void> {
  sources.start();
  await clock.advance(0);
  changes = 0;
}

function watchOf(path: string): OpenWatch {
  const watch = api.watches.find(({ request }) => request.path === path);
  if (watch === undefined) throw new Error(`nobody watches ${path}`);
  return watch;
}

const told = () =>
  sources.exclusions().map(({ range: excluded, reason, detail }) => `${formatRange(excluded)} ${reason} ${detail}`);

describe('what is read', () => {
  test('nodes, the speakers’ Leases by their labels, networks of ClusterIPs, and the flags', async () => {
    expect(sources.synced).toBe(false);
    await start();
    expect(sources.synced).toBe(true);
    expect(told()).toEqual([
      '10.6.204.1/32 NodeAddress node master',
      '10.6.204.100/32 NodeAddress node master',
      '10.6.204.254/32 Gateway node master',
      '10.68.0.0/16 ServiceNetwork ServiceCIDR kubernetes',
      '172.20.0.0/24 PodNetwork node master',
      '172.21.0.0/16 PodNetwork --pod-networks',
    ]);
    const asked = api.requests.find(({ path }) => path === LEASES);
    expect(asked?.query).toMatchObject({ labelSelector: 'app=metallb,component=speaker' });
  });

  test('a server that has no ServiceCIDRs is no trouble', async () => {
    hasServiceCidrs = false;
    await start();
    expect(sources.synced).toBe(true);
    expect(errors).toEqual([]);
    expect(told().join()).not.toContain('ServiceNetwork');
    expect(api.requests.some(({ path }) => path === SERVICE_CIDRS)).toBe(true);
  });
});

describe('what counts as a change', () => {
  test('a renewal and a heartbeat do not', async () => {
    await start();
    const before = sources.exclusions();
    watchOf(LEASES).send({ type: 'MODIFIED', object: lease(20) });
    watchOf('/api/v1/nodes').send({ type: 'MODIFIED', object: node(21, { ready: 'False' }) });
    expect(changes).toBe(0);
    expect(sources.exclusions()).toBe(before);
  });

  test('a foreign host that a speaker hears does, and that it is gone', async () => {
    await start();
    const before = told();
    const heard = { ip: '10.6.204.20', mac: '52:54:00:00:00:99', interface: 'eth0', sinceMs: 1000 };
    watchOf(LEASES).send({ type: 'MODIFIED', object: lease(20, undefined, [heard]) });
    expect(changes).toBe(1);
    expect(told()).toContain('10.6.204.20/32 InUseOnLan host 52:54:00:00:00:99, seen by node master');
    watchOf(LEASES).send({ type: 'MODIFIED', object: lease(21, undefined, []) });
    expect(changes).toBe(2);
    expect(told()).toEqual(before);
  });

  test('another gateway, another address, a network that goes do', async () => {
    await start();
    watchOf(LEASES).send({ type: 'MODIFIED', object: lease(20, ['10.6.204.253']) });
    watchOf('/api/v1/nodes').send({ type: 'MODIFIED', object: node(21, { externalIp: '203.0.113.1' }) });
    watchOf(SERVICE_CIDRS).send({ type: 'DELETED', object: { metadata: { name: 'kubernetes', uid: 's' } } });
    expect(changes).toBe(3);
    expect(told()).toEqual([
      '10.6.204.1/32 NodeAddress node master',
      '10.6.204.100/32 NodeAddress node master',
      '10.6.204.253/32 Gateway node master',
      '172.20.0.0/24 PodNetwork node master',
      '172.21.0.0/16 PodNetwork --pod-networks',
      '203.0.113.1/32 NodeAddress node master',
    ]);
  });
});
