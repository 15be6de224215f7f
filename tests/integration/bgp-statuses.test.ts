/** The speakers' ServiceBGPStatus and BGPSessionStatus objects before a real API server: its schema, its rules, its watch. */
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { hostClock } from '../../src/runtime/adapters/host/clock.ts';
import { hostRandom } from '../../src/runtime/adapters/host/random.ts';
import { KubeConnection } from '../../src/runtime/adapters/kube/connection.ts';
import { loadKubeConfig } from '../../src/runtime/adapters/kube/credentials.ts';
import { BgpServiceStatuses } from '../../src/runtime/programs/speaker/bgp/bgp-service-statuses.ts';
import { SessionStatuses } from '../../src/runtime/programs/speaker/bgp/session-statuses.ts';
import type { StatusObjectsOptions } from '../../src/runtime/programs/speaker/status-objects.ts';
import { sessionView } from '../support/bgp-session-views.ts';
import { type ControlPlane, startControlPlaneForTests } from '../support/control-plane.ts';
import { ip } from '../support/views.ts';
import { waitFor } from '../support/wait-for.ts';

const CRDS = resolve(import.meta.dirname, '../../roles/cluster-addon/files/metallb/crds');
const NS = 'metallb-system';
const KINDS = ['servicebgpstatuses', 'bgpsessionstatuses'] as const;
const ALIVE = ['n1', 'n2'];
const SOON = { withinMs: 15_000, everyMs: 50 };

let plane: ControlPlane;
const ends: (() => Promise<void>)[] = [];
const errors: unknown[] = [];

beforeAll(async () => {
  plane = await startControlPlaneForTests();
  await kubectl('apply', '--server-side', '-f', CRDS);
  await kubectl('wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all');
  await kubectl('create', 'namespace', NS);
}, 120_000);
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
  for (const kind of KINDS) await kubectl('delete', kind, '-n', NS, '--all');
  errors.length = 0;
});
afterAll(async () => plane?.stop());

const kubectl = (...args: readonly string[]): Promise<string> => plane.run(...args);

/** Starts what a speaker keeps, and ends it after the test. */
function keep<Statuses extends { start(): void; stop(): Promise<void> }>(
  nodeName: string,
  make: (options: StatusObjectsOptions) => Statuses,
): Statuses {
  const api = new KubeConnection(loadKubeConfig(plane.kubeconfig), hostClock);
  const statuses = make({
    api,
    clock: hostClock,
    random: hostRandom,
    sha256Hex: (text) => createHash('sha256').update(text).digest('hex'),
    settings: { nodeName, namespace: NS, pod: { name: `speaker-${nodeName}`, uid: `pod-${nodeName}` } },
    onError: (error) => errors.push(error),
  });
  ends.push(async () => {
    await statuses.stop();
    api.close();
  });
  statuses.start();
  return statuses;
}

const services = (node: string) => keep(node, (options) => new BgpServiceStatuses(options));
const sessions = (node: string) => keep(node, (options) => new SessionStatuses(options));

/** The Service web/a, to these peers. */
function advertised(...peers: readonly string[]) {
  return new Map([['web/a', { peers, addresses: [ip('198.51.100.1')] }]]);
}

// biome-ignore lint/suspicious/noExplicitAny: API objects as the server returns them.
async function objects(kind: (typeof KINDS)[number]): Promise<any[]> {
  return JSON.parse(await kubectl('get', kind, '-n', NS, '-o', 'json')).items;
}

async function versions(kind: (typeof KINDS)[number]): Promise<string> {
  return (await objects(kind)).map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`).join();
}

const byNode = (a: { readonly node: string }, b: { readonly node: string }) => (a.node < b.node ? -1 : 1);
const quiet = () => new Promise((later) => setTimeout(later, 2_000));

test('a ServiceBGPStatus a node: made, changed, put right when it is edited, and taken away', async () => {
  const [first, second] = [services('n1'), services('n2')];
  for (const each of [first, second]) each.tell(advertised('tor-1'), ALIVE);
  const statuses = async () => (await objects('servicebgpstatuses')).map(({ status }) => status);
  const says = (want: readonly object[]) => {
    const look = async () => isDeepStrictEqual((await statuses()).sort(byNode), want);
    return waitFor('the objects say so', look, SOON);
  };
  const base = { serviceName: 'a', serviceNamespace: 'web', peers: ['tor-1'] };
  await says([
    { ...base, node: 'n1' },
    { ...base, node: 'n2' },
  ]);
  first.tell(advertised('tor-1', 'tor-2'), ALIVE);
  await says([
    { ...base, node: 'n1', peers: ['tor-1', 'tor-2'] },
    { ...base, node: 'n2' },
  ]);
  const own = (await objects('servicebgpstatuses')).find(({ status }) => status.node === 'n2').metadata.name;
  await kubectl('label', 'servicebgpstatus', '-n', NS, own, 'metallb.io/node-');
  await waitFor(
    'the label is back',
    async () => (await kubectl('get', 'servicebgpstatus', '-n', NS, '-l', 'metallb.io/node=n2')).includes(own),
    SOON,
  );
  const before = await versions('servicebgpstatuses');
  await quiet();
  expect(await versions('servicebgpstatuses')).toBe(before);
  second.tell(new Map(), ALIVE);
  await waitFor('the second’s is gone', async () => (await statuses()).length === 1, SOON);
  expect(errors).toEqual([]);
}, 60_000);

test('a BGPSessionStatus: the API server keeps every field, shows it in columns, and fixes whom it is about', async () => {
  const prefixes = Array.from(
    { length: 500 },
    (_, i) => `2001:db8:ffff:ffff:ffff:ffff:ffff:${(i + 4096).toString(16)}/128`,
  );
  const view = sessionView({
    state: 'established',
    sinceWallMs: Date.now() - 90_000,
    localAddress: ip('192.0.2.11'),
    remoteAsn: 4_294_967_295,
    remoteIdentifier: ip('192.0.2.1'),
    advertisedRoutes: 100_000,
    notAdvertised: ['ipv4 unicast: the router does not speak it'],
    receivedPrefixes: 7,
    lastError: 'e'.repeat(2_000),
    flaps: 3,
    bfd: {
      state: 'up',
      diagnostic: '',
      packetsSent: 1,
      packetsReceived: 1,
      echoesSent: 0,
      echoesReceived: 0,
      ups: 1,
      downs: 0,
    },
  });
  const statuses = sessions('n1');
  statuses.tell([view], () => prefixes, ALIVE);
  const [object] = await waitFor(
    'the object is there',
    async () =>
      (await objects('bgpsessionstatuses'))[0]?.status === undefined ? undefined : objects('bgpsessionstatuses'),
    SOON,
  );
  expect(object.status).toMatchObject({
    node: 'n1',
    peer: 'tor-1',
    address: '192.0.2.1',
    localAddress: '192.0.2.11',
    asn: 4_294_967_295,
    identifier: '192.0.2.1',
    state: 'established',
    bfd: 'up',
    advertisedPrefixes: 100_000,
    prefixes,
    notAdvertised: view.notAdvertised,
    receivedPrefixes: 7,
    flaps: 3,
  });
  expect(object.status.lastError).toHaveLength(1024);
  const shown = await kubectl('get', 'bgpsessionstatuses', '-n', NS);
  expect(shown).toMatch(/NODE +PEER +ADDRESS +STATE +BFD +PREFIXES +SINCE/);
  expect(shown).toMatch(/n1 +tor-1 +192\.0\.2\.1 +established +up +100000 +\d+s/);
  const moved = await plane.kubectl([
    ...['patch', 'bgpsessionstatus', '-n', NS, object.metadata.name, '--subresource=status', '--type=merge', '-p'],
    JSON.stringify({ status: { peer: 'tor-2' } }),
  ]);
  expect(moved.stderr).toContain("peer is fixed for the object's life");
  const before = await versions('bgpsessionstatuses');
  await quiet();
  expect(await versions('bgpsessionstatuses')).toBe(before);
  expect(errors).toEqual([]);
}, 60_000);

test('what a node without a speaker left is taken away', async () => {
  sessions('n2').tell([sessionView()], () => [], ALIVE);
  services('n2').tell(advertised('tor-1'), ALIVE);
  for (const kind of KINDS) {
    await waitFor(`${kind} is there`, async () => (await objects(kind))[0]?.status?.node === 'n2', SOON);
  }
  await Promise.all(ends.splice(0).map((end) => end()));
  sessions('n1').tell([], () => [], ['n1']);
  services('n1').tell(new Map(), ['n1']);
  for (const kind of KINDS) {
    await waitFor(`${kind} is gone`, async () => (await objects(kind)).length === 0, { ...SOON, withinMs: 30_000 });
  }
  expect(errors).toEqual([]);
}, 90_000);
