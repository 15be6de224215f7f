/** A million datagrams at a speaker, by outsiders and by insiders; the unit tier does the same with fewer. */
import { expect, test } from '@jest/globals';
import { fuzzLink, fuzzMachine } from '../support/liveness-fuzz.ts';

test('a million datagrams of outsiders: counted, none answered, nothing believed or kept', async () => {
  const counts = await fuzzLink({ datagrams: 1_000_000, seed: 11 });
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(1_000_000);
  expect(counts['mutated: bad-tag']).toBeGreaterThan(100_000);
}, 600_000);

test('a million messages of insiders: none breaks the machine or makes it keep ever more', () => {
  const { refused, read } = fuzzMachine({ messages: 1_000_000, seed: 11 });
  expect(refused + read).toBe(1_000_000);
  expect(Math.min(refused, read)).toBeGreaterThan(300_000);
}, 600_000);
