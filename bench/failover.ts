/**
 * How long an address is away when its node or speaker goes, as the client on the LAN sees it: from the fault to the
 * first frame by which a node claims the address, and how long requests over new connections fail. The time that
 * making the fault takes, some milliseconds (a planned stop: a call of kubectl), is part of the first.
 *
 * The announcing nodes are not the one where nginx runs, and neither is the master: what fails is the way to the
 * Service, never the Service or the API server.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { dropCarrier, freeze, heal, kill, unplug } from '../src/sandbox/faults.ts';
import { nginxImage, type SandboxHandle } from '../src/sandbox/sandbox.ts';
import { firstFrameAfter, monotonicMs, probeRequests, recordNeighbours } from '../tests/support/client-probes.ts';
import { Cluster } from '../tests/support/cluster.ts';
import { longestPauseMs, outageMs } from '../tests/support/outages.ts';
import { waitFor } from '../tests/support/wait-for.ts';
import type { BenchCluster } from './bench-cluster.ts';
import { formatRow, MILLISECONDS, percentiles } from './percentiles.ts';

/** Outside of what other measurements give out. */
const ADDRESS = '10.215.144.1';
const NAME = 'failover';
const ROUNDS = 20;
const GIVE_UP_MS = 120_000;
/** Whatever happens lasts so long at least. What is over sooner is lateness to the others, who then wait longer. */
const LASTS_MS = 2000;
/** So often in a row the same node alone has to answer before a round begins; each asking takes a second. */
const SETTLED = 3;

interface Kind {
  readonly name: string;
  /** Whose frame ends the wait: where kubelet starts the speaker again, it may be the former owner's. */
  readonly claimedBy: 'another' | 'anybody';
  strike(cluster: Cluster, node: string): Promise<unknown>;
  /** What there is to do beside healing the node. */
  mend?(cluster: Cluster, node: string): Promise<unknown>;
}

const KINDS: readonly Kind[] = [
  { name: 'port unplugged, carrier stays', claimedBy: 'another', strike: ({ handle }, node) => unplug(handle, node) },
  { name: 'carrier lost', claimedBy: 'another', strike: ({ handle }, node) => dropCarrier(handle, node) },
  {
    name: 'speaker killed (-9)',
    claimedBy: 'anybody',
    strike: ({ handle }, node) => kill(handle, node, 'speaker'),
    // Another pod in its place: kubelet would wait longer and longer before it starts this one's container again.
    mend: stopSpeaker,
  },
  {
    name: 'speaker frozen (SIGSTOP)',
    claimedBy: 'another',
    strike: ({ handle }, node) => freeze(handle, node, 'speaker'),
  },
  { name: 'whole node frozen (SIGSTOP)', claimedBy: 'another', strike: ({ handle }, node) => freeze(handle, node) },
  { name: 'speaker stopped in order', claimedBy: 'another', strike: stopSpeaker },
];

interface Round {
  readonly takenOverMs: number;
  readonly outageMs: number;
  /** How long the probe itself had no processor: no outage is told finer than this. */
  readonly blindMs: number;
}

export async function measureFailover(bench: BenchCluster): Promise<string[]> {
  const cluster = new Cluster(await bench.withAddon());
  const lines: string[] = [];
  await cluster.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects(cluster.handle) }));
  try {
    await cluster.kubectl('rollout', 'status', `deployment/${NAME}`, '--timeout=60s');
    await cluster.reachable('client', ADDRESS, GIVE_UP_MS);
    for (const kind of KINDS) lines.push(...(await measureKind(cluster, kind)));
  } finally {
    await cluster.kubectl('delete', 'service,deployment', NAME, '--ignore-not-found');
    await cluster.kubectl(
      'delete',
      'l2advertisement,ipaddresspool',
      NAME,
      '-n',
      'metallb-system',
      '--ignore-not-found',
    );
  }
  return [...lines, `${ROUNDS} rounds a kind; a request every 10 ms`];
}

async function measureKind(cluster: Cluster, kind: Kind): Promise<string[]> {
  const rounds: Round[] = [];
  for (let count = 0; count < ROUNDS; count++) rounds.push(await oneRound(cluster, kind));
  const row = (what: string, of: (round: Round) => number) =>
    formatRow(what, percentiles(rounds.map(of)), MILLISECONDS);
  const blindMs = Math.max(...rounds.map((round) => round.blindMs));
  return [
    kind.name,
    row('  until it is claimed', ({ takenOverMs }) => takenOverMs),
    `${row('  requests fail for', (round) => round.outageMs)}   (the probe’s longest pause: ${blindMs.toFixed(0)} ms)`,
  ];
}

async function oneRound(cluster: Cluster, kind: Kind): Promise<Round> {
  const mac = await settledOwner(cluster);
  const owner = await cluster.nodeOf(mac);
  const start = await cluster.in('client');
  const [requests, frames] = await Promise.all([
    probeRequests(start, { ip: ADDRESS }),
    recordNeighbours(start, [ADDRESS]),
  ]);
  try {
    const steady = async () => requests.soFar().length > 50 && isAnswered(requests.soFar().at(-1));
    await waitFor('requests answered', steady, { withinMs: GIVE_UP_MS });
    const struckMs = monotonicMs();
    await kind.strike(cluster, owner);
    const taken = await waitFor(
      `a claim after ${kind.name} on ${owner}`,
      async () => firstFrameAfter(frames.soFar(), struckMs, kind.claimedBy === 'another' ? mac : ''),
      { withinMs: GIVE_UP_MS, everyMs: 10 },
    );
    const again = async () => requests.soFar().some((attempt) => attempt.beganMs > taken.atMs && isAnswered(attempt));
    await waitFor('requests answered again', again, { withinMs: GIVE_UP_MS, everyMs: 10 });
    await pause(Math.max(0, struckMs + LASTS_MS - monotonicMs()));
    const attempts = await requests.stop();
    return {
      takenOverMs: taken.atMs - struckMs,
      outageMs: outageMs(attempts),
      blindMs: longestPauseMs(attempts),
    };
  } finally {
    await Promise.all([requests.stop(), frames.stop()]).finally(() => heal(cluster.handle, owner));
    await kind.mend?.(cluster, owner);
    await cluster.kubectl('wait', '--for=condition=Ready', `node/${owner}`, `--timeout=${GIVE_UP_MS / 1000}s`);
    await cluster.kubectl('rollout', 'status', '-n', 'metallb-system', 'daemonset/speaker', '--timeout=300s');
  }
}

/** The MAC address of the node that alone answers, when it has done so for a while: hand-backs are over. */
async function settledOwner(cluster: Cluster): Promise<string> {
  let before: string | undefined;
  let streak = 0;
  return waitFor(
    'one owner',
    async () => {
      const owners = await cluster.owners(ADDRESS);
      const [owner] = owners;
      streak = owners.length === 1 && owner === before ? streak + 1 : 0;
      before = owner;
      return streak >= SETTLED ? owner : undefined;
    },
    { withinMs: GIVE_UP_MS },
  );
}

async function stopSpeaker(cluster: Cluster, node: string): Promise<void> {
  const onNode = ['-l', 'component=speaker', '--field-selector', `spec.nodeName=${node}`];
  await cluster.kubectl('delete', 'pod', '-n', 'metallb-system', ...onNode, '--wait=false');
}

function isAnswered(attempt: { readonly outcome: string } | undefined): boolean {
  return attempt?.outcome === 'answered';
}

function objects({ nodes }: SandboxHandle): object[] {
  const [master, ...announcing] = nodes.map(({ name }) => name);
  const metallb = { namespace: 'metallb-system', name: NAME };
  const labels = { app: NAME };
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { namespace: 'default', name: NAME },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { nodeName: master, containers: [{ name: 'nginx', image: nginxImage, imagePullPolicy: 'Never' }] },
        },
      },
    },
    {
      apiVersion: 'metallb.io/v1beta1',
      kind: 'IPAddressPool',
      metadata: metallb,
      spec: { addresses: [`${ADDRESS}/32`], autoAssign: false },
    },
    {
      apiVersion: 'metallb.io/v1beta1',
      kind: 'L2Advertisement',
      metadata: metallb,
      spec: {
        ipAddressPools: [NAME],
        nodeSelectors: announcing.map((name) => ({ matchLabels: { 'kubernetes.io/hostname': name } })),
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: 'default', name: NAME, annotations: { 'metallb.io/address-pool': NAME } },
      spec: { type: 'LoadBalancer', selector: labels, ports: [{ port: 80 }] },
    },
  ];
}
