/** Messages out of a stream: whole ones, pieces of any size, and every header that is wrong. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  encodeKeepalive,
  encodeMessage,
  MAX_EXTENDED_MESSAGE_BYTES,
} from '../../../../src/runtime/protocols/bgp/codec/header.ts';
import { Framer } from '../../../../src/runtime/protocols/bgp/framer.ts';
import { bytesFromHex } from '../../../support/arp-vectors.ts';
import { hex16, hexOf, MARKER, message } from '../../../support/bgp-bytes.ts';

const open = message(1, `04 fde8 005a c0000201 00`);
const update = message(2, '0000 0000');
const notification = message(3, '06 02');
const keepalive = message(4, '');
const refresh = message(5, '0001 00 01');

/** As JSON would have it, so that views compare with copies. */
function seen(messages: readonly { readonly type: number; readonly body: Uint8Array }[]) {
  return messages.map(({ type, body }) => ({ type, body: hexOf(body) }));
}

describe('what is whole comes out', () => {
  test('a message of each type, at once', () => {
    const framer = new Framer();
    const framed = framer.push(Uint8Array.from([...open, ...keepalive, ...update, ...refresh, ...notification]));
    expect(framed.fault).toBeUndefined();
    expect(seen(framed.messages)).toEqual([
      { type: 1, body: '04fde8005ac000020100' },
      { type: 4, body: '' },
      { type: 2, body: '00000000' },
      { type: 5, body: '00010001' },
      { type: 3, body: '0602' },
    ]);
    expect(framer.heldBytes).toBe(0);
  });

  test('cut at every place: nothing before the last byte, all with it', () => {
    for (const whole of [open, update, notification, keepalive, refresh]) {
      for (let cut = 1; cut < whole.length; cut++) {
        const framer = new Framer();
        expect(framer.push(whole.subarray(0, cut))).toEqual({ messages: [] });
        expect(framer.heldBytes).toBe(cut);
        expect(seen(framer.push(whole.subarray(cut)).messages)).toEqual([
          { type: whole[18], body: hexOf(whole.subarray(19)) },
        ]);
        expect(framer.heldBytes).toBe(0);
      }
    }
  });

  test('in pieces of any size it is the same as at once', () => {
    const long = encodeMessage(2, new Uint8Array(3000).fill(7));
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(open, update, notification, keepalive, refresh, long), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 1500 }), { minLength: 1 }),
        (messages, sizes) => {
          const stream = Uint8Array.from(messages.flatMap((bytes) => [...bytes]));
          const framer = new Framer();
          const got: { type: number; body: string }[] = [];
          for (let at = 0, turn = 0; at < stream.length; turn++) {
            const size = sizes[turn % sizes.length] ?? 1;
            const framed = framer.push(stream.slice(at, at + size));
            expect(framed.fault).toBeUndefined();
            got.push(...seen(framed.messages));
            at += size;
          }
          expect(got).toEqual(messages.map((bytes) => ({ type: bytes[18], body: hexOf(bytes.subarray(19)) })));
        },
      ),
      { numRuns: 300 },
    );
  });

  test('RFC 4271 §4.1: the longest message is of 4096 bytes', () => {
    const longest = encodeMessage(2, new Uint8Array(4096 - 19));
    expect(new Framer().push(longest).messages).toHaveLength(1);
  });

  test('RFC 8654 §4: 65535 bytes, once that is agreed', () => {
    const longest = encodeMessage(2, new Uint8Array(MAX_EXTENDED_MESSAGE_BYTES - 19));
    const framer = new Framer();
    framer.allowExtendedMessages();
    expect(framer.push(longest.subarray(0, 5000)).messages).toEqual([]);
    expect(framer.push(longest.subarray(5000)).messages).toHaveLength(1);
  });
});

describe('RFC 4271 §6.1: every wrong header has its NOTIFICATION', () => {
  const badMarkers = Array.from({ length: 16 }, (_, at) => ({
    name: `byte ${at} of the marker`,
    header: `${'ff'.repeat(at)} fe ${'ff'.repeat(15 - at)} 0013 04`,
    want: { code: 1, subcode: 1, data: '' },
  }));

  test.each([
    ...badMarkers,
    { name: 'length 0', header: `${MARKER} 0000 04`, want: { code: 1, subcode: 2, data: '0000' } },
    { name: 'length 18', header: `${MARKER} 0012 04`, want: { code: 1, subcode: 2, data: '0012' } },
    { name: 'length 4097', header: `${MARKER} 1001 02`, want: { code: 1, subcode: 2, data: '1001' } },
    { name: 'length 65535', header: `${MARKER} ffff 02`, want: { code: 1, subcode: 2, data: 'ffff' } },
    { name: 'an OPEN of 28 bytes', header: `${MARKER} 001c 01`, want: { code: 1, subcode: 2, data: '001c' } },
    { name: 'an UPDATE of 22 bytes', header: `${MARKER} 0016 02`, want: { code: 1, subcode: 2, data: '0016' } },
    { name: 'a NOTIFICATION of 20 bytes', header: `${MARKER} 0014 03`, want: { code: 1, subcode: 2, data: '0014' } },
    { name: 'a KEEPALIVE of 20 bytes', header: `${MARKER} 0014 04`, want: { code: 1, subcode: 2, data: '0014' } },
    { name: 'type 0', header: `${MARKER} 0013 00`, want: { code: 1, subcode: 3, data: '00' } },
    { name: 'type 6', header: `${MARKER} 0013 06`, want: { code: 1, subcode: 3, data: '06' } },
    { name: 'type 255', header: `${MARKER} 0013 ff`, want: { code: 1, subcode: 3, data: 'ff' } },
  ])('$name', ({ header, want }) => {
    const bytes = bytesFromHex(header);
    for (const pieces of [[bytes], [bytes.subarray(0, 7), bytes.subarray(7)], [...bytes].map((byte) => [byte])]) {
      const framer = new Framer();
      let last = framer.push(keepalive);
      expect(last.fault).toBeUndefined();
      for (const piece of pieces) last = framer.push(Uint8Array.from(piece));
      const { code, subcode, data } = last.fault ?? { code: 0, subcode: 0, data: new Uint8Array() };
      expect({ code, subcode, data: hexOf(data) }).toEqual(want);
      // Nothing behind it is ever read.
      expect(framer.push(keepalive)).toEqual({ messages: [], fault: last.fault });
    }
  });

  test('RFC 8654 §4: an OPEN and a KEEPALIVE are never extended', () => {
    for (const type of ['01', '04']) {
      const framer = new Framer();
      framer.allowExtendedMessages();
      expect(framer.push(bytesFromHex(`${MARKER} 1001 ${type}`)).fault).toMatchObject({ code: 1, subcode: 2 });
    }
  });

  test('messages before it come out with it', () => {
    const framed = new Framer().push(Uint8Array.from([...keepalive, ...update, ...bytesFromHex(`${MARKER} 0000 04`)]));
    expect(framed.messages.map(({ type }) => type)).toEqual([4, 2]);
    expect(framed.fault?.reason).toBe('a message of 0 bytes, 19 to 4096 are possible');
  });

  test('random bytes never throw, and never make it hold more than one message', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 20 }), (chunks) => {
        const framer = new Framer();
        for (const chunk of chunks) framer.push(chunk);
        expect(framer.heldBytes).toBeLessThan(4096);
      }),
    );
  });
});

test('a KEEPALIVE is a header', () => {
  expect(encodeKeepalive()).toEqual(bytesFromHex(`${MARKER} ${hex16(19)} 04`));
});
