import { describe, expect, test } from '@jest/globals';
import { type ClusterEvent, EventSink } from '../../../../src/runtime/adapters/kube/events.ts';
import type { ApiRequest } from '../../../../src/runtime/engine/ports.ts';
import { FakeKubeApi, kubeError } from '../../../support/fake-kube-api.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';

function event(message: string): ClusterEvent {
  const object = { apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'web', uid: 'u1' };
  return { object, type: 'Normal', reason: 'IPAllocated', message };
}

function sinkOn(answer: (request: ApiRequest) => unknown, isBusy?: () => boolean) {
  const api = new FakeKubeApi(answer);
  const clock = new VirtualClock();
  const dropped: string[] = [];
  const onDropped = ({ message }: ClusterEvent) => dropped.push(message);
  const sink = new EventSink({
    api,
    clock,
    component: 'metallb-controller',
    instance: 'pod-1',
    onDropped,
    ...(isBusy && { isBusy }),
  });
  return { api, clock, dropped, sink };
}

const created = ({ body }: ApiRequest) => body;

describe('events', () => {
  test('are created on their object, in its namespace', async () => {
    const { api, clock, sink } = sinkOn(created);
    sink.emit(event('hello'));
    await clock.advance(0);
    expect(api.requests).toMatchObject([
      {
        method: 'POST',
        path: '/api/v1/namespaces/default/events',
        body: {
          involvedObject: { kind: 'Service', name: 'web', uid: 'u1' },
          reason: 'IPAllocated',
          message: 'hello',
          source: { component: 'metallb-controller' },
          reportingInstance: 'pod-1',
          firstTimestamp: '2020-01-01T00:00:00Z',
          count: 1,
        },
      },
    ]);
  });

  test('that repeat count up the one that is there, for ten minutes', async () => {
    const { api, clock, sink } = sinkOn(created);
    sink.emit(event('again'));
    sink.emit(event('again'));
    await clock.advance(1000);
    sink.emit(event('again'));
    await clock.advance(1000);
    expect(api.requests.map(({ method, body }) => [method, (body as { count: number }).count])).toEqual([
      ['POST', 1],
      ['PATCH', 2],
      ['PATCH', 3],
    ]);
    await clock.advance(11 * 60_000);
    sink.emit(event('again'));
    await clock.advance(0);
    expect(api.requests.at(-1)?.method).toBe('POST');
  });

  test('are created anew when the one to count up is gone', async () => {
    const { api, clock, sink } = sinkOn((request) => {
      if (request.method === 'PATCH') throw kubeError(404, 'NotFound');
      return request.body;
    });
    sink.emit(event('again'));
    sink.emit(event('again'));
    await clock.advance(0);
    expect(api.requests.map(({ method }) => method)).toEqual(['POST', 'PATCH', 'POST']);
  });

  test('are dropped and counted when they cannot be told, and the next is told all the same', async () => {
    const { clock, dropped, sink } = sinkOn((request) => {
      if ((request.body as { message: string }).message === 'refused') throw kubeError(403, 'Forbidden');
      return request.body;
    });
    sink.emit(event('refused'));
    sink.emit(event('fine'));
    await clock.advance(0);
    expect(dropped).toEqual(['refused']);
  });

  test('are told in a burst, then twenty a second; what waits beyond five thousand is dropped', async () => {
    const { api, clock, dropped, sink } = sinkOn(created);
    for (let i = 0; i < 5200; i++) sink.emit(event(`event ${i}`));
    expect(dropped.length).toBe(200);
    for (let i = 0; i < 40; i++) await clock.advance(0);
    expect(api.requests.length).toBe(200);
    await clock.advance(1000);
    expect(api.requests.length).toBe(220);
  });

  test('warnings are told before good news, and good news is dropped before warnings', async () => {
    const { api, clock, dropped, sink } = sinkOn(created);
    for (let i = 0; i < 5000; i++) sink.emit(event(`news ${i}`));
    sink.emit({ ...event('trouble'), type: 'Warning' });
    expect(dropped).toEqual(['news 4999']);
    await clock.advance(0);
    const told = api.requests.map(({ body }) => (body as { message: string }).message);
    expect(told.indexOf('trouble')).toBeLessThan(2);
  });

  test('good news waits while the API server is needed for work, warnings do not; busy for long, it goes on', async () => {
    let busy = true;
    const { api, clock, sink } = sinkOn(created, () => busy);
    const told = () => api.requests.map(({ body }) => (body as { message: string }).message);
    sink.emit(event('good'));
    await clock.advance(1000);
    expect(told()).toEqual([]);
    sink.emit({ ...event('bad'), type: 'Warning' });
    await clock.advance(100);
    expect(told()).toEqual(['bad']);
    busy = false;
    await clock.advance(100);
    expect(told()).toEqual(['bad', 'good']);
    busy = true;
    for (let i = 0; i < 300; i++) sink.emit(event(`more ${i}`));
    await clock.advance(9_900);
    expect(told()).toHaveLength(2);
    await clock.advance(2_000);
    expect(told().length).toBeGreaterThan(5);
  });
});
