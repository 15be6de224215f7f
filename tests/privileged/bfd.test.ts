/** BFD sessions against FRR's bfdd and BIRD, in namespaces of a LAN. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { BfdProfile } from '../../src/runtime/model/config.ts';
import type { Ip } from '../../src/runtime/model/ip.ts';
import type { WantedBfd } from '../../src/runtime/programs/speaker/bgp/bfd-route.ts';
import { BfdChild, type BfdEvent } from '../support/bfd-child.ts';
import { type BfdRouter, type BfdRouterNeighbour, Bird, Frr, frrPeerLine } from '../support/bfd-routers.ts';
import { makeFolder } from '../support/interop/folder.ts';
import { createLan, type Lan } from '../support/netns.ts';
import { describePrivileged } from '../support/privileged.ts';
import { bfdProfile } from '../support/views.ts';
import { waitFor } from '../support/wait-for.ts';

const NODE = { v4: '192.0.2.2', v6: 'fd00:192:0:2::2' };
const ROUTER = { v4: '192.0.2.1', v6: 'fd00:192:0:2::1' };
/** Behind `hop`, which both reach. */
const FAR_ROUTER = '198.51.100.1';
const WITHIN_MS = 15_000;
/** 3 × 50 ms, and what a busy machine takes to notice. */
const DOWN_WITHIN_MS = 150 + 250;

const monotonicMs = () => Number(process.hrtime.bigint()) / 1e6;

describePrivileged('BFD', () => {
  let lan: Lan;
  let folder: string;
  let count = 0;
  let node: BfdChild | undefined;
  const routers: BfdRouter[] = [];

  beforeAll(async () => {
    folder = await makeFolder();
    lan = await createLan({
      router: ['192.0.2.1/24', 'fd00:192:0:2::1/64', '198.51.100.1/24'],
      node: ['192.0.2.2/24', 'fd00:192:0:2::2/64'],
      hop: ['192.0.2.254/24', '198.51.100.254/24'],
    });
    await lan.settled(['router', 'node'], WITHIN_MS);
  });
  afterEach(async () => {
    await node?.kill();
    node = undefined;
    for (const router of routers.splice(0)) await router.stop();
    await lan.host('router').tryRun('ip', 'route', 'delete', '192.0.2.2/32');
  });
  afterAll(async () => {
    await lan.remove();
    await rm(folder, { recursive: true, force: true });
  });

  function router(kind: 'FRR' | 'BIRD'): BfdRouter {
    count += 1;
    const made = new (kind === 'FRR' ? Frr : Bird)(lan.host('router'), path.join(folder, `${count}`));
    routers.push(made);
    return made;
  }

  async function start(wanted: readonly WantedBfd[]): Promise<BfdChild> {
    node = new BfdChild(lan.host('node'));
    await node.ready();
    node.set(wanted);
    return node;
  }

  async function isUp(child: BfdChild, far: BfdRouter, names: readonly string[] = ['tor']): Promise<void> {
    await waitFor(
      'the sessions are up',
      async () => {
        const { views } = await child.report();
        const down = names.filter((name) => views[name]?.state !== 'up');
        if (down.length === 0) return true;
        throw new Error(`${JSON.stringify(down.map((name) => views[name]))} ${(await far.log()).slice(-1500)}`);
      },
      { withinMs: WITHIN_MS },
    );
  }

  async function sees(far: BfdRouter, state: string, neighbour: string = NODE.v4): Promise<void> {
    await waitFor(
      `${far.name} sees ${state}`,
      async () => {
        const view = await far.view(neighbour);
        return view.state === state || Promise.reject(new Error(view.text));
      },
      { withinMs: WITHIN_MS },
    );
  }

  async function eventAfter(child: BfdChild, index: number): Promise<BfdEvent> {
    return await waitFor('an event', async () => child.events[index], { withinMs: WITHIN_MS, everyMs: 10 });
  }

  async function linkLocal(host: 'router' | 'node'): Promise<string> {
    const { stdout } = await lan.host(host).ip('-j', '-6', 'address', 'show', 'dev', 'eth0', 'scope', 'link');
    const [link] = JSON.parse(stdout) as [{ addr_info: { local?: string }[] }];
    return link.addr_info.find(({ local }) => local !== undefined)?.local ?? '';
  }

  for (const kind of ['FRR', 'BIRD'] as const) {
    test(`${kind}: up over IPv4, IPv6 and link-local addresses at 3 × 50 ms, and ours tells as much`, async () => {
      const [ours, theirs] = [await linkLocal('node'), await linkLocal('router')];
      const far = router(kind);
      await far.configure([
        neighbour({ address: NODE.v4, local: ROUTER.v4 }),
        neighbour({ address: NODE.v6, local: ROUTER.v6 }),
        neighbour({ address: ours, local: theirs }),
      ]);
      const child = await start([
        wanted({ name: 'v4', peer: ROUTER.v4 as Ip }),
        wanted({ name: 'v6', peer: ROUTER.v6 as Ip }),
        // Of an IPv6 host's addresses the kernel may choose another than the one that the router expects.
        wanted({ name: 'll', peer: theirs as Ip, interface: 'eth0' }),
      ]);
      await isUp(child, far, ['v4', 'v6', 'll']);
      for (const address of [NODE.v4, NODE.v6, ours]) await sees(far, 'up', address);
      const { views } = await child.report();
      for (const name of ['v4', 'v6', 'll']) {
        expect(views[name]).toMatchObject({ transmitIntervalMs: 50, detectionTimeMs: 150, downs: 0 });
      }
    });

    test(`${kind} is killed: down within its three intervals`, async () => {
      const far = router(kind);
      await far.configure([neighbour()]);
      const child = await start([wanted()]);
      await isUp(child, far);
      const killedAt = monotonicMs();
      far.signal('SIGKILL');
      const { event, atMs } = await eventAfter(child, 1);
      expect(event).toEqual({
        kind: 'down',
        reason: expect.stringMatching(/^nothing was heard from 192\.0\.2\.1 for the detection time/),
      });
      expect(atMs - killedAt).toBeLessThan(DOWN_WITHIN_MS);
    });

    test(`${kind} sees a node that is killed, and one that ends in order`, async () => {
      const far = router(kind);
      await far.configure([neighbour()]);
      const first = await start([wanted()]);
      await isUp(first, far);
      await first.kill();
      await sees(far, 'down');
      const second = await start([wanted()]);
      await isUp(second, far);
      await sees(far, 'up');
      await second.close();
      await sees(far, 'down');
    });

    test(`${kind}: other intervals while up: both follow, and nobody goes down`, async () => {
      const far = router(kind);
      await far.configure([neighbour()]);
      const child = await start([wanted()]);
      await isUp(child, far);
      child.set([wanted({ profile: bfdProfile({ transmitIntervalMs: 200, receiveIntervalMs: 100 }) })]);
      await waitFor('ours', async () => (await child.view('tor')).transmitIntervalMs === 200, { withinMs: WITHIN_MS });
      await far.configure([neighbour({ intervalMs: 300, multiplier: 4 })]);
      await waitFor('theirs', async () => (await child.view('tor')).detectionTimeMs === 1200, {
        withinMs: WITHIN_MS,
      });
      child.set([wanted()]);
      await far.configure([neighbour()]);
      await waitFor('both back', async () => (await child.view('tor')).detectionTimeMs === 150, {
        withinMs: WITHIN_MS,
      });
      expect(child.events.map(({ event }) => event.kind)).toEqual(['up']);
      await sees(far, 'up');
    });

    test(`${kind}: of both one may be passive`, async () => {
      const far = router(kind);
      await far.configure([neighbour({ isPassive: true })]);
      const active = await start([wanted()]);
      await isUp(active, far);
      await active.close();
      await far.stop();
      const other = router(kind);
      await other.configure([neighbour()]);
      const passive = await start([wanted({ profile: bfdProfile({ passiveMode: true }) })]);
      await isUp(passive, other);
    });

    test(`${kind}: over several hops, and not from further than the profile allows`, async () => {
      // What FRR sends comes with 254; BIRD does not raise the kernel's 64 over several hops.
      const minimumTtl = kind === 'FRR' ? 254 : 63;
      await throughHop();
      const far = router(kind);
      await far.configure([neighbour({ local: FAR_ROUTER, isMultihop: true })]);
      const child = await start([
        wanted({ peer: FAR_ROUTER as Ip, hops: 'multiple', profile: bfdProfile({ minimumTtl }) }),
      ]);
      await isUp(child, far);
      await sees(far, 'up');
      const { views } = await child.report();
      expect(views['tor']).toMatchObject({ transmitIntervalMs: 50, detectionTimeMs: 150 });
      child.set([
        wanted({ peer: FAR_ROUTER as Ip, hops: 'multiple', profile: bfdProfile({ minimumTtl: minimumTtl + 1 }) }),
      ]);
      const { event } = await eventAfter(child, 1);
      expect(event.kind).toBe('down');
      const after = await child.report();
      expect(after.drops['ttl-too-low']).toBeGreaterThan(0);
      expect(after.views['tor']?.diagnostic).toContain(`its packets arrive with TTL ${minimumTtl}, which is less than`);
    });
  }

  test('this thread was busy for longer than the detection time: the packets that waited count, and it stays up', async () => {
    const far = router('FRR');
    await far.configure([neighbour()]);
    // FRR is to bear our silence for 2 s, and we bear its for 150 ms.
    const child = await start([wanted({ profile: bfdProfile({ detectMultiplier: 40 }) })]);
    await isUp(child, far);
    child.busy(600);
    await new Promise((done) => setTimeout(done, 1500));
    expect((await child.view('tor')).state).toBe('up');
    expect(child.events).toHaveLength(1);
  });

  test('switched off by the router: no failure; switched on again: up', async () => {
    const far = router('FRR') as Frr;
    await far.configure([neighbour()]);
    const child = await start([wanted()]);
    await isUp(child, far);
    await far.command(frrPeerLine(neighbour()), 'shutdown');
    const { event } = await eventAfter(child, 1);
    expect(event).toEqual({ kind: 'switched-off', reason: '192.0.2.1 has switched the session off' });
    await far.command(frrPeerLine(neighbour()), 'no shutdown');
    await isUp(child, far);
  });

  test('not wanted any more: FRR hears that it is switched off', async () => {
    const far = router('FRR');
    await far.configure([neighbour()]);
    const child = await start([wanted()]);
    await isUp(child, far);
    child.set([]);
    await sees(far, 'down');
    expect((await far.view(NODE.v4)).text).toMatch(/"remote-diagnostic":"admin(istratively)? ?down"/i);
  });

  test('RFC 5881 §5: packets with a smaller TTL are not heard', async () => {
    const far = router('FRR');
    await far.configure([neighbour()]);
    const child = await start([wanted()]);
    await isUp(child, far);
    const table = ['add table ip low', 'add chain ip low out { type filter hook output priority 0; }'];
    await lan.host('router').run('nft', [...table, 'add rule ip low out udp dport 3784 ip ttl set 254'].join('; '));
    try {
      const { event } = await eventAfter(child, 1);
      expect(event.kind).toBe('down');
      const before = (await child.view('tor')).packetsReceived;
      await new Promise((done) => setTimeout(done, 2500));
      expect((await child.view('tor')).packetsReceived).toBe(before);
    } finally {
      await lan.host('router').run('nft', 'delete table ip low');
    }
    await isUp(child, far);
  });

  test('the cable is pulled: down at once, as what it is; put back: up', async () => {
    const far = router('FRR');
    await far.configure([neighbour({ intervalMs: 1000 })]);
    const slow = bfdProfile({ transmitIntervalMs: 1000, receiveIntervalMs: 1000 });
    const child = await start([wanted({ profile: slow })]);
    await isUp(child, far);
    const pulledAt = monotonicMs();
    await lan.host('node').setCarrier('off');
    try {
      const { event, atMs } = await eventAfter(child, 1);
      expect(event).toEqual({ kind: 'down', reason: 'the interface eth0 is down' });
      expect(atMs - pulledAt).toBeLessThan(1000);
    } finally {
      await lan.host('node').setCarrier('on');
    }
    await isUp(child, far);
  });

  test('the router speaks no BFD: said, and up when it begins', async () => {
    const child = await start([wanted()]);
    await waitFor('the reason', async () => (await child.view('tor')).diagnostic.includes('refuses'), {
      withinMs: WITHIN_MS,
    });
    expect((await child.view('tor')).diagnostic).toBe(
      'nothing was heard from 192.0.2.1 yet; 192.0.2.1 refuses BFD packets: BFD is not configured there',
    );
    const far = router('FRR');
    await far.configure([neighbour()]);
    await isUp(child, far);
  });

  test('another program of the node has the port: said, and up when it is gone', async () => {
    count += 1;
    const other = new Frr(lan.host('node'), path.join(folder, `${count}`));
    routers.push(other);
    await other.configure([]);
    const far = router('BIRD');
    await far.configure([neighbour()]);
    const child = await start([wanted()]);
    await waitFor('the reason', async () => (await child.view('tor')).diagnostic.includes('another program'), {
      withinMs: WITHIN_MS,
    });
    await other.stop();
    await isUp(child, far);
  });

  test('RFC 5880 §6.4: FRR and this node send echo packets, and the kernel of the other sends them back, until it does not', async () => {
    for (const host of ['node', 'router']) await forwarding(host, 'on');
    const far = router('FRR') as Frr;
    await far.configure([neighbour({ echoMs: 50 })]);
    const child = await start([wanted({ profile: bfdProfile({ echoMode: true }) })]);
    await isUp(child, far);
    await waitFor(
      'echo packets that came back',
      async () => (await far.counters()).some((counters) => counters['echo-packet-input'] > 20),
      { withinMs: WITHIN_MS },
    );
    await waitFor('ours', async () => (await child.view('tor')).echoesReceived > 20, { withinMs: WITHIN_MS });
    expect((await child.view('tor')).state).toBe('up');
    await sees(far, 'up');
    expect(child.events).toHaveLength(1);

    await forwarding('router', 'off');
    const { event } = await eventAfter(child, 1);
    expect(event).toEqual({ kind: 'down', reason: 'echo packets do not come back from 192.0.2.1' });
    await forwarding('router', 'on');
    await isUp(child, far);
  });

  async function forwarding(host: string, mode: 'on' | 'off'): Promise<void> {
    await lan.host(host).run('sysctl', '-q', '-w', `net.ipv4.conf.eth0.forwarding=${mode === 'on' ? 1 : 0}`);
  }

  /** Ways over `hop` alone, though all are on one wire. */
  async function throughHop(): Promise<void> {
    await lan.host('hop').forward();
    await lan.host('node').ip('route', 'replace', '198.51.100.0/24', 'via', '192.0.2.254');
    await lan.host('router').ip('route', 'replace', '192.0.2.2/32', 'via', '198.51.100.254', 'src', FAR_ROUTER);
  }
});

function neighbour(more: Partial<BfdRouterNeighbour> = {}): BfdRouterNeighbour {
  return { address: NODE.v4, local: ROUTER.v4, intervalMs: 50, multiplier: 3, ...more };
}

function wanted(more: Partial<WantedBfd> & { readonly profile?: BfdProfile } = {}): WantedBfd {
  return { name: 'tor', peer: ROUTER.v4 as Ip, hops: 'single', profile: bfdProfile(), ...more };
}
