/** A million broken messages of a peer; the unit tier does the same with fewer. */
import { expect, test } from '@jest/globals';
import { fuzzBgp } from '../support/bgp-fuzz.ts';

test('a million random and mutated messages of a peer: none crashes the codec, none is read in two ways', () => {
  const counts = fuzzBgp({ messages: 1_000_000, seed: 11 });
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(1_000_000);
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(10_000);
}, 600_000);
