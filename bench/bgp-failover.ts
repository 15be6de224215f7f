/**
 * How long a router goes on sending to a node that is gone: three nodes announce one address, a BIRD router spreads over
 * them, one node goes. BFD at 3 × 50 ms. The floor is BIRD in the nodes' place.
 *
 *     the fault ─▶ the router's kernel has no next hop to the node any more (its own notice of that, `ip monitor`)
 *
 * The router is behind a switch, so it never sees a carrier go.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { BIRD } from '../tests/support/interop/bird.ts';
import { makeFolder } from '../tests/support/interop/folder.ts';
import { advertised, planned } from '../tests/support/interop/plans.ts';
import type { Router } from '../tests/support/interop/router.ts';
import { Speaker } from '../tests/support/interop/speaker.ts';
import { createLan, type Lan, type LanHost } from '../tests/support/netns.ts';
import { bfdProfile, ip } from '../tests/support/views.ts';
import { waitFor } from '../tests/support/wait-for.ts';
import { monotonicMs } from './machine.ts';
import { formatRatio, formatRow, MILLISECONDS, type Percentiles, percentiles } from './percentiles.ts';

const SERVICE = '203.0.113.10/32';
const ROUTER = { address: '192.0.2.1', asn: 64500 };
const NODE_ASN = 64512;
const NODES: readonly Place[] = ['n1', 'n2', 'n3'].map((name, index) => ({ name, address: `192.0.2.${11 + index}` }));
const BFD = { intervalMs: 50, multiplier: 3 };
const ROUNDS = 5;
const UP = { withinMs: 60_000, everyMs: 20 };
/** Longer than a round may last; the hold time would end the session then. */
const GONE_WITHIN_MS = 10_000;

interface Place {
  readonly name: string;
  readonly address: string;
}

/** A node that announces the address. */
interface Announcer {
  start(): Promise<void>;
  signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): Promise<void>;
  /** As a rollout ends it. */
  stop(): Promise<void>;
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
];

/** Needs root. Takes about two minutes. */
export async function benchBgpFailover(): Promise<string[]> {
  const folder = await makeFolder();
  const hosts = Object.fromEntries(NODES.map(({ name, address }) => [name, [`${address}/24`]]));
  const lan = await createLan({ router: [`${ROUTER.address}/24`], ...hosts });
  const router = BIRD.create(lan.host('router'), path.join(folder, 'router'));
  const kernel = new NextHops(lan.host('router'));
  try {
    await lan.host('router').run('sysctl', '-qw', 'net.ipv4.ip_forward=1');
    const floor = await runAll({ lan, folder, router, kernel }, birdAnnouncer);
    const ours = await runAll({ lan, folder, router, kernel }, speakerAnnouncer);
    return FAULTS.flatMap(({ name }, index) => {
      const [least, own] = [floor[index], ours[index]];
      if (least === undefined || own === undefined) return [];
      return [
        formatRow(`${name}: BIRD 2.0 (the floor)`, least, MILLISECONDS),
        formatRow(`${name}: ours`, own, MILLISECONDS),
        formatRatio(own, least),
      ];
    });
  } finally {
    kernel.close();
    await router.stop('at-once');
    await lan.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Site {
  readonly lan: Lan;
  readonly folder: string;
  readonly router: Router;
  readonly kernel: NextHops;
}

async function runAll({ lan, folder, router, kernel }: Site, kind: Kind): Promise<readonly Percentiles[]> {
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
    const results: Percentiles[] = [];
    for (const fault of FAULTS) {
      const samples: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        await waitFor('all next hops', () => isSettled(router, kernel), UP);
        const { place, announcer, host } = announcers[round % announcers.length] ?? raise('no node');
        const beganMs = monotonicMs();
        const gone = kernel.gone(place.address);
        await fault.strike(announcer, host);
        samples.push((await gone) - beganMs);
        await fault.mend(announcer, host);
      }
      results.push(percentiles(samples));
    }
    return results;
  } finally {
    for (const { announcer } of announcers) await announcer.stop();
  }
}

async function isSettled(router: Router, kernel: NextHops): Promise<boolean> {
  for (const { address } of NODES) if ((await router.bfd(address)) !== 'up') return false;
  return (await kernel.now()).size === NODES.length;
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
    stop: () => speaker.kill(),
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
    stop: () => bird.stop('at-once'),
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
    const isOurs = line.includes(SERVICE.replace('/32', '')) && !line.startsWith('Deleted');
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
