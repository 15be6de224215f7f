/** A foreign host has an address, on real nodes: what the pool's policy makes of it, and what the Service says of it. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { exec } from '../../src/sandbox/sandbox.ts';
import { type Cluster, cluster } from '../support/cluster.ts';
import { eventsOf, holdOnClient, list, ownerOf, pool, remove, SOON_MS, service } from '../support/layer2-objects.ts';
import { waitFor } from '../support/wait-for.ts';

let c: Cluster;
beforeAll(async () => {
  c = await cluster();
});

describe.each(['v4', 'v6'] as const)('policies (%s)', (family) => {
  const name = `policy-${family}`;
  /** The last is for the test where nobody may have held it before: that a host has left is noticed after a while. */
  let vips: readonly [string, string, string];
  const hold = (action: 'add' | 'del', vip: string = vips[0]) => holdOnClient(c, action, vip);
  const create = (onConflict: string, addresses: readonly string[] = vips.slice(0, 2)) => {
    const of = { family: family === 'v4' ? 'IPv4' : 'IPv6' } as const;
    return c.apply(list(...pool(name, addresses, { pool: { onConflict } }), service(name, of)));
  };

  beforeAll(() => {
    const prefix = family === 'v4' ? `${c.network}.` : `${c.network6}:`;
    vips = [`${prefix}80`, `${prefix}81`, `${prefix}82`];
  });
  afterEach(async () => {
    for (const vip of vips) await hold('del', vip);
    await remove(c, name);
  });

  test('Keep: the Service keeps the address, and its condition and Events say who has it', async () => {
    await hold('add');
    await create('Keep');
    await waitFor(
      'the condition',
      async () => JSON.stringify((await c.get('service', name)).status.conditions ?? []).includes('AddressConflict'),
      { withinMs: SOON_MS },
    );
    expect(await c.externalIp(name)).toBe(vips[0]);
    const told = await waitFor('an Event', async () => (await eventsOf(c, name, 'announceFailed'))[0], {
      withinMs: SOON_MS,
    });
    expect(told).toContain('address-in-use-on-lan');
  }, 120_000);

  test('Reallocate: it is given another address, which is announced', async () => {
    await hold('add');
    await create('Reallocate');
    await waitFor('the other address', async () => (await c.externalIp(name)) === vips[1], { withinMs: SOON_MS });
    await c.reachable('client', vips[1], SOON_MS);
  }, 120_000);

  test('Defend: the node that has it announces it on, and claims it again', async () => {
    const vip = vips[2];
    await create('Defend', [vip]);
    await waitFor('an address', async () => (await c.externalIp(name)) === vip, { withinMs: SOON_MS });
    const owner = await ownerOf(c, vip);
    await hold('add', vip);
    // The host claims the address aloud, as one does that comes up with it.
    const claims =
      family === 'v4'
        ? ['arping', '-U', '-0', '-c', '3', '-W', '0.3', '-S', vip, vip]
        : ['ip', 'address', 'show', 'dev', 'eth0'];
    await exec(c.handle, 'client', claims, { stdio: 'pipe' });
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    await hold('del', vip);
    expect(await ownerOf(c, vip)).toBe(owner);
    expect(await c.externalIp(name)).toBe(vip);
  }, 120_000);
});

afterAll(async () => {
  await exec(c.handle, 'client', ['ip', 'neigh', 'flush', 'dev', 'eth0'], { stdio: 'pipe' });
});
