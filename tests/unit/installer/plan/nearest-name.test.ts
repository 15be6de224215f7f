import { expect, test } from '@jest/globals';
import { didYouMean, nearestName } from '../../../../src/installer/plan/nearest-name.ts';

const rows: readonly { name: string; given: [string, string[]]; want: string | undefined }[] = [
  { name: 'a letter short', given: ['metalb', ['metallb', 'helm']], want: 'metallb' },
  { name: 'letters swapped', given: ['lyaer2', ['layer2', 'bgp']], want: 'layer2' },
  { name: 'nothing like it', given: ['cilium', ['metallb']], want: undefined },
  { name: 'nothing to choose from', given: ['x', []], want: undefined },
];
test.each(rows)('$name', ({ given: [name, known], want }) => {
  expect(nearestName(name, known)).toBe(want);
  expect(didYouMean(name, known)).toBe(want === undefined ? '' : ` (did you mean "${want}"?)`);
});
