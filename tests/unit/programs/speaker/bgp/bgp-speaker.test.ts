/** The node's sessions as the plan changes, on a virtual clock and with connections that a test makes stand. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { HostError } from '../../../../../src/runtime/engine/host-error.ts';
import type { AdvertisedRoute, PlannedSession } from '../../../../../src/runtime/model/bgp-plan.ts';
import type { BfdView } from '../../../../../src/runtime/model/bgp-session.ts';
import type { BgpPeer } from '../../../../../src/runtime/model/config.ts';
import type { IpPrefix } from '../../../../../src/runtime/model/ip-prefix.ts';
import type { WantedBfd } from '../../../../../src/runtime/programs/speaker/bgp/bfd-route.ts';
import { BgpSpeaker, type BgpSpeakerOptions } from '../../../../../src/runtime/programs/speaker/bgp/bgp-speaker.ts';
import type { RouterView } from '../../../../../src/runtime/programs/speaker/bgp/router-link.ts';
import { greeting, messagesIn, RESTARTING_OPEN } from '../../../../support/bgp-peer.ts';
import { type FakeStream, FakeStreams } from '../../../../support/fake-streams.ts';
import { bfdProfile, bgpPeer, ip } from '../../../../support/views.ts';
import { fixedRandom, VirtualClock } from '../../../../support/virtual-clock.ts';

const PEER = bgpPeer('router');

const PROFILE = bfdProfile();

let clock: VirtualClock;
let streams: FakeStreams;
let changes: number;
let sought: readonly string[];
let watched: readonly WantedBfd[];
let bfd: BfdView | undefined;
let isBfdClosed: boolean;
let router: RouterView;
let warnings: object[];
let options: BgpSpeakerOptions;
let speaker: BgpSpeaker;

beforeEach(() => {
  clock = new VirtualClock();
  streams = new FakeStreams();
  changes = 0;
  router = { kind: 'not-found', reason: 'no-router', text: 'no router advertises itself on eth0' };
  warnings = [];
  watched = [];
  bfd = undefined;
  isBfdClosed = false;
  options = {
    clock,
    random: fixedRandom(),
    log: { info: () => undefined, warn: (fields) => warnings.push(fields) },
    open: streams.open,
    interfaces: () => [{ name: 'eth0', index: 2, running: true, addresses: ['192.0.2.10/24', '2001:db8::10/64'] }],
    routers: {
      setInterfaces: (names) => {
        sought = names;
      },
      router: () => router,
    },
    bfd: {
      setSessions: (wanted) => {
        watched = wanted;
      },
      view: () => bfd,
      close: () => {
        isBfdClosed = true;
      },
    },
    gracefulShutdownMs: 1000,
    onChange: () => {
      changes += 1;
    },
  };
  speaker = new BgpSpeaker(options);
});

function route(prefix: string): AdvertisedRoute {
  return { prefix: prefix as IpPrefix, communities: [] };
}

function planned(peer: Partial<BgpPeer> = {}, routes: readonly AdvertisedRoute[] = [route('198.51.100.1/32')]) {
  return { peer: { ...PEER, ...peer }, identifier: ip('192.0.2.10'), routes } satisfies PlannedSession;
}

/** Lets the router answer on the connection that was opened last. */
function establish(open?: Parameters<typeof greeting>[0], stream = streams.last): FakeStream {
  stream.handlers.connected(ip('192.0.2.10'));
  for (const bytes of greeting(open)) stream.handlers.received(bytes);
  return stream;
}

function prefixesTold(stream: FakeStream): readonly (readonly string[])[] {
  return messagesIn(stream.written).flatMap((message) =>
    message.kind === 'update' ? [message.received.update.announced] : [],
  );
}

describe('a planned session', () => {
  test('is connected to, and told its routes and their end', async () => {
    speaker.setPlan({ generation: 7, sessions: [planned()] });
    expect(streams.last.target).toEqual({ address: '192.0.2.1', port: 179, hops: { kind: 'ttl', ttl: 1 } });
    const stream = establish();
    await clock.advance(0);
    expect(prefixesTold(stream)).toEqual([['198.51.100.1/32'], []]);
    expect(speaker.views()).toMatchObject([
      {
        peer: 'router',
        state: 'established',
        advertisedFamilies: ['ipv4'],
        advertisedGeneration: 7,
        advertisedRoutes: 1,
        localAddress: '192.0.2.10',
      },
    ]);
    expect(changes).toBeGreaterThan(0);
  });

  test('families: only those that the router speaks are said to be advertised, and of the others why not', () => {
    speaker.setPlan({ generation: 1, sessions: [planned({ dualStackAddressFamily: true })] });
    expect(speaker.views()).toMatchObject([{ advertisedFamilies: [], notAdvertised: [] }]);
    establish();
    expect(speaker.views()).toMatchObject([
      { advertisedFamilies: ['ipv4'], notAdvertised: ['ipv6 unicast: the router does not speak it'] },
    ]);
  });

  test('the same with other routes goes on, and is told what is new', async () => {
    speaker.setPlan({ generation: 1, sessions: [planned()] });
    const stream = establish();
    speaker.setPlan({ generation: 2, sessions: [planned({}, [route('198.51.100.1/32'), route('198.51.100.2/32')])] });
    expect(streams.all).toHaveLength(1);
    expect(prefixesTold(stream)).toEqual([['198.51.100.1/32'], [], ['198.51.100.2/32']]);
    expect(speaker.views()).toMatchObject([{ advertisedGeneration: 2, advertisedRoutes: 2 }]);
  });

  test('of many with many routes: the first are told at once, the others in turns, and a plan that comes meanwhile counts', async () => {
    const routes = Array.from({ length: 10_000 }, (_, i) => route(`10.0.${i >> 8}.${i & 255}/32`));
    const sessions = (list: readonly AdvertisedRoute[]) =>
      Array.from({ length: 8 }, (_, index) => planned({ name: `router-${index}` }, list));
    speaker.setPlan({ generation: 1, sessions: sessions(routes) });
    expect(streams.all).toHaveLength(2);
    await clock.advance(0);
    expect(streams.all).toHaveLength(8);
    for (let index = 0; index < 8; index++) establish(undefined, streams.all[index]);
    await clock.advance(1000);
    const generations = () => speaker.views().map(({ advertisedGeneration }) => advertisedGeneration);
    expect(generations()).toEqual(Array(8).fill(1));
    for (let generation = 2; generation <= 4; generation++) {
      speaker.setPlan({ generation, sessions: sessions(routes.slice(generation)) });
    }
    // Three a plan, and whoever waits longest is first.
    expect(generations().every((generation) => generation !== 1)).toBe(true);
    await clock.advance(1000);
    expect(generations()).toEqual(Array(8).fill(4));
    expect(speaker.views().map(({ advertisedRoutes }) => advertisedRoutes)).toEqual(Array(8).fill(9_996));
    expect(streams.all).toHaveLength(8);
  });

  test('with another password is made anew, and the router told that the configuration has changed', () => {
    speaker.setPlan({ generation: 1, sessions: [planned({ password: 'a' })] });
    const stream = establish();
    speaker.setPlan({ generation: 2, sessions: [planned({ password: 'b' })] });
    expect(messagesIn(stream.written).at(-1)).toMatchObject({
      kind: 'notification',
      notification: { code: 6, subcode: 6 },
    });
    expect(stream.ended).toBe('in-order');
    expect(streams.all.map(({ target }) => target.password)).toEqual(['a', 'b']);
  });

  test('of a router that restarts gracefully is made anew without a word, so that the routes stay', () => {
    speaker.setPlan({ generation: 1, sessions: [planned({ gracefulRestart: true })] });
    const stream = establish(RESTARTING_OPEN);
    speaker.setPlan({ generation: 2, sessions: [planned({ gracefulRestart: true, holdTimeSeconds: 30 })] });
    expect(messagesIn(stream.written).filter(({ kind }) => kind === 'notification')).toEqual([]);
    expect(stream.ended).toBe('in-order');
  });

  test('that is planned no more ends, and its view with it', () => {
    speaker.setPlan({ generation: 1, sessions: [planned()] });
    const stream = establish();
    speaker.setPlan({ generation: 2, sessions: [] });
    expect(messagesIn(stream.written).at(-1)).toMatchObject({
      kind: 'notification',
      notification: { code: 6, subcode: 3 },
    });
    expect(speaker.views()).toEqual([]);
  });

  test('an end in order is not waited for longer than a second', async () => {
    speaker.setPlan({ generation: 1, sessions: [planned()] });
    const stream = establish();
    speaker.setPlan({ generation: 2, sessions: [] });
    await clock.advance(999);
    expect(stream.ended).toBe('in-order');
    await clock.advance(1);
    expect(stream.ended).toBe('at-once');
  });
});

describe('a router that flaps', () => {
  test('a hundred times: each time it is told everything, and the other session notices nothing', async () => {
    const other = planned({ name: 'steady', remote: { address: ip('192.0.2.2') } });
    speaker.setPlan({ generation: 1, sessions: [other] });
    const steady = establish();
    speaker.setPlan({ generation: 2, sessions: [planned({ name: 'flapping' }), other] });
    for (let time = 1; time <= 100; time += 1) {
      const before = streams.all.length;
      const flapping = establish();
      await clock.advance(0);
      expect(prefixesTold(flapping)).toEqual([['198.51.100.1/32'], []]);
      flapping.handlers.closed(undefined);
      while (streams.all.length === before) await clock.advance(1000);
      // Nobody else speaks on the way: the hold time of the other would be over.
      for (const bytes of greeting().slice(-1)) steady.handlers.received(bytes);
    }
    const [flapping, untouched] = speaker.views();
    expect(flapping).toMatchObject({ peer: 'flapping', flaps: 100, established: 100 });
    expect(untouched).toMatchObject({ peer: 'steady', state: 'established', flaps: 0, established: 1 });
    expect(prefixesTold(steady)).toEqual([['198.51.100.1/32'], []]);
  });
});

describe('what cannot be reached', () => {
  test('is tried again, and said in words', async () => {
    speaker.setPlan({ generation: 1, sessions: [planned()] });
    streams.last.handlers.closed(new HostError('connect to 192.0.2.1 port 179', 111));
    expect(speaker.views()).toMatchObject([
      {
        state: 'active',
        lastError:
          'connect to 192.0.2.1 port 179: ECONNREFUSED: nothing listens on that port there, or the router does not know this node as a neighbor',
      },
    ]);
    await clock.advance(250);
    expect(streams.all).toHaveLength(2);
  });

  test('with a password the silence of a router may mean that', async () => {
    speaker.setPlan({ generation: 1, sessions: [planned({ password: 'x' })] });
    await clock.advance(10_000);
    expect(streams.all[0]?.ended).toBe('at-once');
    expect(speaker.views()[0]?.lastError).toBe(
      "the router did not answer within 10 s; a password that is not the router's looks the same",
    );
    expect(JSON.stringify(speaker.views())).not.toContain('"x"');
  });
});

test('a port that another program has: routers cannot connect, and are connected to all the same', () => {
  const listening = {
    port: 179,
    open: () => {
      throw new HostError('listen on 0.0.0.0 port 179', 98);
    },
  };
  speaker = new BgpSpeaker({ ...options, listening });
  speaker.setPlan({ generation: 1, sessions: [planned()] });
  establish();
  expect(speaker.views()).toMatchObject([{ state: 'established' }]);
  expect(speaker.door()?.error).toMatch('EADDRINUSE');
});

describe('an unnumbered router', () => {
  const unnumbered = () => planned({ remote: { interface: 'eth0' } });
  const found = (address: string) => {
    router = { kind: 'found', address: ip(address), others: [] };
    speaker.routersChanged();
  };

  test('is looked for, and connected to as soon as it is found, by its interface', async () => {
    speaker.setPlan({ generation: 1, sessions: [unnumbered(), planned({ name: 'other' })] });
    expect(sought).toEqual(['eth0']);
    await clock.advance(1000);
    expect(streams.all).toHaveLength(1);
    found('fe80::100');
    expect(streams.last.target).toMatchObject({ address: 'fe80::100', device: 'eth0', port: 179 });
    const stream = establish();
    expect(prefixesTold(stream).flat()).toEqual(['198.51.100.1/32']);
    expect(speaker.views()[0]).toMatchObject({ state: 'established', remoteAddress: 'fe80::100' });
    found('fe80::101');
    await clock.advance(20_000);
    expect(streams.all.filter(({ target }) => target.device === 'eth0')).toEqual([stream]);
  });

  test('is not found: the session says why, and opens nothing; it goes on asking', async () => {
    speaker.setPlan({ generation: 1, sessions: [unnumbered()] });
    await clock.advance(2000);
    expect(speaker.views()[0]).toMatchObject({
      state: 'active',
      remoteAddress: '',
      lastError: 'no router advertises itself on eth0',
    });
    router = { kind: 'not-found', reason: 'interface-down', text: 'eth0 is down' };
    await clock.advance(20_000);
    expect(speaker.views()[0]).toMatchObject({ lastError: 'eth0 is down' });
    expect(streams.all).toEqual([]);
    await clock.advance(10_000);
    found('fe80::100');
    await clock.advance(12_000);
    expect(streams.all).toHaveLength(1);
  });

  test('that is not wanted any more is not connected to when it is found', async () => {
    speaker.setPlan({ generation: 1, sessions: [unnumbered()] });
    speaker.setPlan({ generation: 2, sessions: [] });
    expect(sought).toEqual([]);
    found('fe80::100');
    await clock.advance(20_000);
    expect(streams.all).toEqual([]);
  });
});

describe('a kernel that takes no more', () => {
  test('gets no further routes until it has drained', async () => {
    const many = Array.from({ length: 25_000 }, (_, index) => route(`10.${index >> 8}.${index & 255}.0/24`));
    speaker.setPlan({ generation: 1, sessions: [planned({}, many)] });
    const stream = streams.last;
    stream.handlers.connected(ip('192.0.2.10'));
    stream.buffered = 2 * 1024 * 1024;
    for (const bytes of greeting()) stream.handlers.received(bytes);
    await clock.advance(1000);
    const before = prefixesTold(stream).flat().length;
    expect(before).toBeLessThan(25_000);
    stream.buffered = 0;
    stream.handlers.drained();
    await clock.advance(1000);
    expect(prefixesTold(stream).flat()).toHaveLength(25_000);
  });
});

describe('BFD', () => {
  const withBfd = { ...planned({ bfdProfile: 'fast' }), bfd: PROFILE };

  test('the way to a router is watched with its profile, and seen in the view', () => {
    bfd = {
      state: 'up',
      diagnostic: '',
      packetsSent: 1,
      packetsReceived: 1,
      echoesSent: 0,
      echoesReceived: 0,
      ups: 1,
      downs: 0,
    };
    speaker.setPlan({ generation: 1, sessions: [withBfd] });
    expect(watched).toMatchObject([{ name: 'router', peer: '192.0.2.1', hops: 'single', profile: PROFILE }]);
    expect(speaker.views()).toMatchObject([{ bfd: { state: 'up' } }]);
    speaker.setPlan({ generation: 2, sessions: [planned()] });
    expect(watched).toEqual([]);
  });

  test('a router that may be several hops away is watched over several', () => {
    speaker.setPlan({
      generation: 1,
      sessions: [{ ...planned({ bfdProfile: 'fast', ttlSecurityHops: 2 }), bfd: PROFILE }],
    });
    expect(watched).toMatchObject([{ hops: 'multiple' }]);
  });

  test('a way that fails takes the session with it at once, and why is said', () => {
    speaker.setPlan({ generation: 1, sessions: [withBfd] });
    const stream = establish();
    speaker.bfdChanged('router', { kind: 'down', reason: 'nothing was heard for 150 ms' });
    expect(messagesIn(stream.written).at(-1)).toMatchObject({
      kind: 'notification',
      notification: { code: 6, subcode: 10 },
    });
    expect(speaker.views()).toMatchObject([{ state: 'idle', lastError: 'BFD: nothing was heard for 150 ms' }]);
  });

  test('a router that has switched BFD off is no failure', () => {
    speaker.setPlan({ generation: 1, sessions: [withBfd] });
    establish();
    speaker.bfdChanged('router', { kind: 'switched-off', reason: 'by the router' });
    expect(speaker.views()).toMatchObject([{ state: 'established' }]);
  });
});

/** Of the last update that announces something. */
function isLastAnnouncementGoing(stream: FakeStream): boolean {
  const announcements = messagesIn(stream.written).flatMap((message) =>
    message.kind === 'update' && message.received.update.announced.length > 0 ? [message.received.update] : [],
  );
  return JSON.stringify(announcements.at(-1)?.attributes).includes('"high":65535,"low":0');
}

function prefixesWithdrawn(stream: FakeStream): readonly string[] {
  return messagesIn(stream.written).flatMap((message) =>
    message.kind === 'update' ? message.received.update.withdrawn : [],
  );
}

describe('a node that is to carry no more traffic', () => {
  let stream: FakeStream;
  beforeEach(() => {
    speaker.setPlan({ generation: 1, sessions: [planned()] });
    stream = establish();
  });
  const leave = (generation = 2) =>
    speaker.setPlan({ generation, sessions: [planned({}, [])], gracefulWithdrawal: true });

  test('RFC 8326: its routes are told once more with GRACEFUL_SHUTDOWN, and withdrawn when routers have had their time', async () => {
    leave();
    expect({ going: isLastAnnouncementGoing(stream), withdrawn: prefixesWithdrawn(stream) }).toEqual({
      going: true,
      withdrawn: [],
    });
    expect(speaker.views()).toMatchObject([{ advertisedGeneration: 1, advertisedRoutes: 1 }]);
    await clock.advance(999);
    expect(prefixesWithdrawn(stream)).toEqual([]);
    await clock.advance(1);
    expect(prefixesWithdrawn(stream)).toEqual(['198.51.100.1/32']);
    expect(speaker.views()).toMatchObject([{ state: 'established', advertisedGeneration: 2, advertisedRoutes: 0 }]);
  });

  test('plans that come meanwhile do not lengthen it, and the last of them counts', async () => {
    leave();
    await clock.advance(900);
    leave(3);
    await clock.advance(100);
    expect(speaker.views()).toMatchObject([{ advertisedGeneration: 3, advertisedRoutes: 0 }]);
  });

  test('and is to carry it after all: the routes stay, and are as before', async () => {
    leave();
    speaker.setPlan({ generation: 3, sessions: [planned()] });
    await clock.advance(60_000);
    expect({ going: isLastAnnouncementGoing(stream), withdrawn: prefixesWithdrawn(stream) }).toEqual({
      going: false,
      withdrawn: [],
    });
  });

  test('comes back later: its routes are as before', async () => {
    leave();
    await clock.advance(1000);
    speaker.setPlan({ generation: 3, sessions: [planned()] });
    expect(isLastAnnouncementGoing(stream)).toBe(false);
    expect(speaker.views()).toMatchObject([{ advertisedGeneration: 3, advertisedRoutes: 1 }]);
  });

  test('ends meanwhile: nothing is withdrawn twice', async () => {
    leave();
    const closed = speaker.close();
    await clock.advance(5000);
    await closed;
    expect(messagesIn(stream.written).filter(({ kind }) => kind === 'notification')).toHaveLength(1);
  });

  test('withdraws at once what cannot be reached any more', () => {
    speaker.setPlan({ generation: 2, sessions: [planned({}, [])] });
    expect(prefixesWithdrawn(stream)).toEqual(['198.51.100.1/32']);
  });
});

test('routers that are given no time are not warned: routes are withdrawn, and sessions end, at once', async () => {
  speaker = new BgpSpeaker({ ...options, gracefulShutdownMs: 0 });
  speaker.setPlan({ generation: 1, sessions: [planned()] });
  const stream = establish();
  speaker.setPlan({ generation: 2, sessions: [planned({}, [])], gracefulWithdrawal: true });
  expect(prefixesWithdrawn(stream)).toEqual(['198.51.100.1/32']);
  speaker.setPlan({ generation: 3, sessions: [planned()] });
  const closed = speaker.close();
  expect(isLastAnnouncementGoing(stream)).toBe(false);
  expect(messagesIn(stream.written).at(-1)).toMatchObject({ kind: 'notification' });
  await clock.advance(200);
  await closed;
});

describe('the end', () => {
  test('routers turn to other nodes for a second before the session ends', async () => {
    speaker.setPlan({ generation: 1, sessions: [planned()] });
    const stream = establish();
    const closed = speaker.close();
    const last = messagesIn(stream.written).at(-1);
    expect(last?.kind === 'update' && last.received.update.attributes).toMatchObject({
      communities: [{ kind: 'standard', high: 65535, low: 0 }],
    });
    await clock.advance(999);
    expect(stream.ended).toBeUndefined();
    await clock.advance(201);
    await closed;
    expect(messagesIn(stream.written).at(-1)).toMatchObject({
      kind: 'notification',
      notification: { code: 6, subcode: 2 },
    });
  });

  test('one that restarts gracefully is told nothing, and keeps the routes', async () => {
    speaker.setPlan({ generation: 1, sessions: [planned({ gracefulRestart: true })] });
    const stream = establish(RESTARTING_OPEN);
    const told = stream.written.length;
    const closed = speaker.close();
    await clock.advance(200);
    await closed;
    expect({ ended: stream.ended, told: stream.written.length }).toEqual({ ended: 'in-order', told });
    expect(isBfdClosed).toBe(true);
  });

  test('with BFD one that restarts gracefully is warned all the same: it would drop the routes as BFD ends', async () => {
    const session = planned({ gracefulRestart: true, bfdProfile: 'fast' });
    speaker.setPlan({ generation: 1, sessions: [{ ...session, bfd: PROFILE }] });
    const stream = establish(RESTARTING_OPEN);
    const closed = speaker.close();
    await clock.advance(999);
    expect({ ended: stream.ended, isBfdClosed }).toEqual({ ended: undefined, isBfdClosed: false });
    await clock.advance(201);
    await closed;
    expect(messagesIn(stream.written).at(-1)).toMatchObject({ kind: 'notification' });
    expect(isBfdClosed).toBe(true);
  });

  test('a plan that comes afterwards opens nothing', async () => {
    speaker.setPlan({ generation: 1, sessions: [] });
    await speaker.close();
    speaker.setPlan({ generation: 2, sessions: [planned()] });
    expect(streams.all).toEqual([]);
  });
});
