/** The packet path on a network of its own making and a clock that moves only here. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { HostInterface } from '../../../../src/runtime/engine/network-ports.ts';
import type { AnnouncedAddress } from '../../../../src/runtime/model/announcements.ts';
import { parseIp } from '../../../../src/runtime/model/ip.ts';
import { parseMac } from '../../../../src/runtime/model/mac.ts';
import { createPacketPath, type PacketPath } from '../../../../src/runtime/programs/speaker/packet-path.ts';
import { decodeArpPacket, encodeArpFrame, ipv4FromBits } from '../../../../src/runtime/protocols/arp/codec.ts';
import { BROADCAST_BITS, macFromBits } from '../../../../src/runtime/protocols/ethernet/codec.ts';
import { ipv4, mac } from '../../../support/arp-vectors.ts';
import { FakeNetwork, type FakePacketSocket } from '../../../support/fake-network.ts';
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
let path: PacketPath;

beforeEach(() => {
  network = new FakeNetwork();
  clock = new VirtualClock();
  warnings = [];
  network.setInterfaces(nic('eth0', 2), nic('eth1', 3, { addresses: ['198.51.100.3/24'] }));
  path = createPacketPath({
    ports: network,
    clock,
    random: fixedRandom(1),
    log: { info: () => {}, warn: (fields, message) => warnings.push(`${message} ${JSON.stringify(fields)}`) },
    excludePatterns: [/^veth.*/, /docker/g],
  });
});

let generation = 0;
function announce(...addresses: AnnouncedAddress[]): void {
  generation += 1;
  path.setTable({ generation, addresses });
}

function socketOn(name: string): FakePacketSocket {
  const socket = network.openOn(name);
  if (socket === undefined) throw new Error(`no socket on ${name}`);
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
    expect(path.snapshot().interfaces[0]?.drops).toMatchObject({ 'wrong-interface': 2, 'target-not-announced': 1 });
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

  test('IPv6 addresses are left to another responder', () => {
    announce(address('2001:db8::7', ['eth0']));
    expect(network.opened).toHaveLength(0);
  });
});

describe('gratuitous announcements', () => {
  test('at once and in rounds, on every interface of the address, and counted', async () => {
    announce(address('192.0.2.7', ['eth0', 'eth1']));
    expect(sentOn('eth0')).toEqual(gratuitous('192.0.2.7', '02:00:00:00:00:02'));
    expect(sentOn('eth1')).toEqual(gratuitous('192.0.2.7', '02:00:00:00:00:03'));
    await clock.advance(60_000);
    expect(sentOn('eth0')).toHaveLength(10);
    expect(clock.nextDelayMs).toBeUndefined();
    expect(path.snapshot().addresses).toEqual([
      { interface: 'eth0', ip: '192.0.2.7', requestsReceived: 0, repliesSent: 0, gratuitousSent: 12 },
      { interface: 'eth1', ip: '192.0.2.7', requestsReceived: 0, repliesSent: 0, gratuitousSent: 12 },
    ]);
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
