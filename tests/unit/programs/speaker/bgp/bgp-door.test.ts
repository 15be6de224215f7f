/** Where routers connect to this node: a port that is taken is tried again, and meanwhile it is said why nobody can. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { HostError } from '../../../../../src/runtime/engine/host-error.ts';
import type { ListenerHandlers, StreamPeer } from '../../../../../src/runtime/engine/stream-ports.ts';
import { BgpDoor } from '../../../../../src/runtime/programs/speaker/bgp/bgp-door.ts';
import { ip } from '../../../../support/views.ts';
import { fixedRandom, VirtualClock } from '../../../../support/virtual-clock.ts';

const EADDRINUSE = 98;
const ROUTER: StreamPeer = { name: 'router', address: ip('192.0.2.1'), hops: { kind: 'ttl', ttl: 1 } };

let clock: VirtualClock;
let said: [level: string, message: string][];
/** What the next attempts to listen fail with; empty: they succeed. */
let failures: HostError[];
/** When each was made, in milliseconds. */
let attempts: number[];
let handlers: ListenerHandlers | undefined;
let admitted: readonly StreamPeer[];
let door: BgpDoor;

function open(): BgpDoor {
  const say = (level: string) => (_: object, message: string) => void said.push([level, message]);
  const start = clock.now();
  return new BgpDoor({
    clock,
    random: fixedRandom(),
    log: { info: say('info'), warn: say('warn') },
    listening: {
      port: 179,
      open: (_, given) => {
        attempts.push(clock.now() - start);
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        handlers = given;
        return {
          setPeers: (peers) => {
            admitted = peers;
            return [];
          },
          refused: () => ({ 'unknown-peer': 0, 'too-many-hops': 0, 'not-usable': 0 }),
          close: () => undefined,
        };
      },
    },
    accepted: () => ({ received: () => undefined, drained: () => undefined, closed: () => undefined }),
  });
}

beforeEach(() => {
  clock = new VirtualClock();
  said = [];
  failures = [];
  attempts = [];
  handlers = undefined;
  admitted = [];
});

const taken = () => new HostError('listen on 0.0.0.0 port 179', EADDRINUSE);

describe('a port that another program has', () => {
  beforeEach(() => {
    failures = [taken(), taken()];
    door = open();
    door.setPeers([ROUTER]);
  });

  test('is no obstacle to this node’s own connections: it is said why, once, and nothing is thrown', async () => {
    expect(door.view()).toEqual({
      port: 179,
      error:
        'listen on 0.0.0.0 port 179: EADDRINUSE: another program of this node listens there (`ss -tlnp` on the node says which), such as the BIRD of Calico',
    });
    await clock.advance(1_000);
    expect(said).toEqual([
      ['warn', 'routers cannot connect to this node; it still connects to them, and tries again to listen'],
    ]);
  });

  test('is tried again, and when it is free those who may connect are let in, and it is said', async () => {
    await clock.advance(10_000);
    expect(attempts).toHaveLength(3);
    expect(door.view()).toEqual({ port: 179 });
    expect(admitted).toEqual([ROUTER]);
    expect(said.at(-1)).toEqual(['info', 'routers can connect to this node again']);
  });

  test('is left alone when the speaker ends', async () => {
    door.close();
    await clock.advance(600_000);
    expect(attempts).toHaveLength(1);
  });
});

test('a socket that breaks is opened anew', async () => {
  door = open();
  expect(door.view()).toEqual({ port: 179 });
  handlers?.failed(new HostError('accept', 24));
  expect(door.view().error).toBe('accept: EMFILE');
  await clock.advance(10_000);
  expect(door.view()).toEqual({ port: 179 });
});

test('a port that stays taken is tried once a minute', async () => {
  failures = Array.from({ length: 100 }, taken);
  door = open();
  await clock.advance(600_000);
  const last = attempts.at(-1) ?? 0;
  expect(last - (attempts.at(-2) ?? 0)).toBeLessThanOrEqual(60_000);
  expect(attempts.length).toBeLessThan(40);
});
