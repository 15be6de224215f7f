import { expect, test } from '@jest/globals';
import { namespaceLimits } from '../../../../src/runtime/decide/allocation/namespace-limits.ts';

const namespace = (name: string, annotations?: Record<string, string>) => ({
  name,
  labels: {},
  ...(annotations === undefined ? {} : { annotations }),
});

test('a namespace without the annotation has no limit', () => {
  expect(namespaceLimits([namespace('a'), namespace('b', { 'metallb.io/other': '1' })])).toEqual({
    limits: new Map(),
    errors: [],
  });
});

test('the annotation limits; 0 lets nothing in', () => {
  const { limits, errors } = namespaceLimits([
    namespace('b', { 'metallb.io/max-addresses': ' 10 ' }),
    namespace('a', { 'metallb.io/max-addresses': '0' }),
  ]);
  expect(errors).toEqual([]);
  expect([...limits]).toEqual([
    ['a', 0],
    ['b', 10],
  ]);
});

test.each(['', 'ten', '-1', '1.5', '1e3', '0x10', '9999999999', '٣'])('"%s" lets nothing in, and is told', (text) => {
  const { limits, errors } = namespaceLimits([namespace('web', { 'metallb.io/max-addresses': text })]);
  expect([...limits]).toEqual([['web', 0]]);
  expect(errors).toEqual([
    {
      path: 'Namespace web metadata.annotations[metallb.io/max-addresses]',
      message: `"${text}" is not a number of addresses: write one like "10"; until then Services of web get no new address`,
      kind: 'invalid',
    },
  ]);
});
