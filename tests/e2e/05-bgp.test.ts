/**
 * BGP on a real cluster, with a real router at its edge: from layer 2 to BGP and back by one variable of the inventory,
 * while a client beyond the router asks all the time; then what is told of it, and a rollout of the speakers.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { probeRequests } from '../support/client-probes.ts';
import { type Cluster, cluster, install } from '../support/cluster.ts';
import { SOON_MS, speakersReady } from '../support/layer2-objects.ts';
import { outagesOf } from '../support/outages.ts';
import { CLUSTER_ASN, createRouter, ROUTER_ASN, type SandboxRouter } from '../support/sandbox-router.ts';
import { waitFor } from '../support/wait-for.ts';

/** What a busy machine adds to a change that ought not to be noticed. */
const OUTAGE_MS = 500;

let c: Cluster;
let router: SandboxRouter;
let temporary: string;
let inventory: string;
let vip: string;

beforeAll(async () => {
  c = await cluster();
  vip = `${c.network}.20`;
  temporary = await mkdtemp(path.join(os.tmpdir(), 'metallb-bgp-'));
  inventory = path.join(temporary, 'bgp');
  await cp(c.inventory, inventory, { recursive: true });
  const file = path.join(inventory, 'config.yml');
  const text = await readFile(file, 'utf8');
  await writeFile(
    file,
    `${text.replace(/^metallb_protocol:.*$/m, 'metallb_protocol: "bgp"')}
metallb_bgp_my_asn: ${CLUSTER_ASN}
metallb_peers:
  - { name: router, peer_asn: ${ROUTER_ASN}, peer_address: "${c.network}.254", hold_time: 9, connect_time: 1 }
`,
  );
  router = await createRouter(c.handle);
  await router.startBird();
}, 120_000);

afterAll(async () => {
  await router?.remove();
  await rm(temporary, { recursive: true, force: true });
});

/** Every node, as the next hop that it gives. */
function nodeIps(): readonly string[] {
  return c.handle.nodes.map(({ ip }) => ip).sort();
}

async function allNextHops(): Promise<void> {
  await waitFor(
    `the router has ${vip} from every node`,
    async () => (await router.nextHops(vip)).join() === nodeIps().join(),
    { withinMs: SOON_MS },
  );
}

describe('metallb_protocol: bgp', () => {
  test('every pool moves, Services keep their addresses, and requests from beyond the router are answered all the time', async () => {
    await waitFor('layer 2 answers from outside', async () => (await router.curl(vip)).includes('nginx'), {
      withinMs: SOON_MS,
    });
    const probe = await probeRequests(router.outside, { ip: vip, giveUpMs: 900 });
    try {
      const to = await install(['addon', 'metallb', '-i', inventory]);
      expect(to.output).not.toContain('error:');
      expect(to.exitCode).toBe(0);
      await allNextHops();
      expect(await c.list('l2advertisements', '-n', 'metallb-system')).toEqual([]);
      expect(await c.externalIp('nginx')).toBe(vip);
      await new Promise((resolve) => setTimeout(resolve, 2000));
    } finally {
      const attempts = await probe.stop();
      for (const { beganMs, endedMs } of outagesOf(attempts)) {
        expect((endedMs ?? Infinity) - beganMs).toBeLessThan(OUTAGE_MS);
      }
      expect(attempts.length).toBeGreaterThan(100);
    }
  }, 240_000);

  test('is told in objects, in the metrics of the router, and by ./install bgp', async () => {
    const sessions = await waitFor(
      'a BGPSessionStatus of every node, established',
      async () => {
        const found = await c.list('bgpsessionstatuses', '-n', 'metallb-system');
        return found.filter(({ status }) => status?.state === 'established').length === nodeIps().length && found;
      },
      { withinMs: SOON_MS },
    );
    expect(sessions.map(({ status }) => status.peer)).toEqual(nodeIps().map(() => 'router'));
    const services = await waitFor(
      'a ServiceBGPStatus of every node',
      async () => {
        const found = await c.list('servicebgpstatuses', '-n', 'metallb-system');
        return found.filter(({ status }) => status?.serviceName === 'nginx').length === nodeIps().length && found;
      },
      { withinMs: SOON_MS },
    );
    expect(services[0]?.status.peers).toEqual(['router']);
    const listed = await install(['bgp', '-i', inventory]);
    expect(listed.exitCode).toBe(0);
    for (const { name } of c.handle.nodes) expect(listed.output).toContain(name);
    expect(listed.output).toContain('established');
  }, 120_000);

  test('a rollout of all speakers costs no more than a moment', async () => {
    const probe = await probeRequests(router.outside, { ip: vip, giveUpMs: 900 });
    await c.kubectl('rollout', 'restart', '-n', 'metallb-system', 'daemonset/speaker');
    await speakersReady(c);
    await allNextHops();
    const attempts = await probe.stop();
    for (const { beganMs, endedMs } of outagesOf(attempts)) {
      expect((endedMs ?? Infinity) - beganMs).toBeLessThan(OUTAGE_MS);
    }
    expect(attempts.length).toBeGreaterThan(100);
  }, 240_000);
});

describe('and back to layer2', () => {
  test('nobody notices, and the router has no routes any more', async () => {
    const probe = await probeRequests(router.outside, { ip: vip, giveUpMs: 900 });
    const back = await install(['addon', 'metallb', '-i', c.inventory]);
    expect(back.output).not.toContain('error:');
    expect(back.exitCode).toBe(0);
    await waitFor('no routes', async () => (await router.nextHops(vip)).length === 0, { withinMs: SOON_MS });
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const attempts = await probe.stop();
    for (const { beganMs, endedMs } of outagesOf(attempts)) {
      expect((endedMs ?? Infinity) - beganMs).toBeLessThan(OUTAGE_MS);
    }
    expect(await c.list('bgppeers', '-n', 'metallb-system')).toEqual([]);
    await c.reachable('client', vip, SOON_MS);
  }, 240_000);
});
