/** What rates, backlogs and growth are made of. */
import { describe, expect, test } from '@jest/globals';
import { backlog, growthExponent, perSecond } from '../../../bench/rates.ts';

describe('how many a second', () => {
  const rows = [
    { name: 'none', given: [], want: Number.NaN },
    { name: 'one has no rate', given: [5], want: Number.NaN },
    { name: 'three in a second are two intervals', given: [0, 500, 1000], want: 2 },
    { name: 'the order does not matter, and numbers are no text', given: [1000, 9, 500], want: 2000 / 991 },
  ];
  test.each(rows)('$name', ({ given, want }) => {
    expect(perSecond(given)).toBe(want);
  });
});

describe('a backlog', () => {
  const rows = [
    { name: 'nothing asked', asked: [], done: [], full: 1, want: { largest: 0, rateWhileFull: Number.NaN } },
    {
      name: 'each done before the next is asked',
      asked: [0, 100, 200],
      done: [10, 110, 210],
      full: 2,
      want: { largest: 1, rateWhileFull: Number.NaN },
    },
    {
      name: 'idle time is not counted',
      asked: [0, 1000],
      done: [100, 1100],
      full: 1,
      want: { largest: 1, rateWhileFull: 10 },
    },
    {
      name: 'only what is done while enough wait: two of three in 200 ms',
      asked: [0, 0, 0],
      done: [100, 200, 900],
      full: 2,
      want: { largest: 3, rateWhileFull: 10 },
    },
    { name: 'asked and done at once', asked: [5], done: [5], full: 1, want: { largest: 1, rateWhileFull: Number.NaN } },
  ];
  test.each(rows)('$name', ({ asked, done, full, want }) => {
    expect(backlog(asked, done, full)).toEqual(want);
  });
});

describe('growth', () => {
  const small = { size: 10, cost: 3 };
  const rows = [
    { name: 'ten times as many cost the same', cost: 3, want: 0 },
    { name: 'ten times as much', cost: 30, want: 1 },
    { name: 'a hundred times as much', cost: 300, want: 2 },
  ];
  test.each(rows)('$name', ({ cost, want }) => {
    expect(growthExponent(small, { size: 100, cost })).toBeCloseTo(want);
  });
});
