/** Whose addresses are whose, read from a real API server: Nodes, a speaker's Lease, and the server's own ServiceCIDR. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { hostClock } from '../../src/runtime/adapters/host/clock.ts';
import { hostRandom } from '../../src/runtime/adapters/host/random.ts';
import { KubeConnection } from '../../src/runtime/adapters/kube/connection.ts';
import { loadKubeConfig } from '../../src/runtime/adapters/kube/credentials.ts';
import { formatRange } from '../../src/runtime/model/range.ts';
import { ExclusionSources } from '../../src/runtime/programs/controller/exclusion-sources.ts';
import { type ControlPlane, startControlPlaneForTests } from '../support/control-plane.ts';
import { waitFor } from '../support/wait-for.ts';

const SOON = { withinMs: 10_000, everyMs: 50 };

let plane: ControlPlane;
let connection: KubeConnection;
let sources: ExclusionSources;
let changes = 0;
const errors: string[] = [];

beforeAll(async () => {
  plane = await startControlPlaneForTests();
  connection = new KubeConnection(loadKubeConfig(plane.kubeconfig), hostClock);
  sources = new ExclusionSources({
    api: connection,
    clock: hostClock,
    random: hostRandom,
    namespace: 'default',
    podNetworks: [],
    serviceNetworks: [],
    onChange: () => {
      changes += 1;
    },
    onError: (error) => errors.push(error.message),
  });
}, 120_000);
afterAll(async () => {
  await sources?.stop();
  connection?.close();
  await plane?.stop();
});

async function write(verb: readonly string[], object: object): Promise<void> {
  const done = await plane.kubectl([...verb, '-f', '-'], { input: JSON.stringify(object) });
  if (done.exitCode !== 0) throw new Error(done.stderr);
}

const told = () =>
  sources
    .exclusions()
    .map(({ range, reason, detail }) => `${formatRange(range)} ${reason} ${detail}`)
    .filter((line) => !line.includes('ServiceNetwork'));

function lease(renewTime: string, gateway: string): object {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name: 'speaker-n1',
      namespace: 'default',
      labels: { app: 'metallb', component: 'speaker' },
      annotations: {
        'metallb.io/speaker-interfaces': '[{"name":"eth0","subnets":["10.6.204.1/24"]}]',
        'metallb.io/speaker-gateways': JSON.stringify([gateway]),
      },
    },
    spec: { holderIdentity: 'n1', leaseDurationSeconds: 4, renewTime },
  };
}

test('nodes, speakers and the Services’ network; a renewal is no change, another gateway is', async () => {
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' }, spec: { podCIDRs: ['172.20.0.0/24'] } };
  await write(['create'], { ...node, spec: { podCIDR: '172.20.0.0/24', ...node.spec } });
  const addresses = [
    { type: 'InternalIP', address: '10.6.204.1' },
    { type: 'Hostname', address: 'n1' },
  ];
  await write(['apply', '--subresource=status', '--server-side'], { ...node, status: { addresses } });
  await write(['apply'], lease('2026-08-01T10:00:00.000000Z', '10.6.204.254'));
  sources.start();
  await waitFor('the first lists', async () => sources.synced, SOON);
  expect(told()).toEqual([
    '10.6.204.1/32 NodeAddress node n1',
    '10.6.204.254/32 Gateway node n1',
    '172.20.0.0/24 PodNetwork node n1',
  ]);
  expect(sources.exclusions().filter(({ reason }) => reason === 'ServiceNetwork')).toEqual([
    expect.objectContaining({ detail: 'ServiceCIDR kubernetes' }),
  ]);
  const before = changes;
  await write(['apply'], lease('2026-08-01T10:00:01.000000Z', '10.6.204.254'));
  await write(['apply'], lease('2026-08-01T10:00:02.000000Z', '10.6.204.253'));
  await waitFor('the other gateway', async () => told().includes('10.6.204.253/32 Gateway node n1'), SOON);
  expect(changes).toBe(before + 1);
  expect(errors).toEqual([]);
}, 60_000);
