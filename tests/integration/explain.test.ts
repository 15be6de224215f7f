/** `./install explain` as a process, against a real API server that the controller writes to, and speakers would. */
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execa } from 'execa';
import { type ControlPlane, startControlPlaneForTests } from '../support/control-plane.ts';
import { type ControllerProcess, startController } from '../support/controller-process.ts';
import { waitFor } from '../support/wait-for.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const CRDS = resolve(ROOT, 'roles/cluster-addon/files/metallb/crds');
const PORTS = { health: 27502, metrics: 27503 };

let plane: ControlPlane;
let controller: ControllerProcess;

beforeAll(async () => {
  plane = await startControlPlaneForTests();
  await kubectl('apply', '--server-side', '-f', CRDS);
  await kubectl('wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all');
  await kubectl('create', 'namespace', 'metallb-system');
  controller = await startController(plane.kubeconfig, PORTS);
  await apply('metallb.io/v1beta1', 'IPAddressPool', 'only', { addresses: ['10.6.204.20/32'] });
  await apply('v1', 'Service', 'first', { type: 'LoadBalancer', ports: [{ port: 80 }] });
  await reason('first', 'Allocated');
  await apply('v1', 'Service', 'second', { type: 'LoadBalancer', ports: [{ port: 80 }] });
  await reason('second', 'PoolsExhausted');
  await create({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node1' } });
  await apply('metallb.io/v1beta1', 'L2Advertisement', 'l2', {});
  await create({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { namespace: 'default', name: 'first-x', labels: { 'kubernetes.io/service-name': 'first' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.69.0.2'], nodeName: 'node1' }],
    ports: [{ port: 80 }],
  });
  await lease('node1');
}, 120_000);
afterAll(async () => {
  await controller?.stop();
  await plane?.stop();
});

const kubectl = (...args: readonly string[]): Promise<string> => plane.run(...args);

async function apply(apiVersion: string, kind: string, name: string, spec: object): Promise<void> {
  const namespace = kind === 'Service' ? 'default' : 'metallb-system';
  await plane.apply({ apiVersion, kind, metadata: { namespace, name }, spec });
}

const create = (object: object): Promise<void> => plane.apply(object);

/** A speaker's Lease, renewed now. */
async function lease(node: string): Promise<void> {
  await create({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      namespace: 'metallb-system',
      name: `speaker-${node}`,
      labels: { app: 'metallb', component: 'speaker' },
      annotations: { 'metallb.io/speaker-interfaces': '[{"name":"eth0","subnets":["10.6.204.2/24"]}]' },
    },
    spec: {
      holderIdentity: node,
      leaseDurationSeconds: 5,
      renewTime: new Date().toISOString().replace('Z', '000Z'),
    },
  });
}

/** What the speaker of the node would write. */
async function status(node: string, service: string): Promise<void> {
  const metadata = { namespace: 'metallb-system', name: `l2-${service}`, labels: { 'metallb.io/node': node } };
  await create({ apiVersion: 'metallb.io/v1beta1', kind: 'ServiceL2Status', metadata });
  const said = { status: { node, serviceName: service, serviceNamespace: 'default' } };
  await kubectl(
    ...['patch', 'servicel2status', '-n', 'metallb-system', `l2-${service}`, '--subresource=status', '--type=merge'],
    ...['-p', JSON.stringify(said)],
  );
}

function reason(service: string, want: string): Promise<unknown> {
  return waitFor(
    `${service} says ${want}`,
    async () => (await kubectl('get', 'service', service, '-o', 'json')).includes(`"reason": "${want}"`),
    { withinMs: 15_000, everyMs: 100 },
  );
}

async function explain(...args: readonly string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const argv = ['explain', ...args, '--kubeconfig', plane.kubeconfig];
  const done = await execa(resolve(ROOT, 'install'), argv, { cwd: ROOT, reject: false, stdin: 'ignore' });
  return { exitCode: done.exitCode ?? -1, stdout: done.stdout, stderr: done.stderr };
}

test('an address that nobody announces: which node is to, and exit code 1', async () => {
  await lease('node1');
  const { exitCode, stdout } = await explain('service/first');
  expect(stdout).toMatch(/10\.6\.204\.20 +nobody-says-so +node1 is to announce it/);
  expect(stdout).toContain('look at the speaker of node1');
  expect(exitCode).toBe(1);
  expect((await explain('-A')).stdout).toMatch(/default\/first +nobody-says-so/);
}, 60_000);

test('a Service with an address that is announced: what it has, who announces it, and exit code 0', async () => {
  await lease('node1');
  await status('node1', 'first');
  const { exitCode, stdout } = await explain('service/first');
  expect(stdout).toContain('10.6.204.20');
  expect(stdout).toMatch(/who announces:\n +10\.6\.204\.20 +node1 +node1 announces it/);
  expect(exitCode).toBe(0);
}, 60_000);

test('a Service without one: the reason of its condition, every pool, what to do, and exit code 1', async () => {
  const { exitCode, stdout } = await explain('-n', 'default', 'svc/second');
  expect(stdout).toContain('PoolsExhausted');
  expect(stdout).toMatch(/only +Exhausted +no address is left: 1 of 1 IPv4 in use \(by default\/first\)/);
  expect(stdout).toContain('what to do:');
  expect(stdout).not.toContain('the controller has not said this yet');
  expect(exitCode).toBe(1);
}, 60_000);

test('the same as JSON', async () => {
  const { stdout } = await explain('second', '-o', 'json');
  expect(JSON.parse(stdout)).toMatchObject({ asAsked: false, allocation: { reason: 'PoolsExhausted' } });
}, 60_000);

test('all with a problem, a line each', async () => {
  const { exitCode, stdout } = await explain('-A');
  expect(stdout).toMatch(/default\/second +PoolsExhausted/);
  expect(stdout).not.toContain('default/first ');
  expect(exitCode).toBe(1);
}, 60_000);

test('a Service that is not there, and a cluster that is not', async () => {
  expect((await explain('nobody')).exitCode).toBe(1);
  const { exitCode, stderr } = await explain('pod/first');
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining('"pod/first" is not a Service')]);
}, 60_000);
