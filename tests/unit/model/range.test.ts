import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Ip, type IpFamily, ipBits } from '../../../src/runtime/model/ip.ts';
import {
  type AddressRange,
  formatRange,
  parseAddressRange,
  parseRangeOrAddress,
  prefixRange,
  rangeContains,
  rangePrefixes,
  rangeSize,
  rangesOverlap,
} from '../../../src/runtime/model/range.ts';

function range(text: string): AddressRange {
  const parsed = parseAddressRange(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

describe('parseRangeOrAddress', () => {
  test.each([
    { given: '10.0.0.1', text: '10.0.0.1/32' },
    { given: ' 2001:db8::1 ', text: '2001:db8::1/128' },
    { given: '10.0.0.1/24', text: '10.0.0.0/24' },
    { given: '10.0.0.1-10.0.0.9', text: '10.0.0.1-10.0.0.9' },
  ])('ok: "$given"', ({ given, text }) => {
    const parsed = parseRangeOrAddress(given);
    expect(parsed.ok && formatRange(parsed.value)).toBe(text);
  });

  test.each([
    { given: 'router', want: '"router" is no address (10.0.0.1), no CIDR (10.0.0.0/24) and no range' },
    { given: '', want: '"" is no address' },
    { given: '10.0.0.1-', want: "the range's end is malformed" },
    { given: '10.0.0.1/33', want: 'prefix length must be a number from 0 to 32' },
  ])('bad: "$given"', ({ given, want }) => {
    const parsed = parseRangeOrAddress(given);
    expect(parsed.ok ? '' : parsed.error).toContain(want);
  });
});

describe('parseAddressRange', () => {
  test.each([
    { given: '10.6.204.20-10.6.204.22', size: 3n, text: '10.6.204.20-10.6.204.22' },
    { given: '10.6.204.20 - 10.6.204.22', size: 3n, text: '10.6.204.20-10.6.204.22' },
    { given: '198.51.100.10/24', size: 256n, text: '198.51.100.0/24' },
    { given: '10.0.0.4-10.0.0.7', size: 4n, text: '10.0.0.4/30' },
    { given: '10.0.0.1/32', size: 1n, text: '10.0.0.1/32' },
    { given: '0.0.0.0/0', size: 1n << 32n, text: '0.0.0.0/0' },
    { given: '2001:db8::/64', size: 1n << 64n, text: '2001:db8::/64' },
    { given: '::/0', size: 1n << 128n, text: '::/0' },
  ])('ok: $given', ({ given, size, text }) => {
    expect(rangeSize(range(given))).toBe(size);
    expect(formatRange(range(given))).toBe(text);
  });

  test.each([
    { given: '10.0.0.1', want: 'is a single address: write 10.0.0.1/32' },
    { given: '2001:db8::1', want: 'is a single address: write 2001:db8::1/128' },
    { given: '10.0.0.9-10.0.0.1', want: 'reversed: 10.0.0.9 comes after 10.0.0.1; write 10.0.0.1-10.0.0.9' },
    { given: '10.0.0.1-2001:db8::1', want: 'mixes IPv4 and IPv6' },
    { given: '10.0.0.0/33', want: 'prefix length must be a number from 0 to 32' },
    { given: '10.0.0.0/', want: 'prefix length must be a number from 0 to 32' },
    { given: '10.0.0.0/2/4', want: 'prefix length' },
    { given: '10.0.0/24', want: '"10.0.0" is not an IP address' },
    { given: '10.0.0.1-10.0.0.x', want: "range's end is malformed" },
    { given: 'x-10.0.0.1', want: "range's start is malformed" },
    { given: '', want: 'neither a CIDR' },
    { given: 'default', want: 'neither a CIDR' },
  ])('bad: $given', ({ given, want }) => {
    const parsed = parseAddressRange(given);
    expect(parsed.ok ? 'accepted' : parsed.error).toContain(want);
  });
});

describe('ranges', () => {
  test('containing and overlapping', () => {
    expect(rangeContains(range('10.0.0.0/24'), '10.0.0.255' as Ip)).toBe(true);
    expect(rangeContains(range('10.0.0.0/24'), '10.0.1.0' as Ip)).toBe(false);
    expect(rangeContains(range('::/0'), '10.0.0.1' as Ip)).toBe(false);
    expect(rangesOverlap(range('10.0.0.1-10.0.0.5'), range('10.0.0.5-10.0.0.9'))).toBe(true);
    expect(rangesOverlap(range('10.0.0.1-10.0.0.5'), range('10.0.0.6-10.0.0.9'))).toBe(false);
    expect(rangesOverlap(range('0.0.0.0/0'), range('::/0'))).toBe(false);
  });

  test('what is printed parses to the same range', () => {
    const ranges = fc.constantFrom<IpFamily>('ipv4', 'ipv6').chain((family) => {
      const value = fc.bigInt(0n, (1n << BigInt(ipBits(family))) - 1n);
      return fc.tuple(value, value).map(([a, b]) => ({ family, first: a < b ? a : b, last: a < b ? b : a }));
    });
    fc.assert(fc.property(ranges, (given) => expect(range(formatRange(given))).toEqual(given)));
  });
});

describe('rangePrefixes', () => {
  test.each([
    { given: '10.0.0.0/24', want: ['10.0.0.0/24'] },
    { given: '10.0.0.1-10.0.0.1', want: ['10.0.0.1/32'] },
    { given: '10.0.0.250-10.0.1.1', want: ['10.0.0.250/31', '10.0.0.252/30', '10.0.1.0/31'] },
    { given: '0.0.0.0-255.255.255.255', want: ['0.0.0.0/0'] },
    { given: '::/0', want: ['::/0'] },
    { given: '2001:db8::ffff-2001:db8::1:0', want: ['2001:db8::ffff/128', '2001:db8::1:0/128'] },
  ])('$given: $want', ({ given, want }) => {
    expect(rangePrefixes(range(given))).toEqual(want);
  });

  test('the longest way round is two a bit, without the first and the last', () => {
    expect(rangePrefixes(range('0.0.0.1-255.255.255.254'))).toHaveLength(62);
  });

  test('they are the range, one after the other, and no two of them are one', () => {
    const any = fc.tuple(fc.bigInt({ min: 0n, max: (1n << 32n) - 1n }), fc.bigInt({ min: 0n, max: 5000n }));
    fc.assert(
      fc.property(any, ([start, size]) => {
        const last = start + size < 1n << 32n ? start + size : (1n << 32n) - 1n;
        const ranges = rangePrefixes({ family: 'ipv4', first: start, last }).map(prefixRange);
        expect(ranges[0]?.first).toBe(start);
        expect(ranges.at(-1)?.last).toBe(last);
        for (const [index, next] of ranges.slice(1).entries()) {
          const before = ranges[index] ?? next;
          expect(next.first).toBe(before.last + 1n);
          const both = rangeSize(before) + rangeSize(next);
          expect(rangeSize(before) === rangeSize(next) && before.first % both === 0n).toBe(false);
        }
      }),
    );
  });
});
