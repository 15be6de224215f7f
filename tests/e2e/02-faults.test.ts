/** What src/sandbox/faults.ts makes go wrong does go wrong, is told by `sandbox status`, and is undone. */
import { beforeAll, expect, test } from '@jest/globals';
import {
  dropCarrier,
  freeze,
  heal,
  join,
  kill,
  load,
  loseFrames,
  part,
  readFaults,
  thaw,
  unplug,
} from '../../src/sandbox/faults.ts';
import { exec } from '../../src/sandbox/sandbox.ts';
import { monotonicMs, probeRequests } from '../support/client-probes.ts';
import { type Cluster, cluster, install } from '../support/cluster.ts';
import { outagesOf } from '../support/outages.ts';
import { waitFor } from '../support/wait-for.ts';

const NODE = 'node1';
const SOON_MS = 30_000;

let c: Cluster;
let nodeIp: string;
beforeAll(async () => {
  c = await cluster();
  nodeIp = String(c.handle.nodes.find(({ name }) => name === NODE)?.ip);
});

const carrier = async (): Promise<string> =>
  (await exec(c.handle, NODE, ['cat', '/sys/class/net/eth0/carrier'])).stdout.trim();
/** Of ten ARP requests from the client, sent 20 ms apart, how many the node's kernel answers. */
const answered = async (): Promise<number> => {
  const argv = ['arping', '-0', '-r', '-c', '10', '-W', '0.02', '-w', '3', nodeIp];
  return (await exec(c.handle, 'client', argv)).stdout.split('\n').filter((line) => line !== '').length;
};
const faultsOfNode = async (): Promise<readonly string[]> =>
  (await readFaults(c.handle)).filter(({ host }) => host === NODE).map(({ what }) => what);

test('unplugged: nothing passes, and the node’s carrier stays', async () => {
  expect(await answered()).toBe(10);
  await c.during(NODE, unplug, async () => {
    expect(await carrier()).toBe('1');
    expect(await answered()).toBe(0);
    expect(await faultsOfNode()).toEqual(['is unplugged: the carrier stays']);
  });
  expect(await answered()).toBe(10);
}, 60_000);

test('carrier lost: the node sees it, keeps its addresses, and has it back', async () => {
  await c.during(NODE, dropCarrier, async () => {
    expect(await carrier()).toBe('0');
    expect(await faultsOfNode()).toEqual(['has no carrier']);
  });
  expect(await carrier()).toBe('1');
  const { stdout } = await exec(c.handle, NODE, ['ip', '-o', 'address', 'show', 'dev', 'eth0', 'scope', 'global']);
  expect(stdout).toContain(nodeIp);
  expect(stdout).toContain(`${c.network6}:2/64`);
}, 60_000);

test('frames lost: all of one direction, a share of both, none any more', async () => {
  await c.during(
    NODE,
    (handle, host) => loseFrames(handle, host, { percent: 100, direction: 'from' }),
    async () => {
      expect(await answered()).toBe(0);
      expect(await faultsOfNode()).toEqual([`100 % of what is sent from ${NODE} is lost`]);
      await loseFrames(c.handle, NODE, { percent: 50 });
      // Both ways: a quarter of the questions is answered. Of 50, none or all would be a chance of one in a million.
      let count = 0;
      for (let round = 0; round < 5; round++) count += await answered();
      expect(count).toBeGreaterThan(0);
      expect(count).toBeLessThan(50);
    },
  );
  expect(await faultsOfNode()).toEqual([]);
  expect(await answered()).toBe(10);
}, 60_000);

test('two parted: neither reaches the other, everybody else reaches both, and joined they do again', async () => {
  const other = String(c.handle.nodes.find(({ name }) => name !== NODE)?.ip);
  const reaches = async (from: string, ip: string): Promise<boolean> => {
    const argv = ['arping', '-c', '1', '-w', '1', '-r', '-i', 'eth0', ip];
    return (await exec(c.handle, from, argv, { stdio: 'pipe' })).stdout.trim() !== '';
  };
  const otherName = String(c.handle.nodes.find(({ ip }) => ip === other)?.name);
  await part(c.handle, NODE, otherName);
  try {
    expect(await readFaults(c.handle)).toHaveLength(1);
    expect([await reaches(NODE, other), await reaches(otherName, nodeIp)]).toEqual([false, false]);
    expect([await reaches('client', other), await reaches('client', nodeIp)]).toEqual([true, true]);
  } finally {
    await join(c.handle, otherName);
  }
  expect(await readFaults(c.handle)).toEqual([]);
  expect(await reaches(NODE, other)).toBe(true);
}, 60_000);

test('the speaker frozen and thawed: it stands still, and goes on as the same process', async () => {
  const pid = await speaker();
  await c.during(
    NODE,
    (handle, host) => freeze(handle, host, 'speaker'),
    async () => {
      expect(await stateOf(pid)).toBe('T');
      expect(await faultsOfNode()).toEqual([expect.stringMatching(/^has \d+ of its \d+ processes frozen$/)]);
      expect(await thaw(c.handle, NODE, 'speaker')).toBeGreaterThan(0);
      expect(await stateOf(pid)).not.toBe('T');
      // Twice is as good as once, and so is undoing it twice.
      for (let time = 0; time < 2; time++) await freeze(c.handle, NODE, 'speaker');
      for (let time = 0; time < 2; time++) await thaw(c.handle, NODE, 'speaker');
    },
  );
  expect(await speaker()).toBe(pid);
}, 60_000);

test('a whole node frozen: kubelet too, and all of it goes on', async () => {
  const kubelet = String((await exec(c.handle, 'host', ['pgrep', '-f', `hostname-override=${NODE} `])).stdout.trim());
  await c.during(NODE, freeze, async () => {
    expect(await stateOf(Number(kubelet))).toBe('T');
    // Its kernel goes on, as that of a machine without a free processor would.
    expect(await answered()).toBe(10);
  });
  expect(await stateOf(Number(kubelet))).not.toBe('T');
  expect(await faultsOfNode()).toEqual([]);
}, 60_000);

test('the speaker killed: kubelet starts another', async () => {
  const before = await speaker();
  expect(await kill(c.handle, NODE, 'speaker')).toBeGreaterThan(0);
  await waitFor('another process', async () => (await speaker()) !== before, { withinMs: SOON_MS });
  await c.kubectl('rollout', 'status', '-n', 'metallb-system', 'daemonset/speaker', '--timeout=60s');
}, 120_000);

test('processors kept busy, and free again', async () => {
  await c.during(
    NODE,
    (handle, host) => load(handle, host, 2),
    async () => {
      await load(c.handle, NODE, 1);
      expect(await faultsOfNode()).toEqual(['keeps processors busy (1)']);
    },
  );
  expect(await faultsOfNode()).toEqual([]);
}, 60_000);

test('on the command line: made, told, undone; and what cannot be is said', async () => {
  const name = ['--name', c.handle.name];
  expect(await install(['sandbox', 'fault', 'loss', NODE, '5', ...name])).toMatchObject({ exitCode: 0 });
  const told = await install(['sandbox', 'status', ...name]);
  expect(told.output).toContain(`fault: ${NODE} 5 % of what is sent from ${NODE} is lost`);
  expect(await install(['sandbox', 'heal', ...name])).toMatchObject({ exitCode: 0 });
  expect((await install(['sandbox', 'status', ...name])).output).not.toContain('fault:');
  const refused = await install(['sandbox', 'fault', 'kill', NODE, 'nobody', ...name]);
  expect(refused.output).toContain(`no container of ${NODE}'s pods runs "nobody"`);
  expect(refused.exitCode).not.toBe(0);
}, 120_000);

test('a client that is unplugged while it asks every 10 ms sees the outage, and its end', async () => {
  const address = `${c.network}.20`;
  await c.reachable('client', address, SOON_MS);
  const probe = await probeRequests(await c.in('client'), { ip: address });
  try {
    await waitFor('answers', async () => probe.soFar().length > 20, { withinMs: SOON_MS });
    const cutMs = monotonicMs();
    await c.during('client', unplug, () =>
      waitFor('failures', async () => outagesOf(probe.soFar()).length > 0, { withinMs: SOON_MS }),
    );
    await waitFor('answers again', async () => probe.soFar().at(-1)?.outcome === 'answered', { withinMs: SOON_MS });
    const [outage] = outagesOf(probe.soFar());
    expect(outage?.beganMs).toBeGreaterThan(cutMs - 500);
    expect(outage?.endedMs).toBeGreaterThan(cutMs);
  } finally {
    await probe.stop().finally(() => heal(c.handle));
  }
}, 60_000);

async function speaker(): Promise<number> {
  const onNode = ['--field-selector', `spec.nodeName=${NODE}`];
  const [pod] = await c.list('pods', '-n', 'metallb-system', '-l', 'component=speaker', ...onNode);
  if (pod === undefined) throw new Error(`no speaker on ${NODE}`);
  return c.pidOf('speaker', pod.metadata.name);
}

/** One letter, as in /proc/PID/stat: T for stopped. */
async function stateOf(pid: number): Promise<string> {
  const { stdout } = await exec(c.handle, 'host', ['cat', `/proc/${pid}/stat`]);
  return stdout.slice(stdout.lastIndexOf(')') + 2, stdout.lastIndexOf(')') + 3);
}
