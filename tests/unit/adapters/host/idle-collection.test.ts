import { describe, expect, test } from '@jest/globals';
import { isWorthCollecting } from '../../../../src/runtime/adapters/host/idle-collection.ts';

const MIB = 1024 * 1024;

describe('when a heap is worth collecting', () => {
  test.each([
    {
      name: 'first look at a started program',
      given: { usedBytes: 9 * MIB, leftBytes: 0, utilization: 0.1 },
      want: true,
    },
    { name: 'nothing has grown', given: { usedBytes: 9 * MIB, leftBytes: 9 * MIB, utilization: 0 }, want: false },
    {
      name: 'V8 has collected by itself',
      given: { usedBytes: 8 * MIB, leftBytes: 9 * MIB, utilization: 0 },
      want: false,
    },
    {
      name: 'grown by less than 4 MiB',
      given: { usedBytes: 13 * MIB - 1, leftBytes: 9 * MIB, utilization: 0 },
      want: false,
    },
    { name: 'grown by 4 MiB', given: { usedBytes: 13 * MIB, leftBytes: 9 * MIB, utilization: 0 }, want: true },
    {
      name: 'a large heap grown by 4 MiB',
      given: { usedBytes: 104 * MIB, leftBytes: 100 * MIB, utilization: 0 },
      want: false,
    },
    {
      name: 'a large heap grown by a quarter',
      given: { usedBytes: 125 * MIB, leftBytes: 100 * MIB, utilization: 0 },
      want: true,
    },
    {
      name: 'in the middle of a burst',
      given: { usedBytes: 60 * MIB, leftBytes: 9 * MIB, utilization: 0.5 },
      want: false,
    },
  ])('$name: $want', ({ given, want }) => {
    expect(isWorthCollecting(given)).toBe(want);
  });
});
