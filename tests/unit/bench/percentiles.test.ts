/** What the measurements' figures are made of. */
import { describe, expect, test } from '@jest/globals';
import { formatRatio, formatRow, percentiles } from '../../../bench/percentiles.ts';

describe('percentiles by nearest rank', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  const rows = [
    { name: 'nothing', given: [], want: { count: 0, p50: Number.NaN, p99: Number.NaN, max: Number.NaN } },
    { name: 'one sample is all of them', given: [7], want: { count: 1, p50: 7, p99: 7, max: 7 } },
    { name: 'of two, the lower is the median', given: [9, 1], want: { count: 2, p50: 1, p99: 9, max: 9 } },
    { name: 'numbers, not text, and below zero', given: [10, 9, -1], want: { count: 3, p50: 9, p99: 10, max: 10 } },
    { name: 'p99 of a hundred is not the greatest', given: hundred, want: { count: 100, p50: 50, p99: 99, max: 100 } },
  ];
  test.each(rows)('$name', ({ given, want }) => {
    expect(percentiles(given)).toEqual(want);
  });

  test('the samples keep their order', () => {
    const samples = [3, 1, 2];
    percentiles(samples);
    expect(samples).toEqual([3, 1, 2]);
  });
});

test('rows line up, and a ratio is figure by figure', () => {
  const floor = { count: 2, p50: 2, p99: 4, max: 10 };
  const ours = { count: 2, p50: 3, p99: 8, max: 1000 };
  expect(formatRow('floor', floor, { name: 'ms', digits: 1 })).toBe(
    'floor                              p50      2.0 ms   p99      4.0 ms   max     10.0 ms',
  );
  expect(formatRatio(ours, floor)).toBe(
    'ratio                              p50      1.5 ×    p99      2.0 ×    max    100.0 ×',
  );
});
