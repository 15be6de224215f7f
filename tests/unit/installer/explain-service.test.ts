import { describe, expect, test } from '@jest/globals';
import { CONFIGURATION_READERS } from '../../../src/cli/cluster-readers.ts';
import { explainAll, explainOne, probeOne } from '../../../src/installer/explain-service.ts';
import type { KubeObject } from '../../../src/installer/kube-object.ts';
import { ClusterError, type Kind } from '../../../src/installer/steps/cluster.ts';
import { toBgpSessionStatus } from '../../../src/runtime/adapters/kube/bgp-session-status.ts';
import { toEndpointSliceView } from '../../../src/runtime/adapters/kube/read-model.ts';
import { toServiceView } from '../../../src/runtime/adapters/kube/read-service.ts';
import { toServiceBgpStatusView, toServiceL2StatusView } from '../../../src/runtime/adapters/kube/service-status.ts';
import { FakeCluster, workload } from './steps/fake-cluster.ts';

const READERS = {
  service: toServiceView,
  ...CONFIGURATION_READERS,
  endpointSlice: toEndpointSliceView,
  serviceStatus: toServiceL2StatusView,
  bgpStatus: toServiceBgpStatusView,
  sessionStatus: toBgpSessionStatus,
};
const NOW = Date.parse('2026-03-01T00:00:00Z');

function pool(name: string, spec: object, status: object = {}): KubeObject {
  const metadata = { name, namespace: 'metallb-system', generation: 1 };
  return { apiVersion: 'metallb.io/v1beta1', kind: 'IPAddressPool', metadata, spec, status };
}

function service(namespace: string, name: string, spec: object = {}, ingress: readonly object[] = []): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name },
    spec: { type: 'LoadBalancer', clusterIPs: ['10.68.0.9'], ports: [{ port: 80 }], ...spec },
    status: { loadBalancer: { ingress } },
  };
}

function namespace(name: string, annotations: object = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, annotations } };
}

function inputOf(...objects: readonly KubeObject[]) {
  return { cluster: new FakeCluster(objects), readers: READERS, nowMs: NOW };
}

describe('read from a cluster', () => {
  test('what is skipped and what was given up is the pool’s status’s word', async () => {
    const status = {
      skipped: [{ addresses: '10.0.0.1', reason: 'NodeAddress', detail: 'node n1' }],
      released: [
        { address: '10.0.0.2', service: 'web/old', releasedAt: '2026-02-28T23:00:00Z', cause: 'Deleted' },
        { address: '10.0.0.3', service: 'web/older', releasedAt: '2026-01-01T00:00:00Z', cause: 'Deleted' },
      ],
    };
    const spec = { addresses: ['10.0.0.1-10.0.0.2'], retention: '24h' };
    const { allocation } = await explainOne(inputOf(pool('a', spec, status), service('web', 'nginx')), {
      namespace: 'web',
      name: 'nginx',
    });
    expect(allocation.reason).toBe('PoolsExhausted');
    expect(allocation.pools[0]?.message).toBe(
      'no address is left: 0 of 2 IPv4 in use; 1 retained (10.0.0.2, given up by web/old, until 2026-03-01T23:00:00Z); 1 skipped: 10.0.0.1 (NodeAddress, node n1)',
    );
    expect(allocation.advice[0]).toBe(
      'wait until 2026-03-01T23:00:00Z, when 10.0.0.2 of pool "a" is free (or shorten its spec.retention); or add a range to pool "a": 0 of 2 IPv4 in use',
    );
  });

  test('namespaces say who may have how many, and which pools their Services may use', async () => {
    const spec = { addresses: ['10.0.0.0/24'] };
    const limited = inputOf(
      pool('a', spec),
      namespace('web', { 'metallb.io/max-addresses': '0' }),
      service('web', 'nginx'),
    );
    expect((await explainOne(limited, { namespace: 'web', name: 'nginx' })).allocation.reason).toBe('QuotaReached');
  });

  test('the class that the controller serves is its Deployment’s', async () => {
    const deployment = {
      ...workload('Deployment', 'controller', { readyReplicas: 1 }),
      spec: { replicas: 2, template: { spec: { containers: [{ args: ['--log-level=info', '--lb-class=ours'] }] } } },
    };
    const given = [pool('a', { addresses: ['10.0.0.0/24'] }), service('web', 'nginx')];
    const { allocation } = await explainOne(inputOf(deployment, ...given), { namespace: 'web', name: 'nginx' });
    expect([allocation.reason, allocation.message]).toEqual([
      'OtherClass',
      'the Service has no spec.loadBalancerClass; this controller serves those of class "ours" only',
    ]);
    const own = service('web', 'own', { loadBalancerClass: 'ours' });
    const explained = await explainOne(inputOf(deployment, ...given, own), { namespace: 'web', name: 'own' });
    expect(explained.allocation.controller.note).toBe(
      'the controller has not said this yet; is it running? 1 of 2 pods of Deployment metallb-system/controller are ready.',
    );
  });

  test('the old ConfigMap counts where there are no pools', async () => {
    const configMap = (config: string): KubeObject => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'config', namespace: 'metallb-system' },
      data: { config },
    });
    const good = configMap('address-pools:\n- name: old\n  protocol: layer2\n  addresses: [10.0.0.0/24]\n');
    const explained = await explainOne(inputOf(good, service('web', 'nginx')), { namespace: 'web', name: 'nginx' });
    expect(explained).toMatchObject({
      configuration: { source: 'config-map', faults: [] },
      allocation: { verdict: 'assign', addresses: ['10.0.0.0'], pool: 'old' },
    });
    const bad = await explainOne(inputOf(configMap('a: [b'), service('web', 'nginx')), {
      namespace: 'web',
      name: 'nginx',
    });
    expect(bad.allocation).toMatchObject({ verdict: 'unknown', reason: 'NoConfiguration' });
    expect(bad.configuration.faults).toEqual([expect.stringContaining('ConfigMap metallb-system/config')]);
  });

  test('a list is of one namespace or of all', async () => {
    const input = inputOf(service('web', 'a'), service('db', 'b'), service('db', 'c', { type: 'ClusterIP' }));
    const names = async (within?: string) => (await explainAll(input, within)).map(({ service: { name } }) => name);
    expect([await names(), await names('web'), await names('none')]).toEqual([['b', 'a'], ['a'], []]);
  });
});

test('what the cluster refuses is told with the kind and the hint of every command', async () => {
  class Forbidding extends FakeCluster {
    override async list(kind: Kind): Promise<never> {
      throw new ClusterError({ status: 403, reason: 'Forbidden', message: `may not list ${kind.kind}` });
    }
  }
  const input = { cluster: new Forbidding(), readers: READERS, nowMs: NOW };
  await expect(explainAll(input)).rejects.toMatchObject({
    kind: 'permission',
    problem: expect.stringContaining('may not list'),
  });
});

test('where the controller was told to have Calico advertise, what Calico lists is what is said', async () => {
  const controller = {
    ...workload('Deployment', 'controller', {}),
    spec: { replicas: 1, template: { spec: { containers: [{ args: ['--calico-advertise=pools'] }] } } },
  };
  const calico = {
    apiVersion: 'projectcalico.org/v3',
    kind: 'BGPConfiguration',
    metadata: { name: 'default' },
    spec: { serviceLoadBalancerIPs: [{ cidr: '10.0.0.0/24' }] },
  };
  const input = inputOf(
    pool('a', { addresses: ['10.0.0.0/24'] }),
    service('web', 'nginx', {}, [{ ip: '10.0.0.7' }]),
    namespace('web'),
    controller,
    calico,
  );
  const asked = { namespace: 'web', name: 'nginx' };
  const reasons = async () => (await explainOne(input, asked)).announcement?.addresses.map(({ reason }) => reason);
  expect(await reasons()).toEqual(['calico-not-told']);
  input.cluster.calico.add('projectcalico.org/v3');
  expect(await reasons()).toEqual(['by-calico']);
});

describe('BGP', () => {
  const ASKED = { namespace: 'web', name: 'nginx' };
  const own = (kind: string, name: string, fields: object, version = 'v1beta1'): KubeObject => ({
    apiVersion: `metallb.io/${version}`,
    kind,
    metadata: { name, namespace: 'metallb-system', uid: name, resourceVersion: '1', generation: 1 },
    ...fields,
  });
  const said = (node: string, peers: readonly string[], addresses: string): KubeObject => {
    const object = own('ServiceBGPStatus', `bgp-${node}`, {
      status: { node, serviceNamespace: 'web', serviceName: 'nginx', peers },
    });
    return {
      ...object,
      metadata: { ...object.metadata, annotations: { 'metallb.io/announced-addresses': addresses } },
    };
  };
  const CLUSTER: readonly KubeObject[] = [
    pool('a', { addresses: ['10.0.0.0/24'] }),
    own('BGPAdvertisement', 'a', { spec: { ipAddressPools: ['a'] } }),
    own('BGPPeer', 'tor', { spec: { myASN: 64512, peerASN: 64513, peerAddress: '192.0.2.1' } }, 'v1beta2'),
    { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1', labels: {} } },
    {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'speaker-n1', namespace: 'metallb-system', labels: { app: 'metallb', component: 'speaker' } },
      spec: { holderIdentity: 'n1', renewTime: '2026-02-28T23:59:59.000000Z', leaseDurationSeconds: 5 },
    },
    service('web', 'nginx', {}, [{ ip: '10.0.0.7' }]),
    namespace('web'),
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { namespace: 'web', name: 'nginx-x', labels: { 'kubernetes.io/service-name': 'nginx' } },
      endpoints: [{ addresses: ['10.69.0.2'], nodeName: 'n1' }],
    },
  ];
  const stateOf = (state: string, fields: object = {}) =>
    own('BGPSessionStatus', 'n1-tor', {
      status: { node: 'n1', peer: 'tor', state, since: '2026-02-28T23:00:00Z', ...fields },
    });

  test('whom the speakers told of the address, and how the session fares', async () => {
    const input = inputOf(...CLUSTER, said('n1', ['tor'], '10.0.0.7'), stateOf('established'));
    const { announcement } = await explainOne(input, ASKED);
    expect(announcement).toMatchObject({ announced: true, advice: [] });
    expect(announcement?.addresses[0]).toMatchObject({
      reason: 'by-bgp',
      bgp: [{ node: 'n1', peers: [{ peer: 'tor', standing: 'told', message: '10.0.0.7/32; session established' }] }],
    });
    expect((await explainAll(input)).map(({ reason }) => reason)).not.toContain('bgp-nobody-told');
  });

  test('the network is not asked who answers on the link: routers bring the address', async () => {
    const input = inputOf(...CLUSTER, said('n1', ['tor'], '10.0.0.7'), stateOf('established'));
    const shell = () => Promise.reject(new Error('nobody is to be asked'));
    const findings = await probeOne({ cluster: input.cluster, nodes: [], shell }, await explainOne(input, ASKED));
    expect(findings).toMatchObject([{ ip: '10.0.0.7', outcome: 'routed', inOrder: true }]);
  });

  test('an address that the annotation leaves out was not told, and why the session is down', async () => {
    const lastError = 'the router refuses the connection';
    const input = inputOf(...CLUSTER, said('n1', ['tor'], '10.0.0.8'), stateOf('active', { lastError }));
    const { announcement } = await explainOne(input, ASKED);
    expect(announcement?.addresses[0]).toMatchObject({
      reason: 'bgp-nobody-told',
      bgp: [
        {
          standing: 'is-to',
          peers: [{ message: `is to be told of 10.0.0.7/32; session active: ${lastError}` }],
        },
      ],
    });
  });

  test('a BGPPeer that is faulty is told among the faults', async () => {
    const faulty = own('BGPPeer', 'tor', { spec: { myASN: 64512, peerASN: 64513, peerAddress: 'nowhere' } }, 'v1beta2');
    const { configuration, announcement } = await explainOne(inputOf(...CLUSTER, faulty), ASKED);
    expect(configuration.faults.join()).toContain('BGPPeer metallb-system/tor');
    expect(announcement?.addresses[0]?.bgp?.[0]?.reason).toBe('no-peer-for-node');
  });
});
