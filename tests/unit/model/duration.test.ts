import { describe, expect, test } from '@jest/globals';
import { parseDuration } from '../../../src/runtime/model/duration.ts';

describe('durations as Go writes them', () => {
  const rows: readonly { given: string; want: number }[] = [
    { given: '0', want: 0 },
    { given: '+0', want: 0 },
    { given: '-0', want: 0 },
    { given: '0s', want: 0 },
    { given: '-0s', want: 0 },
    { given: '90s', want: 90_000 },
    { given: '1m30s', want: 90_000 },
    { given: '30s1m', want: 90_000 },
    { given: '24h', want: 86_400_000 },
    { given: '1h1h', want: 7_200_000 },
    { given: '1.5h', want: 5_400_000 },
    { given: '.5s', want: 500 },
    { given: '1.s', want: 1000 },
    { given: '250ms', want: 250 },
    { given: '1500us', want: 1.5 },
    { given: '1500µs', want: 1.5 },
    { given: '1500μs', want: 1.5 },
    { given: '+5m', want: 300_000 },
    { given: '-5m', want: -300_000 },
    { given: '2562047h', want: 2_562_047 * 3_600_000 },
  ];
  test.each(rows)('$given is $want ms', ({ given, want }) => {
    expect(parseDuration(given)).toEqual({ ok: true, value: want });
  });

  test('nanoseconds are a fraction of a millisecond', () => {
    const nanosecond = parseDuration('3000000ns');
    expect(nanosecond.ok && nanosecond.value).toBeCloseTo(3, 9);
  });
});

describe('what is none', () => {
  const none = ['', ' ', '.s', 's', '-', '--5s', '5 s', ' 5s', '5s ', '1d', '1h30', '1,5h', '1e3s', '٣s'];
  test.each(none)('"%s"', (given) => {
    expect(parseDuration(given)).toEqual({
      ok: false,
      error: `"${given}" is not a duration: write a number and a unit, like 90s, 10m or 1h30m`,
    });
  });

  test.each(['2562048h', '-9999999999h', `${'9'.repeat(400)}h`])('"%s" is longer than Go can count', (given) => {
    expect(parseDuration(given)).toEqual({
      ok: false,
      error: `"${given}" is too long: a duration is less than 292 years`,
    });
  });
});

test.each(['24', '1', '1.5'])('"%s" has no unit, and is told which', (given) => {
  expect(parseDuration(given)).toEqual({ ok: false, error: `"${given}" has no unit: write "${given}s" for seconds` });
});
