/** A million frames at each responder and its decoders; the unit tier does the same with fewer. */
import { expect, test } from '@jest/globals';
import { fuzzResponders } from '../support/responder-fuzz.ts';

test('a million random and mutated frames a responder: none crashes it, and it answers only questions', () => {
  const counts = fuzzResponders({ random: 400_000, mutated: 600_000, seed: 11 });
  for (const { answered, dropped } of Object.values(counts)) {
    expect(answered + dropped).toBe(1_000_000);
    expect(answered).toBeGreaterThan(10_000);
  }
}, 600_000);
