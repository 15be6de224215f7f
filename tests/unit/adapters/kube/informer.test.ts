import { describe, expect, test } from '@jest/globals';
import { Informer, type InformerOptions } from '../../../../src/runtime/adapters/kube/informer.ts';
import { apiList, apiObject, FakeKubeApi, kubeError } from '../../../support/fake-kube-api.ts';
import { fixedRandom, settle, VirtualClock } from '../../../support/virtual-clock.ts';

interface View {
  readonly value: unknown;
}

function informerOn(api: FakeKubeApi, given: Partial<InformerOptions<View>> = {}) {
  const clock = new VirtualClock();
  const changes: string[] = [];
  const errors: string[] = [];
  const informer = new Informer<View>({
    api,
    clock,
    random: fixedRandom(1),
    path: '/things',
    toView: (raw) => {
      if (raw['value'] === 'malformed') throw new Error('cannot read this');
      return raw['value'] === 'hidden' ? undefined : { value: raw['value'] };
    },
    onChange: (key) => changes.push(key),
    onError: (error) => errors.push(error.message),
    ...given,
  });
  informer.start();
  return { api, clock, informer, changes, errors };
}

const oneThing = () => apiList([apiObject('a', '5', { value: 1 })], '10');

describe('the first list', () => {
  test('is read in pages, and watched from where it was', async () => {
    const pages: Readonly<Record<string, object>> = {
      first: apiList([apiObject('a', '5', { value: 1 })], '10', 'second'),
      second: apiList([apiObject('b', '6', { value: 2 })], '11'),
    };
    const { api, informer, changes } = informerOn(
      new FakeKubeApi(({ query }) => pages[String(query?.['continue'] ?? 'first')]),
      { fieldSelector: 'metadata.name=x' },
    );
    await settle();
    expect(informer.synced).toBe(true);
    await informer.whenSynced();
    expect(informer.list()).toEqual([{ value: 1 }, { value: 2 }]);
    expect(changes).toEqual(['default/a', 'default/b']);
    expect(api.requests.map(({ query }) => query)).toEqual([
      { fieldSelector: 'metadata.name=x', labelSelector: undefined, limit: 100, continue: undefined },
      { fieldSelector: 'metadata.name=x', labelSelector: undefined, limit: 100, continue: 'second' },
    ]);
    expect(api.lastWatch.request.query).toMatchObject({
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion: '11',
      timeoutSeconds: 600,
    });
    await informer.stop();
  });

  test('is tried again with growing waits until it succeeds', async () => {
    const api = new FakeKubeApi(() => {
      throw kubeError(0, 'ECONNREFUSED');
    });
    const { clock, informer, errors } = informerOn(api);
    await clock.advance(100 + 200 + 400);
    expect(api.requests.length).toBe(4);
    expect(informer.synced).toBe(false);
    expect(errors.length).toBe(4);
    api.answerWith(oneThing);
    await clock.advance(800);
    expect(informer.synced).toBe(true);
    await informer.stop();
  });

  test('waits at least as long as the server asks', async () => {
    const api = new FakeKubeApi(() => {
      throw kubeError(429, 'TooManyRequests', 5);
    });
    const { clock, informer } = informerOn(api);
    await clock.advance(4_999);
    expect(api.requests.length).toBe(1);
    await clock.advance(1);
    expect(api.requests.length).toBe(2);
    await informer.stop();
  });

  test.each([
    { name: 'nothing', body: undefined },
    { name: 'an empty object', body: {} },
    { name: 'a word', body: 'OK' },
    { name: 'a list of no version', body: { metadata: {}, items: [] } },
    { name: 'no items', body: { metadata: { resourceVersion: '10' } } },
  ])('that is $name is a failure, not an empty list', async ({ body }) => {
    const api = new FakeKubeApi(oneThing);
    const { clock, informer, changes, errors } = informerOn(api);
    await settle();
    changes.length = 0;
    api.answerWith(() => body);
    api.lastWatch.fail(kubeError(410, 'Expired'));
    await clock.advance(100);
    expect(errors.at(-1)).toContain('no list of the API');
    expect(informer.list()).toEqual([{ value: 1 }]);
    expect(changes).toEqual([]);
    await informer.stop();
  });

  test('that was never filled is an empty one', async () => {
    const { informer } = informerOn(new FakeKubeApi(() => ({ metadata: { resourceVersion: '10' }, items: null })));
    await settle();
    expect(informer.synced).toBe(true);
    await informer.stop();
  });

  test('whose continue token has expired is begun anew, and said', async () => {
    const pages = new Map<unknown, object>([
      [undefined, apiList([apiObject('a', '5', { value: 1 })], '10', 'second')],
      ['second', apiList([apiObject('b', '6', { value: 2 })], '10')],
    ]);
    let refusals = 1;
    const api = new FakeKubeApi(({ query }) => {
      if (query?.['continue'] === 'second' && refusals-- > 0) throw kubeError(410, 'Expired');
      return pages.get(query?.['continue']);
    });
    const { clock, informer, errors } = informerOn(api);
    await settle();
    expect(informer.synced).toBe(false);
    await clock.advance(100);
    expect(informer.list()).toEqual([{ value: 1 }, { value: 2 }]);
    expect(errors).toEqual(['test: Expired']);
    await informer.stop();
  });

  test.each([
    { name: 'empty', whenMissing: 'empty' as const, synced: true },
    { name: 'wait', whenMissing: 'wait' as const, synced: false },
  ])('of a kind the server does not know: $name', async ({ whenMissing, synced }) => {
    const api = new FakeKubeApi(() => {
      throw kubeError(404, 'NotFound');
    });
    const { clock, informer, changes } = informerOn(api, { whenMissing });
    await settle();
    expect(informer.synced).toBe(synced);
    api.answerWith(oneThing);
    await clock.advance(30_000);
    expect(informer.synced).toBe(true);
    expect(changes).toEqual(['default/a']);
    await informer.stop();
  });
});

describe('the watch', () => {
  test('tells keys of what is added, changed and deleted, and only of what shows', async () => {
    const { api, informer, changes } = informerOn(new FakeKubeApi(oneThing));
    await settle();
    changes.length = 0;
    const { send } = api.lastWatch;
    send({ type: 'ADDED', object: apiObject('b', '12', { value: 2 }) });
    send({ type: 'MODIFIED', object: apiObject('b', '13', { value: 2, noise: 'heartbeat' }) });
    send({ type: 'MODIFIED', object: apiObject('b', '14', { value: 3 }) });
    send({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '20' } } });
    send({ type: 'MODIFIED', object: apiObject('b', '21', { value: 'hidden' }) });
    send({ type: 'DELETED', object: apiObject('a', '22', { value: 1 }) });
    expect(changes).toEqual(['default/b', 'default/b', 'default/b', 'default/a']);
    expect(informer.size).toBe(0);
    await informer.stop();
  });

  test('goes on from the last version it saw, bookmarks included, when the server ends it', async () => {
    const { api, clock, informer } = informerOn(new FakeKubeApi(oneThing));
    await settle();
    api.lastWatch.send({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '20' } } });
    await clock.advance(60_000);
    api.lastWatch.end();
    await settle();
    expect(api.watches.length).toBe(2);
    expect(api.lastWatch.request.query?.['resourceVersion']).toBe('20');
    expect(api.requests.length).toBe(1);
    await informer.stop();
  });

  test('comes back after every failure, with the copy as it was', async () => {
    const { api, clock, informer, errors } = informerOn(new FakeKubeApi(oneThing));
    for (const reason of ['ECONNRESET', 'idle', 'malformed-response', 'ETIMEDOUT']) {
      await settle();
      await clock.advance(6_000);
      api.lastWatch.fail(kubeError(0, reason));
      await clock.advance(100);
    }
    expect(api.watches.length).toBe(5);
    expect(api.requests.length).toBe(1);
    expect(errors.length).toBe(4);
    expect(informer.get('default/a')).toEqual({ value: 1 });
    await informer.stop();
  });

  test('that ends as soon as it is opened is not opened in a tight loop', async () => {
    const { api, clock, informer } = informerOn(new FakeKubeApi(oneThing));
    await settle();
    for (const wait of [100, 200, 400]) {
      const before = api.watches.length;
      api.lastWatch.end();
      await clock.advance(wait - 1);
      expect(api.watches.length).toBe(before);
      await clock.advance(1);
      expect(api.watches.length).toBe(before + 1);
    }
    await informer.stop();
  });

  test.each([
    { name: 'as an event', end: 'event' as const },
    { name: 'as the answer', end: 'answer' as const },
  ])('whose version is gone ($name) lists anew and tells the difference', async ({ end }) => {
    const api = new FakeKubeApi(() =>
      apiList(
        [apiObject('a', '5', { value: 1 }), apiObject('b', '6', { value: 2 }), apiObject('c', '7', { value: 3 })],
        '10',
      ),
    );
    const { clock, informer, changes, errors } = informerOn(api);
    await settle();
    changes.length = 0;
    api.answerWith(() =>
      apiList(
        [apiObject('a', '5', { value: 1 }), apiObject('c', '30', { value: 4 }), apiObject('d', '31', { value: 5 })],
        '40',
      ),
    );
    if (end === 'answer') api.lastWatch.fail(kubeError(410, 'Expired'));
    else {
      api.lastWatch.send({ type: 'ERROR', object: { code: 410, reason: 'Expired', message: 'too old' } });
      api.lastWatch.end();
    }
    await clock.advance(200);
    expect(changes).toEqual(['default/c', 'default/d', 'default/b']);
    expect(api.lastWatch.request.query?.['resourceVersion']).toBe('40');
    expect(errors.length).toBe(1);
    await informer.stop();
  });

  test('that is broken off by an event is over, even when the connection stays', async () => {
    const { api, clock, informer } = informerOn(new FakeKubeApi(oneThing));
    await settle();
    api.lastWatch.send({ type: 'ERROR', object: { code: 410, reason: 'Expired', message: 'too old' } });
    await clock.advance(100);
    expect(api.requests.length).toBe(2);
    expect(api.watches.length).toBe(2);
    await informer.stop();
  });

  test('that breaks again and again, but brings something each time, is begun anew soon', async () => {
    const { api, clock, informer } = informerOn(new FakeKubeApi(oneThing));
    await settle();
    for (let version = 11; version < 19; version += 1) {
      api.lastWatch.send({ type: 'MODIFIED', object: apiObject('a', String(version), { value: version }) });
      api.lastWatch.fail(kubeError(0, 'ECONNRESET'));
      await clock.advance(100);
    }
    expect(api.watches.length).toBe(9);
    expect(api.lastWatch.request.query?.['resourceVersion']).toBe('18');
    await informer.stop();
  });

  test('leaves a malformed object out and says so; the others go on', async () => {
    const { api, informer, errors } = informerOn(new FakeKubeApi(oneThing));
    await settle();
    api.lastWatch.send({ type: 'ADDED', object: apiObject('bad', '12', { value: 'malformed' }) });
    api.lastWatch.send({ type: 'ADDED', object: 'not even an object' });
    api.lastWatch.send('nor an event');
    api.lastWatch.send({ type: 'ADDED', object: apiObject('good', '13', { value: 2 }) });
    expect(errors).toEqual(['/things: the object default/bad cannot be read']);
    expect(informer.list()).toEqual([{ value: 1 }, { value: 2 }]);
    await informer.stop();
  });
});

describe('what was written ourselves', () => {
  test('is in the copy at once, is not told, and its echo is not told either', async () => {
    const { api, informer, changes } = informerOn(new FakeKubeApi(oneThing));
    await settle();
    changes.length = 0;
    informer.learn(apiObject('a', '12', { value: 2 }));
    expect(informer.get('default/a')).toEqual({ value: 2 });
    api.lastWatch.send({ type: 'MODIFIED', object: apiObject('a', '11', { value: 'older' }) });
    api.lastWatch.send({ type: 'MODIFIED', object: apiObject('a', '12', { value: 2 }) });
    expect(informer.get('default/a')).toEqual({ value: 2 });
    expect(changes).toEqual([]);
    await informer.stop();
  });

  test('does not bring back what is deleted', async () => {
    const { api, informer } = informerOn(new FakeKubeApi(oneThing));
    await settle();
    api.lastWatch.send({ type: 'DELETED', object: apiObject('a', '13', { value: 1 }) });
    informer.learn(apiObject('a', '12', { value: 2 }));
    expect(informer.size).toBe(0);
    await informer.stop();
  });
});

test('stop ends a wait and a watch', async () => {
  const watching = informerOn(new FakeKubeApi(oneThing));
  await settle();
  await watching.informer.stop();
  const waiting = informerOn(
    new FakeKubeApi(() => {
      throw kubeError(0, 'ECONNREFUSED');
    }),
  );
  await settle();
  await waiting.informer.stop();
  expect(waiting.clock.nextDelayMs).toBeUndefined();
});

describe('a refresh', () => {
  const lists = (api: FakeKubeApi): number => api.requests.length;

  test('reads the list anew, tells what the watch had not brought yet, and watches on from there', async () => {
    const api = new FakeKubeApi(oneThing);
    const { informer, changes } = informerOn(api);
    await settle();
    api.answerWith(() => apiList([apiObject('a', '11', { value: 2 }), apiObject('b', '12', { value: 3 })], '20'));
    changes.length = 0;
    await informer.refresh();
    expect(informer.list()).toEqual([{ value: 2 }, { value: 3 }]);
    expect(changes).toEqual(['default/a', 'default/b']);
    await settle();
    expect(api.lastWatch.request.query).toMatchObject({ resourceVersion: '20' });
    await informer.stop();
  });

  test('gives up a list that had begun before, and waits for one that began after', async () => {
    const gates: PromiseWithResolvers<object>[] = [];
    const api = new FakeKubeApi(() => {
      const gate = Promise.withResolvers<object>();
      gates.push(gate);
      return gate.promise;
    });
    const { informer } = informerOn(api);
    await settle();
    let refreshed = 0;
    void informer.refresh().then(() => (refreshed += 1));
    void informer.refresh().then(() => (refreshed += 1));
    gates[0]?.resolve(oneThing());
    await settle();
    expect({ refreshed, lists: lists(api) }).toEqual({ refreshed: 0, lists: 2 });
    void informer.refresh().then(() => (refreshed += 1));
    gates[1]?.resolve(oneThing());
    await settle();
    expect({ refreshed, lists: lists(api) }).toEqual({ refreshed: 0, lists: 3 });
    gates[2]?.resolve(oneThing());
    await settle();
    expect(refreshed).toBe(3);
    await informer.stop();
  });

  test('that fails is tried again until it succeeds', async () => {
    const api = new FakeKubeApi(oneThing);
    const { clock, informer } = informerOn(api);
    await settle();
    api.answerWith(() => {
      throw kubeError(503, 'ServiceUnavailable');
    });
    let refreshed = false;
    void informer.refresh().then(() => (refreshed = true));
    await clock.advance(500);
    expect(refreshed).toBe(false);
    expect(informer.list()).toEqual([{ value: 1 }]);
    api.answerWith(oneThing);
    await clock.advance(1000);
    expect(refreshed).toBe(true);
    await informer.stop();
  });
});
