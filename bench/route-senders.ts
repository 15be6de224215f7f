/**
 * Who sends IPv4 routes to a router over one session, each a program of its own in the node's namespace: ours, BIRD, and
 * GoBGP. Each has all of its routes before the session comes up, so that only the sending is measured. GoBGP is given them
 * by a BIRD of another namespace: it has no other way to be given many.
 *
 * BIRD, left alone, lets the last messages of a table lie until something wakes its loop, which may be 3 s later; the one
 * that sends is asked something all the time, as the one that receives is, so that the floor is what it can do.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { PlannedSession } from '../src/runtime/model/bgp-plan.ts';
import { Daemons } from '../tests/support/interop/daemons.ts';
import { advertised, planned } from '../tests/support/interop/plans.ts';
import type { Router, RouterNeighbour } from '../tests/support/interop/router.ts';
import { Speaker } from '../tests/support/interop/speaker.ts';
import type { Lan } from '../tests/support/netns.ts';
import { waitFor } from '../tests/support/wait-for.ts';
import { BirdTable } from './bird-table.ts';

export const ROUTER = { address: '10.9.0.1', asn: 64500 };
export const NODE = { address: '10.9.0.2', asn: 64512 };
export const SOURCE = { address: '10.9.0.3', asn: 64513 };

const LOADS = { withinMs: 120_000, everyMs: 200 };
export const HOLD_TIME_SECONDS = 90;

export interface Sender {
  readonly name: string;
  /** The router is to keep its routes while it restarts. */
  readonly gracefulRestart?: true;
  /** Gets ready with so many routes, and returns just before, or as, it connects to the router. */
  start(lan: Lan, folder: string, count: number): Promise<RunningSender>;
}

export interface RunningSender {
  stop(): Promise<void>;
}

export const OURS: Sender = {
  name: 'ours',
  start: (lan, folder, count) => startOurs(lan, folder, plannedSession(count)),
};

/** Its routes stay at a router that restarts gracefully with it. */
export const OURS_GRACEFUL: Sender = {
  name: 'ours, with graceful restart',
  gracefulRestart: true,
  start: (lan, folder, count) => {
    const { peer, ...session } = plannedSession(count);
    return startOurs(lan, folder, { ...session, peer: { ...peer, gracefulRestart: true } });
  },
};

async function startOurs(lan: Lan, folder: string, session: PlannedSession): Promise<RunningSender> {
  const speaker = new Speaker(lan.host('node'), folder);
  speaker.start();
  await speaker.setPlan(session);
  return { stop: () => speaker.kill() };
}

export const BIRD_SENDER: Sender = {
  name: 'BIRD 2.0',
  start: (lan, folder, count) => startBird(lan, path.join(folder, 'sender'), { from: NODE, to: [ROUTER], count }),
};

export const GOBGP_SENDER: Sender = {
  name: 'GoBGP 3.10',
  async start(lan, folder, count) {
    const daemons = new Daemons(lan.host('node'), path.join(folder, 'sender'));
    await daemons.reset();
    const socket = `unix://${daemons.file('api.sock')}`;
    const ask = async (...command: string[]) => (await daemons.run('gobgp', '--target', socket, ...command)).stdout;
    const file = await daemons.write('gobgpd.toml', gobgpConfig().join('\n'));
    daemons.start('gobgpd', ['-f', file, '-t', 'toml', '--api-hosts', socket, '--pprof-disable', '-p']);
    await waitFor('GoBGP', async () => (await ask('global')).includes(NODE.address), LOADS);
    const source = await startBird(lan, path.join(folder, 'source'), { from: SOURCE, to: [NODE], count });
    const isLoaded = async () => (await ask('global', 'rib', 'summary')).includes(`Destination: ${count},`);
    await waitFor('all routes at GoBGP', isLoaded, LOADS);
    await ask('neighbor', 'add', ROUTER.address, 'as', `${ROUTER.asn}`);
    return {
      async stop() {
        await Promise.all([daemons.stop('at-once'), source.stop()]);
      },
    };
  },
};

/** The router is added when the routes are there. */
function gobgpConfig(): readonly string[] {
  return [
    '[global.config]',
    `as = ${NODE.asn}`,
    `router-id = "${NODE.address}"`,
    `local-address-list = ["${NODE.address}"]`,
    '[[neighbors]]',
    '[neighbors.config]',
    `neighbor-address = "${SOURCE.address}"`,
    `peer-as = ${SOURCE.asn}`,
    '[neighbors.transport.config]',
    'passive-mode = true',
    '',
  ];
}

/** The router, waiting for the node. */
export async function startRouter(router: Router, more: Pick<RouterNeighbour, 'gracefulRestart'> = {}): Promise<void> {
  await router.start({
    asn: ROUTER.asn,
    identifier: ROUTER.address,
    neighbours: [
      {
        address: NODE.address,
        asn: NODE.asn,
        localAddress: ROUTER.address,
        families: ['ipv4'],
        passive: true,
        holdTimeSeconds: HOLD_TIME_SECONDS,
        ...more,
      },
    ],
  });
}

/** Our session with the router, with so many routes. */
export function plannedSession(count: number): PlannedSession {
  return planned(
    ROUTER.address,
    { myAsn: NODE.asn, peerAsn: ROUTER.asn, holdTimeSeconds: HOLD_TIME_SECONDS, keepaliveTimeMs: 30_000 },
    { routes: prefixes(count).map((prefix) => advertised(prefix)) },
  );
}

/** The first ones of 20.0.0.0/8, a host's each. */
export function prefixes(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `20.${index >> 16}.${(index >> 8) & 255}.${index & 255}/32`);
}

export interface RunningBird extends RunningSender {
  readonly pid: number;
  /** It is asked nothing any more, and does what it does by itself. */
  rest(): void;
}

interface BirdRoutes {
  readonly from: typeof NODE;
  /** With this address of the node, where it is not `from`. */
  readonly to: readonly (typeof ROUTER & { readonly from?: string })[];
  readonly count: number;
}

/** One session with each. */
export async function startBird(lan: Lan, folder: string, { from, to, count }: BirdRoutes): Promise<RunningBird> {
  const host = from === NODE ? 'node' : 'source';
  const daemons = new Daemons(lan.host(host), folder);
  await daemons.reset();
  const config = [
    `router id ${from.address};`,
    'log stderr all;',
    'protocol device {}',
    'protocol static { ipv4;',
    ...prefixes(count).map((prefix) => `route ${prefix} blackhole;`),
    '}',
    ...to.flatMap(({ address, asn, from: local = from.address }) => [
      'protocol bgp {',
      `local ${local} as ${from.asn}; neighbor ${address} as ${asn};`,
      `hold time ${HOLD_TIME_SECONDS}; connect delay time 1; enable extended messages on;`,
      `ipv4 { import none; export all; next hop address ${local}; };`,
      '}',
    ]),
  ];
  const file = await daemons.write('bird.conf', `${config.join('\n')}\n`);
  const control = daemons.file('ctl');
  daemons.start('bird', ['-f', '-c', file, '-s', control, '-P', daemons.file('pid')]);
  await waitFor('BIRD', async () => existsSync(control), { withinMs: 5000, everyMs: 20 });
  const awake = await BirdTable.connect(control);
  awake.keepAwake();
  return {
    pid: Number(await readFile(daemons.file('pid'), 'utf8')),
    rest: () => awake.close(),
    async stop() {
      awake.close();
      await daemons.stop('at-once');
    },
  };
}
