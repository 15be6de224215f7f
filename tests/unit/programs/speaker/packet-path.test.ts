/** The packet path on a network of its own making and a clock that moves only here. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Log } from '../../../../src/runtime/engine/log.ts';
import type { HostInterface, PacketTraffic } from '../../../../src/runtime/engine/network-ports.ts';
import type { AnnouncedAddress } from '../../../../src/runtime/model/announcements.ts';
import { parseIp } from '../../../../src/runtime/model/ip.ts';
import { parseMac } from '../../../../src/runtime/model/mac.ts';
import type { AnnouncedPlace } from '../../../../src/runtime/programs/speaker/announceable.ts';
import type { AnnouncementGuard, GuardedPlace } from '../../../../src/runtime/programs/speaker/announcement-guard.ts';
import { createPacketPath, type PacketPath } from '../../../../src/runtime/programs/speaker/packet-path.ts';
import { decodeArpPacket, encodeArpFrame } from '../../../../src/runtime/protocols/arp/codec.ts';
import { BROADCAST_BITS, macFromBits } from '../../../../src/runtime/protocols/ethernet/codec.ts';
import { ipv4FromBits } from '../../../../src/runtime/protocols/ip/ipv4.ts';
import {
  ALL_NODES,
  decodeIpv6Header,
  ethernetGroup,
  ipv6FromKey,
  solicitedNodeGroup,
} from '../../../../src/runtime/protocols/ip/ipv6.ts';
import { decodeNeighborMessage, encodeNdpFrame } from '../../../../src/runtime/protocols/ndp/codec.ts';
import { ipv4, mac } from '../../../support/arp-vectors.ts';
import { FakeNetwork, type FakePacketSocket } from '../../../support/fake-network.ts';
import { ipv6, readEchoVectors } from '../../../support/ndp-vectors.ts';
import { fixedRandom, VirtualClock } from '../../../support/virtual-clock.ts';

const ENETDOWN = 100;
const ENODEV = 19;

function nic(name: string, index: number, change: Partial<HostInterface> = {}): HostInterface {
  const parsed = parseMac(`02:00:00:00:00:${index.toString(16).padStart(2, '0')}`);
  if (!parsed.ok) throw new Error(parsed.error);
  const addresses = [`192.0.2.${index}/24`];
  return { name, index, mac: parsed.value, running: true, broadcast: true, arp: true, addresses, ...change };
}

function address(ip: string, interfaces: AnnouncedAddress['interfaces'] = 'in-subnet'): AnnouncedAddress {
  const parsed = parseIp(ip);
  if (!parsed.ok) throw new Error(parsed.error);
  return { ip: parsed.value, interfaces };
}

function request(ip: string): Uint8Array {
  const client = mac('02:00:00:00:00:fe');
  return encodeArpFrame(
    { destination: BROADCAST_BITS, source: client },
    {
      operation: 1,
      senderMac: client,
      senderIp: ipv4('192.0.2.254'),
      targetMac: mac('00:00:00:00:00:00'),
      targetIp: ipv4(ip),
    },
  );
}

let network: FakeNetwork;
let clock: VirtualClock;
let warnings: string[];
let told: string[];
let path: PacketPath;
const log: Log = { info: () => {}, warn: (fields, message) => warnings.push(`${message} ${JSON.stringify(fields)}`) };

beforeEach(() => {
  network = new FakeNetwork();
  clock = new VirtualClock();
  warnings = [];
  told = [];
  network.setInterfaces(nic('eth0', 2), nic('eth1', 3, { addresses: ['198.51.100.3/24'] }));
  path = createPacketPath({
    ports: network,
    clock,
    random: fixedRandom(1),
    log,
    excludePatterns: [/^veth.*/, /docker/g],
    pings: 'ignore',
    onAnnounced: (ip) => told.push(ip),
  });
});

let generation = 0;
function announce(...addresses: AnnouncedAddress[]): void {
  generation += 1;
  path.setTable({ generation, addresses });
}

function socketOn(name: string, traffic: PacketTraffic = 'arp'): FakePacketSocket {
  const socket = network.openOn(name, traffic);
  if (socket === undefined) throw new Error(`no socket for ${traffic} on ${name}`);
  return socket;
}

/** "reply 192.0.2.7 is-at …", and forgets them. */
function sentOn(name: string): string[] {
  return socketOn(name)
    .sent.splice(0)
    .map((frame) => {
      const arp = decodeArpPacket(frame.subarray(14));
      if (!arp.ok) throw new Error(arp.error.reason);
      const { operation, senderIp, senderMac } = arp.value;
      return `${operation === 1 ? 'request' : 'reply'} ${ipv4FromBits(senderIp)} is-at ${macFromBits(senderMac)}`;
    });
}

/** "2001:db8::fe: 2001:db8::7 is-at … solicited,override", and forgets them. */
function advertised(socket: FakePacketSocket): string[] {
  return socket.sent.splice(0).map((frame) => {
    const header = decodeIpv6Header(frame.subarray(14));
    const message = decodeNeighborMessage(frame.subarray(54));
    if (!header.ok || !message.ok || message.value.kind !== 'advertisement') throw new Error('no advertisement');
    const { target, linkAddress, flags } = message.value;
    const to = header.value.destination === ALL_NODES ? 'all nodes' : ipv6FromKey(header.value.destination);
    return `${to}: ${ipv6FromKey(target)} is-at ${linkAddress && macFromBits(linkAddress)} ${flags.join(',')}`;
  });
}

/** From 2001:db8::fe, by multicast. */
function solicitation(ip: string): Uint8Array {
  const [client, target] = [mac('02:00:00:00:00:fe'), ipv6(ip)];
  const group = solicitedNodeGroup(target);
  return encodeNdpFrame(
    { link: { destination: ethernetGroup(group), source: client }, source: ipv6('2001:db8::fe'), destination: group },
    { kind: 'solicitation', target, linkAddress: client },
  );
}

function gratuitous(ip: string, macAddress: string): string[] {
  return [`request ${ip} is-at ${macAddress}`, `reply ${ip} is-at ${macAddress}`];
}

describe('where it listens', () => {
  test('only where something is announced', () => {
    expect(network.opened).toHaveLength(0);
    announce(address('192.0.2.7'));
    expect(network.opened.map(({ name }) => name)).toEqual(['eth0']);
    announce();
    expect(network.openOn('eth0')).toBeUndefined();
  });

  test.each([
    { name: 'not running', change: { running: false } },
    { name: 'without broadcast', change: { broadcast: false } },
    { name: 'without ARP', change: { arp: false } },
    { name: 'a port of a bridge', change: { masterIndex: 9 } },
    { name: 'excluded by name', change: { name: 'veth1234' } },
    { name: 'excluded by a part of its name', change: { name: 'my-docker0' } },
  ])('not on an interface $name', ({ change }) => {
    network.setInterfaces(nic('eth0', 2, change));
    announce(address('192.0.2.7'), address('192.0.2.8', [change.name ?? 'eth0']));
    expect(network.opened).toHaveLength(0);
  });

  test('interfaces() tells of those it could announce on, down ones too, and of every change', () => {
    network.setInterfaces(nic('eth0', 2, { running: false }), nic('veth1', 3), nic('port', 4, { masterIndex: 2 }));
    let changes = 0;
    const stop = path.onInterfacesChanged(() => {
      changes += 1;
    });
    expect(path.interfaces()).toEqual([
      { name: 'eth0', index: 2, mac: '02:00:00:00:00:02', running: false, addresses: ['192.0.2.2/24'] },
    ]);
    network.setInterfaces(nic('eth0', 2), nic('veth1', 3));
    expect(changes).toBe(1);
    network.setInterfaces(nic('eth0', 2), nic('veth2', 4));
    expect(changes).toBe(1);
    stop();
    network.setInterfaces();
    expect(changes).toBe(1);
  });
});

describe('what it answers', () => {
  test("'in-subnet': on the interfaces whose subnet holds the address, and nowhere else", () => {
    announce(address('192.0.2.7'), address('198.51.100.7'), address('203.0.113.7'));
    sentOn('eth0');
    socketOn('eth0').receive(request('192.0.2.7'));
    socketOn('eth0').receive(request('198.51.100.7'));
    socketOn('eth0').receive(request('203.0.113.7'));
    socketOn('eth0').receive(request('192.0.2.8'));
    expect(sentOn('eth0')).toEqual(['reply 192.0.2.7 is-at 02:00:00:00:00:02']);
    expect(path.snapshot().interfaces[0]?.drops.arp).toMatchObject({
      'wrong-interface': 2,
      'target-not-announced': 1,
    });
  });

  test('by interface name: also for addresses of no subnet', () => {
    announce(address('203.0.113.7', ['eth1', 'eth9']));
    sentOn('eth1');
    socketOn('eth1').receive(request('203.0.113.7'));
    expect(sentOn('eth1')).toEqual(['reply 203.0.113.7 is-at 02:00:00:00:00:03']);
    expect(network.openOn('eth0')).toBeUndefined();
  });

  test('an address that leaves the table is not answered from then on', () => {
    announce(address('192.0.2.7'), address('192.0.2.8'));
    announce(address('192.0.2.8'));
    sentOn('eth0');
    socketOn('eth0').receive(request('192.0.2.7'));
    expect(sentOn('eth0')).toEqual([]);
  });

  test('a table older than the current one is ignored', () => {
    path.setTable({ generation: 1000, addresses: [address('192.0.2.7')] });
    path.setTable({ generation: 999, addresses: [] });
    expect(network.openOn('eth0')).toBeDefined();
    expect(path.snapshot().generation).toBe(1000);
  });

  test('both families side by side, each on a socket of its own', () => {
    network.setInterfaces(nic('eth0', 2, { addresses: ['192.0.2.2/24', '2001:db8::2/64'] }));
    announce(address('192.0.2.7'), address('2001:db8::7'), address('2001:db8:1::7'));
    expect(network.opened.map(({ name, traffic }) => `${name} ${traffic}`)).toEqual(['eth0 arp', 'eth0 ndp']);
    sentOn('eth0');
    const ndp = socketOn('eth0', 'ndp');
    expect(advertised(ndp)).toEqual(['all nodes: 2001:db8::7 is-at 02:00:00:00:00:02 override']);
    ndp.receive(solicitation('2001:db8::7'));
    expect(advertised(ndp)).toEqual(['2001:db8::fe: 2001:db8::7 is-at 02:00:00:00:00:02 solicited,override']);
    ndp.receive(solicitation('2001:db8:1::7'));
    ndp.receive(solicitation('2001:db8::8'));
    expect(advertised(ndp)).toEqual([]);
    expect(path.snapshot().interfaces[0]?.drops.ndp).toMatchObject({ 'wrong-interface': 1, 'target-not-announced': 1 });
    expect(path.snapshot().addresses).toContainEqual({
      interface: 'eth0',
      ip: '2001:db8::7',
      requestsReceived: 1,
      repliesSent: 1,
      gratuitousSent: 1,
      pingsAnswered: 0,
    });
  });
});

describe('gratuitous announcements', () => {
  test('at once and in rounds, on every interface of the address, and counted', async () => {
    announce(address('192.0.2.7', ['eth0', 'eth1']));
    expect(sentOn('eth0')).toEqual(gratuitous('192.0.2.7', '02:00:00:00:00:02'));
    expect(sentOn('eth1')).toEqual(gratuitous('192.0.2.7', '02:00:00:00:00:03'));
    await clock.advance(30_000);
    expect(sentOn('eth0')).toHaveLength(10);
    const counts = { requestsReceived: 0, repliesSent: 0, gratuitousSent: 12, pingsAnswered: 0 };
    expect(path.snapshot().addresses).toEqual([
      { interface: 'eth0', ip: '192.0.2.7', ...counts },
      { interface: 'eth1', ip: '192.0.2.7', ...counts },
    ]);
  });

  test('for ever: a refresh of each every minute or so', async () => {
    network.setInterfaces(nic('eth0', 2, { addresses: ['192.0.2.2/24', '2001:db8::2/64'] }));
    announce(address('192.0.2.7'), address('2001:db8::7'));
    await clock.advance(10_000);
    sentOn('eth0');
    advertised(socketOn('eth0', 'ndp'));
    await clock.advance(600_000);
    expect(sentOn('eth0').length).toBeGreaterThanOrEqual(2 * 6);
    expect(advertised(socketOn('eth0', 'ndp')).length).toBeGreaterThanOrEqual(6);
  });

  test('again when the link comes back', async () => {
    announce(address('192.0.2.7'));
    await clock.advance(60_000);
    network.setInterfaces(nic('eth0', 2, { running: false }));
    expect(network.openOn('eth0')).toBeUndefined();
    network.setInterfaces(nic('eth0', 2));
    expect(sentOn('eth0')).toEqual(gratuitous('192.0.2.7', '02:00:00:00:00:02'));
  });

  test('again, from a new socket, when the interface is deleted and made anew between two looks', async () => {
    announce(address('192.0.2.7'));
    await clock.advance(60_000);
    network.setInterfaces(nic('eth0', 17));
    expect(network.opened.map(({ index, closed }) => ({ index, closed }))).toEqual([
      { index: 2, closed: true },
      { index: 17, closed: false },
    ]);
    expect(sentOn('eth0')).toEqual(gratuitous('192.0.2.7', '02:00:00:00:00:11'));
  });

  test('again with the new MAC, on the same socket, when the MAC changes', async () => {
    announce(address('192.0.2.7'));
    await clock.advance(60_000);
    sentOn('eth0');
    const changed = parseMac('02:00:00:00:00:99');
    if (!changed.ok) throw new Error(changed.error);
    network.setInterfaces(nic('eth0', 2, { mac: changed.value }));
    expect(network.opened).toHaveLength(1);
    expect(sentOn('eth0')).toEqual(gratuitous('192.0.2.7', '02:00:00:00:00:99'));
    socketOn('eth0').receive(request('192.0.2.7'));
    expect(sentOn('eth0')).toEqual(['reply 192.0.2.7 is-at 02:00:00:00:00:99']);
  });

  test('when the interface gains the subnet of the address', () => {
    network.setInterfaces(nic('eth0', 2, { addresses: [] }));
    announce(address('192.0.2.7'));
    expect(network.opened).toHaveLength(0);
    network.setInterfaces(nic('eth0', 2));
    expect(sentOn('eth0')).toEqual(gratuitous('192.0.2.7', '02:00:00:00:00:02'));
  });
});

describe('solicited-node groups', () => {
  beforeEach(() => network.setInterfaces(nic('eth0', 2, { addresses: ['2001:db8::2/64', '2001:db8:1::2/64'] })));

  test('joined for what is announced, each once, and left with the last of its addresses', () => {
    announce(address('2001:db8::7'), address('2001:db8:1::7'), address('2001:db8::8'));
    expect(socketOn('eth0', 'ndp').groups).toEqual(['ff02::1:ff00:7', 'ff02::1:ff00:8']);
    announce(address('2001:db8:1::7'));
    expect(socketOn('eth0', 'ndp').groups).toEqual(['ff02::1:ff00:7']);
  });

  test('an interface that comes later joins those of all addresses announced already', () => {
    announce(address('2001:db8::7', ['eth0', 'eth7']), address('2001:db8::8', ['eth0', 'eth7']));
    network.setInterfaces(nic('eth0', 2, { addresses: [] }), nic('eth7', 7, { addresses: [] }));
    expect(socketOn('eth7', 'ndp').groups).toEqual(['ff02::1:ff00:7', 'ff02::1:ff00:8']);
  });

  test('what cannot be joined is said once, counted, told again at every change, and answered all the same', () => {
    announce(address('2001:db8::7'), address('2001:db8::8'));
    const socket = socketOn('eth0', 'ndp');
    socket.failGroups(ENODEV);
    socket.failGroups(ENODEV);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('MLD');
    expect(path.snapshot().interfaces[0]?.groupErrors).toBe(2);
    advertised(socket);
    socket.receive(solicitation('2001:db8::8'));
    expect(advertised(socket)).toHaveLength(1);
    socket.groups = [];
    network.setInterfaces(nic('eth0', 2, { addresses: ['2001:db8::2/64', '2001:db8::3/64'] }));
    expect(socket.groups).toEqual(['ff02::1:ff00:7', 'ff02::1:ff00:8']);
  });

  test('a socket that breaks joins them anew', async () => {
    announce(address('2001:db8::7'));
    socketOn('eth0', 'ndp').fail(ENETDOWN);
    await clock.advance(100);
    expect(socketOn('eth0', 'ndp').groups).toEqual(['ff02::1:ff00:7']);
  });
});

describe('pings', () => {
  const vectors = readEchoVectors();
  const request4 = vectors.get('ICMP echo request') ?? new Uint8Array();
  const request6 = vectors.get('ICMPv6 echo request') ?? new Uint8Array();
  const ours = nic('eth0', 0x0b, { addresses: ['192.0.2.100/24', '2001:db8::100/64'] });

  function answerPings(...interfaces: HostInterface[]): void {
    path.close();
    network.setInterfaces(...interfaces);
    path = createPacketPath({
      ports: network,
      clock,
      random: fixedRandom(),
      log,
      excludePatterns: [],
      pings: 'answer',
    });
    announce(address('192.0.2.2'), address('2001:db8::2'));
  }

  test('by default nobody listens for them', () => {
    announce(address('192.0.2.7', ['eth0']), address('2001:db8::7', ['eth0']));
    expect(network.opened.map(({ traffic }) => traffic)).toEqual(['arp', 'ndp']);
  });

  test('answered for announced addresses of both families, and counted', () => {
    answerPings(ours);
    const [icmp, icmpv6] = [socketOn('eth0', 'icmp-echo'), socketOn('eth0', 'icmpv6-echo')];
    icmp.receive(request4);
    icmpv6.receive(request6);
    expect(icmp.sent.map((frame) => frame[34])).toEqual([0]);
    expect(icmpv6.sent.map((frame) => frame[54])).toEqual([129]);
    expect(path.snapshot().addresses).toMatchObject([
      { ip: '192.0.2.2', pingsAnswered: 1, requestsReceived: 0 },
      { ip: '2001:db8::2', pingsAnswered: 1, requestsReceived: 0 },
    ]);
  });

  test('left to the kernel for addresses that the host holds itself, as with kube-proxy in mode ipvs', () => {
    answerPings(ours);
    const dummy = nic('kube-ipvs0', 9, { arp: false, addresses: ['192.0.2.2/32', '2001:db8::2/128'] });
    network.setInterfaces(ours, dummy);
    socketOn('eth0', 'icmp-echo').receive(request4);
    socketOn('eth0', 'icmpv6-echo').receive(request6);
    expect(path.snapshot().interfaces[0]?.drops.echo['target-not-announced']).toBe(2);
    sentOn('eth0');
    socketOn('eth0').receive(request('192.0.2.2'));
    expect(sentOn('eth0')).toHaveLength(1);
    network.setInterfaces(ours);
    socketOn('eth0', 'icmp-echo').receive(request4);
    expect(socketOn('eth0', 'icmp-echo').sent).toHaveLength(1);
  });

  test('a flood is answered 200 times at once and then at a rate', async () => {
    answerPings(ours);
    const socket = socketOn('eth0', 'icmp-echo');
    for (let count = 0; count < 1000; count++) socket.receive(request4);
    expect(socket.sent).toHaveLength(200);
    expect(path.snapshot().interfaces[0]?.drops.echo['rate-limited']).toBe(800);
    await clock.advance(10);
    socket.receive(request4);
    expect(socket.sent).toHaveLength(201);
  });
});

test('what neighbours may have been told wrong is announced anew, wherever it is announced', async () => {
  announce(address('192.0.2.7'), address('192.0.2.8'));
  await clock.advance(5000);
  sentOn('eth0');
  path.announceAgain([address('192.0.2.7').ip, address('192.0.2.9').ip]);
  expect(sentOn('eth0')).toEqual(gratuitous('192.0.2.7', '02:00:00:00:00:02'));
  await clock.advance(100);
  expect(sentOn('eth0')).toEqual(gratuitous('192.0.2.7', '02:00:00:00:00:02'));
});

describe('a guard', () => {
  class Guard implements AnnouncementGuard {
    readonly lines: string[] = [];
    readonly allowed = new Set<string>();
    readonly mustBeHeard = new Set<string>();
    /** Groups joined on eth0 when it was last told what is wanted. */
    joined: readonly string[] = [];

    setWanted(places: readonly GuardedPlace[]): void {
      this.joined = network.openOn('eth0', 'ndp')?.groups ?? [];
      this.lines.push(`wanted ${places.map((place) => `${place.ip}@${place.interface} ${place.mac}`).join(', ')}`);
    }

    mayAnnounce(place: AnnouncedPlace): boolean {
      return this.allowed.has(`${place.ip}@${place.interface}`);
    }

    mustHear(name: string, traffic: string): boolean {
      return this.mustBeHeard.has(`${traffic} ${name}`);
    }

    heard(frame: Uint8Array, name: string, traffic: string): void {
      this.lines.push(`heard ${frame.length} bytes of ${traffic} on ${name}`);
    }

    interfaceGone(name: string): void {
      this.lines.push(`${name} is gone`);
    }
  }

  let guard: Guard;
  beforeEach(() => {
    path.close();
    guard = new Guard();
    network.setInterfaces(nic('eth0', 2, { addresses: ['192.0.2.2/24', '2001:db8::2/64'] }));
    path = createPacketPath({
      ports: network,
      clock,
      random: fixedRandom(),
      log,
      excludePatterns: [],
      pings: 'ignore',
      guard,
    });
    announce(address('192.0.2.7'), address('2001:db8::7'));
  });

  test('what it does not allow is listened for, but neither answered nor announced', () => {
    expect(guard.lines).toEqual(['wanted 192.0.2.7@eth0 02:00:00:00:00:02, 2001:db8::7@eth0 02:00:00:00:00:02']);
    expect(socketOn('eth0', 'ndp').groups).toEqual(['ff02::1:ff00:7']);
    socketOn('eth0').receive(request('192.0.2.7'));
    socketOn('eth0', 'ndp').receive(solicitation('2001:db8::7'));
    expect(sentOn('eth0')).toEqual([]);
    expect(advertised(socketOn('eth0', 'ndp'))).toEqual([]);
    expect(guard.lines.slice(1)).toEqual(['heard 42 bytes of arp on eth0', 'heard 86 bytes of ndp on eth0']);
  });

  test('RFC 4862 §5.4.2: a group is joined before the guard is told of its address, and so before it probes for it', () => {
    expect(guard.joined).toEqual(['ff02::1:ff00:7']);
    announce(address('2001:db8::7'), address('2001:db8::8'));
    expect(guard.joined).toEqual(['ff02::1:ff00:7', 'ff02::1:ff00:8']);
  });

  test('what it comes to allow is answered and announced at once, and what it takes back no more', () => {
    guard.allowed.add('192.0.2.7@eth0');
    path.replan();
    expect(sentOn('eth0')).toEqual(gratuitous('192.0.2.7', '02:00:00:00:00:02'));
    socketOn('eth0').receive(request('192.0.2.7'));
    expect(sentOn('eth0')).toHaveLength(1);
    guard.allowed.clear();
    path.replan();
    socketOn('eth0').receive(request('192.0.2.7'));
    expect(sentOn('eth0')).toEqual([]);
  });

  test('it can send where something is wanted, and hears of interfaces that go', () => {
    const frame = request('192.0.2.7');
    path.send('eth0', 'arp', frame);
    path.send('eth9', 'arp', frame);
    expect(socketOn('eth0').sent).toEqual([frame]);
    network.setInterfaces(nic('eth0', 2, { running: false }));
    expect(guard.lines.slice(1)).toEqual(['eth0 is gone', 'wanted ']);
  });

  test('what it must hear is listened to, though nothing is announced there', () => {
    guard.mustBeHeard.add('arp eth0');
    announce();
    expect(network.opened.filter(({ closed }) => !closed).map(({ traffic }) => traffic)).toEqual(['arp']);
    expect(guard.lines.slice(1)).toEqual(['wanted ']);
    socketOn('eth0').receive(request('192.0.2.7'));
    expect(guard.lines.at(-1)).toBe('heard 42 bytes of arp on eth0');
    guard.mustBeHeard.clear();
    path.replan();
    expect(network.opened.every(({ closed }) => closed)).toBe(true);
    expect(guard.lines).toContain('eth0 is gone');
  });
});

describe('failures', () => {
  test('a socket that cannot be opened is tried again, ever more slowly, and announces once it is there', async () => {
    network.openErrno = ENODEV;
    announce(address('192.0.2.7'));
    expect(warnings[0]).toContain('"error":"open on eth0: ENODEV","retryInMs":100');
    await clock.advance(100);
    expect(warnings[1]).toContain('"retryInMs":200');
    announce(address('192.0.2.7'), address('192.0.2.8'));
    expect(warnings).toHaveLength(2);
    network.openErrno = undefined;
    await clock.advance(200);
    expect(sentOn('eth0')).toHaveLength(4);
    expect(path.snapshot().interfaces[0]).toMatchObject({ name: 'eth0', listening: true, socketErrors: 2 });
  });

  test('the wait is at most ten seconds', async () => {
    network.openErrno = ENODEV;
    announce(address('192.0.2.7'));
    await clock.advance(120_000);
    expect(warnings.at(-1)).toContain('"retryInMs":10000');
  });

  test('an interface that goes is not tried any more', async () => {
    network.openErrno = ENODEV;
    announce(address('192.0.2.7'));
    network.setInterfaces();
    expect(clock.nextDelayMs).toBeUndefined();
  });

  test('a socket that breaks is closed, opened again and announces anew; the others go on', async () => {
    announce(address('192.0.2.7', ['eth0', 'eth1']));
    await clock.advance(60_000);
    const broken = socketOn('eth0');
    sentOn('eth1');
    broken.fail(ENETDOWN);
    expect(broken.closed).toBe(true);
    socketOn('eth1').receive(request('192.0.2.7'));
    expect(sentOn('eth1')).toEqual(['reply 192.0.2.7 is-at 02:00:00:00:00:03']);
    await clock.advance(100);
    expect(sentOn('eth0')).toEqual(gratuitous('192.0.2.7', '02:00:00:00:00:02'));
  });

  test('an address is told as announced when a frame has gone out, not when it was to', async () => {
    const eth0 = nic('eth0', 2);
    network.setInterfaces({ ...eth0, running: false });
    announce(address('192.0.2.7'));
    expect(told).toEqual([]);
    network.setInterfaces(eth0);
    expect(told).toEqual(['192.0.2.7']);
    socketOn('eth0').sendErrno = ENETDOWN;
    await clock.advance(400);
    expect(path.snapshot().interfaces[0]?.sendErrors).toBeGreaterThan(0);
    expect(told).toEqual(['192.0.2.7']);
  });

  test('what the kernel does not take is counted, not thrown', () => {
    announce(address('192.0.2.7'));
    socketOn('eth0').sendErrno = ENETDOWN;
    socketOn('eth0').receive(request('192.0.2.7'));
    const { addresses, interfaces } = path.snapshot();
    expect(addresses).toMatchObject([{ requestsReceived: 1, repliesSent: 0, gratuitousSent: 2 }]);
    expect(interfaces[0]?.sendErrors).toBe(1);
  });
});

test('closed, it has no sockets and no timers, and stays so', async () => {
  announce(address('192.0.2.7'));
  path.close();
  path.close();
  expect(network.opened.every(({ closed }) => closed)).toBe(true);
  expect(clock.nextDelayMs).toBeUndefined();
  network.setInterfaces(nic('eth0', 2), nic('eth1', 3));
  announce(address('192.0.2.8'));
  expect(network.opened).toHaveLength(1);
});

test('10,000 addresses on two interfaces, then one less', () => {
  const addresses = Array.from({ length: 10_000 }, (_, i) => address(`10.0.${i >> 8}.${i & 255}`, ['eth0', 'eth1']));
  announce(...addresses);
  announce(...addresses.slice(1));
  expect(path.snapshot().announcer.announced).toBe(19_998);
});
