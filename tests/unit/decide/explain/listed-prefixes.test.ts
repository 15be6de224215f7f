/** Which addresses a router was told of, by the list of prefixes that its session's object shows. */
import { expect, test } from '@jest/globals';
import { ListedPrefixes } from '../../../../src/runtime/decide/explain/listed-prefixes.ts';
import { ip } from '../../../support/views.ts';

const PREFIXES = ['198.51.100.20/32', '203.0.113.0/25', '2001:db8::/64', 'none of ours'];
const listed = new ListedPrefixes({ prefixes: PREFIXES, advertisedPrefixes: 4 });

test.each([
  ['198.51.100.20', true],
  ['198.51.100.21', false],
  ['203.0.113.127', true],
  ['203.0.113.128', false],
  ['2001:db8::20', true],
  ['2001:db8:0:1::20', false],
] as const)('%s: %s', (text, want) => {
  expect(listed.cover(ip(text))).toBe(want);
});

test('the beginning of a longer list is not the whole', () => {
  expect(listed.isWhole).toBe(true);
  expect(new ListedPrefixes({ prefixes: PREFIXES, advertisedPrefixes: 5 }).isWhole).toBe(false);
});
