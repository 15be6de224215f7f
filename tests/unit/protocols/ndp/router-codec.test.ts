import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { MacBits } from '../../../../src/runtime/protocols/ethernet/codec.ts';
import { ipv6KeyOf } from '../../../../src/runtime/protocols/ip/ipv6.ts';
import { readNdpFrameOf } from '../../../../src/runtime/protocols/ndp/frame.ts';
import {
  decodeRouterMessage,
  encodeRouterFrame,
  type RouterMessage,
} from '../../../../src/runtime/protocols/ndp/router-codec.ts';
import { bytesFromHex } from '../../../support/arp-vectors.ts';
import { readRouterVectors } from '../../../support/router-vectors.ts';

const vectors = readRouterVectors();

function read(frame: Uint8Array) {
  const found = readNdpFrameOf(frame, decodeRouterMessage);
  if (typeof found === 'string') return found;
  const { link, header, message } = found;
  const { source, destination } = header;
  return { envelope: { link: { destination: link.destination, source: link.source }, source, destination }, message };
}

describe(`${vectors.length} frames made by others`, () => {
  test.each(vectors)('decodes $name', ({ frame, envelope, message }) => {
    expect(read(frame)).toEqual({ envelope, message });
  });

  test.each(vectors.filter(({ saysMore }) => !saysMore))(
    'encodes $name byte for byte',
    ({ frame, envelope, message }) => {
      expect(encodeRouterFrame(envelope, message)).toEqual(frame);
    },
  );
});

test('RFC 4861 §6.2.3: what this side advertises configures nothing', () => {
  const [{ envelope } = raise()] = vectors;
  const linkAddress = 0x02000000000b as MacBits;
  const frame = encodeRouterFrame(envelope, { kind: 'router-advertisement', lifetimeSeconds: 0, linkAddress });
  // Type, code; checksum apart: no hop limit, no flags, lifetime 0, no timers; the source link address alone.
  expect(frame.subarray(54, 56)).toEqual(bytesFromHex('8600'));
  expect(frame.subarray(58)).toEqual(bytesFromHex('00 00 0000 00000000 00000000 01 01 02000000000b'));
});

describe('bad messages', () => {
  const solicitation = '8500 0000 00000000';
  const advertisement = '8600 0000 40 00 001e 00000000 00000000';
  const option = '01 01 02000000000a';

  test.each([
    { name: 'nothing', message: '', kind: 'truncated', offset: 0 },
    { name: 'a solicitation that is cut off', message: solicitation.slice(0, -2), kind: 'truncated', offset: 4 },
    { name: 'an advertisement that is cut off', message: advertisement.slice(0, -2), kind: 'truncated', offset: 8 },
    { name: 'a neighbour solicitation', message: `87${solicitation.slice(2)}`, kind: 'unsupported', offset: 0 },
    { name: 'a redirect', message: `89${advertisement.slice(2)}`, kind: 'unsupported', offset: 0 },
    { name: 'code 1', message: solicitation.replace('8500', '8501'), kind: 'malformed', offset: 1 },
    { name: 'code 1 again', message: advertisement.replace('8600', '8601'), kind: 'malformed', offset: 1 },
    { name: 'an option of length 0', message: `${solicitation} 03 00 000000000000`, kind: 'malformed', offset: 8 },
    {
      name: 'an option of length 0 behind others',
      message: `${advertisement} ${option} 03 00`,
      kind: 'malformed',
      offset: 24,
    },
    { name: 'an option that is cut off', message: `${advertisement} 03 04 40c0`, kind: 'truncated', offset: 18 },
    {
      name: 'a link address of 14 bytes',
      message: `${advertisement} 01 02 ${'00'.repeat(14)}`,
      kind: 'malformed',
      offset: 16,
    },
  ])('RFC 4861 §6.1: $name: $kind at $offset', ({ message, kind, offset }) => {
    const decoded = decodeRouterMessage(bytesFromHex(message));
    expect(decoded.ok ? undefined : decoded.error).toMatchObject({ what: 'router discovery message', kind, offset });
  });

  test('flags, timers and options that nobody asked for mean nothing', () => {
    const decoded = decodeRouterMessage(
      bytesFromHex(`8600 0000 ff ff 0708 ffffffff ffffffff fe 01 000000000000 ${option}`),
    );
    expect(decoded).toEqual({
      ok: true,
      value: { kind: 'router-advertisement', lifetimeSeconds: 1800, linkAddress: 0x02000000000a },
    });
  });
});

const macBits = fc.maxSafeNat().map((value) => (value % 2 ** 48) as MacBits);
const key = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(ipv6KeyOf);
const link = fc.option(macBits, { nil: undefined }).map((bits) => (bits === undefined ? {} : { linkAddress: bits }));
const message: fc.Arbitrary<RouterMessage> = fc.oneof(
  link.map((at) => ({ kind: 'router-solicitation' as const, ...at })),
  fc.tuple(link, fc.nat({ max: 65_535 })).map(([at, lifetimeSeconds]) => ({
    kind: 'router-advertisement' as const,
    lifetimeSeconds,
    ...at,
  })),
);

test('decoding undoes encoding', () => {
  fc.assert(
    fc.property(macBits, macBits, key, key, message, (destination, source, from, to, told) => {
      const envelope = { link: { destination, source }, source: from, destination: to };
      expect(read(encodeRouterFrame(envelope, told))).toEqual({ envelope, message: told });
    }),
  );
});

test('decoding is total: random bytes, and recorded messages with some bytes changed', () => {
  const damaged = fc
    .tuple(
      fc.constantFrom(...vectors),
      fc.array(fc.tuple(fc.nat({ max: 200 }), fc.nat({ max: 255 })), { maxLength: 4 }),
    )
    .map(([{ frame }, changes]) => {
      const bytes = frame.slice();
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      return bytes.subarray(0, bytes.length - ((changes[0]?.[0] ?? 0) % 3));
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 120 }), damaged), (bytes) => {
      expect(typeof decodeRouterMessage(bytes).ok).toBe('boolean');
      expect(['string', 'object']).toContain(typeof read(bytes));
    }),
    { numRuns: 2000 },
  );
});

function raise(): never {
  throw new Error('no vectors');
}
