import { describe, expect, test } from '@jest/globals';
import { parseDocument } from 'yaml';
import { parseConfigText } from '../../../src/runtime/model/config-text.ts';
import { parseDuration } from '../../../src/runtime/model/duration.ts';

describe('the text of an old configuration', () => {
  test.each([
    { name: 'plain', text: 'a: [1]', want: { a: [1] } },
    {
      name: 'with anchors and merge keys',
      text: 'x: &x {p: 1}\ny:\n  <<: *x\n  q: 2',
      want: { x: { p: 1 }, y: { p: 1, q: 2 } },
    },
    { name: 'a community is text, not a number to base 60', text: 'c: 64500:10', want: { c: '64500:10' } },
  ])('is read: $name', ({ text, want }) => {
    expect(parseConfigText(text, parseDocument)).toEqual({ ok: true, value: want });
  });

  test.each([
    { name: 'a key given twice', text: 'a: 1\na: 2', want: 'Map keys must be unique at line 2' },
    { name: 'an open bracket', text: 'a: [', want: 'at line 1' },
    {
      name: 'aliases that explode',
      text: `a: &a [x]\n${'bcdefghij'
        .split('')
        .map((key, i) => `${key}: &${key} [${`*${'abcdefghij'[i]},`.repeat(20)}]`)
        .join('\n')}`,
      want: 'is not YAML',
    },
  ])('is refused with its line: $name', ({ text, want }) => {
    expect(parseConfigText(text, parseDocument)).toEqual({ ok: false, error: expect.stringContaining(want) });
  });
});

describe('a duration as Go writes it', () => {
  test.each([
    ['90s', 90_000],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['10ms', 10],
    ['1us', 0.001],
    ['1µs', 0.001],
    ['-3s', -3000],
    ['0', 0],
  ])('%s', (text, want) => {
    expect(parseDuration(text)).toEqual({ ok: true, value: want });
  });

  test.each(['', 's', '10', '1d', '1 s', '1s ', '1s2', '--1s', '1e3s'])('not %p', (text) => {
    expect(parseDuration(text).ok).toBe(false);
  });
});
