/**
 * What nobody who has the secret has sent to this process: random, changed, played back, redirected, of another secret,
 * of a process before. The whole link is under test: seal, machine and what would be sent. tests/privileged/liveness-fuzz.test.ts
 * throws a million.
 */
import { expect, test } from '@jest/globals';
import { fuzzLink } from '../../../support/liveness-fuzz.ts';

test('40,000 datagrams of outsiders: each is counted by its reason, none answered, and nothing believed', async () => {
  const counts = await fuzzLink({ datagrams: 40_000, seed: 7 });
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(40_000);
  // Each was tried, and often enough past what is noticed first.
  for (const kind of [
    'mutated: bad-tag',
    'mutated: malformed',
    'mutated: stale-boot',
    'mutated: unknown-sender',
    'of a process before: stale-boot',
    'of a stranger: unknown-sender',
    'of another secret: bad-tag',
    'plain: unsealed',
    'random: bad-tag',
    'replayed: replayed',
    'to another: stale-boot',
    'turned back to its sender: bad-tag',
    'turned to this one: bad-tag',
  ]) {
    expect({ kind, often: (counts[kind] ?? 0) > 300 }).toEqual({ kind, often: true });
  }
});
