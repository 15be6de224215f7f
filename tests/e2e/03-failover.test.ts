/** A node's speaker dies, a node is unplugged: the address moves and is answered again, by exactly one node. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { plug, unplug } from '../../src/sandbox/faults.ts';
import { type Cluster, cluster } from '../support/cluster.ts';
import { oneOwner, ownerOf, speakerPodOn } from '../support/layer2-objects.ts';
import { waitFor } from '../support/wait-for.ts';

// What a busy machine may need; how long it takes is measured by `npm run bench -- failover`.
const FAILOVER_MS = 30_000;

let c: Cluster;
let vip: string;
beforeAll(async () => {
  c = await cluster();
  vip = `${c.network}.20`;
});

describe('the owning node goes', () => {
  test('its speaker pod is killed: the address is answered again', async () => {
    const owner = await ownerOf(c, vip);
    const pod = await speakerPodOn(c, owner);
    await c.kubectl('delete', 'pod', '-n', 'metallb-system', pod, '--force', '--grace-period=0');
    await c.reachable('client', vip, FAILOVER_MS);
    await oneOwner(c, vip);
  }, 120_000);

  test('its speaker pod is stopped in an orderly way: another node has the address at once', async () => {
    const owner = await ownerOf(c, vip);
    const pod = await speakerPodOn(c, owner);
    await c.kubectl('delete', 'pod', '-n', 'metallb-system', pod, '--wait=false');
    await c.reachable('client', vip, FAILOVER_MS);
    await c.kubectl('rollout', 'status', '-n', 'metallb-system', 'daemonset/speaker', '--timeout=60s');
    await oneOwner(c, vip);
  }, 120_000);

  test('the node is unplugged: another node owns the address and curl works again; plugged in again, one owner remains', async () => {
    const owner = await ownerOf(c, vip);
    await unplug(c.handle, owner);
    try {
      const successor = await waitFor(
        'another owner',
        async () => {
          const node = await ownerOf(c, vip);
          return node === owner ? undefined : node;
        },
        { withinMs: FAILOVER_MS },
      );
      expect(successor).not.toBe(owner);
      // Endpoints on the lost node stay in the Service until Kubernetes gives the node up, hence the retries.
      await c.reachable('client', vip, FAILOVER_MS);
    } finally {
      await plug(c.handle, owner);
    }
    await c.kubectl('wait', '--for=condition=Ready', `node/${owner}`, '--timeout=90s');
    await oneOwner(c, vip);
    await c.reachable('client', vip, FAILOVER_MS);
  }, 240_000);
});
