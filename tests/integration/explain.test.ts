/** `./install explain` as a process, against a real API server that the controller writes to. */
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
}, 120_000);
afterAll(async () => {
  await controller?.stop();
  await plane?.stop();
});

async function kubectl(...args: readonly string[]): Promise<string> {
  const done = await plane.kubectl(args);
  if (done.exitCode !== 0) throw new Error(`kubectl ${args.join(' ')}: ${done.stderr}`);
  return done.stdout;
}

async function apply(apiVersion: string, kind: string, name: string, spec: object): Promise<void> {
  const namespace = kind === 'Service' ? 'default' : 'metallb-system';
  const input = JSON.stringify({ apiVersion, kind, metadata: { namespace, name }, spec });
  const done = await plane.kubectl(['apply', '-f', '-'], { input });
  if (done.exitCode !== 0) throw new Error(done.stderr);
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

test('a Service with an address: what it has, and exit code 0', async () => {
  const { exitCode, stdout } = await explain('service/first');
  expect(stdout).toContain('10.6.204.20');
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
