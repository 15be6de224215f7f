import { expect, test } from '@jest/globals';
import {
  anySelectorMatches,
  isSelected,
  type LabelSelector,
  selectorMatches,
} from '../../../src/runtime/model/labels.ts';

const labels = { app: 'nginx', tier: 'edge' };

test.each<{ name: string; given: LabelSelector; want: boolean }>([
  { name: 'an empty selector matches everything', given: {}, want: true },
  { name: 'matchLabels, equal', given: { matchLabels: { app: 'nginx' } }, want: true },
  { name: 'matchLabels, one differs', given: { matchLabels: { app: 'nginx', tier: 'core' } }, want: false },
  { name: 'In', given: { matchExpressions: [{ key: 'tier', operator: 'In', values: ['edge', 'x'] }] }, want: true },
  {
    name: 'In, absent key',
    given: { matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] },
    want: false,
  },
  { name: 'NotIn', given: { matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['edge'] }] }, want: false },
  {
    name: 'NotIn, absent key',
    given: { matchExpressions: [{ key: 'zone', operator: 'NotIn', values: ['a'] }] },
    want: true,
  },
  { name: 'Exists', given: { matchExpressions: [{ key: 'app', operator: 'Exists' }] }, want: true },
  { name: 'DoesNotExist', given: { matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }] }, want: false },
  {
    name: 'a key every object inherits is not a label',
    given: { matchExpressions: [{ key: 'toString', operator: 'Exists' }] },
    want: false,
  },
  {
    name: 'all parts must hold',
    given: { matchLabels: { app: 'nginx' }, matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] },
    want: false,
  },
])('$name', ({ given, want }) => {
  expect(selectorMatches(given, labels)).toBe(want);
});

test('a list without selectors: everything, where it means that; one with some: what any of them matches', () => {
  const other = { matchLabels: { app: 'other' } };
  expect([isSelected([], labels), anySelectorMatches([], labels)]).toEqual([true, false]);
  expect([isSelected([other], labels), isSelected([other, {}], labels)]).toEqual([false, true]);
});
