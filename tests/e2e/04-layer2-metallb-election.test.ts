/**
 * `metallb_election: metallb`, on real nodes: the announcing node is the one that MetalLB would choose, its successor the
 * next in the order of hashes, and a node that comes back has its addresses again.
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { unplug } from '../../src/sandbox/faults.ts';
import { type Cluster, cluster, install } from '../support/cluster.ts';
import { list, ownedBy, pool, remove, SOON_MS, service, speakersReady } from '../support/layer2-objects.ts';
import { waitFor } from '../support/wait-for.ts';

const NAME = 'by-hash';
const NUMBERS = [70, 71, 72];

let c: Cluster;
beforeAll(async () => {
  c = await cluster();
  await elect('metallb');
  const services = NUMBERS.map((number) => service(`${NAME}-${number}`, { pool: NAME }));
  await c.apply(list(...pool(NAME, NUMBERS.flatMap(vipsOf)), ...services));
}, 240_000);
afterAll(async () => {
  await remove(c, NAME, ...NUMBERS.map((number) => `${NAME}-${number}`));
  await elect('spread');
}, 240_000);

async function elect(election: 'metallb' | 'spread'): Promise<void> {
  const run = await install(['addon', 'metallb', '-i', c.inventory, '-e', `metallb_election=${election}`]);
  expect(run).toMatchObject({ exitCode: 0 });
  await speakersReady(c);
}

/** Both addresses of a Service, the one that decides first. */
function vipsOf(number: number): readonly [v4: string, v6: string] {
  return [`${c.network}.${number}`, `${c.network6}:${number}`];
}

/** Nodes in the order in which MetalLB gives them both: SHA-256 over "node#first address", the lowest first. */
function ranked(number: number): readonly string[] {
  const [first] = vipsOf(number);
  const hash = (node: string) => createHash('sha256').update(`${node}#${first}`).digest('hex');
  return c.handle.nodes.map(({ name }) => name).sort((a, b) => (hash(a) < hash(b) ? -1 : 1));
}

describe('the election of MetalLB', () => {
  test('both addresses of a Service are announced by the node with the lowest hash', async () => {
    for (const number of NUMBERS) {
      // Whichever is given first decides; the pool gives the IPv4 one, as the Service's first family.
      await waitFor('both', async () => (await c.externalIps(`${NAME}-${number}`)).join() === vipsOf(number).join(), {
        withinMs: SOON_MS,
      });
      for (const vip of vipsOf(number)) await ownedBy(c, vip, ranked(number)[0] ?? '');
    }
  }, 240_000);

  test.each([
    ['v4', 0],
    ['v6', 1],
  ])(
    '%s: the node goes and the next in order has it; it comes back and has it again',
    async (_, family) => {
      const vip = vipsOf(NUMBERS[0] ?? 0)[family] ?? '';
      const [first = '', second = ''] = ranked(NUMBERS[0] ?? 0);
      await c.during(first, unplug, () => ownedBy(c, vip, second));
      await ownedBy(c, vip, first);
    },
    240_000,
  );
});
