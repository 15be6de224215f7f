/** 100,000 random and mutated messages; the privileged tier does the same with a million. */
import { expect, test } from '@jest/globals';
import { fuzzBgp } from '../../../support/bgp-fuzz.ts';
import { fuzzSession } from '../../../support/bgp-session-fuzz.ts';

test('none throws, what is refused has its NOTIFICATION, and what is read is read the same again', () => {
  const counts = fuzzBgp({ messages: 100_000, seed: 7 });
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(100_000);
  // All sides of the decision must have been exercised.
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(1000);
});

test('a session that hears them goes on, or ends with a reason and connects again', () => {
  const { stayed, advanced, ended } = fuzzSession({ messages: 10_000, seed: 13 });
  expect(stayed + advanced + ended).toBe(10_000);
  expect(Math.min(stayed, ended)).toBeGreaterThan(1000);
  expect(advanced).toBeGreaterThan(10);
});
