/** Which node announces an address, on real nodes and for both families: spread, preferences, hand-backs, and why nobody. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { unplug } from '../../src/sandbox/faults.ts';
import { layoutOfHandle } from '../../src/sandbox/handle.ts';
import { exec } from '../../src/sandbox/sandbox.ts';
import { probeRequests } from '../support/client-probes.ts';
import { type Cluster, cluster, install } from '../support/cluster.ts';
import {
  eventsOf,
  list,
  movedFrom,
  oneOwner,
  ownedBy,
  ownerOf,
  pool,
  remove,
  SOON_MS,
  service,
  speakersReady,
} from '../support/layer2-objects.ts';
import { outagesOf } from '../support/outages.ts';
import { waitFor } from '../support/wait-for.ts';

/** The aim is 50; more is what a busy machine adds. */
const OUTAGE_MS = 200;

let c: Cluster;
let nodes: readonly string[];
beforeAll(async () => {
  c = await cluster();
  nodes = c.handle.nodes.map(({ name }) => name);
});

describe('spread', () => {
  const names = Array.from({ length: 3 }, (_, i) => `spread-${i + 1}`);
  let vips: readonly { readonly v4: string; readonly v6: string }[];
  beforeAll(async () => {
    vips = names.map((_, i) => ({ v4: `${c.network}.${60 + i}`, v6: `${c.network6}:${60 + i}` }));
    const services = names.map((name) => service(name, { pool: 'spread' }));
    await c.apply(list(...pool('spread', vips.flatMap(Object.values)), ...services));
  });
  afterAll(async () => {
    await remove(c, 'spread', ...names);
  });

  test('the two addresses of a Service are on different nodes, and no node has more than its share and one', async () => {
    const aNode = new RegExp(`^(${nodes.join('|')})$`);
    await waitFor(
      'six addresses, spread',
      async () => {
        const owners = await Promise.all(
          names.map(async (name) => {
            const ips = await c.externalIps(name);
            expect(ips).toHaveLength(2);
            const macs = await Promise.all(ips.map((ip) => c.owners(ip)));
            return Promise.all(macs.map(async ([mac]) => (mac === undefined ? 'nobody' : c.nodeOf(mac))));
          }),
        );
        const counts = nodes.map((node) => owners.flat().filter((owner) => owner === node).length);
        // Thrown with the whole picture: what was seen last is what the test says when time is up.
        expect({ owners, counts, apart: owners.map(([a, b]) => a !== b) }).toEqual({
          owners: names.map(() => [expect.stringMatching(aNode), expect.stringMatching(aNode)]),
          counts: nodes.map(() => expect.any(Number)),
          apart: names.map(() => true),
        });
        expect(Math.max(...counts)).toBeLessThanOrEqual(6 / nodes.length + 1);
        return true;
      },
      { withinMs: SOON_MS * 2 },
    );
  }, 120_000);
});

describe.each(['v4', 'v6'] as const)('a preferred node (%s)', (family) => {
  const name = `preferred-${family}`;
  let vip: string;
  let preferred: string;
  const preferring = (node: string) => ({
    preferredNodeSelectors: [{ weight: 10, preference: { matchLabels: { 'kubernetes.io/hostname': node } } }],
  });
  const advertise = (advertisement: object) => c.apply(list(...pool(name, [vip], { advertisement }).slice(1)));

  beforeAll(async () => {
    vip = family === 'v4' ? `${c.network}.66` : `${c.network6}:66`;
    await c.apply(list(...pool(name, [vip]), service(name, { family: family === 'v4' ? 'IPv4' : 'IPv6' })));
    await c.reachable('client', vip, SOON_MS);
  });
  afterAll(async () => {
    await remove(c, name);
  });

  test('has the address handed to it while requests are answered all the time, keeps it when it is preferred no more', async () => {
    const before = await oneOwner(c, vip);
    preferred = nodes.find((node) => node !== before) ?? '';
    const probe = await probeRequests(await c.in('client'), { ip: vip, giveUpMs: 900 });
    try {
      await waitFor('answers', async () => probe.soFar().length > 50, { withinMs: SOON_MS });
      await advertise(preferring(preferred));
      await ownedBy(c, vip, preferred);
      await advertise({ preferredNodeSelectors: [] });
      // An owner that works is not displaced.
      await new Promise((resolve) => setTimeout(resolve, 10_000));
      expect(await ownerOf(c, vip)).toBe(preferred);
    } finally {
      const attempts = await probe.stop();
      for (const { beganMs, endedMs } of outagesOf(attempts)) {
        expect((endedMs ?? Infinity) - beganMs).toBeLessThan(OUTAGE_MS);
      }
      expect(attempts.length).toBeGreaterThan(200);
    }
  }, 120_000);

  test('goes, and another has it; comes back, and has it handed back when all is calm, by exactly one claim', async () => {
    await advertise(preferring(preferred));
    await ownedBy(c, vip, preferred);
    await c.during(preferred, unplug, () => movedFrom(c, vip, preferred));
    await ownedBy(c, vip, preferred);
    expect(await oneOwner(c, vip)).toBe(preferred);
  }, 180_000);
});

describe('nodes that are to announce nothing', () => {
  const name = 'shunned';
  let vips: readonly [string, string];
  let node: string | undefined;
  beforeAll(async () => {
    vips = [`${c.network}.67`, `${c.network6}:67`];
    await c.apply(list(...pool(name, vips), service(name)));
    for (const vip of vips) await c.reachable('client', vip, SOON_MS);
  });
  afterEach(async () => {
    if (node === undefined) return;
    await c.kubectl('label', 'node', node, 'node.kubernetes.io/exclude-from-external-load-balancers-');
    await c.kubectl('taint', 'node', node, 'node.kubernetes.io/out-of-service-').catch(() => '');
    await c.kubectl('uncordon', node);
  });
  afterAll(async () => {
    await remove(c, name);
  });

  const reasons = [
    { what: 'label', args: ['node.kubernetes.io/exclude-from-external-load-balancers='] },
    { what: 'taint', args: ['node.kubernetes.io/out-of-service=nodeshutdown:NoSchedule'] },
  ];
  test.each(reasons)(
    'by $what $args: what they have moves to others, and no request finds nobody',
    async (reason) => {
      const lost: string[] = [];
      node = await oneOwner(c, vips[0]);
      for (const vip of vips) if ((await oneOwner(c, vip)) === node) lost.push(vip);
      const start = await c.in('client');
      const probes = await Promise.all(lost.map((ip) => probeRequests(start, { ip, giveUpMs: 900 })));
      try {
        await waitFor('answers', async () => probes.every((each) => each.soFar().length > 50), { withinMs: SOON_MS });
        await c.kubectl(reason.what, 'node', node, ...reason.args);
        for (const vip of lost) await movedFrom(c, vip, node);
      } finally {
        for (const { beganMs, endedMs } of (await Promise.all(probes.map((each) => each.stop()))).flatMap(outagesOf)) {
          expect((endedMs ?? Infinity) - beganMs).toBeLessThan(OUTAGE_MS);
        }
      }
    },
    120_000,
  );

  test('drained: the node announces on, as one that still forwards; of policy Local the address follows its endpoints', async () => {
    const local = 'shunned-local';
    const vip = `${c.network}.68`;
    const spec = { externalTrafficPolicy: 'Local' };
    await c.apply(list(...pool(local, [vip]), service(local, { family: 'IPv4', spec })));
    try {
      node = await oneOwner(c, vip);
      const endpoints = async () => {
        const pods = await c.list('pods', '-l', 'app=nginx');
        const ready = pods.filter((pod) => pod.status.conditions.some(isReady));
        return new Set(ready.map((pod) => String((pod as unknown as { spec: { nodeName: string } }).spec.nodeName)));
      };
      expect(await endpoints()).toContain(node);
      const bystander = await oneOwner(c, vips[1]);
      await c.kubectl('drain', node, '--ignore-daemonsets', '--delete-emptydir-data', '--force', '--timeout=90s');
      const successor = await waitFor(
        'a node with an endpoint has it',
        async () => {
          const [mac] = await c.owners(vip);
          const owner = mac === undefined ? undefined : await c.nodeOf(mac);
          return owner !== undefined && owner !== node && (await endpoints()).has(owner) ? owner : undefined;
        },
        { withinMs: SOON_MS },
      );
      await c.reachable('client', vip, SOON_MS);
      expect(successor).not.toBe(node);
      expect(await ownerOf(c, vips[1])).toBe(bystander);
    } finally {
      await remove(c, local);
      await c.kubectl('uncordon', String(node));
      await c.kubectl('rollout', 'status', 'deployment/nginx', '--timeout=90s');
      await speakersReady(c);
    }
  }, 240_000);
});

describe('nobody can announce it', () => {
  const names = ['nobody-selected', 'nobody-in-subnet'] as const;
  afterEach(async () => {
    await remove(c, ...names);
  });

  test('no advertisement selects a node: an Event and explain name each node and why', async () => {
    const advertisement = { nodeSelectors: [{ matchLabels: { 'kubernetes.io/hostname': 'no-such-node' } }] };
    const vip = `${c.network}.69`;
    await c.apply(list(...pool(names[0], [vip], { advertisement }), service(names[0], { family: 'IPv4' })));
    await expectTold(names[0], 'no-advertisement-for-node', vip);
  }, 60_000);

  test('the address is in no interface’s subnet: likewise', async () => {
    await c.apply(list(...pool(names[1], ['198.51.100.7']), service(names[1], { family: 'IPv4' })));
    await expectTold(names[1], 'no-interface-in-subnet', '198.51.100.7');
  }, 60_000);

  async function expectTold(name: string, reason: string, vip: string): Promise<void> {
    const told = await waitFor('an Event', async () => (await eventsOf(c, name, 'announceFailed'))[0], {
      withinMs: SOON_MS,
    });
    expect(told).toContain(vip);
    expect(told).toContain(reason);
    for (const node of nodes) expect(told).toContain(node);
    const { output } = await install(['explain', '-i', c.inventory, `service/${name}`]);
    expect(output).toContain(vip);
    for (const node of nodes) expect(output).toMatch(new RegExp(`${node}\\b`));
  }
});

describe('an interface that comes, goes and comes back on a node', () => {
  const name = 'second-lan';
  const vip = '192.168.77.100';
  const [node, client] = ['node1', 'client'];
  const run = async (host: string, ...argv: readonly string[]) => {
    const done = await exec(c.handle, host, argv, { stdio: 'pipe' });
    if (done.exitCode !== 0) throw new Error(`${argv.join(' ')} on ${host}: ${done.stderr}`);
    return done.stdout;
  };
  const answered = async () => {
    const argv = ['arping', '-c', '1', '-w', '1', '-r', '-i', 'lan2', vip];
    return (await exec(c.handle, client, argv, { stdio: 'pipe' })).stdout.trim() !== '';
  };
  afterAll(async () => {
    await exec(c.handle, client, ['ip', 'link', 'del', 'lan2'], { stdio: 'pipe' });
    await remove(c, name);
  });

  test('its addresses are announced on it, a Service waits with a reason while it is away', async () => {
    await c.apply(list(...pool(name, [vip]), service(name, { family: 'IPv4' })));
    await waitFor('an Event', async () => (await eventsOf(c, name, 'announceFailed'))[0], { withinMs: SOON_MS });
    const plug = async () => {
      const peer = String(layoutOfHandle(c.handle).nodes.find(({ name }) => name === node)?.netns);
      await run(client, 'ip', 'link', 'add', 'lan2', 'type', 'veth', 'peer', 'name', 'eth1', 'netns', peer);
      await run(client, 'ip', 'address', 'add', '192.168.77.2/24', 'dev', 'lan2');
      await run(client, 'ip', 'link', 'set', 'lan2', 'up');
      await run(node, 'ip', 'address', 'add', '192.168.77.1/24', 'dev', 'eth1');
      await run(node, 'ip', 'link', 'set', 'eth1', 'up');
    };
    for (let round = 0; round < 2; round++) {
      await plug();
      await waitFor('an answer', answered, { withinMs: SOON_MS, everyMs: 20 });
      await c.reachable('client', vip, SOON_MS);
      await run(client, 'ip', 'link', 'del', 'lan2');
      await waitFor(
        'explain says that no interface has its subnet',
        async () => {
          const { output } = await install(['explain', '-i', c.inventory, `service/${name}`]);
          return output.includes('no-interface-in-subnet');
        },
        { withinMs: SOON_MS },
      );
    }
  }, 180_000);
});

function isReady({ type, status }: { readonly type: string; readonly status: string }): boolean {
  return type === 'Ready' && status === 'True';
}
