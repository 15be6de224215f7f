/** BFD sessions of two nodes on a virtual link: sockets, interfaces and timers as they may be, and what is told. */
import os from 'node:os';
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Log } from '../../../../../src/runtime/engine/log.ts';
import type { WantedBfd } from '../../../../../src/runtime/programs/speaker/bgp/bfd-route.ts';
import { BfdSessions } from '../../../../../src/runtime/programs/speaker/bgp/bfd-sessions.ts';
import { decodeBfdPacket } from '../../../../../src/runtime/protocols/bfd/codec.ts';
import { type FakePathHost, FakePathLink, hostInterface } from '../../../../support/fake-paths.ts';
import { bfdProfile, ip } from '../../../../support/views.ts';
import { VirtualClock } from '../../../../support/virtual-clock.ts';

const { EADDRINUSE, ECONNREFUSED, EINVAL, ENOBUFS, EPERM } = os.constants.errno;
const NODE = ip('192.0.2.2');
const ROUTER = ip('192.0.2.1');
const eth0 = hostInterface('eth0', 2, ['192.0.2.2/24', 'fd00::2/64']);

let clock: VirtualClock;
let link: FakePathLink;
let node: FakePathHost;
let router: FakePathHost;
let ours: BfdSessions;
let theirs: BfdSessions;
let told: string[];
let warnings: string[];
let dice: number;

beforeEach(() => {
  clock = new VirtualClock();
  link = new FakePathLink(clock);
  node = link.host([eth0]);
  router = link.host([hostInterface('swp1', 9, ['192.0.2.1/24', 'fd00::1/64'])]);
  told = [];
  warnings = [];
  dice = 0;
  ours = sessions(node, (line) => told.push(line));
  theirs = sessions(router, () => {});
});

function sessions(host: FakePathHost, tell: (line: string) => void): BfdSessions {
  const log: Log = { info: () => {}, warn: (fields, message) => warnings.push(`${message} ${JSON.stringify(fields)}`) };
  return new BfdSessions({
    ports: host,
    echoes: host.echoes,
    interfaces: host.interfaces,
    clock,
    log,
    randomU32: () => ++dice,
    onChanged: (name, change) =>
      tell(`${Math.round(clock.now())} ${name} ${change.kind}${'reason' in change ? `: ${change.reason}` : ''}`),
  });
}

function wanted(more: Partial<WantedBfd> = {}): WantedBfd {
  return { name: 'tor', peer: ROUTER, hops: 'single', profile: bfdProfile(), ...more };
}

async function bothUp(more: Partial<WantedBfd> = {}): Promise<void> {
  theirs.setSessions([wanted({ ...more, name: 'node', peer: NODE })]);
  ours.setSessions([wanted(more)]);
  await clock.advance(4000);
  expect(ours.view('tor')).toMatchObject({ state: 'up', diagnostic: '' });
  expect(told).toHaveLength(1);
  told = [];
}

const packetsOf = (from: string) =>
  link.sent.flatMap((sent) => {
    const decoded = decodeBfdPacket(sent.payload);
    return sent.from === from && decoded.ok ? [decoded.value] : [];
  });

describe('a session', () => {
  test('comes up, at the pace of the profile, by one socket each way', async () => {
    await bothUp();
    expect(ours.view('tor')).toMatchObject({ transmitIntervalMs: 50, detectionTimeMs: 150, ups: 1, downs: 0 });
    const { packetsSent, packetsReceived } = ours.view('tor') ?? { packetsSent: 0, packetsReceived: 0 };
    expect(packetsSent).toBeGreaterThan(60);
    expect(packetsReceived).toBeGreaterThan(60);
    expect(node.receivers.map(({ target }) => target)).toEqual([
      { family: 'ipv4', port: 3784, from: 'unforwarded', device: 'eth0' },
    ]);
    expect(node.senders.map(({ target }) => target)).toEqual([
      { peer: ROUTER, port: 3784, device: 'eth0', lowestSourcePort: 49152 },
    ]);
  });

  test('IPv6', async () => {
    theirs.setSessions([wanted({ name: 'node', peer: ip('fd00::2') })]);
    ours.setSessions([wanted({ peer: ip('fd00::1') })]);
    await clock.advance(4000);
    expect(ours.view('tor')?.state).toBe('up');
  });

  test('the router is gone: down within the detection time, and told once', async () => {
    await bothUp();
    const at = clock.now();
    link.isLost = ({ from }) => from === ROUTER;
    await clock.advance(151);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/^\d+ tor down: nothing was heard from 192\.0\.2\.1 for the detection time$/);
    expect(Number(told[0]?.split(' ')[0]) - at).toBeGreaterThanOrEqual(100);
    expect(ours.view('tor')).toMatchObject({ state: 'down', ups: 1, downs: 1 });
    link.isLost = () => false;
    await clock.advance(3000);
    expect(told.at(-1)).toMatch(/ tor up$/);
  });

  test('packets that waited unread while this thread was busy came in time: it stays up', async () => {
    await bothUp();
    node.isBusy = true;
    await clock.advance(5000);
    expect(told).toEqual([]);
    expect(ours.view('tor')?.state).toBe('up');
    link.isLost = () => true;
    await clock.advance(310);
    expect(told).toHaveLength(1);
  });

  test('the router switches it off: told as that, not as a failure', async () => {
    await bothUp();
    theirs.close();
    await clock.advance(2);
    expect(told.map(withoutTime)).toEqual(['tor switched-off: 192.0.2.1 has switched the session off']);
    await clock.advance(1000);
    expect(ours.view('tor')?.state).toBe('down');
  });

  test('nothing was heard yet, and the router refuses: both are said', async () => {
    node.sendErrno = ECONNREFUSED;
    ours.setSessions([wanted()]);
    await clock.advance(1000);
    expect(ours.view('tor')).toMatchObject({
      state: 'down',
      diagnostic: 'nothing was heard from 192.0.2.1 yet; 192.0.2.1 refuses BFD packets: BFD is not configured there',
      packetsSent: 0,
    });
    expect(node.senders).toHaveLength(1);
    node.sendErrno = undefined;
    theirs.setSessions([wanted({ name: 'node', peer: NODE })]);
    await clock.advance(4000);
    expect(ours.view('tor')?.diagnostic).toBe('');
  });

  test.each([
    [EPERM, 'a firewall of this node refuses BFD packets to 192.0.2.1'],
    [ENOBUFS, 'send to 192.0.2.1: ENOBUFS'],
  ])('sending fails by errno %i: said', async (errno, want) => {
    node.sendErrno = errno;
    ours.setSessions([wanted()]);
    await clock.advance(1000);
    expect(ours.view('tor')?.diagnostic).toBe(`nothing was heard from 192.0.2.1 yet; ${want}`);
  });

  test('passive: silent until it is spoken to', async () => {
    ours.setSessions([wanted({ profile: bfdProfile({ passiveMode: true }) })]);
    await clock.advance(5000);
    expect(link.sent).toEqual([]);
    theirs.setSessions([wanted({ name: 'node', peer: NODE })]);
    await clock.advance(4000);
    expect(ours.view('tor')?.state).toBe('up');
  });

  test('a packet that passed a router is not heard, over one hop', async () => {
    link.ttl = 254;
    theirs.setSessions([wanted({ name: 'node', peer: NODE })]);
    ours.setSessions([wanted()]);
    await clock.advance(4000);
    expect(ours.view('tor')).toMatchObject({ state: 'down', packetsReceived: 0 });
  });
});

describe('what is wanted changes', () => {
  test('intervals: the session goes on, and the router follows', async () => {
    await bothUp();
    ours.setSessions([wanted({ profile: bfdProfile({ transmitIntervalMs: 300, receiveIntervalMs: 200 }) })]);
    await clock.advance(2000);
    expect(told).toEqual([]);
    expect(ours.view('tor')).toMatchObject({ state: 'up', transmitIntervalMs: 300, detectionTimeMs: 600, ups: 1 });
    expect(node.senders).toHaveLength(1);
  });

  test('the same again: nothing happens', async () => {
    await bothUp();
    const before = link.sent.length;
    ours.setSessions([wanted()]);
    expect(link.sent).toHaveLength(before);
  });

  test('not wanted any more: the router hears that, three times, and the sockets are closed', async () => {
    await bothUp();
    const before = packetsOf(NODE).length;
    ours.setSessions([]);
    const farewell = packetsOf(NODE).slice(before);
    expect(farewell.map(({ state, diagnostic }) => `${state} ${diagnostic}`)).toEqual(Array(3).fill('admin-down 7'));
    expect(told).toEqual([]);
    expect(ours.view('tor')).toBeUndefined();
    expect([...node.openReceivers(), ...node.openSenders()]).toEqual([]);
    await clock.advance(2);
    expect(theirs.view('node')?.state).toBe('down');
  });

  test('passive or not: begins anew, without a failure for the router', async () => {
    await bothUp();
    const before = packetsOf(NODE).length;
    ours.setSessions([wanted({ profile: bfdProfile({ passiveMode: true }) })]);
    expect(packetsOf(NODE)[before]?.state).toBe('admin-down');
    await clock.advance(4000);
    expect(told.map(withoutTime)).toEqual(['tor up']);
    expect(ours.view('tor')?.state).toBe('up');
  });

  test('two BGP sessions with one router share a session; each is told', async () => {
    theirs.setSessions([wanted({ name: 'node', peer: NODE })]);
    ours.setSessions([wanted({ name: 'a' }), wanted({ name: 'b' })]);
    await clock.advance(4000);
    expect(told.map(withoutTime)).toEqual(['a up', 'b up']);
    ours.setSessions([wanted({ name: 'b' })]);
    link.isLost = () => true;
    await clock.advance(200);
    expect(told.slice(2).map(withoutTime)).toEqual(['b down: nothing was heard from 192.0.2.1 for the detection time']);
  });

  const slow = bfdProfile({ name: 'slow', transmitIntervalMs: 300, receiveIntervalMs: 300 });
  const slowPassive = bfdProfile({ ...slow, passiveMode: true, minimumTtl: 1 });
  test.each([
    { name: 'the first', profiles: [bfdProfile(), slow] },
    { name: 'the second', profiles: [slow, bfdProfile()] },
    { name: 'the second, which is not passive', profiles: [slowPassive, bfdProfile()] },
  ])('of two profiles of a session $name is the strictest: it counts, for both', async ({ profiles }) => {
    const both = profiles.map((profile, index) => wanted({ name: `tor-${index}`, profile }));
    theirs.setSessions([wanted({ name: 'node', peer: NODE })]);
    ours.setSessions(both);
    await clock.advance(4000);
    expect(told.map(withoutTime)).toEqual(['tor-0 up', 'tor-1 up']);
    for (const name of ['tor-0', 'tor-1']) {
      expect(ours.view(name)).toMatchObject({ state: 'up', transmitIntervalMs: 50, detectionTimeMs: 150 });
    }
    link.isLost = ({ from }) => from === ROUTER;
    await clock.advance(151);
    expect(told.slice(2).map((line) => line.replace(/^\d+ (\S+ \w+).*/, '$1'))).toEqual(['tor-0 down', 'tor-1 down']);
  });

  test('the stricter of two goes: the session goes on at the other one’s pace', async () => {
    theirs.setSessions([wanted({ name: 'node', peer: NODE })]);
    ours.setSessions([wanted({ name: 'a' }), wanted({ name: 'b', profile: slow })]);
    await clock.advance(4000);
    ours.setSessions([wanted({ name: 'b', profile: slow })]);
    await clock.advance(2000);
    expect(told.map(withoutTime)).toEqual(['a up', 'b up']);
    expect(ours.view('b')).toMatchObject({ state: 'up', transmitIntervalMs: 300, ups: 1 });
  });

  test('two that go the same way and differ: the second cannot, and says why', async () => {
    ours.setSessions([wanted({ name: 'a' }), wanted({ name: 'b', interface: 'eth0' })]);
    expect(ours.view('a')?.diagnostic).toBe('nothing was heard from 192.0.2.1 yet');
    expect(ours.view('b')?.diagnostic).toMatch(/^the BFD session of a goes the same way, asked for by another /);
    ours.setSessions([wanted({ name: 'b', interface: 'eth0' })]);
    expect(ours.view('b')?.diagnostic).toBe('nothing was heard from 192.0.2.1 yet');
  });

  test('who hears of a failure may take the session away at once', async () => {
    await bothUp();
    const inner = sessions(node, () => {});
    inner.close();
    const seen: string[] = [];
    ours.close();
    ours = new BfdSessions({
      ports: node,
      echoes: node.echoes,
      interfaces: node.interfaces,
      clock,
      log: { info: () => {}, warn: () => {} },
      randomU32: () => ++dice,
      onChanged: (name, change) => {
        seen.push(`${name} ${change.kind}`);
        if (change.kind === 'down') ours.setSessions([wanted({ name: 'other', peer: ip('192.0.2.7') })]);
      },
    });
    ours.setSessions([wanted(), wanted({ name: 'second', peer: ip('192.0.2.9') })]);
    await clock.advance(4000);
    node.setInterfaces({ ...eth0, running: false });
    expect(seen).toEqual(['tor up', 'tor down']);
    node.setInterfaces(eth0);
    expect(ours.view('other')?.diagnostic).toBe('nothing was heard from 192.0.2.7 yet');
    expect(node.openSenders().map(({ target }) => target.peer)).toEqual(['192.0.2.7']);
  });

  test('closed: nothing more is told or sent', async () => {
    await bothUp();
    ours.close();
    const before = packetsOf(NODE).length;
    node.setInterfaces({ ...eth0, running: false });
    ours.setSessions([wanted()]);
    await clock.advance(2000);
    expect(packetsOf(NODE)).toHaveLength(before);
    expect(told).toEqual([]);
  });
});

describe('interfaces and sockets', () => {
  test('the interface goes down: told at once, before any silence; and comes again', async () => {
    await bothUp();
    node.setInterfaces({ ...eth0, running: false });
    expect(told.map(withoutTime)).toEqual(['tor down: the interface eth0 is down']);
    expect(ours.view('tor')).toMatchObject({ state: 'down', diagnostic: 'the interface eth0 is down' });
    expect(warnings).toEqual([
      'BFD session cannot run {"peer":"192.0.2.1","peers":["tor"],"reason":"the interface eth0 is down"}',
    ]);
    await clock.advance(2000);
    expect(node.openSenders()).toEqual([]);
    node.setInterfaces(eth0);
    await clock.advance(4000);
    expect(told.slice(1).map(withoutTime)).toEqual(['tor up']);
    expect(ours.view('tor')).toMatchObject({ state: 'up', ups: 2, downs: 1 });
  });

  test('it is there only later', async () => {
    node.setInterfaces();
    theirs.setSessions([wanted({ name: 'node', peer: NODE })]);
    ours.setSessions([wanted()]);
    expect(ours.view('tor')?.diagnostic).toMatch(/^no interface of this node has an address in a network with 192/);
    node.setInterfaces(eth0);
    await clock.advance(4000);
    expect(ours.view('tor')?.state).toBe('up');
  });

  test('another interface of that name: other sockets', async () => {
    await bothUp();
    node.setInterfaces({ ...eth0, index: 3 });
    expect(node.receivers).toHaveLength(2);
    expect(node.senders).toHaveLength(2);
    expect([...node.openReceivers(), ...node.openSenders()]).toHaveLength(2);
  });

  test('an interface that has nothing to do with it: nothing happens', async () => {
    await bothUp();
    node.setInterfaces(eth0, hostInterface('veth1', 8, ['10.0.0.1/32']));
    expect(node.senders).toHaveLength(1);
    expect(node.receivers).toHaveLength(1);
  });

  test('the address that it sends from goes: it sends from another', async () => {
    await bothUp();
    node.setInterfaces({ ...eth0, addresses: ['192.0.2.22/24'] });
    expect(node.openSenders().map(({ local }) => local)).toEqual(['192.0.2.22']);
  });

  test('sending fails as it does when the source is gone: another socket', async () => {
    await bothUp();
    node.sendErrno = EINVAL;
    await clock.advance(60);
    node.sendErrno = undefined;
    await clock.advance(100);
    expect(node.senders.length).toBeGreaterThan(1);
    expect(ours.view('tor')?.state).toBe('up');
    expect(told).toEqual([]);
  });

  test('the port is taken: said with who may have it, and tried again', async () => {
    node.receiveErrno = EADDRINUSE;
    theirs.setSessions([wanted({ name: 'node', peer: NODE })]);
    ours.setSessions([wanted()]);
    expect(ours.view('tor')?.diagnostic).toBe(
      "receive by UDP port 3784: EADDRINUSE: another program of this node, such as FRR's bfdd or BIRD, speaks BFD there",
    );
    await clock.advance(20_000);
    expect(warnings).toHaveLength(1);
    node.receiveErrno = undefined;
    await clock.advance(10_000);
    expect(ours.view('tor')?.state).toBe('up');
  });

  test('a receiving socket fails: another one, and the session goes on', async () => {
    await bothUp();
    node.openReceivers()[0]?.fail(ENOBUFS);
    await clock.advance(1000);
    expect(node.openReceivers()).toHaveLength(1);
    expect(ours.view('tor')?.state).toBe('up');
    expect(told).toEqual([]);
  });

  test('sessions on one interface share the socket that they are received by', () => {
    ours.setSessions([
      wanted({ name: 'a' }),
      wanted({ name: 'b', peer: ip('192.0.2.3') }),
      wanted({ name: 'c', peer: ip('fd00::1') }),
      wanted({ name: 'd', peer: ip('8.8.8.8'), hops: 'multiple', local: NODE }),
      wanted({ name: 'e', peer: ip('8.8.4.4'), hops: 'multiple', local: NODE }),
    ]);
    expect(node.receivers.map(({ target: { family, port } }) => `${family} ${port}`)).toEqual([
      'ipv4 3784',
      'ipv6 3784',
      'ipv4 4784',
    ]);
  });

  test('one that names itself 0, or as another does: another name is drawn', () => {
    const draws = [0, 5, 5, 6];
    ours.close();
    ours = new BfdSessions({
      ports: node,
      echoes: node.echoes,
      interfaces: node.interfaces,
      clock,
      log: { info: () => {}, warn: () => {} },
      randomU32: () => draws.shift() ?? 99,
      onChanged: () => {},
    });
    ours.setSessions([wanted({ name: 'a' }), wanted({ name: 'b', peer: ip('192.0.2.3') })]);
    expect(draws).toEqual([]);
  });
});

describe('over several hops', () => {
  const multihop: Partial<WantedBfd> = { hops: 'multiple', profile: bfdProfile({ minimumTtl: 250 }) };

  test('comes up by the other port, with less TTL', async () => {
    link.ttl = 250;
    await bothUp(multihop);
    expect(node.receivers.map(({ target }) => target)).toEqual([{ family: 'ipv4', port: 4784, from: 'anywhere' }]);
  });

  test('with too little TTL: dropped, counted', async () => {
    link.ttl = 249;
    theirs.setSessions([wanted({ ...multihop, name: 'node', peer: NODE })]);
    ours.setSessions([wanted(multihop)]);
    await clock.advance(4000);
    expect(ours.view('tor')).toMatchObject({
      state: 'down',
      diagnostic:
        'nothing was heard from 192.0.2.1 yet; its packets arrive with TTL 249, which is less than minimumTtl of the BFD profile',
    });
    expect(ours.drops().get('ttl-too-low')).toBeGreaterThan(0);
    link.ttl = 250;
    await clock.advance(4000);
    expect(ours.view('tor')?.diagnostic).toBe('');
  });

  test('a lower bound in the profile counts without a new session', async () => {
    await bothUp(multihop);
    const lower: Partial<WantedBfd> = { hops: 'multiple', profile: bfdProfile({ minimumTtl: 240 }) };
    theirs.setSessions([wanted({ ...lower, name: 'node', peer: NODE })]);
    ours.setSessions([wanted(lower)]);
    link.ttl = 240;
    await clock.advance(1000);
    expect(ours.view('tor')?.state).toBe('up');
  });
});

describe('RFC 5880 §6.4: echo packets', () => {
  const echo = bfdProfile({ echoMode: true, echoIntervalMs: 40 });
  const offered = async (profile: WantedBfd['profile'], peer = ROUTER, hops: WantedBfd['hops'] = 'single') => {
    ours.setSessions([wanted({ profile, peer, hops })]);
    await clock.advance(1000);
    const last = link.sent.at(-1);
    const decoded = decodeBfdPacket(last?.payload ?? new Uint8Array());
    return decoded.ok ? decoded.value.requiredMinEchoRxMicroseconds : undefined;
  };

  test('offered where the kernel sends them back, as the profile says', async () => {
    node.forwarding = true;
    expect(await offered(echo)).toBe(40_000);
  });

  test('not where it does not', async () => {
    expect(await offered(echo)).toBe(0);
  });

  test('not without echo mode, over several hops, and of IPv6', async () => {
    node.forwarding = true;
    expect(await offered(bfdProfile())).toBe(0);
    expect(await offered(echo, ROUTER, 'multiple')).toBe(0);
    expect(await offered(echo, ip('fd00::1'))).toBe(0);
  });

  const echoesSent = () => link.sent.filter(({ port }) => port === 3785).length;

  test('sent where the router takes them, at the pace of the slower, and they come back', async () => {
    router.forwarding = true;
    theirs.setSessions([
      wanted({ name: 'node', peer: NODE, profile: bfdProfile({ echoMode: true, echoIntervalMs: 80 }) }),
    ]);
    ours.setSessions([wanted({ profile: echo })]);
    await clock.advance(4000);
    const before = echoesSent();
    await clock.advance(8000);
    // 75 to 100 % of 80 ms, one after the other.
    expect(echoesSent() - before).toBeGreaterThanOrEqual(100);
    expect(echoesSent() - before).toBeLessThanOrEqual(134);
    const { echoesSent: sent = 0, echoesReceived: received = 0, state } = ours.view('tor') ?? {};
    expect(state).toBe('up');
    expect(sent - received).toBeLessThanOrEqual(1);
    expect(received).toBeGreaterThan(100);
  });

  test('not to a router that takes none, nor without echo mode, nor while the session is down', async () => {
    router.forwarding = true;
    await bothUp({ profile: bfdProfile() });
    expect(echoesSent()).toBe(0);
    ours.setSessions([wanted({ profile: echo })]);
    await clock.advance(4000);
    expect(echoesSent()).toBe(0);
  });

  test('the router’s programs go on, and its forwarding has failed: down within the detection time of echoes', async () => {
    router.forwarding = true;
    const profile = bfdProfile({ echoMode: true, echoIntervalMs: 40 });
    await bothUp({ profile });
    await clock.advance(2000);
    expect(told).toEqual([]);
    router.forwarding = false;
    const at = clock.now();
    await clock.advance(125);
    expect(told[0]).toMatch(/^\d+ tor down: echo packets do not come back from 192\.0\.2\.1$/);
    expect(Number(told[0]?.split(' ')[0]) - at).toBeGreaterThanOrEqual(80);
  });

  test('their socket fails: another one, and the session goes on', async () => {
    router.forwarding = true;
    await bothUp({ profile: echo });
    const [end] = node.echoEnds;
    end?.lost();
    await clock.advance(1000);
    expect([...node.echoEnds]).toHaveLength(1);
    expect([...node.echoEnds][0]).not.toBe(end);
    expect(told).toEqual([]);
    expect(ours.view('tor')).toMatchObject({ state: 'up' });
  });

  test('end with the session', async () => {
    router.forwarding = true;
    await bothUp({ profile: echo });
    expect([...node.echoEnds]).toHaveLength(1);
    ours.close();
    const before = echoesSent();
    await clock.advance(1000);
    expect(echoesSent()).toBe(before);
    expect([...node.echoEnds]).toEqual([]);
  });
});

test('packets of nobody are counted by why they are not heeded', async () => {
  ours.setSessions([wanted()]);
  link.carry({ from: ip('192.0.2.66'), to: NODE, port: 3784, payload: new Uint8Array(10) });
  await clock.advance(2);
  expect([...ours.drops()]).toEqual([['truncated', 1]]);
});

function withoutTime(line: string): string {
  return line.replace(/^\d+ /, '');
}
