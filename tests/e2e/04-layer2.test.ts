/**
 * What layer 2 promises, on real nodes and for both families: planned moves that no request notices, failover without
 * the API server, and addresses that a foreign host holds.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { unplug } from '../../src/sandbox/faults.ts';
import { exec } from '../../src/sandbox/sandbox.ts';
import { firstFrameAfter, monotonicMs, probeRequests, recordNeighbours } from '../support/client-probes.ts';
import { type Cluster, cluster, install } from '../support/cluster.ts';
import {
  holdOnClient,
  list,
  oneOwner,
  ownerOf,
  pool,
  remove,
  SOON_MS,
  service,
  speakerPodOn,
  speakersReady,
} from '../support/layer2-objects.ts';
import { outagesOf } from '../support/outages.ts';
import { waitFor } from '../support/wait-for.ts';

const NAME = 'layer2';
/** The aim is 50; more is what a busy machine adds. */
const OUTAGE_MS = 200;

let c: Cluster;
let vips: { v4: string; v6: string };
beforeAll(async () => {
  c = await cluster();
  vips = { v4: `${c.network}.41`, v6: `${c.network6}:41` };
  await c.apply(list(...pool(NAME, Object.values(vips)), service(NAME)));
  await waitFor('two addresses', async () => (await c.externalIps(NAME)).length === 2, { withinMs: SOON_MS });
  for (const vip of Object.values(vips)) await c.reachable('client', vip, SOON_MS);
});

afterAll(async () => {
  await remove(c, NAME);
});

describe('planned moves', () => {
  test('the announcing speakers are stopped in order, then all of them by a rollout: somebody answers all the time', async () => {
    const probes = await Promise.all(
      Object.values(vips).map(async (ip) => probeRequests(await c.in('client'), { ip, giveUpMs: 900 })),
    );
    try {
      await waitFor('answers', async () => probes.every((probe) => probe.soFar().length > 50), { withinMs: SOON_MS });
      for (const vip of Object.values(vips)) {
        const pod = await speakerPodOn(c, await ownerOf(c, vip));
        await c.kubectl('delete', 'pod', '-n', 'metallb-system', pod);
        await speakersReady(c);
      }
      await c.kubectl('rollout', 'restart', '-n', 'metallb-system', 'daemonset/speaker');
      await speakersReady(c);
      // A connection that is under way as the address moves goes on at a node that does not know it, which layer 2 cannot
      // help. Those that begin after it are answered.
      for (const { beganMs, endedMs } of probes.flatMap((probe) => outagesOf(probe.soFar()))) {
        expect((endedMs ?? Infinity) - beganMs).toBeLessThan(OUTAGE_MS);
      }
      expect(Math.min(...probes.map((probe) => probe.soFar().length))).toBeGreaterThan(200);
    } finally {
      for (const probe of probes) await probe.stop();
    }
  }, 300_000);
});

describe('without the API server', () => {
  test('a node is unplugged: its addresses move all the same, and one owner remains when all is well again', async () => {
    const lost: { readonly vip: string; readonly mac: string }[] = [];
    const frames = await recordNeighbours(await c.in('client'), Object.values(vips));
    const apiServer = await apiServerPid();
    process.kill(apiServer, 'SIGSTOP');
    try {
      // Longer than a Lease lasts, and than what went before takes to settle.
      await new Promise((resolve) => setTimeout(resolve, 15_000));
      for (const vip of Object.values(vips)) await oneOwner(c, vip);
      const owner = await ownerOf(c, vips.v4);
      for (const vip of Object.values(vips)) {
        const [mac = ''] = await c.owners(vip);
        if ((await c.nodeOf(mac)) === owner) lost.push({ vip, mac });
      }
      await c.during(owner, unplug, async () => {
        const cutMs = monotonicMs();
        for (const { vip, mac } of lost) {
          await waitFor(
            `another node claims ${vip}`,
            async () =>
              firstFrameAfter(
                frames.soFar().filter(({ ip }) => ip === vip),
                cutMs,
                mac,
              ),
            { withinMs: SOON_MS, everyMs: 20 },
          );
        }
      });
      for (const { vip } of lost) await oneOwner(c, vip);
    } finally {
      process.kill(apiServer, 'SIGCONT');
      await frames.stop();
    }
    expect(lost.length).toBeGreaterThan(0);
    await c.kubectl('wait', '--for=condition=Ready', 'node', '--all', '--timeout=90s');
    for (const vip of Object.values(vips)) await oneOwner(c, vip);
  }, 240_000);
});

describe.each(['v4', 'v6'] as const)('a foreign host on the LAN holds an address (%s)', (family) => {
  const name = `foreign-${family}`;
  let vip: string;
  const hold = (action: 'add' | 'del') => holdOnClient(c, action, vip);
  beforeAll(() => {
    vip = family === 'v4' ? `${c.network}.44` : `${c.network6}:44`;
  });
  afterAll(async () => {
    await hold('del');
    await remove(c, name);
  });

  test('it is not announced, the reason is told, and it is announced when the host has left', async () => {
    await hold('add');
    await c.apply(list(...pool(name, [vip]), service(name, { family: family === 'v4' ? 'IPv4' : 'IPv6' })));
    await waitFor('an address', async () => (await c.externalIp(name)) === vip, { withinMs: SOON_MS });
    const told = await waitFor(
      'explain tells why it is not announced',
      async () => {
        const { output } = await install(['explain', '-i', c.inventory, `service/${name}`]);
        return output.includes('address-in-use-on-lan') ? output : undefined;
      },
      { withinMs: SOON_MS },
    );
    expect(told).toContain(vip);
    await hold('del');
    await waitFor('it is announced', async () => (await c.owners(vip)).length === 1, { withinMs: 90_000 });
    await c.reachable('client', vip, SOON_MS);
  }, 240_000);
});

async function apiServerPid(): Promise<number> {
  const address = `advertise-address=${c.handle.nodes[0]?.ip} `;
  const { stdout } = await exec(c.handle, 'host', ['pgrep', '-f', `kube-apiserver.*${address}`], { stdio: 'pipe' });
  const [pid] = stdout.trim().split('\n').map(Number);
  if (pid === undefined || !(pid > 1)) throw new Error('no process of the API server found');
  return pid;
}
