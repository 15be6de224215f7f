import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  compareIps,
  type Ip,
  type IpFamily,
  ipBits,
  ipBytes,
  ipFromBytes,
  ipFromValue,
  ipValue,
  isLinkLocal,
  parseIp,
} from '../../../src/runtime/model/ip.ts';

describe('parseIp', () => {
  test.each([
    { given: '10.6.204.20', want: '10.6.204.20' },
    { given: '0.0.0.0', want: '0.0.0.0' },
    { given: '255.255.255.255', want: '255.255.255.255' },
    { given: '::', want: '::' },
    { given: '::1', want: '::1' },
    { given: '2001:DB8::1', want: '2001:db8::1' },
    { given: '2001:db8:0:0:0:0:0:1', want: '2001:db8::1' },
    { given: 'fe80:0:0:1:0:0:0:1', want: 'fe80:0:0:1::1' },
    { given: '2001:db8:0:1:1:1:1:1', want: '2001:db8:0:1:1:1:1:1' },
    { given: '1:0:0:2:3:0:0:4', want: '1::2:3:0:0:4' },
    { given: '::ffff:192.0.2.1', want: '::ffff:c000:201' },
    { given: '1:2:3:4:5:6:7::', want: '1:2:3:4:5:6:7:0' },
  ])('ok: $given', ({ given, want }) => {
    expect(parseIp(given)).toEqual({ ok: true, value: want });
  });

  test.each([
    '',
    ' 10.0.0.1',
    '10.0.0',
    '10.0.0.256',
    '10.0.0.01',
    '10.0.0.1.2',
    '10.0.0.0x1',
    '1e1.0.0.1',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '12345::',
    'g::',
    '::1.2.3',
    '1.2.3.4::',
    'fe80::1%eth0',
    '10.0.0.1/24',
  ])('bad: %p', (given) => {
    expect(parseIp(given).ok).toBe(false);
  });

  test('any text at all gives a value or a reason, never a throw', () => {
    fc.assert(fc.property(fc.string(), (text) => typeof parseIp(text).ok === 'boolean'));
    fc.assert(fc.property(fc.stringMatching(/^[0-9a-f:.]{0,40}$/), (text) => typeof parseIp(text).ok === 'boolean'));
  });
});

const family = fc.constantFrom<IpFamily>('ipv4', 'ipv6');
const address = family.chain((f) =>
  fc.bigInt(0n, (1n << BigInt(ipBits(f))) - 1n).map((value) => ipFromValue(f, value)),
);

describe('addresses as values', () => {
  test('text, number and bytes are the same address', () => {
    fc.assert(
      fc.property(address, (ip) => {
        expect(parseIp(ip)).toEqual({ ok: true, value: ip });
        expect(ipFromValue(ip.includes(':') ? 'ipv6' : 'ipv4', ipValue(ip))).toBe(ip);
        expect(ipFromBytes(ipBytes(ip))).toEqual({ ok: true, value: ip });
      }),
    );
  });

  test('order is by number, IPv4 first', () => {
    const sorted = ['::1', '10.0.0.10', '10.0.0.9', '2001:db8::'].map((text) => text as Ip).sort(compareIps);
    expect(sorted).toEqual(['10.0.0.9', '10.0.0.10', '::1', '2001:db8::']);
  });

  test('a wrong number of bytes is refused', () => {
    expect(ipFromBytes(new Uint8Array(5)).ok).toBe(false);
  });
});

test.each([
  { ip: 'fe80::1', want: true },
  { ip: 'febf:ffff::1', want: true },
  { ip: 'fec0::1', want: false },
  { ip: 'fe8::1', want: false },
  { ip: '2001:db8::fe80', want: false },
  { ip: '169.254.0.1', want: false },
])('RFC 4291 §2.5.6: $ip is good on its link only: $want', ({ ip, want }) => {
  expect(isLinkLocal(ip as Ip)).toBe(want);
});
