/** The session with one router, state by state: what every input does in each. */
import { describe, expect, test } from '@jest/globals';
import { encodeEndOfRib } from '../../../../src/runtime/protocols/bgp/codec/encode-update.ts';
import { IPV4_UNICAST } from '../../../../src/runtime/protocols/bgp/codec/family.ts';
import { encodeKeepalive } from '../../../../src/runtime/protocols/bgp/codec/header.ts';
import { ceaseNotification, encodeNotification } from '../../../../src/runtime/protocols/bgp/codec/notification.ts';
import { encodeOpen } from '../../../../src/runtime/protocols/bgp/codec/open.ts';
import { encodeRouteRefresh } from '../../../../src/runtime/protocols/bgp/codec/route-refresh.ts';
import type { BgpInput } from '../../../../src/runtime/protocols/bgp/interface.ts';
import { message } from '../../../support/bgp-bytes.ts';
import { ROUTER_OPEN } from '../../../support/bgp-peer.ts';
import { BgpScript, NEXT_HOPS, OWN_ADDRESS, route } from '../../../support/bgp-script.ts';

type Reached = 'idle' | 'connect' | 'active' | 'open-sent' | 'open-confirm' | 'established';

/** In a state, with connection 1 where there is one. */
function scriptIn(state: Reached): BgpScript {
  const script = new BgpScript();
  if (state === 'active') {
    script.start();
    script.told({ kind: 'closed', connection: 1, reason: 'connection refused' });
    // The attempt that follows would be another connection.
    expect(script.state).toBe('active');
  } else if (state !== 'idle') script.reach(state);
  expect(script.state).toBe(state);
  return script;
}

const received = (bytes: Uint8Array): BgpInput => ({ kind: 'received', connection: 1, bytes });
const INPUTS = {
  start: { kind: 'start' },
  stop: { kind: 'stop', routes: 'withdraw', subcode: 3 },
  timer: { kind: 'timer' },
  connected: { kind: 'connected', connection: 1, local: OWN_ADDRESS, nextHops: NEXT_HOPS },
  closed: { kind: 'closed', connection: 1 },
  reset: { kind: 'closed', connection: 1, reason: 'connection reset' },
  blocked: { kind: 'blocked', connection: 1 },
  drained: { kind: 'drained', connection: 1 },
  routes: { kind: 'routes', generation: 1, routes: [route('10.0.0.1/32')] },
  'graceful-shutdown': { kind: 'graceful-shutdown', mode: 'on' },
  'bfd-down': { kind: 'bfd-down', reason: 'BFD: nothing heard' },
  open: received(encodeOpen(ROUTER_OPEN)),
  keepalive: received(encodeKeepalive()),
  update: received(encodeEndOfRib(IPV4_UNICAST)),
  'broken update': received(message(2, 'ffff 0000')),
  'broken open': received(message(1, '03 fc01 005a c0000201 00')),
  notification: received(encodeNotification(ceaseNotification(2, 'moving'))),
  'route-refresh': received(encodeRouteRefresh(IPV4_UNICAST, 'request')),
  'wrong header': received(message(9, '')),
} as const satisfies Record<string, BgpInput>;

const closesBy = (text: string, from: Reached, reason: string, cause = 'notification-sent') => [
  `write 1: notification ${text}`,
  'close 1 in-order',
  `failed ${cause}: ${reason}`,
  `changed ${from} → idle`,
];
const wrong = (text: string) => `the router sent something wrong: ${text}`;
const UNEXPECTED: Partial<Record<Reached, string>> = { 'open-sent': '5/1', 'open-confirm': '5/2', established: '5/3' };
const unexpected = (type: string, what: string, state: Reached) =>
  closesBy(`${UNEXPECTED[state]} ${type}`, state, wrong(`${what} in state ${state}`));
const says = 'the router says: Cease: Administrative Shutdown, "moving"';
const closed = (state: Reached) => ['failed lost: the router closed the connection', `changed ${state} → idle`];
const NOTHING: readonly string[] = [];

const TABLE: Record<Reached, Partial<Record<keyof typeof INPUTS, readonly string[]>>> = {
  idle: { start: ['dial 1', 'changed idle → connect'] },
  connect: {
    stop: ['close 1 at-once', 'failed stopped: this side has ended it', 'changed connect → idle'],
    connected: ['write 1: open', 'changed connect → open-sent'],
    closed: ['failed connect: the router closed the connection at once', 'changed connect → active'],
    reset: ['failed connect: connection reset', 'changed connect → active'],
    'bfd-down': ['close 1 at-once', 'failed bfd-down: BFD: nothing heard', 'changed connect → idle'],
  },
  active: { stop: ['changed active → idle'] },
  'open-sent': {
    stop: closesBy('6/3', 'open-sent', 'this side has ended it', 'stopped'),
    closed: closed('open-sent'),
    reset: ['failed lost: connection reset', 'changed open-sent → idle'],
    'bfd-down': closesBy('6/10', 'open-sent', 'BFD: nothing heard', 'bfd-down'),
    open: ['write 1: keepalive', 'changed open-sent → open-confirm'],
    keepalive: unexpected('04', 'a KEEPALIVE', 'open-sent'),
    update: unexpected('02', 'an UPDATE', 'open-sent'),
    'broken update': unexpected('02', 'an UPDATE', 'open-sent'),
    'broken open': closesBy('2/1 0004', 'open-sent', wrong('version 3, not 4')),
    notification: ['close 1 in-order', `failed notification-received: ${says}`, 'changed open-sent → idle'],
    'route-refresh': unexpected('05', 'a ROUTE-REFRESH', 'open-sent'),
    'wrong header': closesBy('1/3 09', 'open-sent', wrong('message type 9')),
  },
  'open-confirm': {
    stop: closesBy('6/3', 'open-confirm', 'this side has ended it', 'stopped'),
    closed: closed('open-confirm'),
    reset: ['failed lost: connection reset', 'changed open-confirm → idle'],
    'bfd-down': closesBy('6/10', 'open-confirm', 'BFD: nothing heard', 'bfd-down'),
    open: unexpected('01', 'an OPEN', 'open-confirm'),
    keepalive: ['changed open-confirm → established'],
    update: unexpected('02', 'an UPDATE', 'open-confirm'),
    'broken update': unexpected('02', 'an UPDATE', 'open-confirm'),
    'broken open': unexpected('01', 'an OPEN', 'open-confirm'),
    notification: ['close 1 in-order', `failed notification-received: ${says}`, 'changed open-confirm → idle'],
    'route-refresh': unexpected('05', 'a ROUTE-REFRESH', 'open-confirm'),
    'wrong header': closesBy('1/3 09', 'open-confirm', wrong('message type 9')),
  },
  established: {
    stop: closesBy('6/3', 'established', 'this side has ended it', 'stopped'),
    closed: closed('established'),
    reset: ['failed lost: connection reset', 'changed established → idle'],
    routes: ['write 1: update +10.0.0.1/32', 'write 1: end of ipv4 unicast', 'advertised 1'],
    'bfd-down': closesBy('6/10', 'established', 'BFD: nothing heard', 'bfd-down'),
    open: unexpected('01', 'an OPEN', 'established'),
    'broken update': closesBy('3/1', 'established', wrong('withdrawn routes of 65535 bytes, where 2 follow')),
    'broken open': unexpected('01', 'an OPEN', 'established'),
    notification: ['close 1 in-order', `failed notification-received: ${says}`, 'changed established → idle'],
    'wrong header': closesBy('1/3 09', 'established', wrong('message type 9')),
  },
};
const STATES = Object.keys(TABLE) as Reached[];
const NAMES = Object.keys(INPUTS) as (keyof typeof INPUTS)[];

describe.each(STATES)('RFC 4271 §8.2.2, RFC 6608 §4: in state %s', (state) => {
  test.each(NAMES)('input: %s', (name) => {
    expect(scriptIn(state).told(INPUTS[name])).toEqual(TABLE[state][name] ?? NOTHING);
  });

  test('connections that it does not know are nothing to it', () => {
    const script = scriptIn(state);
    for (const input of Object.values(INPUTS)) {
      if ('connection' in input) expect(script.told({ ...input, connection: 99 })).toEqual([]);
    }
    expect(script.state).toBe(state);
  });
});

test(`the table has ${NAMES.length} inputs in ${STATES.length} states`, () => {
  expect(NAMES.length * STATES.length).toBe(114);
});

describe('what the router connects', () => {
  test.each<[Reached, readonly string[]]>([
    ['idle', ['close 1 at-once']],
    ['active', ['write 2: open', 'changed active → open-sent']],
    ['connect', ['write 2: open', 'changed connect → open-sent']],
    ['open-sent', ['write 2: open']],
    ['open-confirm', ['write 2: open']],
    ['established', ['write 2: open']],
  ])('in state %s', (state, want) => {
    expect(scriptIn(state).accepted().lines).toEqual(want);
  });
});

describe('a connection that is over', () => {
  test.each(['connect', 'open-sent', 'open-confirm', 'established'] as const)('says nothing more, of %s', (state) => {
    const script = scriptIn(state);
    script.told({ kind: 'closed', connection: 1, reason: 'connection reset' });
    const { state: after } = script;
    for (const input of Object.values(INPUTS)) if ('connection' in input) expect(script.told(input)).toEqual([]);
    expect(script.state).toBe(after);
  });

  test('what comes behind a NOTIFICATION in the same bytes is not read', () => {
    const script = scriptIn('open-confirm');
    const bytes = Uint8Array.from([
      ...encodeNotification(ceaseNotification(2)),
      ...encodeKeepalive(),
      ...message(9, ''),
    ]);
    expect(script.told(received(bytes))).toEqual([
      'close 1 in-order',
      'failed notification-received: the router says: Cease: Administrative Shutdown',
      'changed open-confirm → idle',
    ]);
  });

  test('what is before a wrong header in the same bytes is read', () => {
    const script = scriptIn('open-confirm');
    const bytes = Uint8Array.from([...encodeKeepalive(), ...message(9, '')]);
    expect(script.told(received(bytes)).at(-1)).toBe('changed open-confirm → idle');
    expect(script.session.snapshot()).toMatchObject({ established: 1, flaps: 1 });
  });
});

test('a session that is started, stopped and started makes a new connection', () => {
  const script = new BgpScript();
  script.reach('established');
  script.told(INPUTS.stop);
  expect(script.pass(600_000)).toEqual([]);
  expect(script.session.deadline()).toBeUndefined();
  expect(script.start()).toEqual(['dial 2', 'changed idle → connect']);
});
