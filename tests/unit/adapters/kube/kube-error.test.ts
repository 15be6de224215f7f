import { expect, test } from '@jest/globals';
import { kubeErrorFromResponse } from '../../../../src/runtime/adapters/kube/kube-error.ts';

const inBody = JSON.stringify({ reason: 'TooManyRequests', details: { retryAfterSeconds: 3 } });

test.each([
  { name: 'in the header', given: { retryAfter: '5', body: '' }, want: 5 },
  { name: 'in the body', given: { body: inBody }, want: 3 },
  { name: 'in both: the header counts', given: { retryAfter: '5', body: inBody }, want: 5 },
  { name: 'a day: a minute at most', given: { retryAfter: '86400', body: '' }, want: 60 },
  { name: 'zero', given: { retryAfter: '0', body: '' }, want: undefined },
  { name: 'negative', given: { retryAfter: '-1', body: '' }, want: undefined },
  {
    name: 'a date, which the API server does not send',
    given: { retryAfter: 'Wed, 21 Oct', body: '' },
    want: undefined,
  },
  { name: 'nowhere', given: { body: '<h1>429</h1>' }, want: undefined },
])('Retry-After $name', ({ given, want }) => {
  expect(kubeErrorFromResponse('list', { status: 429, ...given }).retryAfterSeconds).toBe(want);
});
