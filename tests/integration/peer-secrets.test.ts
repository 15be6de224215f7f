/**
 * Passwords of BGPPeers before a real API server: read with the rights that the chart gives a speaker, rotated, missing,
 * and never written anywhere.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { hostClock } from '../../src/runtime/adapters/host/clock.ts';
import { hostRandom } from '../../src/runtime/adapters/host/random.ts';
import { KubeConnection } from '../../src/runtime/adapters/kube/connection.ts';
import { loadKubeConfig } from '../../src/runtime/adapters/kube/credentials.ts';
import { Configuration } from '../../src/runtime/programs/configuration.ts';
import { ConfigurationReport } from '../../src/runtime/programs/speaker/configuration-report.ts';
import { type ControlPlane, startControlPlaneForTests } from '../support/control-plane.ts';
import { waitFor } from '../support/wait-for.ts';

const CHART = resolve(import.meta.dirname, '../../roles/cluster-addon/files/metallb');
const NS = 'metallb-system';
const SOON = { withinMs: 10_000, everyMs: 50 };

let plane: ControlPlane;
let folder: string;
let kubeconfig: string;
const running: { stop(): Promise<unknown>; api: KubeConnection }[] = [];

beforeAll(async () => {
  plane = await startControlPlaneForTests();
  folder = await mkdtemp(join(tmpdir(), 'peer-secrets-'));
  await kubectl('apply', '--server-side', '-f', join(CHART, 'crds'));
  await kubectl('wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all');
  await kubectl('create', 'namespace', NS);
  const rendered = await plane.helm([
    'template',
    'metallb',
    CHART,
    '--kube-version',
    '1.34.0',
    '--namespace',
    NS,
    '--show-only',
    'templates/rbac-speaker.yaml',
    '--show-only',
    'templates/service-accounts.yaml',
  ]);
  expect(rendered).toMatchObject({ exitCode: 0, stderr: '' });
  const applied = await plane.kubectl(['apply', '-n', NS, '-f', '-'], { input: rendered.stdout });
  expect(applied).toMatchObject({ exitCode: 0 });
  kubeconfig = await asServiceAccount('speaker');
}, 120_000);
afterEach(async () => {
  await Promise.all(
    running.splice(0).map(async ({ stop, api }) => {
      await stop();
      api.close();
    }),
  );
  await kubectl('delete', 'bgppeers,secrets,configurationstates', '-n', NS, '--all');
});
afterAll(async () => {
  await plane?.stop();
  await rm(folder, { recursive: true, force: true });
});

const kubectl = (...args: readonly string[]): Promise<string> => plane.run(...args);

/** The administrator's kubeconfig with a token of the account in place of what the administrator shows. */
async function asServiceAccount(account: string): Promise<string> {
  const token = (await kubectl('create', 'token', account, '-n', NS)).trim();
  const config = parse(await readFile(plane.kubeconfig, 'utf8'));
  for (const user of config.users) user.user = { token };
  const path = join(folder, account);
  await writeFile(path, stringify(config));
  return path;
}

function secret(name: string, password: string, type = 'kubernetes.io/basic-auth'): Promise<void> {
  return plane.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace: NS, name },
    type,
    stringData: { password },
  });
}

function peer(name: string, spec: object): Promise<void> {
  return plane.apply({
    apiVersion: 'metallb.io/v1beta2',
    kind: 'BGPPeer',
    metadata: { namespace: NS, name },
    spec: { myASN: 64500, peerASN: 64501, ...spec },
  });
}

/** A speaker's view of the configuration, and what it says of it in the cluster. */
function speaker() {
  const api = new KubeConnection(loadKubeConfig(kubeconfig), hostClock);
  const complaints: string[] = [];
  const onError = (error: unknown): void => void complaints.push(String(error));
  const settings = { nodeName: 'n1', namespace: NS, pod: undefined };
  const report = new ConfigurationReport({ api, clock: hostClock, random: hostRandom, settings, onError });
  const configuration = new Configuration({
    api,
    clock: hostClock,
    random: hostRandom,
    namespace: NS,
    nodes: () => [{ name: 'n1', labels: {} }],
    nodeName: 'n1',
    secrets: 'read',
    onChange: () => {
      if (configuration.synced) report.tell(configuration.decide());
    },
    onError,
  });
  configuration.start();
  report.start();
  running.push({ stop: () => Promise.all([configuration.stop(), report.stop()]), api });
  return { configuration, complaints };
}

function passwords(configuration: Configuration, want: readonly (string | undefined)[]): Promise<unknown> {
  return waitFor(
    `passwords ${JSON.stringify(want)}`,
    async () => {
      if (!configuration.synced) throw new Error('it has not been read');
      const has = configuration.decide().config?.bgpPeers.map(({ password }) => password);
      if (JSON.stringify(has) === JSON.stringify(want)) return true;
      throw new Error(`they are ${JSON.stringify(has)}`);
    },
    SOON,
  );
}

function stateSays(pattern: RegExp): Promise<unknown> {
  return waitFor(
    `the ConfigurationState says ${pattern}`,
    async () => {
      const state = await kubectl('get', 'configurationstates', '-n', NS, '-o', 'json');
      const { items } = JSON.parse(state);
      const text = `${items[0]?.status?.result} ${items[0]?.status?.errorSummary}`;
      if (pattern.test(text)) return true;
      throw new Error(`it says ${text}`);
    },
    SOON,
  );
}

test('a password comes from a Secret and follows its changes, with the rights that the chart gives', async () => {
  await secret('tor', 'first-word');
  await peer('tor', { peerAddress: '192.0.2.1', passwordSecret: { name: 'tor' } });
  const { configuration, complaints } = speaker();
  await passwords(configuration, ['first-word']);
  await stateSays(/^Valid/);
  await secret('tor', 'second-word');
  await passwords(configuration, ['second-word']);
  await kubectl('delete', 'secret', '-n', NS, 'tor');
  await stateSays(/^Invalid BGPPeer metallb-system\/tor spec\.passwordSecret\.name: there is no Secret "tor"/);
  await passwords(configuration, ['second-word']);
  await secret('tor', 'third-word');
  await passwords(configuration, ['third-word']);
  await stateSays(/^Valid/);
  expect(complaints.filter((complaint) => /secrets|forbidden/i.test(complaint))).toEqual([]);
  const everything = await kubectl('get', 'bgppeers,configurationstates,events', '-A', '-o', 'json');
  expect(everything).not.toMatch(/(first|second|third)-word/);
});

test('a Secret that is missing, of another type or without the key costs its own peer only, and is told in words', async () => {
  await secret('good', 'x');
  await secret('opaque', 'y', 'Opaque');
  await plane.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace: NS, name: 'keyless' },
    type: 'kubernetes.io/basic-auth',
    stringData: { username: 'z' },
  });
  const names = ['good', 'keyless', 'missing', 'opaque'];
  for (const [index, name] of names.entries()) {
    await peer(name, { peerAddress: `192.0.2.${index + 1}`, passwordSecret: { name } });
  }
  const { configuration } = speaker();
  await passwords(configuration, ['x']);
  await stateSays(/keyless spec\.passwordSecret\.name: the Secret "keyless" has no key "password"/);
  await stateSays(
    /missing spec\.passwordSecret\.name: there is no Secret "missing" of type kubernetes\.io\/basic-auth/,
  );
  await stateSays(/opaque spec\.passwordSecret\.name: there is no Secret "opaque" of type .*another type is not read/);
  await kubectl('delete', 'secret', '-n', NS, 'opaque');
  await secret('opaque', 'y');
  await passwords(configuration, ['x', 'y']);
});
