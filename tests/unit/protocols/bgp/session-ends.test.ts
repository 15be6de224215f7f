/** How a session ends, and what the router is to make of it. */
import { describe, expect, test } from '@jest/globals';
import type { Capability } from '../../../../src/runtime/protocols/bgp/codec/capabilities.ts';
import { encodeEndOfRib } from '../../../../src/runtime/protocols/bgp/codec/encode-update.ts';
import { IPV4_UNICAST } from '../../../../src/runtime/protocols/bgp/codec/family.ts';
import { encodeKeepalive } from '../../../../src/runtime/protocols/bgp/codec/header.ts';
import {
  ceaseNotification,
  encodeNotification,
  hardReset,
} from '../../../../src/runtime/protocols/bgp/codec/notification.ts';
import { encodeOpen } from '../../../../src/runtime/protocols/bgp/codec/open.ts';
import {
  CEASE_ADMINISTRATIVE_RESET,
  CEASE_ADMINISTRATIVE_SHUTDOWN,
  CEASE_PEER_DE_CONFIGURED,
} from '../../../../src/runtime/protocols/bgp/iana.ts';
import { ROUTER_OPEN } from '../../../support/bgp-peer.ts';
import { BgpScript, openWith, restarts, route } from '../../../support/bgp-script.ts';

function established(capabilities: readonly Capability[], restartTimeSeconds: number | undefined = 120): BgpScript {
  const script = new BgpScript(restartTimeSeconds === undefined ? {} : { restartTimeSeconds });
  script.reach('established', openWith(...capabilities));
  script.routes(1, [route('10.0.0.1/32')]);
  return script;
}

const NONE: readonly Capability[] = [];
const PLAIN = [restarts(false)];
const WITH_NOTIFICATION = [restarts(true)];

describe('stopped', () => {
  const DOWN = { subcode: CEASE_PEER_DE_CONFIGURED };
  const ENDS = ['failed stopped: this side has ended it', 'changed established → idle'];
  const bySaying = (text: string) => [`write 1: notification ${text}`, 'close 1 in-order', ...ENDS];

  test.each<[string, readonly Capability[], 'keep' | 'withdraw', readonly string[]]>([
    ['no graceful restart, withdrawing', NONE, 'withdraw', bySaying('6/3')],
    ['no graceful restart, keeping: the router would not', NONE, 'keep', bySaying('6/3')],
    ['RFC 4724 §4.2: graceful restart, withdrawing: a NOTIFICATION ends it', PLAIN, 'withdraw', bySaying('6/3')],
    ['RFC 4724 §4.2: graceful restart, keeping: without a word', PLAIN, 'keep', ['close 1 in-order', ...ENDS]],
    [
      'RFC 8538 §3: graceful restart over NOTIFICATIONs, withdrawing: a Hard Reset',
      WITH_NOTIFICATION,
      'withdraw',
      bySaying('6/9 0603'),
    ],
    [
      'graceful restart over NOTIFICATIONs, keeping: without a word',
      WITH_NOTIFICATION,
      'keep',
      ['close 1 in-order', ...ENDS],
    ],
  ])('%s', (_, capabilities, routes, want) => {
    const script = established(capabilities);
    expect(script.told({ kind: 'stop', routes, ...DOWN })).toEqual(want);
    expect(script.session.snapshot()).toMatchObject({ isStarted: false, advertisedRoutes: 0, flaps: 1 });
    expect(script.session.deadline()).toBeUndefined();
  });

  test('before it is established there is nothing to keep', () => {
    const script = new BgpScript({ restartTimeSeconds: 120 });
    script.reach('open-confirm', openWith(...PLAIN));
    expect(script.told({ kind: 'stop', routes: 'keep', ...DOWN })[0]).toBe('write 1: notification 6/3');
  });

  test('with two connections both end, and it is told once', () => {
    const script = new BgpScript();
    script.reach('open-sent');
    script.accepted();
    expect(script.told({ kind: 'stop', routes: 'withdraw', ...DOWN })).toEqual([
      'write 1: notification 6/3',
      'close 1 in-order',
      'write 2: notification 6/3',
      'close 2 in-order',
      'failed stopped: this side has ended it',
      'changed open-sent → idle',
    ]);
  });

  test.each<[string, number, string, string]>([
    ['a shutdown', CEASE_ADMINISTRATIVE_SHUTDOWN, 'node drains', '6/2 0b6e6f646520647261696e73'],
    ['a reset', CEASE_ADMINISTRATIVE_RESET, 'hi', '6/4 026869'],
    ['a shutdown without one', CEASE_ADMINISTRATIVE_SHUTDOWN, '', '6/2'],
    ['what carries none', CEASE_PEER_DE_CONFIGURED, 'lost', '6/3'],
  ])('RFC 9003 §2: the text of %s', (_, subcode, text, want) => {
    const script = established(NONE);
    expect(script.told({ kind: 'stop', routes: 'withdraw', subcode, text })[0]).toBe(`write 1: notification ${want}`);
  });

  test('RFC 8538 §3: a Hard Reset encloses the text', () => {
    const script = established(WITH_NOTIFICATION);
    const stop = { kind: 'stop', routes: 'withdraw', subcode: CEASE_ADMINISTRATIVE_SHUTDOWN, text: 'hi' } as const;
    expect(script.told(stop)[0]).toBe('write 1: notification 6/9 0602026869');
  });
});

describe('RFC 5882 §4.1, RFC 9384 §3: BFD says that the path has failed', () => {
  test.each<[string, readonly Capability[], string]>([
    ['no graceful restart', NONE, '6/10'],
    ['graceful restart', PLAIN, '6/10'],
    ['graceful restart over NOTIFICATIONs: the routes are not to be kept', WITH_NOTIFICATION, '6/9 060a'],
  ])('%s', (_, capabilities, want) => {
    const script = established(capabilities);
    expect(script.told({ kind: 'bfd-down', reason: 'BFD: nothing heard for 150 ms' })).toEqual([
      `write 1: notification ${want}`,
      'close 1 in-order',
      'failed bfd-down: BFD: nothing heard for 150 ms',
      'changed established → idle',
    ]);
    // And soon again.
    expect((script.session.snapshot().nextAttemptAt ?? Infinity) - script.now).toBeLessThanOrEqual(250);
  });
});

describe('ended by the router', () => {
  const received = (script: BgpScript, bytes: Uint8Array) => script.says(1, bytes);

  test('its words are shown', () => {
    const script = established(NONE);
    expect(received(script, encodeNotification(ceaseNotification(2, 'rack 12 moves')))).toEqual([
      'close 1 in-order',
      'failed notification-received: the router says: Cease: Administrative Shutdown, "rack 12 moves"',
      'changed established → idle',
    ]);
    expect(script.session.snapshot().lastFailure).toMatchObject({
      cause: 'notification-received',
      notification: { code: 6, subcode: 2 },
    });
  });

  test('by a Hard Reset: what it encloses is shown', () => {
    const script = established(WITH_NOTIFICATION);
    expect(received(script, encodeNotification(hardReset(ceaseNotification(3))))[1]).toBe(
      'failed notification-received: the router says: Cease: Hard Reset, because of Cease: Peer De-configured',
    );
  });

  test('a wrong NOTIFICATION ends it as well', () => {
    const script = established(NONE);
    expect(received(script, encodeNotification({ code: 99, subcode: 7, data: Uint8Array.of(1, 2, 3) }))[1]).toBe(
      'failed notification-received: the router says: error code 99: subcode 7, data 010203',
    );
  });

  test('the failure stays when it is established again', () => {
    const script = established(NONE);
    received(script, encodeNotification(ceaseNotification(4)));
    script.pass(1000);
    script.connected();
    script.says(script.dialled, encodeOpen(ROUTER_OPEN), encodeKeepalive());
    expect(script.session.snapshot()).toMatchObject({
      state: 'established',
      established: 2,
      flaps: 1,
      lastFailure: { cause: 'notification-received' },
    });
  });
});

describe('the router closes', () => {
  const STREAM = Uint8Array.from([
    ...encodeOpen(openWith(...PLAIN)),
    ...encodeKeepalive(),
    ...encodeEndOfRib(IPV4_UNICAST),
  ]);

  test(`behind each of the ${STREAM.length} bytes of its OPEN, KEEPALIVE and UPDATE: another attempt, and nothing else`, () => {
    const reached = new Set<string>();
    for (let length = 0; length <= STREAM.length; length++) {
      const script = new BgpScript();
      script.reach('open-sent');
      // In two pieces, so that messages are cut in other places as well.
      const middle = length >>> 1;
      script.says(1, STREAM.subarray(0, middle), STREAM.subarray(middle, length));
      const { state } = script;
      reached.add(state);
      expect(script.told({ kind: 'closed', connection: 1 })).toEqual([
        'failed lost: the router closed the connection',
        `changed ${state} → idle`,
      ]);
      expect(script.pass(300)).toEqual([expect.stringMatching(/dial 2$/), expect.stringMatching(/idle → connect$/)]);
      script.connected();
      script.says(2, STREAM);
      expect(script.state).toBe('established');
    }
    expect([...reached]).toEqual(['open-sent', 'open-confirm', 'established']);
  });

  test('byte by byte it is the same', () => {
    const script = new BgpScript();
    script.reach('open-sent');
    const lines = [...STREAM].flatMap((byte) => script.says(1, Uint8Array.of(byte)));
    expect(lines).toEqual([
      'write 1: keepalive',
      'changed open-sent → open-confirm',
      'changed open-confirm → established',
    ]);
  });
});

describe('a flood', () => {
  test('of 100,000 keepalives in one piece is read, and costs no timer', () => {
    const script = established(NONE);
    const flood = new Uint8Array(19 * 100_000);
    for (let at = 0; at < flood.length; at += 19) flood.set(encodeKeepalive(), at);
    expect(script.says(1, flood)).toEqual([]);
    expect(script.session.snapshot().messages.keepalivesReceived).toBe(100_001);
    expect(script.session.deadline()).toBeGreaterThan(script.now);
  });

  test('of connections leaves two at the most', () => {
    const script = new BgpScript();
    script.reach('open-sent');
    const open = new Set([1]);
    for (let times = 0; times < 1000; times++) {
      const { connection, lines } = script.accepted();
      open.add(connection);
      for (const line of lines) {
        const [, id] = /^close (\d+)/.exec(line) ?? [];
        if (id !== undefined) open.delete(Number(id));
      }
      expect(open.size).toBe(2);
    }
    script.told({ kind: 'stop', routes: 'withdraw', subcode: 3 });
    expect(script.session.deadline()).toBeUndefined();
  });
});
