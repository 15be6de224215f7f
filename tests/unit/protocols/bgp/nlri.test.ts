/** Prefixes on the wire, straight from their text: every form that an address's text can have. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ipBytes, ipFromBytes } from '../../../../src/runtime/model/ip.ts';
import { ipPrefix, prefixIp } from '../../../../src/runtime/model/ip-prefix.ts';
import { encodeNlri } from '../../../../src/runtime/protocols/bgp/codec/nlri.ts';
import { hexOf, prefix } from '../../../support/bgp-bytes.ts';

describe('RFC 4271 §4.3: as many octets as the length takes', () => {
  test.each([
    { text: '0.0.0.0/0', want: '00' },
    { text: '128.0.0.0/1', want: '0180' },
    { text: '10.0.0.0/8', want: '080a' },
    { text: '10.255.128.0/17', want: '110aff80' },
    { text: '192.0.2.255/32', want: '20c00002ff' },
    { text: '::/0', want: '00' },
    { text: '::/128', want: `80${'00'.repeat(16)}` },
    { text: '::1/128', want: `80${'00'.repeat(15)}01` },
    { text: '2001:db8::/32', want: '2020010db8' },
    { text: '2000::/3', want: '0320' },
    { text: '2001:db8:ff00::/40', want: '2820010db8ff' },
    { text: '1::/16', want: '100001' },
    { text: 'a:b:c:d::/64', want: '40000a000b000c000d' },
    { text: '1:2:3:4:5:6:7:8/128', want: '8000010002000300040005000600070008' },
    { text: '1::8/128', want: '8000010000000000000000000000000008' },
    { text: '1:0:0:4::8/128', want: '8000010000000000040000000000000008' },
    { text: '1:2:3:4:5:6:7:0/127', want: '7f00010002000300040005000600070000' },
  ])('$text', ({ text, want }) => {
    expect(hexOf(encodeNlri([prefix(text)]))).toBe(want);
  });
});

test('any: length, and the first bytes of its address', () => {
  // Zeros and small numbers often, so that "::" stands everywhere.
  const group = fc.oneof(fc.constant(0), fc.nat(15), fc.nat(0xffff));
  const ipv6 = fc
    .array(group, { minLength: 8, maxLength: 8 })
    .map((groups) => Uint8Array.from(groups.flatMap((each) => [each >>> 8, each & 0xff])));
  const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(fc.oneof(ipv4, ipv6), fc.nat(128), (bytes, someBits) => {
      const ip = ipFromBytes(bytes);
      if (!ip.ok) throw new Error(ip.error);
      const lengthBits = someBits % (bytes.length * 8 + 1);
      const made = ipPrefix(ip.value, lengthBits);
      const want = [lengthBits, ...ipBytes(prefixIp(made)).subarray(0, Math.ceil(lengthBits / 8))];
      expect([...encodeNlri([made])]).toEqual(want);
      // Between others it is the same.
      const around = prefix('10.0.0.0/8');
      expect([...encodeNlri([around, made, around])]).toEqual([8, 10, ...want, 8, 10]);
    }),
    { numRuns: 2000 },
  );
});
