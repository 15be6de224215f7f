/**
 * `metallb_election: metallb`, on real nodes: the announcing node is the one that MetalLB would choose, its successor the
 * next in the order of hashes, and a node that comes back has its addresses again.
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { unplug } from '../../src/sandbox/faults.ts';
import { type Cluster, cluster, install } from '../support/cluster.ts';
import { list, ownedBy, pool, remove, service, speakersReady } from '../support/layer2-objects.ts';

const NAME = 'by-hash';

let c: Cluster;
let vips: readonly string[];
beforeAll(async () => {
  c = await cluster();
  vips = [...[70, 71, 72].map((i) => `${c.network}.${i}`), ...[70, 71, 72].map((i) => `${c.network6}:${i}`)];
  await elect('metallb');
  const services = [70, 71, 72].map((i) => service(`${NAME}-${i}`, { pool: NAME }));
  await c.apply(list(...pool(NAME, vips), ...services));
}, 240_000);
afterAll(async () => {
  await remove(c, NAME, ...[70, 71, 72].map((i) => `${NAME}-${i}`));
  await elect('spread');
}, 240_000);

async function elect(election: 'metallb' | 'spread'): Promise<void> {
  const run = await install(['addon', 'metallb', '-i', c.inventory, '-e', `metallb_election=${election}`]);
  expect(run).toMatchObject({ exitCode: 0 });
  await speakersReady(c);
}

/** Nodes in the order in which MetalLB gives them the address: SHA-256 over "node#address", the lowest first. */
function ranked(vip: string): readonly string[] {
  const hash = (node: string) => createHash('sha256').update(`${node}#${vip}`).digest('hex');
  return c.handle.nodes.map(({ name }) => name).sort((a, b) => (hash(a) < hash(b) ? -1 : 1));
}

describe('the election of MetalLB', () => {
  test('each address is announced by the node with the lowest hash', async () => {
    for (const vip of vips) await ownedBy(c, vip, ranked(vip)[0] ?? '');
  }, 240_000);

  test.each(['v4', 'v6'])(
    '%s: the node goes and the next in order has it; it comes back and has it again',
    async (family) => {
      const vip = vips.find((candidate) => candidate.includes(':') === (family === 'v6')) ?? '';
      const [first = '', second = ''] = ranked(vip);
      await c.during(first, unplug, () => ownedBy(c, vip, second));
      await ownedBy(c, vip, first);
    },
    240_000,
  );
});
