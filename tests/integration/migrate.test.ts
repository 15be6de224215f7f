/**
 * `./install migrate` as a user runs it, against a real API server with a real controller: what it prints the server takes,
 * and with --apply every Service keeps its address, untouched, while the ConfigMap gives way to custom resources.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { execa } from 'execa';
import { type ControlPlane, startControlPlaneForTests } from '../support/control-plane.ts';
import { type ControllerProcess, startController } from '../support/controller-process.ts';
import { waitFor } from '../support/wait-for.ts';

const PROJECT = resolve(import.meta.dirname, '../..');
const CRDS = join(PROJECT, 'roles/cluster-addon/files/metallb/crds');
const NS = 'metallb-system';
const PORTS = { health: 27482, metrics: 27483 };
const SOON = { withinMs: 20_000, everyMs: 100 };
const OLD = `peers:
- my-asn: 64500
  peer-asn: 64501
  peer-address: 10.6.204.1
  bfd-profile: fast
bfd-profiles:
- name: fast
  receive-interval: 100
bgp-communities:
  no-advertise: 65535:65282
address-pools:
- name: default
  protocol: layer2
  addresses:
  - 10.6.204.20-10.6.204.22
- name: edge
  protocol: bgp
  addresses:
  - 10.6.205.0/28
  avoid-buggy-ips: yes
  bgp-advertisements:
  - aggregation-length: 28
    communities: [no-advertise]
`;

// biome-ignore lint/suspicious/noExplicitAny: API objects as the server returns them.
type ApiObject = any;

let plane: ControlPlane;
let controller: ControllerProcess;
let directory: string;

beforeAll(async () => {
  plane = await startControlPlaneForTests();
  await kubectl('apply', '--server-side', '-f', CRDS);
  await kubectl('wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all');
  await kubectl('create', 'namespace', NS);
}, 120_000);
afterAll(async () => plane?.stop());

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'metallb-migrate-'));
  controller = await startController(plane.kubeconfig, PORTS);
}, 60_000);
afterEach(async () => {
  await kubectl('delete', 'services', '-n', 'default', '-l', 'app=migrate');
  await kubectl(
    'delete',
    'ipaddresspools,l2advertisements,bgpadvertisements,bgppeers,bfdprofiles,communities',
    '-n',
    NS,
    '--all',
  );
  await kubectl('delete', 'configmap', '-n', NS, 'config', '--ignore-not-found');
  expect(await controller.stop()).toBe(0);
  await rm(directory, { recursive: true, force: true });
}, 60_000);

const kubectl = (...args: readonly string[]): Promise<string> => plane.run(...args);

const apply = (object: object): Promise<void> => plane.apply(object);

const get = async (...args: readonly string[]): Promise<ApiObject> =>
  JSON.parse(await kubectl('get', '-o', 'json', ...args));

async function migrate(...args: readonly string[]) {
  const env = { KUBECONFIG: plane.kubeconfig, INSTALL_CWD: directory, NO_COLOR: '1' };
  const main = join(PROJECT, 'src/cli/main.ts');
  const done = await execa(process.execPath, ['--disable-warning=ExperimentalWarning', main, 'migrate', ...args], {
    env,
    reject: false,
  });
  return { exitCode: done.exitCode, stdout: done.stdout, stderr: done.stderr };
}

function oldConfig(text: string): Promise<void> {
  return apply({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: NS, name: 'config' },
    data: { config: text },
  });
}

async function service(name: string, address: string, annotations: object = {}): Promise<ApiObject> {
  await apply({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'default', name, annotations, labels: { app: 'migrate' } },
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
  });
  return waitFor(
    `${name} has ${address}`,
    async () => {
      const found = await get('service', '-n', 'default', name);
      if (found.status.loadBalancer?.ingress?.[0]?.ip === address) return found;
      throw new Error(JSON.stringify(found.status));
    },
    SOON,
  );
}

const pools = async (): Promise<number> => (await get('ipaddresspools', '-n', NS)).items.length;

describe('without --apply', () => {
  test('prints what the API server takes, and changes nothing', async () => {
    await oldConfig(OLD);
    const { exitCode, stdout, stderr } = await migrate();
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const dryRun = await plane.kubectl(['apply', '--dry-run=server', '-f', '-'], { input: stdout });
    expect(dryRun.stderr).toBe('');
    expect(dryRun.stdout.split('\n').map((line) => line.split(' ')[0])).toEqual([
      'bfdprofile.metallb.io/fast',
      'community.metallb.io/communities',
      'bgppeer.metallb.io/peer1',
      'bgpadvertisement.metallb.io/bgpadvertisement1',
      'l2advertisement.metallb.io/l2advertisement1',
      'ipaddresspool.metallb.io/default',
      'ipaddresspool.metallb.io/edge',
    ]);
    expect(await pools()).toBe(0);
  }, 60_000);

  test('converts a file, needing no cluster, be it a manifest or what is in it', async () => {
    await writeFile(join(directory, 'inner.yaml'), OLD);
    const manifest = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'config', namespace: NS } };
    await writeFile(join(directory, 'manifest.yaml'), JSON.stringify({ ...manifest, data: { config: OLD } }));
    const inner = await migrate('--file', 'inner.yaml');
    expect(inner.stdout).toContain('kind: IPAddressPool');
    expect(await migrate('--file', 'manifest.yaml')).toEqual(inner);
  }, 60_000);

  test('says every fault with its place in the YAML', async () => {
    await writeFile(
      join(directory, 'bad.yaml'),
      OLD.replace('10.6.205.0/28', '10.6.205.0/33').replace('peer-asn', 'peer-as'),
    );
    const { exitCode, stdout, stderr } = await migrate('--file', 'bad.yaml');
    expect({ exitCode, stdout }).toEqual({ exitCode: 4, stdout: '' });
    expect(stderr).toContain('bad.yaml config.peers[0].peer-as: is not known here');
    expect(stderr).toContain('bad.yaml config.address-pools[1].addresses[0]: "10.6.205.0/33" is not a CIDR');
  }, 60_000);
});

describe('with --apply', () => {
  test('the custom resources take over, every Service keeps its address unwritten, the ConfigMap is saved', async () => {
    await oldConfig(OLD);
    const before = [
      await service('web', '10.6.204.20'),
      await service('edge', '10.6.205.1', { 'metallb.universe.tf/address-pool': 'edge' }),
    ];
    const { exitCode, stdout, stderr } = await migrate('--apply');
    expect({ exitCode, stderr, stdout }).toMatchObject({ exitCode: 0, stderr: '' });
    expect(stdout).toContain('saved as metallb-config-backup.yaml');
    expect(readFileSync(join(directory, 'metallb-config-backup.yaml'), 'utf8')).toContain('10.6.204.20-10.6.204.22');
    expect((await plane.kubectl(['get', 'configmap', '-n', NS, 'config'])).stderr).toContain('NotFound');
    const made = await get('ipaddresspools', '-n', NS);
    expect(made.items.map(({ metadata }: ApiObject) => [metadata.name, metadata.annotations])).toEqual([
      ['default', undefined],
      ['edge', undefined],
    ]);
    const after = await Promise.all(before.map(({ metadata }) => get('service', '-n', 'default', metadata.name)));
    expect(after.map(({ metadata }) => metadata.resourceVersion)).toEqual(
      before.map(({ metadata }) => metadata.resourceVersion),
    );
    await service('more', '10.6.204.21');
    const again = await migrate('--apply');
    expect(again.exitCode).toBe(6);
    expect(again.stderr).toContain('there is no ConfigMap metallb-system/config');
  }, 120_000);

  test('a Service that would no longer get what it asks for stops it before anything is written', async () => {
    await oldConfig(OLD.replace('name: edge', 'name: Edge'));
    await service('edge', '10.6.205.1', { 'metallb.io/address-pool': 'Edge' });
    const { exitCode, stderr } = await migrate('--apply');
    expect(exitCode).toBe(6);
    expect(stderr).toContain('Service default/edge');
    expect(await pools()).toBe(0);
    expect(existsSync(join(directory, 'metallb-config-backup.yaml'))).toBe(false);
  }, 60_000);

  test('other resources that would come into force stop it, too', async () => {
    await oldConfig(OLD);
    await apply({
      apiVersion: 'metallb.io/v1beta1',
      kind: 'L2Advertisement',
      metadata: { namespace: NS, name: 'stray' },
      spec: {},
    });
    const { exitCode, stderr } = await migrate('--apply');
    expect(exitCode).toBe(6);
    expect(stderr).toContain('L2Advertisement metallb-system/stray');
    expect(stderr).toContain('pool "edge" is announced otherwise in layer 2');
    expect(await pools()).toBe(0);
  }, 60_000);

  test('without a controller the ConfigMap stays in force, and the wait ends', async () => {
    await oldConfig(OLD);
    await service('web', '10.6.204.20');
    await controller.stop();
    await writeFile(join(directory, 'hosts'), '');
    await writeFile(
      join(directory, 'config.yml'),
      `metallb_vip_pool: "10.6.204.20-10.6.204.22"\nmetallb_wait_seconds: 5\nmetallb_kubeconfig: "${plane.kubeconfig}"\n`,
    );
    await kubectl('delete', 'configurationstates', '-n', NS, '--all');
    const { exitCode, stderr } = await migrate('--apply', '-i', directory);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 9 });
    expect(stderr).toContain('there is no word on the configuration from');
    controller = await startController(plane.kubeconfig, PORTS);
    expect((await get('service', '-n', 'default', 'web')).status.loadBalancer.ingress[0].ip).toBe('10.6.204.20');
    const run = await migrate('--apply');
    expect({ exitCode: run.exitCode, stderr: run.stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(existsSync(join(directory, 'metallb-config-backup-2.yaml'))).toBe(true);
  }, 120_000);
});
