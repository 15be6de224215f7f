/** NOTIFICATION and ROUTE-REFRESH: both ways, in words, and what is wrong with them. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { describeNotification } from '../../../../src/runtime/protocols/bgp/codec/describe-notification.ts';
import { IPV4_UNICAST, IPV6_UNICAST } from '../../../../src/runtime/protocols/bgp/codec/family.ts';
import {
  ceaseNotification,
  decodeNotification,
  enclosedNotification,
  encodeNotification,
  hardReset,
  MAX_DATA_BYTES,
  type Notification,
  shutdownText,
} from '../../../../src/runtime/protocols/bgp/codec/notification.ts';
import { decodeRouteRefresh, encodeRouteRefresh } from '../../../../src/runtime/protocols/bgp/codec/route-refresh.ts';
import { bytesFromHex } from '../../../support/arp-vectors.ts';
import { hexOf, message } from '../../../support/bgp-bytes.ts';

function notification(code: number, subcode: number, dataHex = ''): Notification {
  return { code, subcode, data: bytesFromHex(dataHex) };
}

function withText(subcode: number, text: string): Notification {
  const bytes = Buffer.from(text);
  return notification(6, subcode, Buffer.from([bytes.length, ...bytes]).toString('hex'));
}

describe('both ways', () => {
  test.each([
    { name: 'RFC 4271 §4.5: no data', value: notification(4, 0), body: '04 00' },
    { name: 'RFC 4271 §6.1: the length as data', value: notification(1, 2, '1001'), body: '01 02 1001' },
    { name: 'numbers that nobody knows', value: notification(200, 99, 'ff'), body: 'c8 63 ff' },
  ])('$name', ({ value, body }) => {
    expect(decodeNotification(bytesFromHex(body))).toEqual({ ok: true, value });
    expect(hexOf(encodeNotification(value))).toBe(hexOf(message(3, body)));
  });

  test('any', () => {
    fc.assert(
      fc.property(fc.nat(255), fc.nat(255), fc.uint8Array({ maxLength: 300 }), (code, subcode, data) => {
        const value = { code, subcode, data };
        expect(decodeNotification(encodeNotification(value).subarray(19))).toEqual({ ok: true, value });
        expect(describeNotification(value)).not.toBe('');
      }),
    );
  });

  test.each(['', '06'])('RFC 4271 §6.1: a body of "%s" is too short', (body) => {
    expect(decodeNotification(bytesFromHex(body))).toMatchObject({ ok: false, error: { code: 1, subcode: 2 } });
  });

  test('data that quotes a long message is cut to what every peer takes', () => {
    const { length } = encodeNotification({ code: 3, subcode: 5, data: new Uint8Array(60_000) });
    expect(length).toBe(4096);
    expect(MAX_DATA_BYTES).toBe(4075);
  });
});

describe('RFC 9003 §2: what an administrator says', () => {
  test.each([
    { name: 'with a shutdown', value: withText(2, 'rack 12 moves, [TICKET-1]'), want: 'rack 12 moves, [TICKET-1]' },
    { name: 'with a reset', value: withText(4, 'new policy'), want: 'new policy' },
    { name: 'beyond ASCII', value: withText(2, 'Wartung bis früh 🌅'), want: 'Wartung bis früh 🌅' },
    { name: 'of 255 bytes', value: withText(2, 'a'.repeat(255)), want: 'a'.repeat(255) },
    { name: 'control characters cannot forge a line', value: withText(2, 'a\nb\u2028c\u202ed'), want: 'a·b·c·d' },
    { name: 'none', value: notification(6, 2), want: undefined },
    { name: 'an empty one', value: notification(6, 2, '00'), want: undefined },
    { name: 'longer than it says', value: notification(6, 2, '01 6162'), want: undefined },
    { name: 'shorter than it says', value: notification(6, 2, '03 6162'), want: undefined },
    { name: 'no UTF-8', value: notification(6, 2, '02 c3 28'), want: undefined },
    { name: 'UTF-8 that is longer than it need be', value: notification(6, 2, '02 c0 af'), want: undefined },
    { name: 'half a surrogate pair', value: notification(6, 2, '03 eda080'), want: undefined },
    { name: 'with another subcode it is no text', value: withText(6, 'text'), want: undefined },
  ])('$name', ({ value, want }) => {
    expect(shutdownText(value)).toBe(want);
  });

  test('is sent with a shutdown and a reset, and with nothing else', () => {
    expect(ceaseNotification(2, 'früh')).toEqual(notification(6, 2, '05 6672c3bc68'));
    expect(ceaseNotification(4, 'x')).toEqual(notification(6, 4, '01 78'));
    expect(ceaseNotification(2)).toEqual(notification(6, 2));
    expect(ceaseNotification(7, 'x')).toEqual(notification(6, 7));
  });

  test('is cut between characters, at 255 bytes', () => {
    const { data } = ceaseNotification(2, `a${'🌅'.repeat(100)}`);
    expect(data.length).toBe(1 + 253);
    expect(shutdownText(ceaseNotification(2, `a${'🌅'.repeat(100)}`))).toBe(`a${'🌅'.repeat(63)}`);
    expect(shutdownText(ceaseNotification(2, 'a\ud800b'))).toBe('a\ufffdb');
  });
});

describe('RFC 8538 §3: a Hard Reset', () => {
  test('encloses why', () => {
    const reset = hardReset(withText(2, 'bye'));
    expect(hexOf(reset.data)).toBe('060203627965');
    expect(enclosedNotification(reset)).toEqual(withText(2, 'bye'));
    expect(enclosedNotification(notification(6, 9))).toBeUndefined();
    expect(enclosedNotification(notification(6, 9, '06'))).toBeUndefined();
    expect(enclosedNotification(notification(6, 4, '0602'))).toBeUndefined();
  });
});

describe('in words', () => {
  test.each([
    { value: notification(1, 1), want: 'Message Header Error: Connection Not Synchronized' },
    { value: notification(1, 2, '1001'), want: 'Message Header Error: Bad Message Length, length 4097' },
    { value: notification(1, 3, '06'), want: 'Message Header Error: Bad Message Type, type 6' },
    { value: notification(2, 0), want: 'OPEN Message Error' },
    { value: notification(2, 1, '0004'), want: 'OPEN Message Error: Unsupported Version Number, version 4 is spoken' },
    { value: notification(2, 2), want: 'OPEN Message Error: Bad Peer AS' },
    {
      value: notification(2, 7, '0104000200 01'),
      want: 'OPEN Message Error: Unsupported Capability, capability 1, data 010400020001',
    },
    { value: notification(2, 11), want: 'OPEN Message Error: Role Mismatch' },
    { value: notification(3, 3, '01'), want: 'UPDATE Message Error: Missing Well-known Attribute, ORIGIN' },
    {
      value: notification(2, 7, '0200 4104'),
      want: 'OPEN Message Error: Unsupported Capability, data 02004104',
    },
    {
      value: notification(2, 7, '0200 4600'),
      want: 'OPEN Message Error: Unsupported Capability, capability 2, 70, data 02004600',
    },
    {
      value: notification(3, 9, '800e0400020100'),
      want: 'UPDATE Message Error: Optional Attribute Error, MP_REACH_NLRI, data 800e0400020100',
    },
    { value: notification(3, 11), want: 'UPDATE Message Error: Malformed AS_PATH' },
    { value: notification(4, 0), want: 'Hold Timer Expired' },
    { value: notification(5, 3), want: 'Finite State Machine Error: Receive Unexpected Message in Established State' },
    { value: notification(5, 0), want: 'Finite State Machine Error' },
    {
      value: notification(6, 1, '00010100000064'),
      want: 'Cease: Maximum Number of Prefixes Reached, data 00010100000064',
    },
    { value: withText(2, 'rack 12'), want: 'Cease: Administrative Shutdown, "rack 12"' },
    { value: notification(6, 2, '00'), want: 'Cease: Administrative Shutdown' },
    { value: notification(6, 2, '05ff'), want: 'Cease: Administrative Shutdown, data 05ff' },
    { value: notification(6, 7), want: 'Cease: Connection Collision Resolution' },
    { value: notification(6, 10), want: 'Cease: BFD Down' },
    {
      value: hardReset(withText(4, 'policy')),
      want: 'Cease: Hard Reset, because of Cease: Administrative Reset, "policy"',
    },
    {
      value: hardReset(hardReset(notification(4, 0))),
      want: 'Cease: Hard Reset, because of Cease: Hard Reset, data 0400',
    },
    { value: notification(7, 1), want: 'ROUTE-REFRESH Message Error: Invalid Message Length' },
    { value: notification(6, 77), want: 'Cease: subcode 77' },
    { value: notification(99, 1), want: 'error code 99: subcode 1' },
    {
      value: notification(3, 5, 'ab'.repeat(40)),
      want: `UPDATE Message Error: Attribute Length Error, attribute 171, data ${'ab'.repeat(32)}… (40 bytes)`,
    },
  ])('$want', ({ value, want }) => {
    expect(describeNotification(value)).toBe(want);
  });
});

describe('ROUTE-REFRESH', () => {
  test.each([
    { name: 'RFC 2918 §3: a request', family: IPV4_UNICAST, subtype: 'request', body: '0001 00 01' },
    { name: 'RFC 7313 §3.2: begin', family: IPV6_UNICAST, subtype: 'begin', body: '0002 01 01' },
    { name: 'RFC 7313 §3.2: end', family: { afi: 25, safi: 70 }, subtype: 'end', body: '0019 02 46' },
  ] as const)('$name', ({ family, subtype, body }) => {
    expect(decodeRouteRefresh(bytesFromHex(body))).toEqual({ ok: true, value: { family, subtype } });
    expect(hexOf(encodeRouteRefresh(family, subtype))).toBe(hexOf(message(5, body)));
  });

  test.each(['0001 03 01', '0001 ff 01', '0001 80 01 0102'])('RFC 7313 §5: a subtype nobody knows, %s', (body) => {
    expect(decodeRouteRefresh(bytesFromHex(body))).toMatchObject({ ok: true, value: { subtype: 'unknown' } });
  });

  test.each([
    { name: 'RFC 7313 §5: a begin of 3 bytes', body: '0001 01', want: [7, 1] },
    { name: 'RFC 7313 §5: a begin of 5 bytes', body: '0001 01 01 00', want: [7, 1] },
    { name: 'RFC 7313 §5: an end of 5 bytes', body: '0001 02 01 00', want: [7, 1] },
    { name: 'RFC 4271 §6.1: nothing', body: '', want: [1, 2] },
    { name: 'RFC 4271 §6.1: a request of 3 bytes', body: '0001 00', want: [1, 2] },
    { name: 'RFC 4271 §6.1: a request of 5 bytes', body: '0001 00 01 00', want: [1, 2] },
    { name: 'RFC 4271 §6.1: 3 bytes of a subtype nobody knows', body: '0001 09', want: [1, 2] },
  ])('$name', ({ body, want }) => {
    const decoded = decodeRouteRefresh(bytesFromHex(body));
    if (decoded.ok) throw new Error('it was taken');
    const { code, subcode, data } = decoded.error;
    expect([code, subcode]).toEqual(want);
    // RFC 7313 §5 wants the whole message, RFC 4271 §6.1 its length.
    const whole = message(5, body);
    expect(hexOf(data)).toBe(code === 7 ? hexOf(whole) : hexOf(whole.subarray(16, 18)));
  });
});
