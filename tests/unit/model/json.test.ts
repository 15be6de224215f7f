import { expect, test } from '@jest/globals';
import { isSameJson } from '../../../src/runtime/model/json.ts';

test.each<{ name: string; a: unknown; b: unknown; want: boolean }>([
  { name: 'equal texts', a: 'x', b: 'x', want: true },
  { name: 'a number and its text', a: 1, b: '1', want: false },
  { name: 'null and nothing', a: null, b: undefined, want: false },
  { name: 'null and an empty object', a: null, b: {}, want: false },
  { name: 'fields in another order', a: { x: 1, y: [2] }, b: { y: [2], x: 1 }, want: true },
  { name: 'a field more', a: { x: 1 }, b: { x: 1, y: 2 }, want: false },
  { name: 'another field', a: { x: 1 }, b: { y: 1 }, want: false },
  { name: 'items in another order', a: [1, 2], b: [2, 1], want: false },
  { name: 'an item more', a: [1], b: [1, 2], want: false },
  { name: 'a list and an object like it', a: ['a'], b: { 0: 'a' }, want: false },
  { name: 'deep', a: { x: [{ y: { z: 'a' } }] }, b: { x: [{ y: { z: 'b' } }] }, want: false },
])('$name', ({ a, b, want }) => {
  expect(isSameJson(a, b)).toBe(want);
  expect(isSameJson(b, a)).toBe(want);
});
