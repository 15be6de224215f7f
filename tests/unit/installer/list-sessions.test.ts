import { expect, test } from '@jest/globals';
import { CONFIGURATION_READERS } from '../../../src/cli/cluster-readers.ts';
import type { KubeObject } from '../../../src/installer/kube-object.ts';
import { readSessions } from '../../../src/installer/list-sessions.ts';
import { readRole } from '../../../src/installer/steps/read-role.ts';
import type { SessionReaders } from '../../../src/installer/steps/session-world.ts';
import { toBgpSessionStatus } from '../../../src/runtime/adapters/kube/bgp-session-status.ts';
import { FakeCluster } from './steps/fake-cluster.ts';

const READERS: SessionReaders = {
  ...CONFIGURATION_READERS,
  sessionStatus: toBgpSessionStatus,
};
const NOW = Date.parse('2026-08-01T12:00:00Z');
const NS = 'metallb-system';

function node(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { rack: 'a' } } };
}

function lease(nodeName: string, renewTime = '2026-08-01T11:59:58.000000Z'): KubeObject {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: `speaker-${nodeName}`, namespace: NS, labels: { app: 'metallb', component: 'speaker' } },
    spec: { holderIdentity: nodeName, renewTime, leaseDurationSeconds: 10 },
  };
}

function peer(name: string, spec: object): KubeObject {
  return {
    apiVersion: 'metallb.io/v1beta2',
    kind: 'BGPPeer',
    metadata: { name, namespace: NS, uid: name, resourceVersion: '1', generation: 1 },
    spec,
  };
}

function status(nodeName: string, peerName: string, fields: object): KubeObject {
  return {
    apiVersion: 'metallb.io/v1beta1',
    kind: 'BGPSessionStatus',
    metadata: { name: `bgp-${nodeName}-${peerName}`, namespace: NS },
    status: { node: nodeName, peer: peerName, since: '2026-08-01T11:00:00Z', ...fields },
  };
}

async function sessions(...objects: readonly KubeObject[]) {
  const { definitions } = await readRole();
  const cluster = new FakeCluster([...definitions, ...objects]);
  return readSessions({ cluster, readers: READERS, nowMs: NOW }, {});
}

test('what the speakers say, held against what the BGPPeers ask for', async () => {
  const list = await sessions(
    node('n1'),
    node('n2'),
    lease('n1'),
    lease('n2'),
    peer('tor-1', { myASN: 64512, peerASN: 64513, peerAddress: '192.0.2.1', passwordSecret: { name: 'router' } }),
    peer('tor-2', {
      myASN: 64512,
      peerASN: 64513,
      peerAddress: '192.0.2.2',
      nodeSelectors: [{ matchLabels: { rack: 'b' } }],
    }),
    status('n1', 'tor-1', { state: 'established', advertisedPrefixes: 2, prefixes: ['10.0.0.1/32'] }),
    status('n2', 'tor-1', { state: 'active', lastError: 'ECONNREFUSED' }),
  );
  expect(list.sessions.map(({ node: name, peer: to, state, message }) => [name, to, state, message])).toEqual([
    ['n1', 'tor-1', 'established', ''],
    ['n2', 'tor-1', 'active', 'ECONNREFUSED'],
  ]);
  expect(list.sessions[0]).toMatchObject({ ageSeconds: 3600 });
  expect(list).toMatchObject({ allUp: false, faults: [], nodesWithoutSpeaker: [] });
});

test('a BGPPeer that is faulty is told of, and one of another kind is not', async () => {
  const faulty = peer('tor-1', { myASN: 0, peerASN: 64513, peerAddress: '192.0.2.1' });
  const pool = {
    apiVersion: 'metallb.io/v1beta1',
    kind: 'IPAddressPool',
    metadata: { name: 'p', namespace: NS, uid: 'p', resourceVersion: '1' },
    spec: { addresses: ['nonsense'] },
  };
  const list = await sessions(node('n1'), lease('n1'), faulty, pool);
  expect(list.faults).toEqual([expect.stringMatching(/^BGPPeer metallb-system\/tor-1 spec\.myASN: /)]);
  expect(list.allUp).toBe(false);
});

test('the peers of the old ConfigMap have sessions as well', async () => {
  const config = 'peers:\n- my-asn: 64512\n  peer-asn: 64513\n  peer-address: 192.0.2.1\n';
  const configMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'config', namespace: NS },
    data: { config },
  };
  const list = await sessions(node('n1'), lease('n1'), configMap);
  expect(list.sessions).toMatchObject([{ node: 'n1', address: '192.0.2.1', problem: 'nothing-said' }]);
});

test('a cluster without the kind is told what to do', async () => {
  const cluster = new FakeCluster([node('n1')]);
  await expect(readSessions({ cluster, readers: READERS, nowMs: NOW }, {})).rejects.toMatchObject({
    kind: 'cluster',
    problem: expect.stringContaining('knows no BGPSessionStatus of metallb.io/v1beta1'),
    hint: expect.stringContaining('./install addon metallb'),
  });
});
