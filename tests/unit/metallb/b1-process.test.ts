/** MetalLB's model of a controller, as far as a Service shows it. Part B.1; see docs/metallb-compatibility.md. */
import { expect, test } from '@jest/globals';
import { writeServiceStatus } from '../../../src/runtime/adapters/kube/write-service.ts';
import { FakeKubeApi } from '../../support/fake-kube-api.ts';
import { ServiceWorld } from '../../support/service-world.ts';
import { ip, pool, service } from '../../support/views.ts';

test('B.1 writes: through services/status alone, annotation included, and no finalizer', async () => {
  const api = new FakeKubeApi(() => ({}));
  await writeServiceStatus(api, {
    service: service('s', { resourceVersion: '7' }),
    ips: [ip('10.0.0.1')],
    annotations: { 'metallb.io/ip-allocated-from-pool': 'p' },
  });
  expect(api.requests).toEqual([
    expect.objectContaining({
      method: 'PATCH',
      path: '/api/v1/namespaces/default/services/s/status',
      body: {
        metadata: {
          resourceVersion: '7',
          uid: 'uid-s',
          annotations: { 'metallb.io/ip-allocated-from-pool': 'p' },
        },
        status: { loadBalancer: { ingress: [{ ip: '10.0.0.1' }] } },
      },
    }),
  ]);
});

test('B.1 deletion: a Service on its way out keeps its address until it is gone', () => {
  const world = new ServiceWorld([pool('p', ['10.0.0.1/32'])], [service('s')]);
  world.settle();
  world.edit('s', { deleting: true });
  world.add(service('waits', { createdAtMs: 1 }));
  world.settle();
  expect([world.shows('s'), world.shows('waits')]).toEqual(['10.0.0.1 Allocated', 'PoolsExhausted']);
  world.delete('s');
  world.settle();
  expect(world.shows('waits')).toBe('10.0.0.1 Allocated');
});
