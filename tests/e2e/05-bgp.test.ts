/**
 * BGP on a real cluster, with a real router at its edge: from layer 2 to BGP and back by one variable of the inventory,
 * while a client beyond the router asks all the time; then what is told of it, both families, and what the client notices
 * of rollouts, of a node that is given up, and of one that fails.
 */
import { once } from 'node:events';
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { freeze, unplug } from '../../src/sandbox/faults.ts';
import { exec } from '../../src/sandbox/sandbox.ts';
import { monotonicMs, probeRequests } from '../support/client-probes.ts';
import { type Cluster, cluster, install } from '../support/cluster.ts';
import type { RouterNeighbour } from '../support/interop/router.ts';
import { list, SOON_MS, service, speakerPodOn, speakersReady } from '../support/layer2-objects.ts';
import { type Attempt, failedForMs, longestOutageMs } from '../support/outages.ts';
import { CLUSTER_ASN, createRouter, ROUTER_ASN, type SandboxRouter } from '../support/sandbox-router.ts';
import { waitFor } from '../support/wait-for.ts';

/** What a busy machine adds to a change that ought not to be noticed. */
const OUTAGE_MS = 500;
/** BFD's 300 ms, and as much as a busy machine may add. */
const FAILOVER_MS = 1000;
const BFD = { intervalMs: 100, multiplier: 3 };
/** A Service of both families whose one endpoint is on the first of these nodes; what happens, happens to the second. */
const WEB = 'bgp-web';
const SERVING = 'node1';
const OTHER = 'node2';
const EXCLUDE_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';
const GRACEFUL_SHUTDOWN = '65535:0';

let c: Cluster;
let router: SandboxRouter;
let temporary: string;
let vip: string;
/** The addresses of WEB. */
let web: { readonly v4: string; readonly v6: string };

beforeAll(async () => {
  c = await cluster();
  vip = `${c.network}.20`;
  temporary = await mkdtemp(path.join(os.tmpdir(), 'metallb-bgp-'));
  router = await createRouter(c.handle);
  await router.startBird();
}, 120_000);

afterAll(async () => {
  await router?.remove();
  await rm(temporary, { recursive: true, force: true });
  await c?.kubectl('uncordon', OTHER);
  await c?.kubectl('label', 'node', OTHER, `${EXCLUDE_LABEL}-`);
  await c?.kubectl('delete', 'service,deployment', WEB, '--ignore-not-found');
});

/** An inventory like the cluster's own, with BGP to the router over both families; `peer`: more of its peers. */
async function bgpInventory(name: string, peer = ''): Promise<string> {
  const inventory = path.join(temporary, name);
  await cp(c.inventory, inventory, { recursive: true });
  const file = path.join(inventory, 'config.yml');
  const text = (await readFile(file, 'utf8'))
    .replace(/^metallb_protocol:.*$/m, 'metallb_protocol: "bgp"')
    .replace(
      /^metallb_vip_pool:.*$/m,
      `metallb_vip_pool: ["${vip}-${c.network}.22", "${c.network6}:20-${c.network6}:22"]`,
    );
  const peers = [
    ['router', router.ip],
    ['router-v6', router.ip6],
  ].map(
    ([peerName, address]) =>
      `  - {name: ${peerName}, peer_asn: ${ROUTER_ASN}, peer_address: "${address}", hold_time: 9, connect_time: 1${peer}}`,
  );
  const profile = `{name: fast, receive_interval: ${BFD.intervalMs}, transmit_interval: ${BFD.intervalMs}, detect_multiplier: ${BFD.multiplier}}`;
  const more = [`metallb_bgp_my_asn: ${CLUSTER_ASN}`, `metallb_bfd_profiles: [${profile}]`, 'metallb_peers:', ...peers];
  await writeFile(file, [text, ...more, ''].join('\n'));
  return inventory;
}

async function installed(inventory: string): Promise<void> {
  const { output, exitCode } = await install(['addon', 'metallb', '-i', inventory]);
  expect(output).not.toContain('error:');
  expect(exitCode).toBe(0);
}

/** The peers' configuration and the router's at once, and waits until all is as it was. */
async function reconfigure(name: string, peer: string, neighbour: Partial<RouterNeighbour>): Promise<string> {
  const inventory = await bgpInventory(name, peer);
  await installed(inventory);
  await router.startBird(neighbour);
  await everyNodeIsANextHop();
  return inventory;
}

/** Every node, as the next hop that it gives; all but one of them. */
function nodeIps(family: 'ip' | 'ip6' = 'ip', without?: string): readonly string[] {
  return c.handle.nodes
    .filter(({ name }) => name !== without)
    .map((node) => String(node[family]))
    .sort();
}

function ipOf(name: string): string {
  return String(c.handle.nodes.find((node) => node.name === name)?.ip);
}

async function nextHopsAre(address: string, want: readonly string[]): Promise<void> {
  await waitFor(
    `the router’s next hops for ${address} are ${want}`,
    async () => (await router.nextHops(address)).join() === want.join(),
    { withinMs: SOON_MS, everyMs: 50 },
  );
}

async function everyNodeIsANextHop(): Promise<void> {
  await nextHopsAre(vip, nodeIps());
  if (web === undefined) return;
  await nextHopsAre(web.v4, nodeIps());
  await nextHopsAre(web.v6, nodeIps('ip6'));
}

/** What a client beyond the router lives through while the work is done, and for a moment more. */
async function during(address: string, work: () => Promise<unknown>, everyMs = 10): Promise<readonly Attempt[]> {
  const probe = await probeRequests(router.outside, { ip: address, giveUpMs: 900, everyMs });
  try {
    await work();
    await pause(1500);
  } finally {
    await probe.stop();
  }
  expect(probe.soFar().length).toBeGreaterThan(100);
  return probe.soFar();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function sessions(): Promise<readonly { readonly [field: string]: unknown }[]> {
  return (await c.list('bgpsessionstatuses', '-n', 'metallb-system')).map(({ status }) => status ?? {});
}

describe('metallb_protocol: bgp', () => {
  let inventory: string;

  test('every pool moves, Services keep their addresses, and requests from beyond the router are answered all the time', async () => {
    inventory = await bgpInventory('plain');
    await waitFor('layer 2 answers from outside', async () => (await router.curl(vip)).includes('nginx'), {
      withinMs: SOON_MS,
    });
    const attempts = await during(vip, async () => {
      await installed(inventory);
      await nextHopsAre(vip, nodeIps());
      expect(await c.list('l2advertisements', '-n', 'metallb-system')).toEqual([]);
      expect(await c.externalIp('nginx')).toBe(vip);
    });
    expect(longestOutageMs(attempts)).toBeLessThan(OUTAGE_MS);
  }, 240_000);

  test('is told in objects, in Events, by ./install bgp and by ./install explain', async () => {
    await waitFor(
      'a BGPSessionStatus of every node and peer, established',
      async () => {
        const established = (await sessions()).filter(({ state }) => state === 'established');
        return (
          established
            .map(({ peer }) => peer)
            .sort()
            .join() === [...nodeIps().map(() => 'router'), ...nodeIps().map(() => 'router-v6')].join()
        );
      },
      { withinMs: SOON_MS },
    );
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
    const explained = await install(['explain', '-i', inventory, 'service/nginx']);
    expect(explained.exitCode).toBe(0);
    expect(explained.output).toContain('advertised by BGP, from ');
    for (const { name } of c.handle.nodes) {
      expect(explained.output).toMatch(new RegExp(`${name} +router +told +${vip}/32; session established`));
    }
    await waitFor(
      'an Event of every node that begins to advertise the Service',
      async () => {
        const told = await c.kubectl('get', 'events', '--field-selector', 'involvedObject.name=nginx');
        return c.handle.nodes.every(({ name }) => told.includes(`announcing from node "${name}" with protocol "bgp"`));
      },
      { withinMs: SOON_MS },
    );
  }, 120_000);

  test('a Service of both families is advertised by every node in both, and answers', async () => {
    const labels = { app: WEB };
    const containers = [{ name: 'nginx', image: 'localhost/nginx:demo', imagePullPolicy: 'IfNotPresent' }];
    await c.apply(
      list(
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name: WEB },
          spec: {
            selector: { matchLabels: labels },
            template: { metadata: { labels }, spec: { nodeName: SERVING, containers } },
          },
        },
        service(WEB, { pool: 'default', spec: { selector: labels } }),
      ),
    );
    const [first = '', second = ''] = await waitFor(
      'two addresses',
      async () => {
        const ips = await c.externalIps(WEB);
        return ips.length === 2 && ips;
      },
      { withinMs: SOON_MS },
    );
    web = first.includes(':') ? { v4: second, v6: first } : { v4: first, v6: second };
    await everyNodeIsANextHop();
    for (const address of Object.values(web)) {
      await waitFor(`nginx at ${address}`, async () => (await router.curl(address)).includes('nginx'), {
        withinMs: SOON_MS,
      });
    }
    const told = await c.list('servicebgpstatuses', '-n', 'metallb-system', '-l', `metallb.io/service-name=${WEB}`);
    expect(told.map(({ metadata, status }) => [metadata.annotations, status.peers])).toEqual(
      nodeIps().map(() => [{ 'metallb.io/announced-addresses': `${web.v4},${web.v6}` }, ['router', 'router-v6']]),
    );
  }, 120_000);

  test('a rollout of all speakers costs no more than a moment', async () => {
    const attempts = await during(vip, async () => {
      await c.kubectl('rollout', 'restart', '-n', 'metallb-system', 'daemonset/speaker');
      await speakersReady(c);
      await everyNodeIsANextHop();
    });
    expect(longestOutageMs(attempts)).toBeLessThan(OUTAGE_MS);
  }, 240_000);

  test('a drained node goes on; excluded by label it warns the router, withdraws, and comes back: no request fails', async () => {
    let sawWarning = false;
    const attempts = await during(web.v4, async () => {
      await c.kubectl('drain', OTHER, '--ignore-daemonsets', '--delete-emptydir-data', '--timeout=60s');
      await pause(1500);
      expect(await router.nextHops(web.v4)).toEqual(nodeIps());
      await c.kubectl('label', 'node', OTHER, `${EXCLUDE_LABEL}=`);
      await waitFor(
        'the router has no route of the node',
        async () => {
          const routes = await router.bird.routes(ipOf(OTHER));
          sawWarning ||=
            routes.length > 0 && routes.every(({ communities }) => communities.includes(GRACEFUL_SHUTDOWN));
          return routes.length === 0;
        },
        { withinMs: SOON_MS, everyMs: 50 },
      );
      expect(await router.nextHops(web.v4)).toEqual(nodeIps('ip', OTHER));
      expect((await router.bird.session(ipOf(OTHER))).isEstablished).toBe(true);
      await c.kubectl('label', 'node', OTHER, `${EXCLUDE_LABEL}-`);
      await c.kubectl('uncordon', OTHER);
      await everyNodeIsANextHop();
    });
    expect(sawWarning).toBe(true);
    expect(longestOutageMs(attempts)).toBeLessThan(OUTAGE_MS);
  }, 180_000);
});

describe('metallb_bgp_listen_port', () => {
  let inventory: string;
  beforeAll(async () => {
    inventory = await bgpInventory('listening');
    await appendFile(path.join(inventory, 'config.yml'), 'metallb_bgp_listen_port: 179\n');
  });

  test('which another program of a node has: refused before anything is touched, with the node and the program', async () => {
    const start = await c.in(OTHER);
    const program = "require('node:net').createServer().listen(179, () => console.log('listens'))";
    const rival = start(process.execPath, '-e', program);
    try {
      await once(rival.stdout ?? rival, 'data');
      const { output, exitCode } = await install(['addon', 'metallb', '-i', inventory]);
      expect(output).toMatch(/listens there already: "\S+" \(pid \d+\) on \S+; the speaker could not/);
      expect(output).toContain(`on ${ipOf(OTHER)};`);
      expect(exitCode).toBe(6);
    } finally {
      rival.kill('SIGKILL');
    }
  }, 60_000);

  test('is opened by the speakers, and on the next run they are not taken for another program', async () => {
    await installed(inventory);
    await everyNodeIsANextHop();
    const { stdout } = await exec(c.handle, OTHER, ['ss', '-Htln', 'sport = :179'], { stdio: 'pipe' });
    expect(stdout.trim().split('\n')).toHaveLength(2);
    await installed(inventory);
  }, 180_000);
});

describe('graceful restart', () => {
  test('a speaker that is replaced: the router keeps its routes all the time, and no request fails', async () => {
    await reconfigure('graceful-restart', ', graceful_restart: "yes"', { gracefulRestart: true });
    await waitFor(
      'the nodes offer it',
      async () => (await router.bird.session(ipOf(OTHER))).capabilities.includes('graceful-restart'),
      { withinMs: SOON_MS },
    );
    const before = await speakerPodOn(c, OTHER);
    let staleSeen = false;
    const nextHops = new Set<string>();
    const attempts = await during(web.v4, async () => {
      await c.kubectl('delete', 'pod', '-n', 'metallb-system', before, '--wait=false');
      await waitFor(
        'the next speaker has a session',
        async () => {
          nextHops.add((await router.nextHops(web.v4)).join());
          const { isEstablished } = await router.bird.session(ipOf(OTHER));
          const isStale = (await router.bird.routes(ipOf(OTHER))).some((route) => route.isStale);
          staleSeen ||= isStale;
          return staleSeen && isEstablished && !isStale;
        },
        { withinMs: SOON_MS, everyMs: 50 },
      );
    });
    expect([...nextHops]).toEqual([nodeIps().join()]);
    expect(await speakerPodOn(c, OTHER)).not.toBe(before);
    expect(longestOutageMs(attempts)).toBeLessThan(OUTAGE_MS);
    await speakersReady(c);
  }, 180_000);
});

describe('BFD, 3 × 100 ms', () => {
  let inventory: string;
  beforeAll(async () => {
    inventory = await reconfigure('bfd', ', bfd_profile: fast', { bfd: BFD });
  }, 120_000);
  beforeEach(async () => {
    await everyNodeIsANextHop();
    await bfdIsUp();
  }, 60_000);

  function bfdIsUp(): Promise<unknown> {
    return waitFor(
      'BFD is up, as the speakers say',
      async () => {
        const found = await sessions();
        return (
          found.length === 2 * nodeIps().length &&
          found.every(({ bfd, state }) => `${bfd} ${state}` === 'up established')
        );
      },
      { withinMs: SOON_MS },
    );
  }

  test('is told by ./install bgp, and by the router', async () => {
    // On a busy machine BFD may just have been down for a moment.
    await waitFor(
      './install bgp says up of every session',
      async () => {
        const { output } = await install(['bgp', '-i', inventory]);
        return (output.match(/\bup\b/g)?.length ?? 0) >= 2 * nodeIps().length || Promise.reject(new Error(output));
      },
      { withinMs: SOON_MS },
    );
    for (const ip of nodeIps()) {
      await waitFor('so does the router', async () => (await router.bird.bfd(ip)) === 'up', { withinMs: SOON_MS });
    }
  }, 60_000);

  test('a node whose cable leads nowhere: the router takes the other ways at once', async () => {
    let pluggedMs = 0;
    const cut = () =>
      c.during(OTHER, unplug, async () => {
        await nextHopsAre(web.v4, nodeIps('ip', OTHER));
        await pause(1000);
        pluggedMs = monotonicMs();
      });
    // A third of the requests goes by that node: so many that some do before it is found out.
    const attempts = await during(web.v4, cut, 4);
    // As it comes back the router deals connections out anew: one that is just open may come to a node that does not know it.
    const meanwhile = attempts.filter(({ beganMs }) => beganMs < pluggedMs);
    const failed = meanwhile.filter(({ outcome }) => outcome !== 'answered');
    const failedMs = failedForMs(meanwhile);
    const told = `${failed.length} of ${meanwhile.length} requests failed, for ${failedMs.toFixed(0)} ms`;
    process.stdout.write(`a node unplugged, BFD ${BFD.multiplier} × ${BFD.intervalMs} ms: ${told}\n`);
    expect(failed.length).toBeGreaterThan(0);
    expect(failedMs).toBeLessThan(FAILOVER_MS);
    expect(longestOutageMs(attempts)).toBeLessThan(FAILOVER_MS);
  }, 180_000);

  test('a node whose programs all stand still: its routes go, and no request fails, because its kernel goes on', async () => {
    const attempts = await during(web.v4, () =>
      c.during(OTHER, freeze, async () => {
        await nextHopsAre(web.v4, nodeIps('ip', OTHER));
        await pause(500);
      }),
    );
    expect(longestOutageMs(attempts)).toBeLessThan(OUTAGE_MS);
  }, 120_000);
});

describe('and back to layer2', () => {
  test('nobody notices, and the router has no routes any more', async () => {
    await c.kubectl('delete', 'service,deployment', WEB);
    const attempts = await during(vip, async () => {
      await installed(c.inventory);
      await waitFor('no routes', async () => (await router.nextHops(vip)).length === 0, { withinMs: SOON_MS });
    });
    expect(longestOutageMs(attempts)).toBeLessThan(OUTAGE_MS);
    expect(await c.list('bgppeers', '-n', 'metallb-system')).toEqual([]);
    await c.reachable('client', vip, SOON_MS);
  }, 240_000);
});
