import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ByteWriter, decoding } from '../../../src/runtime/protocols/bytes.ts';

const bytes = Uint8Array.of(0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07);

describe('ByteReader', () => {
  test('reads fields in network order, one after the other', () => {
    const read = decoding(
      'test',
      Uint8Array.of(1, 2, 3, 0xff, 4, 5, 6, 0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa),
      (reader) => [reader.u8(), reader.u16(), reader.u32(), reader.u48(), reader.remaining],
    );
    expect(read).toEqual({ ok: true, value: [1, 0x0203, 0xff040506, 0xffeeddccbbaa, 0] });
  });

  test.each([
    { name: 'u8 of nothing', take: 7, read: 'u8', reason: '1 bytes wanted, 0 left' },
    { name: 'u16 of one byte', take: 6, read: 'u16', reason: '2 bytes wanted, 1 left' },
    { name: 'u32 of three bytes', take: 4, read: 'u32', reason: '4 bytes wanted, 3 left' },
    { name: 'u48 of five bytes', take: 2, read: 'u48', reason: '6 bytes wanted, 5 left' },
  ] as const)('refuses $name', ({ take, read, reason }) => {
    const result = decoding('test', bytes, (reader) => {
      reader.skip(take);
      return reader[read]();
    });
    expect(result).toEqual({ ok: false, error: { what: 'test', offset: take, kind: 'truncated', reason } });
  });

  test('hands out views, never fewer bytes than asked for', () => {
    const read = decoding('test', bytes, (reader) => reader.bytes(3));
    expect(read.ok && read.value.buffer).toBe(bytes.buffer);
    expect(decoding('test', bytes, (reader) => reader.bytes(8)).ok).toBe(false);
  });

  test('a reader of a part stops at its end, and its errors count from the beginning of the whole', () => {
    const read = decoding('test', bytes, (reader) => {
      reader.skip(1);
      const part = reader.sub(2);
      part.u8();
      return part.u16();
    });
    expect(read.ok ? undefined : read.error).toMatchObject({ offset: 2, reason: '2 bytes wanted, 1 left' });
  });

  test('a bug inside a codec is not taken for bad input', () => {
    expect(() =>
      decoding('test', bytes, () => {
        throw new TypeError('bug');
      }),
    ).toThrow('bug');
  });
});

describe('ByteWriter', () => {
  test('what is written is read back', () => {
    fc.assert(
      fc.property(
        fc.nat(0xff),
        fc.nat(0xffff),
        fc.nat(0xffffffff),
        fc.maxSafeNat().map((value) => value % 2 ** 48),
        fc.uint8Array({ maxLength: 100 }),
        (u8, u16, u32, u48, tail) => {
          const written = new ByteWriter(1).u8(u8).u16(u16).u32(u32).u48(u48).bytes(tail).finish();
          const read = decoding('test', written, (reader) => {
            const values = [reader.u8(), reader.u16(), reader.u32(), reader.u48()];
            return { values, tail: [...reader.bytes(reader.remaining)] };
          });
          expect(read).toEqual({ ok: true, value: { values: [u8, u16, u32, u48], tail: [...tail] } });
        },
      ),
    );
  });

  test('a length is filled in afterwards', () => {
    expect([...new ByteWriter().u16(0).u8(7).setU16(0, 0x0102).finish()]).toEqual([1, 2, 7]);
  });

  test.each([
    { name: 'too large for u8', write: () => new ByteWriter().u8(256) },
    { name: 'negative', write: () => new ByteWriter().u32(-1) },
    { name: 'a fraction', write: () => new ByteWriter().u16(1.5) },
    { name: 'too large for u48', write: () => new ByteWriter().u48(2 ** 48) },
    { name: 'a length where nothing is written', write: () => new ByteWriter().u8(1).setU16(0, 1) },
  ])('a value that does not fit is a bug: $name', ({ write }) => {
    expect(write).toThrow(RangeError);
  });
});
