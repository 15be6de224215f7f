import { expect, test } from '@jest/globals';
import type { ServiceStatusWrite } from '../../../../src/runtime/adapters/kube/write-service.ts';
import type { Ip } from '../../../../src/runtime/model/ip.ts';
import { UnansweredWrites } from '../../../../src/runtime/programs/controller/unanswered-writes.ts';
import { kubeError } from '../../../support/fake-kube-api.ts';

const A = '10.0.0.1' as Ip;
const B = '10.0.0.2' as Ip;
const notMeant = (): boolean => false;

function opened() {
  const versions = new Map([['ns/one', '1']]);
  let answers = 0;
  const writes = new UnansweredWrites({ versionOf: (key) => versions.get(key), onAnswer: () => (answers += 1) });
  const write = (ip: Ip) => ({ service: { resourceVersion: '1' }, ips: [ip], annotations: {} }) as unknown;
  return {
    versions,
    writes,
    answers: () => answers,
    send: (ip: Ip, send: () => Promise<unknown>) => writes.send('ns/one', write(ip) as ServiceStatusWrite, send),
    fail: (ip: Ip, status: number) =>
      writes
        .send('ns/one', write(ip) as ServiceStatusWrite, () => Promise.reject(kubeError(status, 'x')))
        .catch(() => undefined),
  };
}

test('an address under way is held up for others, and the answer is told to who waited', async () => {
  const { writes, send, answers } = opened();
  const { promise, resolve } = Promise.withResolvers<void>();
  const sending = send(A, () => promise);
  expect(writes.holdUp('ns/two', [B], notMeant)).toBe(false);
  expect(writes.holdUp('ns/one', [A], notMeant)).toBe(false);
  expect(writes.holdUp('ns/two', [A], () => true)).toBe(false);
  expect(writes.holdUp('ns/two', [A], notMeant)).toBe(true);
  resolve();
  await sending;
  expect(answers()).toBe(1);
  // Done, but the decision in force does not know of it yet.
  expect(writes.holdUp('ns/two', [A], notMeant)).toBe(true);
  writes.decided();
  expect(writes.holdUp('ns/two', [A], notMeant)).toBe(false);
});

test('nobody is told of an answer that nobody waited for', async () => {
  const { send, answers } = opened();
  await send(A, async () => undefined);
  expect(answers()).toBe(0);
});

test.each([
  { name: 'a conflict', status: 409, held: false },
  { name: 'a refusal', status: 422, held: false },
  { name: 'no answer', status: 0, held: true },
  { name: 'a failure of the server', status: 503, held: true },
])('after $name it is held up: $held', async ({ status, held }) => {
  const { writes, fail } = opened();
  await fail(A, status);
  expect(writes.holdUp('ns/two', [A], notMeant)).toBe(held);
});

test.each([
  { name: 'a later version', version: '2' },
  { name: 'no such Service', version: undefined },
])('the copy ends the doubt with $name', async ({ version }) => {
  const { versions, writes, fail } = opened();
  await fail(A, 0);
  if (version === undefined) versions.clear();
  else versions.set('ns/one', version);
  expect(writes.holdUp('ns/two', [A], notMeant)).toBe(false);
});

test('a later try on the same version does not end the doubt about an earlier one, unless it is done', async () => {
  const { writes, send, fail } = opened();
  await fail(A, 0);
  await fail(B, 409);
  expect(writes.holdUp('ns/two', [A], notMeant)).toBe(true);
  expect(writes.holdUp('ns/two', [B], notMeant)).toBe(false);
  await send(B, async () => undefined);
  expect(writes.holdUp('ns/two', [A], notMeant)).toBe(false);
});
