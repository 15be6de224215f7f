/** The echo function, as a machine: when it sends, what it takes for an echo, and when it has failed. */
import { describe, expect, test } from '@jest/globals';
import { instant } from '../../../../src/runtime/model/time.ts';
import { EchoFunction } from '../../../../src/runtime/protocols/bfd/echo.ts';
import { decodeEchoFrame, encodeEchoFrame } from '../../../../src/runtime/protocols/bfd/echo-frame.ts';
import { ip, mac } from '../../../support/views.ts';

const SECRET = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const OPTIONS = { intervalMs: 50, multiplier: 3, secret: SECRET, seed: 7 };

/** Lets time pass until then; `answer`: what comes back of a payload that was sent. */
function run(echo: EchoFunction, untilMs: number, answer: (payload: Uint8Array) => Uint8Array | undefined) {
  const sent: number[] = [];
  let failedAt: number | undefined;
  for (let at = echo.deadline(); at !== undefined && at <= untilMs; at = echo.deadline()) {
    const outputs = echo.handle({ kind: 'timer' }, at);
    for (const output of outputs) {
      if (output.kind === 'send') {
        sent.push(at);
        const back = answer(output.payload);
        if (back !== undefined) echo.handle({ kind: 'received', payload: back }, at);
      }
      if (output.kind === 'drain' && echo.handle({ kind: 'drained' }, at).length > 0) failedAt = at;
    }
  }
  return { sent, failedAt };
}

describe('RFC 5880 §6.8.9: echo packets', () => {
  test('the first at once, then every 75 to 100 % of the interval', () => {
    const { sent, failedAt } = run(new EchoFunction(OPTIONS, instant(0)), 5000, (payload) => payload);
    expect(failedAt).toBeUndefined();
    expect(sent[0]).toBe(0);
    const gaps = sent.slice(1).map((at, index) => at - (sent[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(37.5);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(50);
  });

  test('§6.8.5: none has come back for multiplier × interval: failed, and over', () => {
    const echo = new EchoFunction(OPTIONS, instant(0));
    const { failedAt } = run(echo, 1000, () => undefined);
    expect(failedAt).toBe(150);
    expect(echo.deadline()).toBeUndefined();
    expect(echo.handle({ kind: 'timer' }, instant(2000))).toEqual([]);
  });

  test('one of three is enough', () => {
    let count = 0;
    const { failedAt } = run(new EchoFunction(OPTIONS, instant(0)), 5000, (payload) => {
      count += 1;
      return count % 3 === 0 ? payload : undefined;
    });
    expect(failedAt).toBeUndefined();
  });

  test('what waited unread when the silence was judged came in time', () => {
    const echo = new EchoFunction(OPTIONS, instant(0));
    const [first] = echo.handle({ kind: 'timer' }, instant(0));
    expect(echo.handle({ kind: 'timer' }, instant(400))).toContainEqual({ kind: 'drain' });
    if (first?.kind === 'send') echo.handle({ kind: 'received', payload: first.payload }, instant(400));
    expect(echo.handle({ kind: 'drained' }, instant(400))).toEqual([]);
    expect(echo.received).toBe(1);
  });

  test.each<{ name: string; forge: (payload: Uint8Array, first: Uint8Array) => Uint8Array }>([
    { name: 'of another secret', forge: (payload) => Uint8Array.from(payload, (byte, at) => (at === 0 ? 99 : byte)) },
    { name: 'an old one again', forge: (payload, first) => (payload === first ? payload : first) },
    { name: 'a number that was never sent', forge: (payload) => payload.map((byte, at) => (at === 8 ? 77 : byte)) },
    { name: 'cut off', forge: (payload) => payload.subarray(0, 11) },
    { name: 'nothing', forge: () => new Uint8Array(0) },
  ])('$name proves nothing', ({ forge }) => {
    let first: Uint8Array | undefined;
    const { failedAt } = run(new EchoFunction(OPTIONS, instant(0)), 5000, (payload) => {
      first ??= payload;
      return forge(payload, first);
    });
    expect(failedAt).toBeDefined();
  });
});

describe('RFC 5881 §4: as a frame', () => {
  const ends = { ownMac: mac('02:00:00:00:00:02'), neighbourMac: mac('02:00:00:00:00:01'), local: ip('192.0.2.2') };

  test('UDP port 3785, TTL 255, from this node to itself by the neighbour’s station', () => {
    expect(Buffer.from(encodeEchoFrame(ends, Uint8Array.of(0xaa, 0xbb))).toString('hex')).toBe(
      [
        '020000000001020000000002' + '0800',
        '45c0001e00004000ff11' + 'f709' + 'c0000202c0000202',
        '0ec90ec9000a0000' + 'aabb',
      ].join(''),
    );
  });

  test('decoding undoes encoding', () => {
    expect(decodeEchoFrame(encodeEchoFrame(ends, SECRET))).toEqual(SECRET);
  });

  test('every shorter piece of one, and every other protocol, is none', () => {
    const frame = encodeEchoFrame(ends, SECRET);
    for (let length = 0; length < 42; length++) expect(decodeEchoFrame(frame.subarray(0, length))).toBeUndefined();
    const icmp = frame.slice();
    icmp[23] = 1;
    expect(decodeEchoFrame(icmp)).toBeUndefined();
  });
});
