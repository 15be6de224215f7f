/** The speakers' ServiceL2Status objects before a real API server: its schema, its rules, its watch, and its absence. */
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { hostClock } from '../../src/runtime/adapters/host/clock.ts';
import { hostRandom } from '../../src/runtime/adapters/host/random.ts';
import { KubeConnection } from '../../src/runtime/adapters/kube/connection.ts';
import { loadKubeConfig } from '../../src/runtime/adapters/kube/credentials.ts';
import type { PlannedOwner } from '../../src/runtime/decide/announcing/service-announcements.ts';
import { ServiceStatuses } from '../../src/runtime/programs/speaker/service-statuses.ts';
import { type ControlPlane, startControlPlaneForTests } from '../support/control-plane.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { ip } from '../support/views.ts';
import { waitFor } from '../support/wait-for.ts';

const CRDS = resolve(import.meta.dirname, '../../roles/cluster-addon/files/metallb/crds');
const NS = 'metallb-system';
const ALIVE = ['n1', 'n2'];
const SOON = { withinMs: 15_000, everyMs: 50 };

let plane: ControlPlane;
const running: { statuses: ServiceStatuses; api: KubeConnection }[] = [];

beforeAll(async () => {
  plane = await startControlPlaneForTests();
  await kubectl('apply', '--server-side', '-f', CRDS);
  await kubectl('wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all');
  await kubectl('create', 'namespace', NS);
}, 120_000);
afterEach(async () => {
  await Promise.all(
    running.splice(0).map(async ({ statuses, api }) => {
      await statuses.stop();
      api.close();
    }),
  );
  await kubectl('delete', 'servicel2statuses', '-n', NS, '--all');
});
afterAll(async () => plane?.stop());

const kubectl = (...args: readonly string[]): Promise<string> => plane.run(...args);

function speaker(
  nodeName: string,
  { podUid = `pod-${nodeName}`, kubeconfig = plane.kubeconfig } = {},
): ServiceStatuses {
  const api = new KubeConnection(loadKubeConfig(kubeconfig), hostClock);
  const statuses = new ServiceStatuses({
    api,
    clock: hostClock,
    random: hostRandom,
    sha256Hex: (text) => createHash('sha256').update(text).digest('hex'),
    settings: { nodeName, namespace: NS, pod: { name: `speaker-${nodeName}`, uid: podUid } },
    onError: () => {},
  });
  running.push({ statuses, api });
  statuses.start();
  return statuses;
}

/** "web/a@n1" */
function plans(...texts: readonly string[]): PlannedOwner[] {
  return texts.map((text, index) => {
    const [service = '', owner = ''] = text.split('@');
    const restricted = service === 'web/restricted';
    return { ip: ip(`10.0.0.${index}`), services: [service], owner, interfaces: restricted ? ['eth1'] : 'in-subnet' };
  });
}

// biome-ignore lint/suspicious/noExplicitAny: API objects as the server returns them.
async function objects(): Promise<any[]> {
  return JSON.parse(await kubectl('get', 'servicel2statuses', '-n', NS, '-o', 'json')).items;
}

/** "NODE NAMESPACE/SERVICE", ordered, once it is that. */
async function says(...want: readonly string[]): Promise<void> {
  await waitFor(
    `the objects say ${want.join(', ')}`,
    async () => {
      const said = (await objects()).map(({ status = {} }) =>
        [status.node, `${status.serviceNamespace}/${status.serviceName}`].join(' '),
      );
      if (said.sort().join() === [...want].sort().join()) return true;
      throw new Error(`they say ${said.join(', ')}`);
    },
    SOON,
  );
}

async function versions(): Promise<string> {
  return (await objects()).map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`).join();
}

test('what the API server takes is what is shown: labels, owner, status, interfaces only where restricted', async () => {
  speaker('n1').tell(plans('web/a@n1', 'web/restricted@n1'), ALIVE);
  await says('n1 web/a', 'n1 web/restricted');
  const [a, restricted] = (await objects()).sort((x, y) => (x.status.serviceName < y.status.serviceName ? -1 : 1));
  expect(a).toMatchObject({
    metadata: {
      labels: { 'metallb.io/node': 'n1', 'metallb.io/service-name': 'a', 'metallb.io/service-namespace': 'web' },
      annotations: { 'metallb.io/announced-addresses': '10.0.0.0' },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'speaker-n1', uid: 'pod-n1' }],
    },
    status: { node: 'n1', serviceName: 'a', serviceNamespace: 'web' },
  });
  expect(a.status.interfaces).toBeUndefined();
  expect(restricted.status.interfaces).toEqual([{ name: 'eth1' }]);
  const found = await kubectl('get', 'servicel2statuses', '-n', NS, '-l', 'metallb.io/service-name=a');
  expect(found).toMatch(/ALLOCATED NODE.*SERVICE NAME.*SERVICE NAMESPACE/);
});

test('a move: the new owner’s is there, the old one’s is gone, and then nobody writes any more', async () => {
  const [first, second] = [speaker('n1'), speaker('n2')];
  for (const each of [first, second]) each.tell(plans('web/a@n1', 'web/b@n2'), ALIVE);
  await says('n1 web/a', 'n2 web/b');
  for (const each of [first, second]) each.tell(plans('web/a@n2', 'web/b@n2'), ALIVE);
  await says('n2 web/a', 'n2 web/b');
  const before = await versions();
  for (const each of [first, second]) each.tell(plans('web/a@n2', 'web/b@n2'), ALIVE);
  await new Promise((later) => setTimeout(later, 2_000));
  expect(await versions()).toBe(before);
});

test('edited and deleted by hand: put right, although the API server lets nobody change the node', async () => {
  speaker('n1').tell(plans('web/restricted@n1'), ALIVE);
  await says('n1 web/restricted');
  const name = (await objects())[0].metadata.name;
  const patch = async (body: object) =>
    plane.kubectl([
      ...['patch', 'servicel2status', '-n', NS, name, '--subresource=status', '--type=merge', '-p'],
      JSON.stringify(body),
    ]);
  expect((await patch({ status: { node: 'n9' } })).stderr).toContain('is fixed for the object');
  expect((await patch({ status: { interfaces: [{ name: 'eth9' }] } })).exitCode).toBe(0);
  await waitFor(
    'the interfaces are put right',
    async () => (await objects())[0]?.status.interfaces[0].name === 'eth1',
    SOON,
  );
  await kubectl('delete', 'servicel2status', '-n', NS, name);
  await says('n1 web/restricted');
});

test('a restart takes over what is there: another owner, and nothing else is written', async () => {
  speaker('n1').tell(plans('web/a@n1'), ALIVE);
  await says('n1 web/a');
  const [{ metadata: before }] = await objects();
  await running[0]?.statuses.stop();
  speaker('n1', { podUid: 'pod-new' }).tell(plans('web/a@n1'), ALIVE);
  const after = await waitFor(
    'the new pod owns it',
    async () => (await objects()).find(({ metadata }) => metadata.ownerReferences[0].uid === 'pod-new'),
    SOON,
  );
  expect(after.metadata.uid).toBe(before.uid);
});

test('what MetalLB’s speaker left under a name that the server invented makes way', async () => {
  const labels = { 'metallb.io/node': 'n1', 'metallb.io/service-name': 'a', 'metallb.io/service-namespace': 'web' };
  const object = {
    apiVersion: 'metallb.io/v1beta1',
    kind: 'ServiceL2Status',
    metadata: { generateName: 'l2-', namespace: NS, labels },
  };
  const made = await plane.kubectl(['create', '-f', '-'], { input: JSON.stringify(object) });
  expect(made.exitCode).toBe(0);
  speaker('n1').tell(plans('web/a@n1'), ALIVE);
  await waitFor(
    'one object is left, ours',
    async () => {
      const left = await objects();
      return left.length === 1 && left[0].status?.node === 'n1';
    },
    SOON,
  );
});

test('written while the API server fails and loses answers: all is there in the end, once', async () => {
  const proxy = await FaultProxy.start(plane.kubeconfig);
  try {
    const path = /\/servicel2statuses/;
    proxy.inject({ method: 'POST', path }, { kind: 'answer', status: 503 }, 2);
    proxy.inject({ method: 'POST', path }, { kind: 'lose-answer' }, 2);
    proxy.inject({ method: 'PATCH', path }, { kind: 'lose-answer' }, 2);
    const services = Array.from({ length: 20 }, (_, i) => `web/s${i}`);
    speaker('n1', { kubeconfig: proxy.kubeconfig }).tell(plans(...services.map((each) => `${each}@n1`)), ALIVE);
    await says(...services.map((each) => `n1 ${each}`));
  } finally {
    await proxy.close();
  }
}, 60_000);
