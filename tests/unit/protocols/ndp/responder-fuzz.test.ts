/**
 * Random and mutated frames against the neighbour discovery and echo responders: none makes them throw, and each answers
 * a frame only if an independent reading of the norms, over its hex text, says that it is to be answered. The frames come
 * from a fixed seed, so a failure repeats. tests/privileged/responder-fuzz.test.ts throws a million at each.
 */
import { expect, test } from '@jest/globals';
import { fuzzResponders } from '../../../support/responder-fuzz.ts';

test('25,000 random frames and 40,000 mutations a responder: none crashes, and only questions are answered', () => {
  const counts = fuzzResponders({ random: 25_000, mutated: 40_000, seed: 7 });
  expect(Object.keys(counts)).toEqual(['arp', 'ndp', 'icmp-echo', 'icmpv6-echo']);
  for (const [name, { answered, dropped }] of Object.entries(counts)) {
    // Both sides of the decision must have been exercised.
    expect({ name, answered: answered > 1000, dropped: dropped > 30_000 }).toEqual({
      name,
      answered: true,
      dropped: true,
    });
  }
});
