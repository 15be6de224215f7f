/**
 * The rows of the matrix: what our sessions do with each router, asserted by what the router has. A router that does not
 * have the feature itself is named, with the reason, and gets no test.
 */
import { expect } from '@jest/globals';
import { bfdProfile } from '../views.ts';
import { advertised } from './plans.ts';
import type { RouteSeen } from './router.ts';
import {
  establish,
  NODE,
  nodeAddress,
  plan,
  ROUTER,
  routesSeen,
  type SessionGiven,
  sessionSeen,
  startRouter,
  until,
  viewSeen,
  type World,
} from './world.ts';

export interface Feature {
  readonly name: string;
  /** Router → why it has none of it. */
  readonly notFor?: Readonly<Record<string, string>>;
  readonly run: (world: World) => Promise<void>;
}

const V4 = advertised('203.0.113.1/32');
const V6 = advertised('2001:db8:113::1/128');
const BOTH = ['ipv4', 'ipv6'] as const;
const GOBGP = 'GoBGP 3.10';
const EXABGP = 'ExaBGP 4.2';

const NO_BFD = { [GOBGP]: 'has no BFD', [EXABGP]: 'has no BFD' };
const WITH_BFD = {
  neighbour: { bfd: { intervalMs: 50, multiplier: 3 } },
  peer: { bfdProfile: 'fast' },
  // BIRD sends with the kernel's TTL over several hops.
  bfd: bfdProfile({ minimumTtl: 1 }),
} satisfies SessionGiven;
/** 3 × 50 ms, and the time to look: on a machine that is busy, and far from the hold time of 9 s. */
const FAST_MS = 1500;

/** So often a router tries to connect, at the least. */
const ROUTER_RETRIES_MS = 1500;

/** A route of ours as a router in another AS has it. */
function seen(prefix: string, more: Partial<RouteSeen> = {}): object {
  const nextHop = prefix.includes(':') ? NODE.v6 : NODE.v4;
  return expect.objectContaining({ prefix, nextHop, asPath: [NODE.asn], communities: [], isStale: false, ...more });
}

/** Holds for a while: long enough for what is not to come to have come. */
async function stays(what: string, forMs: number, look: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + forMs;
  while (performance.now() < end) {
    if (!(await look())) throw new Error(`${what}: not any more`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

export const FEATURES: readonly Feature[] = [
  {
    name: 'eBGP: IPv4 routes over IPv4',
    async run(world) {
      expect(await establish(world, { routes: [V4, advertised('203.0.113.128/25')] })).toEqual([
        seen('203.0.113.1/32'),
        seen('203.0.113.128/25'),
      ]);
      const view = await viewSeen(world, ({ advertisedGeneration }) => advertisedGeneration === 1);
      expect(view).toMatchObject({ state: 'established', remoteAsn: ROUTER.asn, remoteIdentifier: ROUTER.v4 });
    },
  },
  {
    name: 'eBGP: IPv6 routes over IPv6',
    async run(world) {
      expect(await establish(world, { over: 'v6', routes: [V6] })).toEqual([seen('2001:db8:113::1/128')]);
    },
  },
  {
    name: 'eBGP: both families over IPv4',
    async run(world) {
      const given: SessionGiven = {
        neighbour: { families: BOTH },
        peer: { dualStackAddressFamily: true },
        routes: [V4, V6],
      };
      expect(await establish(world, given)).toEqual([seen('2001:db8:113::1/128'), seen('203.0.113.1/32')]);
    },
  },
  {
    name: 'eBGP: IPv4 routes with IPv6 next hops',
    async run(world) {
      const given: SessionGiven = {
        over: 'v6',
        neighbour: { families: BOTH, extendedNextHop: true },
        peer: { dualStackAddressFamily: true },
        routes: [V4],
      };
      expect(await establish(world, given)).toEqual([seen('203.0.113.1/32', { nextHop: NODE.v6 })]);
    },
  },
  {
    name: 'eBGP: both families over IPv6',
    notFor: { [GOBGP]: 'takes IPv6 next hops for IPv4 routes wherever it can: see the row above' },
    async run(world) {
      const given: SessionGiven = {
        over: 'v6',
        neighbour: { families: BOTH },
        peer: { dualStackAddressFamily: true },
        routes: [V4, V6],
      };
      expect(await establish(world, given)).toEqual([seen('2001:db8:113::1/128'), seen('203.0.113.1/32')]);
    },
  },
  {
    name: 'iBGP, LOCAL_PREF',
    async run(world) {
      const given: SessionGiven = {
        nodeAsn: ROUTER.asn,
        routes: [advertised('203.0.113.1/32', { localPref: 250 }), advertised('203.0.113.2/32')],
      };
      expect(await establish(world, given)).toEqual([
        seen('203.0.113.1/32', { asPath: [], localPref: 250 }),
        seen('203.0.113.2/32', { asPath: [], localPref: 100 }),
      ]);
    },
  },
  {
    name: '4-octet AS numbers',
    async run(world) {
      const asns = { nodeAsn: 4_200_000_007, routerAsn: 4_200_000_001 };
      expect(await establish(world, { ...asns, routes: [V4] })).toEqual([
        seen('203.0.113.1/32', { asPath: [asns.nodeAsn] }),
      ]);
      expect((await world.speaker.view('router')).remoteAsn).toBe(asns.routerAsn);
    },
  },
  {
    name: 'communities, standard and large',
    async run(world) {
      const communities = ['64500:1', '65535:65281', 'large:4200000001:1:2', 'large:64500:0:4294967295'];
      expect(await establish(world, { routes: [advertised('203.0.113.1/32', { communities })] })).toEqual([
        seen('203.0.113.1/32', { communities }),
      ]);
    },
  },
  {
    name: 'AS path prepended, MED',
    async run(world) {
      const routes = [advertised('203.0.113.1/32', { asPathPrepend: 2, multiExitDisc: 4_000_000_000 })];
      expect(await establish(world, { routes })).toEqual([
        seen('203.0.113.1/32', { asPath: [NODE.asn, NODE.asn, NODE.asn], multiExitDisc: 4_000_000_000 }),
      ]);
    },
  },
  {
    name: 'routes come, change and go',
    async run(world) {
      const given: SessionGiven = { routes: [V4, advertised('203.0.113.2/32')] };
      await establish(world, given);
      await plan(world, { routes: [advertised('203.0.113.2/32', { multiExitDisc: 7 }), advertised('203.0.113.3/32')] });
      const address = nodeAddress(given);
      const routes = await until(
        'the changed routes',
        () => world.router.routes(address),
        (now) => now.length === 2 && now[0]?.multiExitDisc === 7,
      );
      expect(routes).toEqual([seen('203.0.113.2/32', { multiExitDisc: 7 }), seen('203.0.113.3/32')]);
    },
  },
  {
    name: '5,000 routes',
    async run(world) {
      const routes = Array.from({ length: 5000 }, (_, n) => advertised(`203.${n >> 8}.${n & 255}.1/32`));
      const given: SessionGiven = { routes, neighbour: { families: BOTH }, peer: { dualStackAddressFamily: true } };
      await startRouter(world, given);
      world.speaker.start();
      await plan(world, given);
      await viewSeen(world, ({ advertisedRoutes }) => advertisedRoutes === routes.length);
      await until(
        'all of them at the router',
        () => world.router.countRoutes(nodeAddress(given)),
        (count) => count === routes.length,
      );
    },
  },
  {
    name: 'MD5, over IPv4',
    run: (world) => withPassword(world, 'v4'),
  },
  {
    name: 'MD5, over IPv6',
    run: (world) => withPassword(world, 'v6'),
  },
  {
    name: 'eBGP over several hops',
    async run(world) {
      const given: SessionGiven = {
        far: true,
        neighbour: { hops: { kind: 'multihop', hops: 5 } },
        peer: { ebgpMultiHop: true },
        routes: [V4],
      };
      await startRouter(world, given);
      world.speaker.start();
      // Without leave to go over several hops, the one between is where it ends.
      await plan(world, { ...given, peer: {} });
      await viewSeen(world, ({ lastError }) => lastError !== undefined);
      expect((await world.router.session(nodeAddress(given))).isEstablished).toBe(false);
      await plan(world, given);
      expect(await routesSeen(world, given, 1)).toHaveLength(1);
    },
  },
  {
    name: 'GTSM, over IPv4',
    run: (world) => withHops(world, 'v4'),
  },
  {
    name: 'GTSM, over IPv6',
    notFor: {
      [EXABGP]: "sets no hop limit on an IPv6 socket that it listens on, so its answers come with the kernel's",
    },
    run: (world) => withHops(world, 'v6'),
  },
  {
    name: 'GTSM: a router with it does not hear us without',
    notFor: { [EXABGP]: 'does not ask the kernel to look at a TTL: its Python has no IP_MINTTL' },
    async run(world) {
      const given: SessionGiven = { neighbour: { hops: { kind: 'gtsm', hops: 1 } }, routes: [V4] };
      await startRouter(world, given);
      world.speaker.start();
      await plan(world, given);
      // As the router sees it: an OPEN that is there before the router has told its kernel of GTSM is heard, and answered.
      await stays('no session', 1500, async () => !(await world.router.session(NODE.v4)).isEstablished);
    },
  },
  {
    name: 'GTSM: a router too far away is not heard',
    async run(world) {
      const given: SessionGiven = {
        far: true,
        neighbour: { hops: { kind: 'multihop', hops: 255 } },
        peer: { ttlSecurityHops: 1 },
        routes: [V4],
      };
      await startRouter(world, given);
      world.speaker.start();
      await plan(world, given);
      await stays('no session over two hops', 1500, async () => {
        return (await world.speaker.view('router')).state !== 'established';
      });
    },
  },
  {
    name: 'capabilities: ours are understood',
    async run(world) {
      const given: SessionGiven = {
        neighbour: { families: BOTH, gracefulRestart: true },
        peer: { dualStackAddressFamily: true, gracefulRestart: true },
        routes: [V4, V6],
      };
      await establish(world, given);
      expect((await world.router.session(nodeAddress(given))).capabilities).toEqual(
        expect.arrayContaining([
          'multiprotocol ipv4',
          'multiprotocol ipv6',
          'route-refresh',
          'enhanced-route-refresh',
          'extended-message',
          'four-octet-as',
          'graceful-restart',
        ]),
      );
    },
  },
  {
    name: 'routes of the router are counted, not used',
    async run(world) {
      const originates = [{ prefix: '198.51.100.0/24' }, { prefix: '198.51.101.0/25', communities: ['64500:7'] }];
      await establish(world, { originates, routes: [V4] });
      await viewSeen(world, ({ receivedPrefixes }) => receivedPrefixes === originates.length);
    },
  },
  {
    name: 'route refresh',
    notFor: { [GOBGP]: 'never asks its neighbours for a refresh: softresetin reads its own table again' },
    async run(world) {
      const given: SessionGiven = { routes: [V4] };
      await establish(world, given);
      const before = await viewSeen(world, ({ advertisedGeneration }) => advertisedGeneration === 1);
      await world.router.askForRefresh(nodeAddress(given), 'ipv4');
      await viewSeen(
        world,
        ({ messages }) =>
          messages.routeRefreshesReceived > before.messages.routeRefreshesReceived &&
          messages.updatesSent > before.messages.updatesSent,
      );
      expect(await routesSeen(world, given, 1)).toEqual([seen('203.0.113.1/32')]);
    },
  },
  {
    name: 'graceful restart: the speaker dies and comes again',
    notFor: { [EXABGP]: 'keeps no routes of a neighbour that is gone' },
    async run(world) {
      const given: SessionGiven = {
        neighbour: { gracefulRestart: true },
        peer: { gracefulRestart: true },
        routes: [V4, advertised('203.0.113.2/32')],
      };
      await establish(world, given);
      await viewSeen(world, ({ advertisedGeneration }) => advertisedGeneration === 1);
      await world.speaker.kill();
      const address = nodeAddress(given);
      const stale = await until(
        'routes that are kept',
        () => world.router.routes(address),
        (routes) => routes.every(({ isStale }) => isStale),
      );
      expect(stale).toHaveLength(2);
      world.speaker.start();
      // One of them is not to come again: End-of-RIB ends it.
      await plan(world, { ...given, routes: [V4] });
      let fewest = 2;
      const fresh = await until(
        'routes that are fresh again',
        () => world.router.routes(address),
        (routes) => {
          fewest = Math.min(fewest, routes.length);
          return routes.length === 1 && routes.every(({ isStale }) => !isStale);
        },
      );
      expect(fresh).toEqual([seen('203.0.113.1/32')]);
      expect(fewest).toBe(1);
    },
  },
  {
    name: 'graceful restart: the speaker is replaced',
    notFor: { [EXABGP]: 'keeps no routes of a neighbour that is gone' },
    async run(world) {
      const given: SessionGiven = {
        neighbour: { gracefulRestart: true },
        peer: { gracefulRestart: true },
        routes: [V4],
      };
      await establish(world, given);
      await viewSeen(world, ({ advertisedGeneration }) => advertisedGeneration === 1);
      await world.speaker.close();
      const address = nodeAddress(given);
      const has = async () => (await world.router.routes(address)).length === 1;
      await stays('the route', 500, has);
      world.speaker.start();
      await plan(world, given);
      await sessionSeen(world, given, ({ isEstablished }) => isEstablished);
      await stays('the route', 500, has);
    },
  },
  {
    name: 'GRACEFUL_SHUTDOWN, and our reason to end',
    async run(world) {
      const given: SessionGiven = { routes: [V4] };
      await establish(world, given);
      const closed = world.speaker.close();
      const [leaving] = await until(
        'the route that is about to go',
        () => world.router.routes(nodeAddress(given)),
        ([route]) => route !== undefined && route.communities.length > 0,
      );
      // Longer, for a router that does not heed the community.
      const asPath = [NODE.asn, NODE.asn, NODE.asn, NODE.asn];
      expect(leaving).toEqual(seen('203.0.113.1/32', { communities: ['65535:0'], asPath }));
      await closed;
      const { lastError } = await sessionSeen(world, given, (now) => !now.isEstablished && now.lastError !== undefined);
      expect(lastError).toContain('the speaker of this node ends');
      expect(await world.router.routes(nodeAddress(given))).toEqual([]);
    },
  },
  {
    name: 'administrative shutdown by the router, with its text',
    async run(world) {
      const given: SessionGiven = { routes: [V4] };
      await establish(world, given);
      const text = await world.router.shutDown(nodeAddress(given), 'rack 12 moves');
      const { lastError } = await viewSeen(world, ({ state }) => state !== 'established');
      // In quotes: what it has said of its own accord, besides what the subcode is called.
      expect(lastError).toContain(`"${text}"`);
    },
  },
  {
    name: 'the router connects to us',
    run: (world) => connectedTo(world, {}),
  },
  {
    name: 'the router connects to us, with MD5',
    run: (world) => connectedTo(world, { password: 'correct-horse' }),
  },
  {
    name: 'collision: both connect at once',
    async run(world) {
      const given: SessionGiven = { neighbour: { passive: false }, routes: [V4] };
      await startRouter(world, given);
      // The kernel takes our connection in its stead; when it goes on, it finds that, and that its own time has come.
      world.router.freeze();
      world.speaker.start('listen');
      await plan(world, given);
      await viewSeen(world, ({ state }) => state === 'open-sent');
      await stays('our OPEN unanswered', ROUTER_RETRIES_MS, async () => {
        return (await world.speaker.view('router')).state === 'open-sent';
      });
      world.router.thaw();
      expect(await routesSeen(world, given, 1)).toEqual([seen('203.0.113.1/32')]);
      await stays('one session', 1500, async () => (await world.speaker.view('router')).flaps === 0);
      expect((await world.router.session(nodeAddress(given))).isEstablished).toBe(true);
      expect((await world.speaker.view('router')).established).toBe(1);
    },
  },
  {
    name: 'hold timer: the router hangs',
    async run(world) {
      const given: SessionGiven = {
        neighbour: { holdTimeSeconds: 3 },
        peer: { holdTimeSeconds: 3, keepaliveTimeMs: 1000 },
        routes: [V4],
      };
      await establish(world, given);
      world.router.freeze();
      const { lastError } = await viewSeen(world, ({ state }) => state !== 'established');
      expect(lastError).toBe('nothing was heard for the hold time of 3 s');
      world.router.thaw();
      await routesSeen(world, given, 1);
    },
  },
  {
    name: 'hold timer: the speaker hangs',
    async run(world) {
      const given: SessionGiven = {
        neighbour: { holdTimeSeconds: 3 },
        peer: { holdTimeSeconds: 3, keepaliveTimeMs: 1000 },
        routes: [V4],
      };
      await establish(world, given);
      world.speaker.freeze();
      const { lastError } = await sessionSeen(world, given, ({ isEstablished }) => !isEstablished);
      expect(lastError).toMatch(/hold ?timer/i);
      world.speaker.thaw();
      await routesSeen(world, given, 1);
      expect((await world.speaker.view('router')).flaps).toBe(1);
    },
  },
  {
    name: 'BFD at 3 × 50 ms: the router hangs, over IPv4',
    notFor: NO_BFD,
    run: (world) => routerHangs(world, { ...WITH_BFD, routes: [V4] }),
  },
  {
    name: 'BFD at 3 × 50 ms: the router hangs, over IPv6',
    notFor: NO_BFD,
    run: (world) => routerHangs(world, { ...WITH_BFD, over: 'v6', routes: [V6] }),
  },
  {
    name: 'BFD at 3 × 50 ms: the router hangs, several hops away',
    notFor: NO_BFD,
    async run(world) {
      await routerHangs(world, {
        ...WITH_BFD,
        far: true,
        neighbour: { ...WITH_BFD.neighbour, hops: { kind: 'multihop', hops: 5 } },
        peer: { ...WITH_BFD.peer, ebgpMultiHop: true },
        routes: [V4],
      });
    },
  },
  {
    name: 'BFD at 3 × 50 ms: the speaker hangs',
    notFor: NO_BFD,
    async run(world) {
      const given: SessionGiven = { ...WITH_BFD, routes: [V4] };
      await establishWithBfd(world, given);
      const began = performance.now();
      world.speaker.freeze();
      await sessionSeen(world, given, ({ isEstablished }) => !isEstablished);
      expect(performance.now() - began).toBeLessThan(FAST_MS);
      expect(await world.router.routes(nodeAddress(given))).toEqual([]);
      world.speaker.thaw();
      await routesSeen(world, given, 1);
    },
  },
  {
    name: 'BFD: the speaker gives it up, and the session is there without',
    notFor: NO_BFD,
    async run(world) {
      const given: SessionGiven = { ...WITH_BFD, routes: [V4] };
      await establishWithBfd(world, given);
      const { bfd: _, ...without } = given;
      await plan(world, without);
      await until(
        'BFD down at the router',
        () => world.router.bfd(nodeAddress(given)),
        (state) => state !== 'up',
      );
      // Either router takes that for a failure, though RFC 5882 §3.2 says otherwise, and ends the session once.
      await routesSeen(world, given, 1);
      await stays('the session', 1000, async () => (await world.router.session(nodeAddress(given))).isEstablished);
    },
  },
  {
    name: 'the wrong AS number is refused, in words',
    async run(world) {
      await startRouter(world, { nodeAsn: NODE.asn + 1 });
      world.speaker.start();
      await plan(world, {});
      const { lastError } = await viewSeen(world, (view) => view.lastError !== undefined);
      expect(lastError).toMatch(/Bad Peer AS/i);
    },
  },
];

async function withHops(world: World, over: 'v4' | 'v6'): Promise<void> {
  const given: SessionGiven = {
    over,
    neighbour: { hops: { kind: 'gtsm', hops: 1 } },
    peer: { ttlSecurityHops: 1 },
    routes: [over === 'v4' ? V4 : V6],
  };
  expect(await establish(world, given)).toHaveLength(1);
}

async function establishWithBfd(world: World, given: SessionGiven): Promise<void> {
  expect(await establish(world, given)).toHaveLength(1);
  await viewSeen(world, ({ bfd }) => bfd?.state === 'up');
  await until(
    'BFD up at the router',
    () => world.router.bfd(nodeAddress(given)),
    (state) => state === 'up',
  );
}

async function routerHangs(world: World, given: SessionGiven): Promise<void> {
  await establishWithBfd(world, given);
  const began = performance.now();
  world.router.freeze();
  const { lastError } = await viewSeen(world, ({ state }) => state !== 'established');
  expect(performance.now() - began).toBeLessThan(FAST_MS);
  expect(lastError).toMatch(/BFD/);
  world.router.thaw();
  await routesSeen(world, given, 1);
}

/** Our own attempts come to nothing: on that port of the router nobody listens. */
async function connectedTo(world: World, password: { readonly password?: string }): Promise<void> {
  const given: SessionGiven = {
    neighbour: { passive: false, ...password },
    peer: { port: 9, ...password },
    routes: [V4],
  };
  await startRouter(world, given);
  world.speaker.start('listen');
  await plan(world, given);
  expect(await routesSeen(world, given, 1)).toEqual([seen('203.0.113.1/32')]);
}

async function withPassword(world: World, over: 'v4' | 'v6'): Promise<void> {
  const given: SessionGiven = {
    over,
    neighbour: { password: 'correct-horse' },
    peer: { password: 'battery-staple' },
    routes: [over === 'v4' ? V4 : V6],
  };
  await startRouter(world, given);
  world.speaker.start();
  await plan(world, given);
  await stays('no session with another password', 1500, async () => {
    return (await world.speaker.view('router')).state !== 'established';
  });
  await plan(world, { ...given, peer: { password: 'correct-horse' } });
  expect(await routesSeen(world, given, 1)).toHaveLength(1);
  const log = await world.speaker.log();
  expect(log).not.toMatch(/battery-staple|correct-horse/);
}
