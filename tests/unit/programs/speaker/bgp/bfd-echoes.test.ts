/** The sockets of echo packets: shared by an interface's sessions, and what becomes of them. */
import os from 'node:os';
import { beforeEach, expect, test } from '@jest/globals';
import type { Mac } from '../../../../../src/runtime/model/mac.ts';
import { BfdEchoes, type EchoEnd } from '../../../../../src/runtime/programs/speaker/bgp/bfd-echoes.ts';
import { encodeEchoFrame } from '../../../../../src/runtime/protocols/bfd/echo-frame.ts';
import { FakeNetwork } from '../../../../support/fake-network.ts';
import { hostInterface } from '../../../../support/fake-paths.ts';
import { ip, mac } from '../../../../support/views.ts';
import { VirtualClock } from '../../../../support/virtual-clock.ts';

const OWN = mac('02:00:00:00:00:02');
const TOR = mac('02:00:00:00:00:01');
const PAYLOAD = Uint8Array.of(1, 2, 3);

let clock: VirtualClock;
let network: FakeNetwork;
let known: Mac | undefined;
let asked: string[];
let echoes: BfdEchoes;
let heard: string[];

beforeEach(() => {
  clock = new VirtualClock();
  network = new FakeNetwork();
  network.setInterfaces(hostInterface('eth0', 2, ['192.0.2.2/24'], { mac: OWN }));
  known = TOR;
  asked = [];
  heard = [];
  echoes = new BfdEchoes({
    sockets: network.sockets,
    interfaces: network.interfaces,
    neighbourMac: (peer, name) => {
      asked.push(`${peer} ${name}`);
      return known;
    },
    clock,
  });
});

function end(name: string): EchoEnd {
  return {
    device: { name: 'eth0', index: 2 },
    peer: ip('192.0.2.1'),
    local: ip('192.0.2.2'),
    received: (payload) => heard.push(`${name} ${payload.join(' ')}`),
    lost: () => heard.push(`${name} lost`),
  };
}

test('a packet goes to the neighbour’s station, and what comes back to every session of the interface', () => {
  const line = echoes.open(end('a'));
  echoes.open(end('b'));
  expect(line.send(PAYLOAD)).toBeUndefined();
  const [socket, ...others] = network.opened;
  expect(others).toEqual([]);
  expect(socket).toMatchObject({ traffic: 'bfd-echo', name: 'eth0' });
  const frame = encodeEchoFrame({ ownMac: OWN, neighbourMac: TOR, local: ip('192.0.2.2') }, PAYLOAD);
  expect(socket?.sent).toEqual([frame]);
  socket?.receive(frame);
  socket?.receive(Uint8Array.of(1, 2, 3));
  expect(heard).toEqual(['a 1 2 3', 'b 1 2 3']);
});

test('the socket goes with its last session', () => {
  const [a, b] = [echoes.open(end('a')), echoes.open(end('b'))];
  a.close();
  a.close();
  expect(network.opened[0]?.closed).toBe(false);
  b.close();
  expect(network.opened[0]?.closed).toBe(true);
});

test('a neighbour that the kernel does not know yet: an error, and asked for again; then once a second', async () => {
  const line = echoes.open(end('a'));
  known = undefined;
  expect(line.send(PAYLOAD)?.message).toBe('send echo packets to 192.0.2.1: its link address is not known');
  known = TOR;
  for (let time = 0; time < 20; time++) {
    expect(line.send(PAYLOAD)).toBeUndefined();
    await clock.advance(50);
  }
  expect(asked).toHaveLength(2);
  line.send(PAYLOAD);
  expect(asked).toHaveLength(3);
});

test('a socket that fails: its sessions are told, and the next one opens another', () => {
  echoes.open(end('a'));
  const [socket] = network.opened;
  // As the real one does before it tells.
  socket?.close();
  socket?.fail(os.constants.errno.ENXIO);
  expect(heard).toEqual(['a lost']);
  echoes.open(end('a'));
  expect(network.opened).toHaveLength(2);
});
