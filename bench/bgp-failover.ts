/**
 * How long a router goes on sending to a node that is gone: three nodes announce one address, a BIRD router spreads over
 * them, one node goes. BFD at 3 × 50 ms. The floor is BIRD in the nodes' place.
 *
 *     the fault ─▶ the router's kernel has no next hop to the node any more (its own notice of that, `ip monitor`)
 *
 * Beside it, what a client beyond the router lives through, that asks for a page every 10 ms over a new connection: how many
 * of all rounds' requests fail, and how long after the fault the last of them is made. Where only the speaker goes, its node
 * serves on, and none has to fail.
 *
 * The router is behind a switch, so it never sees a carrier go.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { type Probe, probeRequests } from '../tests/support/client-probes.ts';
import { BIRD } from '../tests/support/interop/bird.ts';
import { makeFolder } from '../tests/support/interop/folder.ts';
import { advertised, planned } from '../tests/support/interop/plans.ts';
import type { Router } from '../tests/support/interop/router.ts';
import { Speaker } from '../tests/support/interop/speaker.ts';
import { createLan, type Lan, type LanHost } from '../tests/support/netns.ts';
import type { Attempt } from '../tests/support/outages.ts';
import { bfdProfile, ip } from '../tests/support/views.ts';
import { waitFor } from '../tests/support/wait-for.ts';
import { monotonicMs } from './machine.ts';
import { formatRatio, formatRow, MILLISECONDS, type Percentiles, percentiles } from './percentiles.ts';

const ADDRESS = '203.0.113.10';
const SERVICE = `${ADDRESS}/32`;
const ROUTER = { address: '192.0.2.1', asn: 64500 };
/** The other side of the router. */
const BEYOND = { router: '198.51.100.1', client: '198.51.100.2' };
const SERVING = path.resolve(import.meta.dirname, '../tests/support/interop/serving-process.ts');
const NODE_ASN = 64512;
const NODES: readonly Place[] = ['n1', 'n2', 'n3'].map((name, index) => ({ name, address: `192.0.2.${11 + index}` }));
const BFD = { intervalMs: 50, multiplier: 3 };
const ROUNDS = 4;
const UP = { withinMs: 60_000, everyMs: 50 };
/** Longer than a round may last; the hold time would end the session then. */
const GONE_WITHIN_MS = 10_000;
/** So long the client is watched yet, once the router has turned to the other nodes. */
const AFTERWARDS_MS = 100;
/** A request has been answered or given up by then. */
const ANSWERED_WITHIN_MS = 600;

interface Place {
  readonly name: string;
  readonly address: string;
}

/** A node that announces the address. */
interface Announcer {
  start(): Promise<void>;
  signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): Promise<void>;
  /** As a rollout ends it. */
  close(): Promise<void>;
}

type Kind = (host: LanHost, folder: string, place: Place) => Announcer;

interface Fault {
  readonly name: string;
  strike(announcer: Announcer, host: LanHost): Promise<void>;
  mend(announcer: Announcer, host: LanHost): Promise<void>;
}

const FAULTS: readonly Fault[] = [
  {
    name: 'node cut off',
    strike: (_, host) => host.setCarrier('off'),
    mend: (_, host) => host.setCarrier('on'),
  },
  {
    name: 'frozen (SIGSTOP)',
    strike: (announcer) => announcer.signal('SIGSTOP'),
    mend: (announcer) => announcer.signal('SIGCONT'),
  },
  {
    name: 'killed (SIGKILL)',
    strike: (announcer) => announcer.signal('SIGKILL'),
    mend: (announcer) => announcer.start(),
  },
  {
    name: 'stopped in order',
    strike: (announcer) => announcer.close(),
    mend: (announcer) => announcer.start(),
  },
];

interface Round {
  readonly goneMs: number;
  readonly failed: number;
  /** From the fault until the last request began that failed. 0: none did. */
  readonly failingMs: number;
}

/** Needs root. Takes about two minutes. */
export async function benchBgpFailover(): Promise<string[]> {
  const folder = await makeFolder();
  const hosts = Object.fromEntries(NODES.map(({ name, address }) => [name, [`${address}/24`]]));
  const lan = await createLan({
    router: [`${ROUTER.address}/24`, `${BEYOND.router}/24`],
    client: [`${BEYOND.client}/24`],
    ...hosts,
  });
  const router = BIRD.create(lan.host('router'), path.join(folder, 'router'));
  const kernel = new NextHops(lan.host('router'));
  const servers: ChildProcess[] = [];
  let requests: Probe<Attempt> | undefined;
  try {
    servers.push(...(await serve(lan)));
    const client = lan.host('client');
    requests = await probeRequests((program, ...command) => client.spawn(program, ...command), { ip: ADDRESS });
    const site = { lan, folder, router, kernel, requests };
    const floor = await runAll(site, birdAnnouncer);
    const ours = await runAll(site, speakerAnnouncer);
    return FAULTS.flatMap((fault) => [
      fault.name,
      ...describeRounds('  BIRD 2.0 (the floor)', floor.get(fault) ?? []),
      ...describeRounds('  ours', ours.get(fault) ?? []),
      formatRatio(gonePercentiles(ours.get(fault) ?? []), gonePercentiles(floor.get(fault) ?? [])),
    ]);
  } finally {
    kernel.close();
    await requests?.stop();
    for (const server of servers) server.kill('SIGKILL');
    await router.stop('at-once');
    await lan.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

/** All nodes serve the address, whoever of them announces it, and a client beyond the router reaches them. */
async function serve(lan: Lan): Promise<ChildProcess[]> {
  await lan.host('router').forward();
  // By addresses and ports: connections of one client are spread as well.
  await lan.host('router').run('sysctl', '-qw', 'net.ipv4.fib_multipath_hash_policy=1');
  await lan.host('client').ip('route', 'add', 'default', 'via', BEYOND.router);
  return await Promise.all(
    NODES.map(async ({ name }) => {
      const host = lan.host(name);
      await host.ip('address', 'add', SERVICE, 'dev', 'lo');
      await host.ip('route', 'add', 'default', 'via', ROUTER.address);
      const server = host.spawn(process.execPath, '--disable-warning=ExperimentalWarning', SERVING, name);
      await new Promise((serving) => server.stdout?.once('data', serving));
      return server;
    }),
  );
}

function describeRounds(name: string, rounds: readonly Round[]): string[] {
  const failed = rounds.reduce((sum, round) => sum + round.failed, 0);
  const lasting = percentiles(rounds.map(({ failingMs }) => failingMs));
  return [
    formatRow(name, gonePercentiles(rounds), MILLISECONDS),
    failed === 0
      ? '    no request fails'
      : `${formatRow('    the last request that fails', lasting, MILLISECONDS)}   (${failed} fail)`,
  ];
}

function gonePercentiles(rounds: readonly Round[]): Percentiles {
  return percentiles(rounds.map(({ goneMs }) => goneMs));
}

interface Site {
  readonly lan: Lan;
  readonly folder: string;
  readonly router: Router;
  readonly kernel: NextHops;
  readonly requests: Probe<Attempt>;
}

async function runAll(site: Site, kind: Kind): Promise<ReadonlyMap<Fault, readonly Round[]>> {
  const { lan, folder, router } = site;
  await startRouter(router);
  const announcers = await Promise.all(
    NODES.map(async (place) => {
      const own = path.join(folder, `${kind.name}-${place.name}`);
      await mkdir(own);
      const announcer = kind(lan.host(place.name), own, place);
      await announcer.start();
      return { place, announcer, host: lan.host(place.name) };
    }),
  );
  try {
    const results = new Map<Fault, readonly Round[]>();
    for (const fault of FAULTS) {
      const rounds: Round[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        rounds.push(await oneRound(site, fault, announcers[round % announcers.length] ?? raise('no node')));
      }
      results.set(fault, rounds);
    }
    return results;
  } finally {
    for (const { announcer } of announcers) await announcer.signal('SIGKILL');
  }
}

interface Struck {
  readonly place: Place;
  readonly announcer: Announcer;
  readonly host: LanHost;
}

async function oneRound(site: Site, fault: Fault, { place, announcer, host }: Struck): Promise<Round> {
  const { kernel, requests } = site;
  await waitFor('all next hops', () => isSettled(site), UP);
  const beganMs = monotonicMs();
  const gone = kernel.gone(place.address);
  await fault.strike(announcer, host);
  const goneMs = (await gone) - beganMs;
  await pause(AFTERWARDS_MS);
  const endedMs = monotonicMs();
  await fault.mend(announcer, host);
  await pause(ANSWERED_WITHIN_MS);
  const failures = requests
    .soFar()
    .filter((attempt) => attempt.beganMs >= beganMs && attempt.beganMs < endedMs && attempt.outcome !== 'answered');
  const failingMs = failures.reduce((latest, attempt) => Math.max(latest, attempt.beganMs - beganMs), 0);
  return { goneMs, failed: failures.length, failingMs };
}

async function isSettled({ router, kernel }: Site): Promise<boolean> {
  if ((await kernel.now()).size < NODES.length) return false;
  for (const { address } of NODES) if ((await router.bfd(address)) !== 'up') return false;
  return true;
}

async function startRouter(router: Router): Promise<void> {
  await router.start({
    asn: ROUTER.asn,
    identifier: ROUTER.address,
    multipath: true,
    neighbours: NODES.map(({ address }) => ({
      address,
      asn: NODE_ASN,
      localAddress: ROUTER.address,
      families: ['ipv4'],
      passive: true,
      holdTimeSeconds: 90,
      bfd: BFD,
    })),
  });
}

function speakerAnnouncer(host: LanHost, folder: string, { address }: Place): Announcer {
  const speaker = new Speaker(host, folder);
  const profile = bfdProfile({
    receiveIntervalMs: BFD.intervalMs,
    transmitIntervalMs: BFD.intervalMs,
    detectMultiplier: BFD.multiplier,
  });
  const peer = { myAsn: NODE_ASN, peerAsn: ROUTER.asn, bfdProfile: profile.name, holdTimeSeconds: 90 };
  const session = planned(ROUTER.address, peer, {
    identifier: ip(address),
    bfd: profile,
    routes: [advertised(SERVICE)],
  });
  return {
    async start() {
      speaker.start();
      await speaker.setPlan(session);
    },
    async signal(signal) {
      if (signal === 'SIGKILL') await speaker.kill();
      else if (signal === 'SIGSTOP') speaker.freeze();
      else speaker.thaw();
    },
    close: () => speaker.close(),
  };
}

function birdAnnouncer(host: LanHost, folder: string, { address }: Place): Announcer {
  const bird = BIRD.create(host, folder);
  const start = () =>
    bird.start({
      asn: NODE_ASN,
      identifier: address,
      originates: [{ prefix: SERVICE }],
      neighbours: [
        {
          address: ROUTER.address,
          asn: ROUTER.asn,
          localAddress: address,
          families: ['ipv4'],
          holdTimeSeconds: 90,
          bfd: BFD,
        },
      ],
    });
  return {
    start,
    async signal(signal) {
      if (signal === 'SIGKILL') await bird.stop('at-once');
      else if (signal === 'SIGSTOP') bird.freeze();
      else bird.thaw();
    },
    close: () => bird.stop('in-order'),
  };
}

/** The next hops of the address in the router's kernel, and when one goes. */
class NextHops {
  readonly #host: LanHost;
  readonly #monitor: ChildProcess;
  #waiting: { readonly address: string; readonly resolve: (atMs: number) => void } | undefined;

  constructor(host: LanHost) {
    this.#host = host;
    // Each notice as one line, as it comes.
    const command = ['netns', 'exec', host.namespace, 'ip', '-o', 'monitor', 'route'];
    this.#monitor = spawn('ip', command, { stdio: ['ignore', 'pipe', 'inherit'] });
    if (this.#monitor.stdout === null) throw new Error('it has no output');
    createInterface({ input: this.#monitor.stdout }).on('line', (line) => this.#hear(line, monotonicMs()));
  }

  async now(): Promise<ReadonlySet<string>> {
    const { stdout } = await this.#host.ip('route', 'show', SERVICE);
    return viaOf(stdout);
  }

  /** On the monotonic clock. */
  async gone(address: string): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const late = setTimeout(() => reject(new Error(`${address} is still a next hop`)), GONE_WITHIN_MS);
    this.#waiting = { address, resolve };
    return await promise.finally(() => clearTimeout(late));
  }

  close(): void {
    this.#monitor.kill();
  }

  #hear(line: string, atMs: number): void {
    const isOurs = line.includes(ADDRESS) && !line.startsWith('Deleted');
    if (!isOurs || this.#waiting === undefined || viaOf(line).has(this.#waiting.address)) return;
    this.#waiting.resolve(atMs);
    this.#waiting = undefined;
  }
}

function viaOf(text: string): ReadonlySet<string> {
  return new Set([...text.matchAll(/via ([0-9.]+)/g)].map(([, address = '']) => address));
}

function raise(problem: string): never {
  throw new Error(problem);
}

if (import.meta.main) console.log((await benchBgpFailover()).join('\n'));
