/** Who lives and who announces, on real nodes under bad conditions: lost frames, busy processors, parted nodes. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { heal, join, load, loseFrames, part } from '../../src/sandbox/faults.ts';
import { monotonicMs, recordNeighbours } from '../support/client-probes.ts';
import { type Cluster, cluster } from '../support/cluster.ts';
import { list, oneOwner, pool, remove, SOON_MS, service } from '../support/layer2-objects.ts';
import { waitFor } from '../support/wait-for.ts';

const NAME = 'liveness';
/** How long the nodes are kept busy. The hour that is promised is simulated: tests/unit/protocols/liveness. */
const BUSY_MS = 90_000;
/** A second is promised, and a busy machine may add one. */
const HEALED_MS = 2000;

let c: Cluster;
let vips: readonly [string, string];
let nodes: readonly [string, string];
beforeAll(async () => {
  c = await cluster();
  vips = [`${c.network}.90`, `${c.network6}:90`];
  const [, first = '', second = ''] = c.handle.nodes.map(({ name }) => name);
  nodes = [first, second];
  // Not the one of the API server: what is parted from it shall be parted from the other as well, and from nothing else.
  const nodeSelectors = nodes.map((name) => ({ matchLabels: { 'kubernetes.io/hostname': name } }));
  await c.apply(list(...pool(NAME, vips, { advertisement: { nodeSelectors } }), service(NAME)));
  for (const vip of vips) await c.reachable('client', vip, SOON_MS);
});

afterAll(async () => {
  await heal(c.handle);
  await remove(c, NAME);
  await c.kubectl('wait', '--for=condition=Ready', 'node', '--all', '--timeout=90s');
});

test('5 % of all frames lost and every processor busy: nobody is given up, no address moves', async () => {
  const before = await Promise.all(vips.map((vip) => oneOwner(c, vip)));
  const since = new Date().toISOString();
  for (const { name } of c.handle.nodes) {
    await loseFrames(c.handle, name, { percent: 5 });
    await load(c.handle, name, 2);
  }
  try {
    await new Promise((resolve) => setTimeout(resolve, BUSY_MS));
  } finally {
    await heal(c.handle);
  }
  expect(await givenUpSince(since)).toEqual([]);
  expect(await Promise.all(vips.map((vip) => oneOwner(c, vip)))).toEqual(before);
}, 300_000);

describe('parted', () => {
  test('from one other speaker only, a node is heard of by the third: nothing happens', async () => {
    const before = await Promise.all(vips.map((vip) => oneOwner(c, vip)));
    const since = new Date().toISOString();
    await part(c.handle, ...nodes);
    try {
      await new Promise((resolve) => setTimeout(resolve, 15_000));
    } finally {
      await join(c.handle, nodes[0]);
    }
    expect(await givenUpSince(since)).toEqual([]);
    expect(await Promise.all(vips.map((vip) => oneOwner(c, vip)))).toEqual(before);
  }, 120_000);

  test.each([0, 1])(
    'from all: each side answers its clients; joined again, one is left within a second (%#)',
    async (which) => {
      const vip = String(vips[which]);
      const owner = await oneOwner(c, vip);
      const frames = await recordNeighbours(await c.in('client'), [vip]);
      try {
        for (const { name } of c.handle.nodes) if (name !== owner) await part(c.handle, owner, name);
        await waitFor('two owners, one a side', async () => (await c.owners(vip)).length === 2, { withinMs: SOON_MS });
        await new Promise((resolve) => setTimeout(resolve, 5_000));
        const asking = c.askRepeatedly(vip, 300);
        await new Promise((resolve) => setTimeout(resolve, 500));
        const joinedMs = monotonicMs();
        await join(c.handle, owner);
        await asking;
        // Whichever it is: what counts is that the other is silent from then on.
        await oneOwner(c, vip);
        const [winner] = await c.owners(vip);
        const both = frames.soFar().filter(({ atMs }) => atMs >= joinedMs - 500 && atMs <= joinedMs + 5000);
        const lost = both.filter((frame) => frame.mac !== winner);
        expect(lost.length).toBeGreaterThan(0);
        expect(Math.max(...lost.map(({ atMs }) => atMs)) - joinedMs).toBeLessThan(HEALED_MS);
      } finally {
        await join(c.handle, owner);
        await frames.stop();
      }
    },
    180_000,
  );
});

/** What speakers have logged since then of others that they take for dead. */
async function givenUpSince(since: string): Promise<readonly string[]> {
  const about = ['-n', 'metallb-system', '-l', 'component=speaker'];
  const log = await c.kubectl('logs', ...about, `--since-time=${since}`, '--tail=-1', '--prefix');
  return log.split('\n').filter((line) => line.includes('"state":"dead"'));
}
