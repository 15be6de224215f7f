/** Outages out of attempts. */
import { describe, expect, test } from '@jest/globals';
import {
  type Attempt,
  failedForMs,
  longestOutageMs,
  longestPauseMs,
  outageMs,
  outagesOf,
} from '../../support/outages.ts';

/** "." answered, "t" timed out, "r" refused; one every 10 ms from 100 on. */
function attempts(pattern: string): Attempt[] {
  const outcomes: Readonly<Record<string, string>> = { '.': 'answered', t: 'timeout', r: 'ECONNREFUSED' };
  return [...pattern].map((sign, index) => ({ beganMs: 100 + index * 10, tookMs: 1, outcome: outcomes[sign] ?? sign }));
}

describe('outages', () => {
  const rows = [
    { name: 'none', given: '....', want: [], totalMs: 0 },
    { name: 'nothing was asked', given: '', want: [], totalMs: 0 },
    {
      name: 'one, to the first attempt that is answered again',
      given: '..ttr..',
      want: [{ beganMs: 120, endedMs: 150, failed: 3, outcomes: ['timeout', 'ECONNREFUSED'] }],
      totalMs: 30,
    },
    {
      name: 'two, with one answer between',
      given: 't.r.',
      want: [
        { beganMs: 100, endedMs: 110, failed: 1, outcomes: ['timeout'] },
        { beganMs: 120, endedMs: 130, failed: 1, outcomes: ['ECONNREFUSED'] },
      ],
      totalMs: 20,
      longestMs: 10,
    },
    {
      name: 'one that lasts',
      given: '.tt',
      want: [{ beganMs: 110, endedMs: undefined, failed: 2, outcomes: ['timeout'] }],
      totalMs: Infinity,
    },
  ];
  test.each(rows)('$name', ({ given, want, totalMs, longestMs }) => {
    expect(outagesOf(attempts(given))).toEqual(want);
    expect(outageMs(attempts(given))).toBe(totalMs);
    expect(longestOutageMs(attempts(given))).toBe(longestMs ?? totalMs);
  });

  test('attempts count in the order in which they began, not ended', () => {
    const [first, failed, last] = attempts('.t.');
    if (first === undefined || failed === undefined || last === undefined) throw new Error('three attempts');
    expect(outagesOf([first, last, failed])).toEqual(outagesOf([first, failed, last]));
  });
});

test.each([
  { given: '....', wantMs: 0 },
  { given: '.t.', wantMs: 0 },
  { given: '.t..r.t..', wantMs: 50 },
])('$given: attempts fail for $wantMs ms, answers between them or not', ({ given, wantMs }) => {
  expect(failedForMs(attempts(given))).toBe(wantMs);
});

test('the longest pause tells when the probe itself stood still', () => {
  const steady = attempts('...');
  expect(longestPauseMs(steady)).toBe(10);
  expect(longestPauseMs([...steady, { beganMs: 400, tookMs: 1, outcome: 'answered' }])).toBe(280);
  expect(longestPauseMs([])).toBe(0);
});
