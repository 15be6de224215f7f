/** Links that hear each other over a network of the test's own, on one clock that moves only here. */
import { beforeEach, expect, test } from '@jest/globals';
import { DatagramSeal } from '../../../../src/runtime/adapters/host/datagram-seal.ts';
import type { LastingHandlers } from '../../../../src/runtime/engine/datagram-ports.ts';
import { HostError } from '../../../../src/runtime/engine/host-error.ts';
import type { Clock } from '../../../../src/runtime/engine/ports.ts';
import { type LinkOutput, LivenessLink } from '../../../../src/runtime/programs/speaker/liveness-link.ts';
import { sha256Hex } from '../../../support/liveness-world.ts';
import { ip } from '../../../support/views.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';

const PEERS = ['a', 'b', 'c'].map((node, index) => ({
  node,
  boot: `00000000000000${node}${node}`,
  address: `192.0.2.${index + 1}`,
  port: 7946,
}));

const EADDRINUSE = 98;

class JumpingClock extends VirtualClock {
  asked = 0;
  override wallMs(): number {
    this.asked += 1;
    // Hours to and fro, at every look.
    return Date.UTC(2024, 0, 1) + (this.asked % 2 === 0 ? 5 : -5) * 3_600_000;
  }
}

/** Of the sockets that are open, what they are told, by address. */
let open: Map<string, LastingHandlers>;
let logged: string[];
let told: { readonly by: string; readonly output: LinkOutput }[];
beforeEach(() => {
  [open, logged, told] = [new Map(), [], []];
});

function link(node: string, clock: Clock, port: 'free' | 'taken' = 'free'): LivenessLink {
  const { boot, address } = peer(node);
  const seal = new DatagramSeal(boot);
  seal.setKeys({ secrets: [Buffer.from('a secret of enough length')], plain: 'refused' });
  return new LivenessLink({
    node,
    boot,
    clock,
    log: { info: (_, message) => logged.push(message), warn: (_, message) => logged.push(message) },
    seal,
    sha256Hex,
    seed: node.charCodeAt(0),
    open: (handlers) => {
      if (port === 'free') clock.schedule(0, () => openFor(node, handlers));
      else {
        clock.schedule(0, () => handlers.unopened(new HostError('bind UDP port 7946', EADDRINUSE)));
        clock.schedule(5000, () => openFor(node, handlers));
      }
      return {
        send: (to, bytes) => {
          if (open.has(address)) clock.schedule(1, () => open.get(to.address)?.datagram(bytes));
        },
        knock: () => undefined,
        errors: () => ({}),
        close: () => open.delete(address),
      };
    },
    onOutput: (output) => told.push({ by: node, output }),
  });
}

function openFor(node: string, handlers: LastingHandlers): void {
  open.set(peer(node).address, handlers);
  handlers.opened(7946);
}

function peer(node: string): (typeof PEERS)[number] {
  const found = PEERS.find((other) => other.node === node);
  if (found === undefined) throw new Error(`no node ${node}`);
  return found;
}

const allBut = (...nodes: readonly string[]) => PEERS.filter(({ node }) => !nodes.includes(node));
const states = (of: LivenessLink) => of.snapshot().peers.map(({ state }) => state);

test('a wall clock that jumps by hours changes nothing: no time is taken from it', async () => {
  const clock = new JumpingClock();
  const links = PEERS.map(({ node }) => link(node, clock));
  for (const [index, { node }] of PEERS.entries()) links[index]?.setPeers(allBut(node));
  links[0]?.claim([ip('192.0.2.50')]);
  await clock.advance(3000);
  told.length = 0;
  for (let round = 0; round < 10; round++) {
    clock.wallMs();
    await clock.advance(500);
  }
  expect(told).toEqual([]);
  expect(links.map((one) => one.owner(ip('192.0.2.50'))?.node)).toEqual(['a', 'a', 'a']);
  expect(links.flatMap(states)).toEqual(Array(6).fill('alive'));
  // By the test alone.
  expect(clock.asked).toBe(10);
  for (const one of links) one.abandon();
});

test('with the port taken it judges nobody and is judged by nobody; once it is free, all is told', async () => {
  const clock = new VirtualClock();
  const ports: number[] = [];
  const [a, b, c] = [link('a', clock), link('b', clock), link('c', clock, 'taken')] as const;
  // Its Lease tells no port yet.
  a.setPeers(allBut('a', 'c'));
  b.setPeers(allBut('b', 'c'));
  c.setPeers(allBut('c'));
  c.whenOpen((port) => ports.push(port));
  a.claim([ip('192.0.2.50')]);
  c.claim([ip('192.0.2.50'), ip('192.0.2.51')]);
  await clock.advance(4999);
  expect([states(a), states(c), ports]).toEqual([['alive'], ['unknown', 'unknown'], []]);
  expect([a.isListening, c.isListening]).toEqual([true, false]);
  await clock.advance(1);
  expect(ports).toEqual([7946]);
  a.setPeers(allBut('a'));
  b.setPeers(allBut('b'));
  await clock.advance(1000);
  expect([a, b, c].flatMap(states)).toEqual(Array(6).fill('alive'));
  expect(told.some(({ output }) => output.kind === 'peer' && output.state === 'dead')).toBe(false);
  // Both had claimed the one, with the same epoch.
  expect([a, b, c].map((one) => one.owner(ip('192.0.2.50'))?.node)).toEqual(['a', 'a', 'a']);
  expect(told.filter(({ output }) => output.kind === 'overtaken').map(({ by }) => by)).toEqual(['c']);
  expect([a, b].map((one) => one.owner(ip('192.0.2.51'))?.node)).toEqual(['c', 'c']);
  expect(logged).toEqual([
    'the UDP port of the speakers cannot be opened, trying again; until then they judge each other by their Leases alone',
    'the UDP port of the speakers is open: from now on they hear each other directly',
  ]);
  c.whenOpen((port) => ports.push(port));
  expect(ports).toEqual([7946, 7946]);
  expect(c.isListening).toBe(true);
  open.get(peer('c').address)?.broken(new HostError('receive by UDP port 7946', 100));
  expect(c.isListening).toBe(false);
  for (const one of [a, b, c]) one.abandon();
});
