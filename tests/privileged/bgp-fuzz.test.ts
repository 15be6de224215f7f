/** A million broken messages of a peer; the unit tier does the same with fewer. */
import { expect, test } from '@jest/globals';
import { fuzzBgp } from '../support/bgp-fuzz.ts';
import { fuzzSession } from '../support/bgp-session-fuzz.ts';

test('a million random and mutated messages of a peer: none crashes the codec, none is read in two ways', () => {
  const counts = fuzzBgp({ messages: 1_000_000, seed: 11 });
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(1_000_000);
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(10_000);
}, 600_000);

test('two hundred thousand of them said to a session in each of its states: it goes on, or ends with a reason', () => {
  const { stayed, advanced, ended } = fuzzSession({ messages: 200_000, seed: 17 });
  expect(stayed + advanced + ended).toBe(200_000);
  expect(Math.min(stayed, advanced, ended)).toBeGreaterThan(500);
}, 600_000);
