/** `./install explain --probe`: who answers on the LAN, seen from another node, and whose MAC address it is. */
import { beforeAll, expect, test } from '@jest/globals';
import { type Cluster, cluster, install } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

let c: Cluster;
let vip: string;
beforeAll(async () => {
  c = await cluster();
  vip = `${c.network}.20`;
});

test('an address in order: the announcing node answers, its port is open, exit code 0', async () => {
  const mac = await owner();
  const run = await waitFor(
    'the probe finds all in order',
    async () => {
      const done = await probe();
      return done.exitCode === 0 ? done : undefined;
    },
    { withinMs: 60_000, everyMs: 2_000 },
  );
  const node = await c.nodeOf(mac);
  expect(run.output).toMatch(new RegExp(`${vip} +${node} +${node} announces it`));
  expect(run.output).toMatch(new RegExp(`${vip} +answered +${mac} answers, which is ${node}’s`));
  expect(run.output).toMatch(new RegExp(`${vip} tcp/80 +open`));
}, 120_000);

function probe() {
  return install(['explain', '-i', c.inventory, '--probe', 'service/nginx']);
}

async function owner(): Promise<string> {
  return waitFor('one node answers', async () => (await c.owners(vip))[0], { withinMs: 30_000 });
}
