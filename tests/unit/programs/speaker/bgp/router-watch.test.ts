/** The search for routers on a network of its own making and a clock that moves only here. */
import { beforeEach, expect, test } from '@jest/globals';
import type { HostInterface } from '../../../../../src/runtime/engine/network-ports.ts';
import { parseMac } from '../../../../../src/runtime/model/mac.ts';
import { RouterWatch } from '../../../../../src/runtime/programs/speaker/bgp/router-watch.ts';
import { ALL_NODES, ethernetGroup } from '../../../../../src/runtime/protocols/ip/ipv6.ts';
import { readNdpFrameOf } from '../../../../../src/runtime/protocols/ndp/frame.ts';
import { decodeRouterMessage, encodeRouterFrame } from '../../../../../src/runtime/protocols/ndp/router-codec.ts';
import { mac } from '../../../../support/arp-vectors.ts';
import { FakeNetwork, type FakePacketSocket } from '../../../../support/fake-network.ts';
import { ipv6 } from '../../../../support/ndp-vectors.ts';
import { fixedRandom, VirtualClock } from '../../../../support/virtual-clock.ts';

const EPERM = 1;
const ENODEV = 19;
const ENETDOWN = 100;

let network: FakeNetwork;
let clock: VirtualClock;
let watch: RouterWatch;
let changes: number;

beforeEach(() => {
  network = new FakeNetwork();
  clock = new VirtualClock();
  changes = 0;
  const onChange = () => {
    changes += 1;
  };
  watch = new RouterWatch({ ports: network, clock, random: fixedRandom(), onChange });
});

function nic(name: string, index: number, change: Partial<HostInterface> = {}): HostInterface {
  const parsed = parseMac(`02:00:00:00:00:${index.toString(16).padStart(2, '0')}`);
  if (!parsed.ok) throw new Error(parsed.error);
  const addresses = [`192.0.2.${index}/24`, `fe80::${index}/64`];
  return { name, index, mac: parsed.value, running: true, broadcast: true, arp: true, addresses, ...change };
}

function without<Key extends keyof HostInterface>(iface: HostInterface, key: Key): HostInterface {
  const { [key]: _, ...rest } = iface;
  return rest as HostInterface;
}

function socketOn(name: string): FakePacketSocket {
  const socket = network.openOn(name, 'router');
  if (socket === undefined) throw new Error(`nothing listens on ${name}`);
  return socket;
}

function advertise(name: string, address: string): void {
  const source = mac('02:00:00:00:01:00');
  const link = { source, destination: ethernetGroup(ALL_NODES) };
  const envelope = { link, source: ipv6(address), destination: ALL_NODES };
  socketOn(name).receive(
    encodeRouterFrame(envelope, { kind: 'router-advertisement', lifetimeSeconds: 30, linkAddress: source }),
  );
}

function sentOn(socket: FakePacketSocket): readonly string[] {
  return socket.sent.map((frame) => {
    const read = readNdpFrameOf(frame, decodeRouterMessage);
    return typeof read === 'string' ? read : read.message.kind;
  });
}

test('on each interface its own router is found, and told of once it is', async () => {
  network.setInterfaces(nic('eth0', 2), nic('eth1', 3));
  watch.setInterfaces(['eth0', 'eth1']);
  expect(watch.router('eth0')).toMatchObject({ kind: 'not-found', reason: 'searching' });
  expect(changes).toBe(0);
  advertise('eth0', 'fe80::100');
  advertise('eth1', 'fe80::101');
  await clock.advance(1000);
  expect(watch.router('eth0')).toEqual({ kind: 'found', address: 'fe80::100', others: [] });
  expect(watch.router('eth1')).toEqual({ kind: 'found', address: 'fe80::101', others: [] });
  const told = changes;
  await clock.advance(5000);
  expect(changes).toBe(told);
  expect(socketOn('eth0').groups).toEqual(['ff02::2']);
  expect(sentOn(socketOn('eth0'))).toEqual(['router-advertisement', 'router-solicitation', 'router-solicitation']);
  expect(watch.rows()).toMatchObject([
    { interface: 'eth0', sent: 3, sendErrors: 0, received: 1, dropped: {} },
    { interface: 'eth1', sent: 3, received: 1 },
  ]);
});

test.each([
  {
    name: 'none of that name',
    interfaces: [nic('eth1', 3)],
    reason: 'no-such-interface',
    text: 'this node has no interface eth0',
  },
  {
    name: 'down',
    interfaces: [nic('eth0', 2, { running: false })],
    reason: 'interface-down',
    text: 'eth0 is down or has no carrier',
  },
  {
    name: 'a tunnel',
    interfaces: [without(nic('eth0', 2), 'mac')],
    reason: 'not-ethernet',
    text: /no Ethernet address/,
  },
  {
    name: 'IPv6 turned off',
    interfaces: [nic('eth0', 2, { addresses: ['192.0.2.2/24', '2001:db8::2/64'] })],
    reason: 'no-link-local-address',
    text: /disable_ipv6/,
  },
])('an interface that cannot be used, $name: $reason; when it can be, it is', async ({ interfaces, reason, text }) => {
  network.setInterfaces(...interfaces);
  watch.setInterfaces(['eth0']);
  const router = watch.router('eth0');
  expect(router).toMatchObject({ kind: 'not-found', reason });
  expect(router.kind === 'not-found' && router.text).toMatch(text);
  expect(network.openOn('eth0', 'router')).toBeUndefined();
  network.setInterfaces(nic('eth0', 2));
  advertise('eth0', 'fe80::100');
  await clock.advance(1000);
  expect(watch.router('eth0')).toMatchObject({ kind: 'found' });
});

test('nobody answers, two do: said in words', async () => {
  network.setInterfaces(nic('eth0', 2), nic('eth1', 3));
  watch.setInterfaces(['eth0', 'eth1']);
  advertise('eth1', 'fe80::100');
  advertise('eth1', 'fe80::101');
  await clock.advance(1000);
  expect(watch.router('eth0')).toMatchObject({ reason: 'no-router', text: /^no router advertises itself on eth0: / });
  expect(watch.router('eth1')).toMatchObject({
    reason: 'several-routers',
    text: /^several routers advertise themselves on eth1, fe80::100 and fe80::101: .* peerAddress$/,
  });
});

test('an interface that goes down loses its router, and finds it again when it is up', async () => {
  network.setInterfaces(nic('eth0', 2));
  watch.setInterfaces(['eth0']);
  advertise('eth0', 'fe80::100');
  await clock.advance(1000);
  const told = changes;
  const before = socketOn('eth0');
  network.setInterfaces(nic('eth0', 2, { running: false }));
  await clock.advance(0);
  expect(watch.router('eth0')).toMatchObject({ reason: 'interface-down' });
  expect(changes).toBe(told + 1);
  expect(before.closed).toBe(true);
  await clock.advance(60_000);
  network.setInterfaces(nic('eth0', 2));
  advertise('eth0', 'fe80::100');
  await clock.advance(1000);
  expect(watch.router('eth0')).toMatchObject({ kind: 'found' });
});

test('an interface that was made anew has another socket', async () => {
  network.setInterfaces(nic('eth0', 2));
  watch.setInterfaces(['eth0']);
  const before = socketOn('eth0');
  network.setInterfaces(nic('eth0', 7));
  expect(before.closed).toBe(true);
  expect(socketOn('eth0').index).toBe(7);
  advertise('eth0', 'fe80::100');
  await clock.advance(1000);
  expect(watch.router('eth0')).toMatchObject({ kind: 'found' });
});

test('other changes of the interfaces disturb nothing', async () => {
  network.setInterfaces(nic('eth0', 2));
  watch.setInterfaces(['eth0']);
  advertise('eth0', 'fe80::100');
  await clock.advance(1000);
  const before = socketOn('eth0');
  network.setInterfaces(nic('eth0', 2, { addresses: ['192.0.2.9/24', 'fe80::2/64'] }), nic('eth1', 3));
  expect(socketOn('eth0')).toBe(before);
  expect(watch.router('eth0')).toMatchObject({ kind: 'found' });
});

test('no socket to be had: told why, and tried again', async () => {
  network.setInterfaces(nic('eth0', 2));
  network.openErrno = EPERM;
  watch.setInterfaces(['eth0']);
  expect(watch.router('eth0')).toMatchObject({ reason: 'cannot-listen', text: /^eth0 cannot be listened on: .*EPERM/ });
  await clock.advance(30_000);
  network.openErrno = undefined;
  await clock.advance(10_000);
  advertise('eth0', 'fe80::100');
  await clock.advance(1000);
  expect(watch.router('eth0')).toMatchObject({ kind: 'found' });
});

test('a socket that fails is opened anew, and the router found again', async () => {
  network.setInterfaces(nic('eth0', 2));
  watch.setInterfaces(['eth0']);
  advertise('eth0', 'fe80::100');
  await clock.advance(1000);
  socketOn('eth0').fail(ENODEV);
  expect(watch.router('eth0')).toMatchObject({ reason: 'cannot-listen', text: /ENODEV/ });
  await clock.advance(100);
  advertise('eth0', 'fe80::100');
  await clock.advance(1000);
  expect(watch.router('eth0')).toMatchObject({ kind: 'found' });
});

test('what cannot be sent is counted', async () => {
  network.setInterfaces(nic('eth0', 2));
  watch.setInterfaces(['eth0']);
  socketOn('eth0').sendErrno = ENETDOWN;
  await clock.advance(4000);
  expect(watch.rows()).toMatchObject([{ sent: 2, sendErrors: 1 }]);
});

test('interfaces that are not wanted any more are let go, the others are left alone', async () => {
  network.setInterfaces(nic('eth0', 2), nic('eth1', 3));
  watch.setInterfaces(['eth0', 'eth1']);
  const [first, second] = [socketOn('eth0'), socketOn('eth1')];
  watch.setInterfaces(['eth1']);
  expect([first.closed, second.closed]).toEqual([true, false]);
  expect(watch.router('eth0')).toMatchObject({ kind: 'not-found', reason: 'searching' });
  await clock.advance(10_000);
  expect(sentOn(first)).toHaveLength(2);
});

test('closed: no socket, no timer, nothing told', async () => {
  network.setInterfaces(nic('eth0', 2));
  watch.setInterfaces(['eth0']);
  const socket = socketOn('eth0');
  watch.close();
  watch.close();
  watch.setInterfaces(['eth0']);
  network.setInterfaces(nic('eth0', 2, { running: false }));
  expect(socket.closed).toBe(true);
  expect(clock.nextDelayMs).toBeUndefined();
  expect(changes).toBe(0);
});
