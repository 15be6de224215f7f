import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ipFromBytes } from '../../../src/runtime/model/ip.ts';
import {
  ipPrefix,
  parseIpPrefix,
  prefixFamily,
  prefixIp,
  prefixLengthBits,
} from '../../../src/runtime/model/ip-prefix.ts';

describe('parsing', () => {
  test.each([
    { text: '192.0.2.0/24', want: '192.0.2.0/24' },
    { text: '192.0.2.255/24', want: '192.0.2.0/24' },
    { text: '192.0.2.255/25', want: '192.0.2.128/25' },
    { text: '192.0.2.255/30', want: '192.0.2.252/30' },
    { text: '192.0.2.1/32', want: '192.0.2.1/32' },
    { text: '192.0.2.1/0', want: '0.0.0.0/0' },
    { text: '2001:DB8:0:0::1/64', want: '2001:db8::/64' },
    { text: '2001:db8::ffff/121', want: '2001:db8::ff80/121' },
    { text: '::1/128', want: '::1/128' },
    { text: 'ffff::/1', want: '8000::/1' },
  ])('$text is $want', ({ text, want }) => {
    expect(parseIpPrefix(text)).toEqual({ ok: true, value: want });
  });

  test.each([
    '',
    '192.0.2.0',
    '192.0.2.0/33',
    '2001:db8::/129',
    '192.0.2.0/',
    '192.0.2.0/024',
    '192.0.2.0/24/1',
    '/24',
  ])('"%s" is none', (text) => {
    const parsed = parseIpPrefix(text);
    expect(parsed.ok ? '' : parsed.error).toContain(`"${text}" is not a prefix: `);
  });
});

test('address, length and family are what it was made of', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  );
  fc.assert(
    fc.property(bytes, fc.nat(128), (address, someBits) => {
      const ip = ipFromBytes(address);
      if (!ip.ok) throw new Error(ip.error);
      const lengthBits = someBits % (address.length * 8 + 1);
      const prefix = ipPrefix(ip.value, lengthBits);
      expect(prefixLengthBits(prefix)).toBe(lengthBits);
      expect(prefixFamily(prefix)).toBe(address.length === 4 ? 'ipv4' : 'ipv6');
      expect(parseIpPrefix(`${ip.value}/${lengthBits}`)).toEqual({ ok: true, value: prefix });
      expect(ipPrefix(prefixIp(prefix), lengthBits)).toBe(prefix);
    }),
  );
});

test('a length beyond the family is a bug', () => {
  const ip = prefixIp(ipPrefix('192.0.2.1' as ReturnType<typeof prefixIp>, 32));
  expect(() => ipPrefix(ip, 33)).toThrow(RangeError);
});
