import { expect, test } from '@jest/globals';
import { FencedApi, isNotLeader } from '../../../../src/runtime/adapters/kube/fenced-api.ts';
import type { ApiRequest } from '../../../../src/runtime/engine/ports.ts';
import { FakeKubeApi } from '../../../support/fake-kube-api.ts';

function fencedApi(writableMs: number) {
  const inner = new FakeKubeApi(() => ({ done: true }));
  const fence = { writableMs, refused: 0 };
  const api = new FencedApi(
    inner,
    () => fence.writableMs,
    () => (fence.refused += 1),
  );
  return { inner, fence, api };
}
const write: ApiRequest = { op: 'patch service status', method: 'PATCH', path: '/x', body: {} };

test('reads and watches go through, whoever leads', async () => {
  const { inner, api } = fencedApi(0);
  expect(await api.request({ op: 'list', path: '/x' })).toEqual({ done: true });
  void api.watch({ op: 'watch', path: '/x' }, { event: () => {} }, 1000);
  expect(inner.watches).toHaveLength(1);
});

test.each(['POST', 'PUT', 'PATCH', 'DELETE'] as const)(
  'a %s of one that does not lead is kept back',
  async (method) => {
    const { inner, fence, api } = fencedApi(0);
    const refusal = await api.request({ ...write, method }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ op: 'patch service status', status: 0, reason: 'not-leader' });
    expect(isNotLeader(refusal)).toBe(true);
    expect(inner.requests).toEqual([]);
    expect(fence.refused).toBe(1);
  },
);

test.each([
  { name: 'ends when the lease may be another’s', writableMs: 1501.7, timeoutMs: undefined, want: 1501 },
  { name: 'ends sooner where the caller wants that', writableMs: 4500, timeoutMs: 1000, want: 1000 },
])('a write of the leader $name', async ({ writableMs, timeoutMs, want }) => {
  const { inner, api } = fencedApi(writableMs);
  await api.request({ ...write, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  expect(inner.requests).toMatchObject([{ ...write, timeoutMs: want }]);
});

test('whether it still leads is asked again when the connection is open', async () => {
  const { inner, fence, api } = fencedApi(4500);
  await api.request(write);
  const [sent] = inner.requests;
  expect(sent?.refusal?.()).toBeUndefined();
  fence.writableMs = 0;
  expect(sent?.refusal?.()).toMatchObject({ reason: 'not-leader' });
});
