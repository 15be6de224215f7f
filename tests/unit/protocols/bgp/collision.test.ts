/** Two connections with one router: which one stays. */
import { describe, expect, test } from '@jest/globals';
import { encodeKeepalive } from '../../../../src/runtime/protocols/bgp/codec/header.ts';
import { encodeOpen, type Open } from '../../../../src/runtime/protocols/bgp/codec/open.ts';
import { keptDirection } from '../../../../src/runtime/protocols/bgp/collision.ts';
import type { BgpSessionOptions } from '../../../../src/runtime/protocols/bgp/interface.ts';
import { ROUTER_OPEN } from '../../../support/bgp-peer.ts';
import { BgpScript, openWith, restarts, route } from '../../../support/bgp-script.ts';
import { BgpWire } from '../../../support/bgp-wire.ts';
import { seededDice } from '../../../support/dice.ts';
import { ip } from '../../../support/views.ts';

const COLLISION = 'notification 6/7';
const HIGHER: Partial<BgpSessionOptions> = { identifier: ip('203.0.113.1') };
const LOWER: Partial<BgpSessionOptions> = { identifier: ip('10.0.0.1') };

describe('RFC 4271 §6.8: the connection of the side with the higher identifier', () => {
  test.each([
    ['10.0.0.2', 1, '10.0.0.1', 2, 'outgoing'],
    ['10.0.0.1', 2, '10.0.0.2', 1, 'incoming'],
    ['9.255.255.255', 1, '10.0.0.0', 1, 'incoming'],
    ['255.0.0.1', 1, '1.0.0.255', 1, 'outgoing'],
    // RFC 6286 §2.3
    ['10.0.0.1', 2, '10.0.0.1', 1, 'outgoing'],
    ['10.0.0.1', 64512, '10.0.0.1', 4_200_000_000, 'incoming'],
  ])('%s of AS %i and %s of AS %i: the one that is %s', (own, asn, other, otherAsn, want) => {
    const [local, remote] = [
      { identifier: ip(own), asn },
      { identifier: ip(other), asn: otherAsn },
    ];
    expect(keptDirection(local, remote)).toBe(want);
    expect(keptDirection(remote, local)).toBe(want === 'outgoing' ? 'incoming' : 'outgoing');
  });

  /** Outgoing 1 and incoming 2, both open-sent. */
  function two(options: Partial<BgpSessionOptions>): BgpScript {
    const script = new BgpScript(options);
    script.reach('open-sent');
    expect(script.accepted().connection).toBe(2);
    return script;
  }

  test.each([
    { name: 'this side’s stays, its OPEN first', options: HIGHER, order: [1, 2], stays: 1, goes: 2 },
    { name: 'this side’s stays, its OPEN last', options: HIGHER, order: [2, 1], stays: 1, goes: 2 },
    { name: 'the router’s stays, its OPEN first', options: LOWER, order: [2, 1], stays: 2, goes: 1 },
    { name: 'the router’s stays, its OPEN last', options: LOWER, order: [1, 2], stays: 2, goes: 1 },
  ])('$name', ({ options, order, stays, goes }) => {
    const script = two(options);
    const [first = 0, second = 0] = order;
    expect(script.says(first, encodeOpen(ROUTER_OPEN))).toEqual([
      `write ${first}: keepalive`,
      'changed open-sent → open-confirm',
    ]);
    const loses = [`write ${goes}: ${COLLISION}`, `close ${goes} in-order`];
    const goesOn = first === stays ? [] : [`write ${second}: keepalive`];
    expect(script.says(second, encodeOpen(ROUTER_OPEN))).toEqual([...loses, ...goesOn]);
    expect(script.says(goes, encodeKeepalive())).toEqual([]);
    expect(script.says(stays, encodeKeepalive())).toEqual(['changed open-confirm → established']);
    expect(script.session.snapshot()).toMatchObject({ established: 1, flaps: 0 });
    expect(script.session.snapshot().lastFailure).toBeUndefined();
  });

  test('equal identifiers of two ASes: that of the higher AS number', () => {
    const script = two({ identifier: ROUTER_OPEN.identifier });
    script.says(1, encodeOpen(ROUTER_OPEN));
    expect(script.says(2, encodeOpen(ROUTER_OPEN))).toEqual([
      `write 1: ${COLLISION}`,
      'close 1 in-order',
      'write 2: keepalive',
    ]);
  });

  test('one without an OPEN goes when the other one is established', () => {
    const script = two(LOWER);
    script.says(1, encodeOpen(ROUTER_OPEN));
    expect(script.says(1, encodeKeepalive())).toEqual([
      `write 2: ${COLLISION}`,
      'close 2 in-order',
      'changed open-confirm → established',
    ]);
  });

  test('so does one that does not stand yet, without a word', () => {
    const script = new BgpScript(HIGHER);
    script.start();
    const { connection } = script.accepted();
    script.says(connection, encodeOpen(ROUTER_OPEN));
    expect(script.says(connection, encodeKeepalive())).toEqual([
      'close 1 at-once',
      'changed open-confirm → established',
    ]);
    expect(script.connected()).toEqual([]);
  });

  test('one of two that fails is no failure of the session', () => {
    const script = two(LOWER);
    expect(script.told({ kind: 'closed', connection: 1, reason: 'connection reset' })).toEqual([]);
    expect(script.session.deadline()).toBeDefined();
    expect(script.session.snapshot().nextAttemptAt).toBeUndefined();
    expect(script.told({ kind: 'closed', connection: 2, reason: 'connection reset' })).toEqual([
      'failed lost: connection reset',
      'changed open-sent → idle',
    ]);
  });

  test('the router connects again, before its first connection came to anything: the later one counts', () => {
    const script = new BgpScript({ role: 'passive' });
    script.start();
    const first = script.accepted().connection;
    script.says(first, encodeOpen(ROUTER_OPEN));
    const { connection, lines } = script.accepted();
    expect(lines).toEqual([`close ${first} at-once`, `write ${connection}: open`, 'changed open-confirm → open-sent']);
  });

  test('by the identifier of each OPEN: a router that is refused on one is none on the other', () => {
    const script = two(LOWER);
    script.says(1, encodeOpen(ROUTER_OPEN));
    const stranger: Open = { ...ROUTER_OPEN, capabilities: [], myAs: 65000 };
    expect(script.says(2, encodeOpen(stranger))).toEqual(['write 2: notification 2/2', 'close 2 in-order']);
    expect(script.says(1, encodeKeepalive())).toEqual(['changed open-confirm → established']);
  });
});

describe('a router that connects while the session is established', () => {
  /** Established for a while on connection 1. */
  function established(open: Open, restartTimeSeconds?: number, sinceMs = 60_000): BgpScript {
    const script = new BgpScript(restartTimeSeconds === undefined ? {} : { restartTimeSeconds });
    script.reach('established', open);
    script.routes(1, [route('10.0.0.1/32')]);
    script.pass(sinceMs);
    return script;
  }

  test.each([
    ['neither restarts gracefully', ROUTER_OPEN, undefined],
    ['the router does not', ROUTER_OPEN, 120],
    ['this side does not', openWith(restarts(true)), undefined],
  ])('%s: the new one goes', (_, open, restartTimeSeconds) => {
    const script = established(open, restartTimeSeconds);
    const { connection } = script.accepted();
    expect(script.says(connection, encodeOpen(open))).toEqual([
      `write ${connection}: ${COLLISION}`,
      `close ${connection} in-order`,
    ]);
    expect(script.session.snapshot()).toMatchObject({ state: 'established', flaps: 0, advertisedRoutes: 1 });
  });

  test.each([
    ['plain', openWith(restarts(false))],
    ['with notifications', openWith(restarts(true))],
    ['keeping nothing of its own', openWith(restarts(false, []))],
  ])('RFC 4724 §4.2: it has restarted, %s: the old one goes without a word', (_, open) => {
    const script = established(open, 120);
    const { connection } = script.accepted();
    // Not before it has said who it is.
    expect(script.session.snapshot()).toMatchObject({ state: 'established', flaps: 0 });
    expect(script.says(connection, encodeOpen(open))).toEqual([
      'close 1 at-once',
      'failed lost: the router has connected anew',
      'changed established → open-sent',
      `write ${connection}: keepalive`,
      'changed open-sent → open-confirm',
    ]);
    expect(script.says(connection, encodeKeepalive())).toEqual([
      `write ${connection}: update +10.0.0.1/32`,
      `write ${connection}: end of ipv4 unicast`,
      'advertised 1',
      'changed open-confirm → established',
    ]);
    expect(script.session.snapshot()).toMatchObject({ established: 2, flaps: 1, advertisedRoutes: 1 });
    expect(script.says(1, encodeKeepalive())).toEqual([]);
  });

  test('with OPEN and KEEPALIVE at once, the session is as young as it is', () => {
    const open = openWith(restarts(true));
    const script = established(open, 120);
    const { connection } = script.accepted();
    const lines = script.says(connection, Uint8Array.from([...encodeOpen(open), ...encodeKeepalive()]));
    expect(lines.filter((line) => line.startsWith('changed'))).toEqual([
      'changed established → open-sent',
      'changed open-sent → established',
    ]);
    expect(script.session.snapshot().since).toBe(script.now);
  });

  test('one of another AS number does not end it', () => {
    const script = established(openWith(restarts(true)), 120);
    const { connection } = script.accepted();
    const stranger: Open = { ...ROUTER_OPEN, myAs: 65000, capabilities: [restarts(true)] };
    expect(script.says(connection, encodeOpen(stranger))).toEqual([
      `write ${connection}: notification 2/2`,
      `close ${connection} in-order`,
    ]);
    expect(script.state).toBe('established');
  });

  test('right after it was established it is the other end of a collision', () => {
    const open = openWith(restarts(true));
    const script = established(open, 120, 4999);
    const { connection } = script.accepted();
    expect(script.says(connection, encodeOpen(open))).toEqual([
      `write ${connection}: ${COLLISION}`,
      `close ${connection} in-order`,
    ]);
  });
});

describe('two sides that connect to each other', () => {
  const RESTARTING = { restartTimeSeconds: 120 };

  test.each([
    ['without graceful restart', {}],
    ['with it', RESTARTING],
  ])('500 pairs, as far apart as one likes: one connection, and no flap, %s', (_, options) => {
    let collisions = 0;
    for (let seed = 0; seed < 500; seed++) {
      const roll = seededDice(seed);
      const wire = new BgpWire();
      const delays = { a: 1 + roll(40), b: 1 + roll(40) };
      wire.delayMs = (side) => delays[side];
      wire.start('a', options).pass(roll(60)).start('b', options).pass(20_000);
      const { notificationsSent: byA } = wire.session('a').snapshot().messages;
      const { notificationsSent: byB } = wire.session('b').snapshot().messages;
      if (byA + byB > 0) collisions += 1;
      expect([seed, wire.states(), wire.counts(), wire.connections]).toEqual([
        seed,
        'established established',
        '1-0 1-0',
        1,
      ]);
    }
    // Else nothing was tested.
    expect(collisions).toBeGreaterThan(50);
  });

  test('messages of one connection overtake those of the other at will: within seconds it is one connection', () => {
    for (let seed = 0; seed < 500; seed++) {
      const roll = seededDice(seed);
      const wire = new BgpWire();
      const most = [4, 40, 400][seed % 3] as number;
      wire.delayMs = () => 1 + roll(most);
      const options = seed % 2 === 0 ? {} : RESTARTING;
      wire.start('a', options).pass(roll(60)).start('b', options).pass(30_000);
      expect([seed, wire.states(), wire.connections]).toEqual([seed, 'established established', 1]);
      const before = wire.counts();
      wire.pass(300_000);
      expect(wire.counts()).toBe(before);
    }
  });

  test('one process that begins anew finds the other one again', () => {
    const wire = new BgpWire().start('a', RESTARTING).start('b', RESTARTING).pass(60_000);
    for (let times = 1; times <= 5; times++) {
      wire.kill('b').start('b', RESTARTING).pass(1000);
      expect(wire.states()).toBe('established established');
      expect(wire.session('a').snapshot()).toMatchObject({ established: times + 1, flaps: times });
      wire.pass(60_000);
    }
  });

  test('without graceful restart it does so when the hold timer has found the old connection dead', () => {
    const wire = new BgpWire().start('a').start('b').pass(60_000);
    wire.kill('b').start('b').pass(20_000);
    expect(wire.session('b').snapshot().state).not.toBe('established');
    wire.pass(180_000);
    expect(wire.states()).toBe('established established');
    expect(wire.session('a').snapshot()).toMatchObject({ established: 2, flaps: 1 });
  });

  test('a hundred broken connections leave nothing behind', () => {
    const wire = new BgpWire().start('a').start('b').pass(30_000);
    const routes = [route('10.0.0.1/32'), route('10.0.0.2/32')];
    for (const side of ['a', 'b'] as const) wire.tell(side, { kind: 'routes', generation: 1, routes });
    for (let times = 1; times <= 100; times++) {
      wire.breakAll().pass(30_000);
      expect([wire.states(), wire.connections, wire.counts()]).toEqual([
        'established established',
        1,
        `${times + 1}-${times} ${times + 1}-${times}`,
      ]);
      for (const side of ['a', 'b'] as const) {
        const { advertisedRoutes, pendingRoutes, nextAttemptAt } = wire.session(side).snapshot();
        expect({ advertisedRoutes, pendingRoutes, nextAttemptAt }).toEqual({ advertisedRoutes: 2, pendingRoutes: 0 });
        // Keepalive or hold timer of the one connection, and nothing that is due before.
        expect((wire.session(side).deadline() ?? 0) - wire.now).toBeGreaterThan(0);
      }
    }
  });

  test('parted for a while they find each other again', () => {
    const wire = new BgpWire().start('a').start('b').pass(30_000);
    wire.isParted = true;
    wire.pass(100_000);
    expect(wire.session('a').snapshot().flaps).toBe(1);
    expect(wire.log.some((line) => line.includes('a: failed notification-sent: nothing was heard'))).toBe(true);
    wire.isParted = false;
    wire.pass(90_000);
    expect(wire.states()).toBe('established established');
    expect(wire.connections).toBe(1);
  });
});
