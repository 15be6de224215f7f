/** The session's timers on a virtual clock. */
import { describe, expect, test } from '@jest/globals';
import { encodeEndOfRib } from '../../../../src/runtime/protocols/bgp/codec/encode-update.ts';
import { IPV4_UNICAST } from '../../../../src/runtime/protocols/bgp/codec/family.ts';
import { encodeKeepalive } from '../../../../src/runtime/protocols/bgp/codec/header.ts';
import { ceaseNotification, encodeNotification } from '../../../../src/runtime/protocols/bgp/codec/notification.ts';
import { encodeOpen } from '../../../../src/runtime/protocols/bgp/codec/open.ts';
import { encodeRouteRefresh } from '../../../../src/runtime/protocols/bgp/codec/route-refresh.ts';
import { ROUTER_OPEN } from '../../../support/bgp-peer.ts';
import { BgpScript, route } from '../../../support/bgp-script.ts';

const EXPIRED = 'notification 4/0';
const timesOf = (lines: readonly string[], what: string) =>
  lines.filter((line) => line.includes(what)).map((line) => Number.parseInt(line, 10));

describe('RFC 4271 §6.5: the hold timer', () => {
  test.each([
    { name: 'the smaller one counts, the router’s', own: 90, router: 30, wantMs: 30_000 },
    { name: 'the smaller one counts, this side’s', own: 9, router: 180, wantMs: 9000 },
    { name: 'the shortest there is', own: 90, router: 3, wantMs: 3000 },
  ])('$name', ({ own, router, wantMs }) => {
    const script = new BgpScript({ holdTimeSeconds: own });
    script.reach('established', { ...ROUTER_OPEN, holdTimeSeconds: router });
    expect(script.session.snapshot().holdTimeSeconds).toBe(wantMs / 1000);
    script.pass(1000);
    script.says(1, encodeKeepalive());
    const lines = script.pass(wantMs);
    expect(timesOf(lines, EXPIRED)).toEqual([wantMs + 1000]);
    expect(lines).toContain(
      `${wantMs + 1000} failed notification-sent: nothing was heard for the hold time of ${wantMs / 1000} s`,
    );
    expect(lines).toContain(`${wantMs + 1000} close 1 in-order`);
  });

  test.each([
    ['a KEEPALIVE', encodeKeepalive()],
    ['an UPDATE', encodeEndOfRib(IPV4_UNICAST)],
    ['a ROUTE-REFRESH', encodeRouteRefresh(IPV4_UNICAST, 'request')],
  ])('%s restarts it', (_, bytes) => {
    const script = new BgpScript();
    script.reach('established');
    for (let times = 0; times < 20; times++) {
      script.pass(89_999);
      script.says(1, bytes);
    }
    expect(script.state).toBe('established');
    expect(timesOf(script.pass(90_000), EXPIRED)).toEqual([20 * 89_999 + 90_000]);
  });

  test('bytes of a message that never becomes whole do not', () => {
    const script = new BgpScript({ holdTimeSeconds: 9 });
    script.reach('established');
    const message = encodeOpen(ROUTER_OPEN);
    for (let at = 0; at < 8; at++) {
      expect(script.state).toBe('established');
      script.says(1, message.subarray(at, at + 1));
      script.pass(1200);
    }
    expect(script.session.snapshot()).toMatchObject({ flaps: 1, lastFailure: { notification: { code: 4 } } });
  });

  test('in open-confirm as well', () => {
    const script = new BgpScript();
    script.reach('open-confirm', { ...ROUTER_OPEN, holdTimeSeconds: 12 });
    expect(timesOf(script.pass(20_000), EXPIRED)).toEqual([12_000]);
  });

  test.each([
    [90, 90],
    [3, 3],
    [240, 240],
    [65_535, 240],
    [0, 240],
  ])('§8.2.2: of %i s proposed, an OPEN is waited for %i s', (holdTimeSeconds, seconds) => {
    const script = new BgpScript({ holdTimeSeconds });
    script.reach('open-sent');
    expect(script.pass(seconds * 1000 - 1)).toEqual([]);
    expect(script.pass(1)).toEqual([
      `${seconds * 1000} write 1: ${EXPIRED}`,
      `${seconds * 1000} close 1 in-order`,
      `${seconds * 1000} failed notification-sent: no OPEN came within ${seconds} s`,
      `${seconds * 1000} changed open-sent → idle`,
    ]);
  });

  test.each([
    [0, 90],
    [90, 0],
    [0, 0],
  ])('%i and %i s: none, and no keepalives', (own, router) => {
    const script = new BgpScript({ holdTimeSeconds: own, keepaliveTimeMs: 1000 });
    script.reach('established', { ...ROUTER_OPEN, holdTimeSeconds: router });
    expect(script.pass(24 * 3600_000)).toEqual([]);
    expect(script.session.deadline()).toBeUndefined();
  });
});

describe('own lateness', () => {
  /** Established, with a timer that runs so much too late. */
  function lateBy(lateMs: number): BgpScript {
    const script = new BgpScript({ holdTimeSeconds: 9 });
    script.reach('established');
    script.now += 9000 + lateMs;
    return script;
  }

  test('up to half a second it is judged as it is', () => {
    expect(lateBy(500).told({ kind: 'timer' })).toContain(`write 1: ${EXPIRED}`);
  });

  test('of a process that stood still the router has another half second, and a keepalive at once', () => {
    const script = lateBy(60_000);
    expect(script.told({ kind: 'timer' })).toEqual(['write 1: keepalive']);
    script.pass(400);
    script.says(1, encodeKeepalive());
    script.pass(8000);
    expect(script.state).toBe('established');
  });

  test('a router that is silent after it is given up', () => {
    const script = lateBy(60_000);
    script.told({ kind: 'timer' });
    expect(timesOf(script.pass(1000), EXPIRED)).toEqual([69_500]);
  });

  test('it is given once: a process that is always late finds the dead all the same', () => {
    const script = lateBy(2000);
    script.told({ kind: 'timer' });
    script.now += 2000;
    expect(script.told({ kind: 'timer' })).toContain(`write 1: ${EXPIRED}`);
  });

  test('and again once something was heard', () => {
    const script = lateBy(2000);
    for (let times = 0; times < 5; times++) {
      expect(script.told({ kind: 'timer' })).toEqual(['write 1: keepalive']);
      script.says(1, encodeKeepalive());
      script.now += 11_000;
    }
  });

  test('a connection that is made meanwhile is not given up for it', () => {
    const script = new BgpScript();
    script.start();
    script.now += 60_000;
    expect(script.told({ kind: 'timer' })).toEqual([]);
    expect(script.connected()).toEqual(['write 1: open', 'changed connect → open-sent']);
  });
});

describe('RFC 4271 §4.4, §10: keepalives', () => {
  /** Milliseconds between them, of a router that is never silent. */
  function gaps(options: { holdTimeSeconds: number; keepaliveTimeMs?: number }, seed: number): readonly number[] {
    const script = new BgpScript({ ...options, seed });
    script.reach('established', { ...ROUTER_OPEN, holdTimeSeconds: 65_535 });
    const times: number[] = [0];
    while (times.length < 200) {
      const due = script.session.deadline() ?? Infinity;
      times.push(...timesOf(script.pass(due - script.now), 'keepalive'));
      script.says(1, encodeKeepalive());
    }
    return times.slice(1).map((time, index) => time - (times[index] as number));
  }

  test.each([
    { name: 'a third of the hold time', options: { holdTimeSeconds: 90 }, wantMs: 30_000 },
    { name: 'as often as is wished for', options: { holdTimeSeconds: 90, keepaliveTimeMs: 5000 }, wantMs: 5000 },
    { name: 'no less often than a third', options: { holdTimeSeconds: 9, keepaliveTimeMs: 8000 }, wantMs: 3000 },
    { name: 'a wish of 0 is none', options: { holdTimeSeconds: 9, keepaliveTimeMs: 0 }, wantMs: 3000 },
  ])('$name, 75 to 100 % of it', ({ options, wantMs }) => {
    const found = gaps(options, 7);
    expect(Math.min(...found)).toBeGreaterThanOrEqual(0.75 * wantMs - 1);
    expect(Math.max(...found)).toBeLessThanOrEqual(wantMs + 1);
    expect(Math.min(...found)).toBeLessThan(0.78 * wantMs);
    expect(Math.max(...found)).toBeGreaterThan(0.97 * wantMs);
  });

  test('two sessions do not keep step', () => {
    expect(gaps({ holdTimeSeconds: 90 }, 1)).not.toEqual(gaps({ holdTimeSeconds: 90 }, 2));
  });

  test('go out while the kernel takes nothing else', () => {
    const script = new BgpScript();
    script.reach('established');
    script.told({ kind: 'blocked', connection: 1 });
    script.told({ kind: 'routes', generation: 1, routes: [route('10.0.0.1/32')] });
    const lines = script.pass(60_000);
    expect(new Set(lines.map((line) => line.slice(line.indexOf(' ') + 1)))).toEqual(new Set(['write 1: keepalive']));
  });
});

describe('RFC 9687 §4: the send hold timer', () => {
  /** Heard all the time, and taking nothing from now on; when it ends, and how. */
  function blockedFor(milliseconds: number, holdTimeSeconds: number): readonly string[] {
    const script = new BgpScript({ holdTimeSeconds });
    script.reach('established', { ...ROUTER_OPEN, holdTimeSeconds: 65_535 });
    script.told({ kind: 'blocked', connection: 1 });
    const lines: string[] = [];
    for (let passed = 0; passed < milliseconds; passed += 1000) {
      lines.push(...script.pass(1000));
      if (script.state !== 'established') break;
      script.says(1, encodeKeepalive());
    }
    return lines.filter((line) => !line.endsWith('keepalive'));
  }

  test.each([
    [90, 480_000],
    [240, 480_000],
    [600, 1_200_000],
  ])('with a hold time of %i s after %i ms', (holdTimeSeconds, atMs) => {
    expect(blockedFor(1_300_000, holdTimeSeconds)).toEqual([
      `${atMs} write 1: notification 8/0`,
      `${atMs} close 1 at-once`,
      `${atMs} failed notification-sent: the router has taken nothing for so long that it counts as gone`,
      `${atMs} changed established → idle`,
    ]);
  });

  test('none without a hold time', () => {
    expect(blockedFor(3_600_000, 0)).toEqual([]);
  });

  test('whoever takes something in between is not gone', () => {
    const script = new BgpScript({ holdTimeSeconds: 600 });
    script.reach('established', { ...ROUTER_OPEN, holdTimeSeconds: 65_535 });
    for (let times = 0; times < 10; times++) {
      script.told({ kind: 'blocked', connection: 1 });
      script.pass(590_000);
      script.says(1, encodeKeepalive());
      script.told({ kind: 'drained', connection: 1 });
    }
    expect(script.state).toBe('established');
  });
});

describe('connecting', () => {
  test('an attempt has ten seconds', () => {
    const script = new BgpScript();
    script.start();
    expect(script.pass(9999)).toEqual([]);
    expect(script.pass(1)).toEqual([
      '10000 close 1 at-once',
      '10000 failed connect: the router did not answer within 10 s',
      '10000 changed connect → active',
    ]);
  });

  /** Waits between a failure and the next attempt. */
  function waits(count: number, fail: (script: BgpScript) => void, script = new BgpScript()): readonly number[] {
    script.start();
    const found: number[] = [];
    for (let times = 0; times < count; times++) {
      fail(script);
      const from = script.now;
      const at = script.session.snapshot().nextAttemptAt ?? Infinity;
      script.pass(at - from);
      expect(script.state).toBe('connect');
      found.push(script.now - from);
    }
    return found;
  }
  const unreachable = (script: BgpScript) =>
    script.told({ kind: 'closed', connection: script.dialled, reason: 'no route' });
  const refusing = (script: BgpScript) => {
    script.connected();
    script.says(script.dialled, encodeNotification(ceaseNotification(5)));
  };

  test('the wait doubles from a quarter of a second, up to the connect time, with jitter', () => {
    const found = waits(12, unreachable);
    found.forEach((wait, index) => {
      const most = Math.min(250 * 2 ** index, 10_000);
      expect(wait).toBeGreaterThanOrEqual(0.75 * most);
      expect(wait).toBeLessThanOrEqual(most);
    });
    expect(new Set(found.slice(6)).size).toBe(6);
  });

  test('up to a minute, where the router refuses', () => {
    const last = waits(12, refusing).at(-1) as number;
    expect(last).toBeGreaterThanOrEqual(45_000);
    expect(last).toBeLessThanOrEqual(60_000);
  });

  test('it begins anew after a session of ten seconds, and not after one of nine', () => {
    const waitAfter = (milliseconds: number) => {
      const script = new BgpScript();
      waits(8, unreachable, script);
      script.connected();
      script.says(script.dialled, encodeOpen(ROUTER_OPEN), encodeKeepalive());
      script.pass(milliseconds);
      script.told({ kind: 'closed', connection: script.dialled });
      return (script.session.snapshot().nextAttemptAt ?? 0) - script.now;
    };
    expect(waitAfter(10_000)).toBeLessThanOrEqual(250);
    expect(waitAfter(9000)).toBeGreaterThanOrEqual(7500);
  });

  test('it begins anew with another start', () => {
    const script = new BgpScript();
    waits(8, unreachable, script);
    script.told({ kind: 'stop', routes: 'withdraw', subcode: 3 });
    expect(waits(1, unreachable, script)[0]).toBeLessThanOrEqual(250);
  });

  test('a thousand failures overflow nothing', () => {
    const last = waits(1000, unreachable).at(-1) as number;
    expect(last).toBeGreaterThanOrEqual(7500);
    expect(last).toBeLessThanOrEqual(10_000);
  });

  test('while the router’s own connection is on its way there is no attempt; after it there is', () => {
    const script = new BgpScript();
    script.start();
    unreachable(script);
    const { connection } = script.accepted();
    expect(script.pass(5000)).toEqual([]);
    script.told({ kind: 'closed', connection });
    expect(script.pass(1000).some((line) => line.includes('dial 3'))).toBe(true);
  });

  test('attempts of the router that come to nothing do not put off this side’s', () => {
    const script = new BgpScript({ connectTimeSeconds: 60 });
    waits(12, unreachable, script);
    unreachable(script);
    const at = script.session.snapshot().nextAttemptAt as number;
    while (script.now + 2000 < at) {
      const { connection } = script.accepted();
      script.told({ kind: 'closed', connection });
      expect(script.pass(2000)).toEqual([]);
    }
    expect(timesOf(script.pass(2000), 'dial')).toEqual([Math.round(at)]);
  });

  test('a passive side makes none, and takes the router’s', () => {
    const script = new BgpScript({ role: 'passive' });
    expect(script.start()).toEqual(['changed idle → active']);
    expect(script.pass(3_600_000)).toEqual([]);
    const { connection, lines } = script.accepted();
    expect(lines).toEqual(['write 1: open', 'changed active → open-sent']);
    script.says(connection, encodeOpen(ROUTER_OPEN), encodeKeepalive());
    script.told({ kind: 'closed', connection });
    expect(script.state).toBe('active');
    expect(script.pass(3_600_000)).toEqual([]);
  });
});
