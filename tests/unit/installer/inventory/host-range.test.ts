import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseHostPattern } from '../../../../src/installer/inventory/host-range.ts';

describe('host patterns that stand for hosts', () => {
  const rows: readonly { name: string; given: string; want: { names: string[]; port?: number } }[] = [
    { name: 'a plain name', given: 'node1', want: { names: ['node1'] } },
    { name: 'an address with a port', given: '10.6.204.1:2222', want: { names: ['10.6.204.1'], port: 2222 } },
    { name: 'a bare IPv6 address', given: 'fd00::1', want: { names: ['fd00::1'] } },
    { name: 'an IPv6 address with a port', given: '[fd00::1]:22', want: { names: ['fd00::1'], port: 22 } },
    { name: 'a numeric range', given: '10.6.204.[1:3]', want: { names: ['10.6.204.1', '10.6.204.2', '10.6.204.3'] } },
    { name: 'a padded range', given: 'n[08:10]', want: { names: ['n08', 'n09', 'n10'] } },
    { name: 'a range with a step', given: 'node[01:10:4]', want: { names: ['node01', 'node05', 'node09'] } },
    { name: 'an open start is zero', given: 'n[:2]', want: { names: ['n0', 'n1', 'n2'] } },
    { name: 'letters', given: 'db-[a:c]', want: { names: ['db-a', 'db-b', 'db-c'] } },
    { name: 'two ranges', given: 'r[1:2]n[a:b]', want: { names: ['r1na', 'r1nb', 'r2na', 'r2nb'] } },
    { name: 'a range and a port', given: 'n[1:2]:22', want: { names: ['n1', 'n2'], port: 22 } },
  ];
  test.each(rows)('$name', ({ given, want }) => {
    expect(parseHostPattern(given)).toEqual({ ok: true, value: want });
  });
});

describe('host patterns that are refused', () => {
  const rows: readonly { name: string; given: string; want: string }[] = [
    { name: 'reversed', given: 'n[3:1]', want: 'the range [3:1] of "n[3:1]" is reversed' },
    {
      name: 'mixed ends',
      given: 'n[1:c]',
      want: 'the range [1:c] of "n[1:c]" must run between two numbers or two letters of one case',
    },
    {
      name: 'uneven padding',
      given: 'n[01:100]',
      want: 'the range [01:100] of "n[01:100]" pads one end with zeros and not the other',
    },
    { name: 'no end', given: 'n[1]', want: 'the range [1] of "n[1]" must be [first:last] or [first:last:step]' },
    { name: 'step of zero', given: 'n[1:9:0]', want: 'the step of [1:9:0] in "n[1:9:0]" must be 1 or more' },
    { name: 'unbalanced', given: 'n[1:3', want: 'the brackets of "n[1:3" do not match' },
    { name: 'far too many', given: 'n[0:99999999]', want: '"n[0:99999999]" stands for more than 10000 hosts' },
    { name: 'a port that is none', given: 'n:70000', want: 'port 70000 of "n:70000" is not within 1 to 65535' },
  ];
  test.each(rows)('$name', ({ given, want }) => {
    expect(parseHostPattern(given)).toEqual({ ok: false, error: want });
  });
});

test('a range gives as many hosts as it has steps, in order', () => {
  const bounds = fc.tuple(fc.nat(500), fc.nat(500), fc.integer({ min: 1, max: 9 }));
  fc.assert(
    fc.property(bounds, ([first, length, step]) => {
      const parsed = parseHostPattern(`n[${first}:${first + length}:${step}]`);
      const count = Math.floor(length / step) + 1;
      const want = Array.from({ length: count }, (_, index) => `n${first + index * step}`);
      expect(parsed).toEqual({ ok: true, value: { names: want } });
    }),
  );
});

test('no text makes it throw', () => {
  const piece = fc.constantFrom('[', ']', ':', '0', '1', '9', 'a', 'Z', '.', '-', 'node');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
      const parsed = parseHostPattern(pieces.join(''));
      if (parsed.ok) expect(parsed.value.names.length).toBeGreaterThan(0);
      else expect(parsed.error).not.toBe('');
    }),
  );
});
