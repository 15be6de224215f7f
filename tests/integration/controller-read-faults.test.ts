/**
 * The controller's lists and watches when they fail, lie or fall silent, and a server that is away altogether: what works
 * stays, what changed meanwhile is caught up with, and freed addresses are given out again. Writes:
 * controller-write-faults.test.ts, which says what is checked after every test.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { hostClock } from '../../src/runtime/adapters/host/clock.ts';
import { hostRandom } from '../../src/runtime/adapters/host/random.ts';
import { KubeConnection } from '../../src/runtime/adapters/kube/connection.ts';
import { loadKubeConfig } from '../../src/runtime/adapters/kube/credentials.ts';
import { Informer } from '../../src/runtime/adapters/kube/informer.ts';
import { SERVICES_PATH } from '../../src/runtime/adapters/kube/paths.ts';
import { toServiceView } from '../../src/runtime/adapters/kube/read-service.ts';
import type { Fault, RequestMatch } from '../support/fault-proxy.ts';
import { FaultWorld, POOL_LIST, SERVICE_LIST, SERVICE_WATCH } from '../support/fault-world.ts';
import { waitFor } from '../support/wait-for.ts';

const SOON = { withinMs: 10_000, everyMs: 20 };
const WATCH_ERRORS = 'metallb_k8s_client_watch_errors_total';
/** A read that is under way when the controller begins to lead is given up for a new one, and is no failure. */
const GIVEN_UP = 1;
/** Of the pool, far from the lowest. */
const HIGH_ADDRESS = '10.6.204.200';
const EXPIRED = {
  kind: 'Status',
  status: 'Failure',
  code: 410,
  reason: 'Expired',
  message: 'too old resource version',
};

let world: FaultWorld;
beforeAll(async () => {
  world = await FaultWorld.open(27492);
}, 120_000);
afterAll(async () => world?.close());
beforeEach(() => world.begin(), 30_000);
afterEach(() => world.end(), 30_000);

const answer = (status: number, body: string, headers: object = {}): Fault => ({
  kind: 'answer',
  status,
  headers: { 'Content-Type': 'application/json', ...headers },
  body,
});

describe('a list that fails at a start', () => {
  test.each<{ readonly name: string; readonly fault: Fault; readonly match?: RequestMatch; readonly said: string }>([
    { name: '429 with Retry-After', fault: answer(429, '', { 'Retry-After': '1' }), said: '"reason":"http-429"' },
    { name: '503', fault: answer(503, '<h1>503</h1>'), said: '"reason":"http-503"' },
    { name: 'no JSON', fault: answer(200, 'OK'), said: '"reason":"malformed-response"' },
    { name: 'JSON, but no list', fault: answer(200, '{}'), said: '"reason":"malformed-response"' },
    { name: 'nothing at all', fault: answer(200, ''), said: '"reason":"malformed-response"' },
    { name: 'cut mid-body', fault: { kind: 'cut', afterBytes: 300 }, said: '"reason":"ECONNRESET"' },
    { name: 'no list of pools', fault: answer(200, '{}'), match: POOL_LIST, said: '"reason":"malformed-response"' },
  ])(
    '$name: said, counted, tried again, and nothing is taken from anybody',
    async ({ fault, match, said }) => {
      const names = await world.createMany('web', 3);
      const before = await world.allServed(names);
      await world.controller.stop();
      await world.create('later');
      const injected = world.proxy.inject(match ?? SERVICE_LIST, fault, 3);
      await world.startController();
      const served = await world.allServed([...names, 'later']);
      expect(injected.hits).toBe(3);
      expect(await world.metric(WATCH_ERRORS)).toBeGreaterThanOrEqual(3 - GIVEN_UP);
      expect(world.controller.log()).toContain(said);
      expect([...served].filter(([name]) => name !== 'later')).toEqual([...before]);
      expect(world.audit.lost).toEqual([]);
    },
    30_000,
  );

  test('a server that refuses every list is asked with growing waits', async () => {
    await world.create('web');
    await world.controller.stop();
    world.proxy.reset();
    const fault = world.proxy.inject(SERVICE_LIST, answer(500, ''));
    await world.startController('not');
    await delay(3_000);
    expect(fault.hits).toBeGreaterThan(3);
    expect(fault.hits).toBeLessThan(9);
    expect((await world.controller.get('health', '/readyz')).body).toContain('the first list of services');
    fault.remove();
    await world.allServed(['web']);
  }, 30_000);

  test('a continue token that has expired begins the list anew', async () => {
    await world.controller.stop();
    const names = await world.createMany('web', 120);
    const fault = world.proxy.inject({ ...SERVICE_LIST, query: /continue=/ }, answer(410, JSON.stringify(EXPIRED)), 1);
    await world.startController();
    await world.allServed(names);
    expect(fault.hits).toBe(1);
    expect(await world.metric(WATCH_ERRORS)).toBe(1);
    expect(world.controller.log()).toContain('"reason":"Expired"');
  }, 30_000);
});

describe('a watch that fails', () => {
  test.each<{ readonly name: string; readonly fault: Fault; readonly said: string }>([
    { name: 'refused with 500', fault: answer(500, ''), said: '"reason":"http-500"' },
    { name: 'refused with 410', fault: answer(410, JSON.stringify(EXPIRED)), said: '"reason":"Expired"' },
    {
      name: 'broken off with 410',
      fault: answer(200, `${JSON.stringify({ type: 'ERROR', object: EXPIRED })}\n`),
      said: '"reason":"Expired"',
    },
    { name: 'no JSON', fault: answer(200, '{"type":"ADDED","obj\n'), said: '"reason":"malformed-response"' },
    { name: 'dropped after every event', fault: { kind: 'drop-watch', afterEvents: 1 }, said: 'ECONNRESET' },
    { name: 'cut in the middle of an event', fault: { kind: 'cut', afterBytes: 100 }, said: 'ECONNRESET' },
  ])(
    '$name: said, counted, and no change is missed',
    async ({ fault, said }) => {
      // Above the lowest free ones, so that nobody but who asks for it can get it when it is given up.
      await world.create('old-0', { 'metallb.io/loadBalancerIPs': HIGH_ADDRESS });
      const old = ['old-1', 'old-2'];
      for (const name of old) await world.create(name);
      await world.allServed(['old-0', ...old]);
      await world.controller.stop();
      const injected = world.proxy.inject(SERVICE_WATCH, fault, 4);
      await world.startController();
      const names = await world.createMany('web', 6);
      await world.delete('old-0');
      await world.create('next', { 'metallb.io/loadBalancerIPs': HIGH_ADDRESS });
      await world.allServed([...old, ...names, 'next']);
      await waitFor('the watch has failed four times', async () => injected.hits === 4, SOON);
      expect(await world.metric(WATCH_ERRORS)).toBeGreaterThanOrEqual(4 - GIVEN_UP);
      expect(world.controller.log()).toContain(said);
      expect(world.audit.lost).toEqual([]);
    },
    30_000,
  );

  test('that is broken off but left open is not waited on', async () => {
    await world.controller.stop();
    // An ERROR, and then the connection stays: only the event itself can say that this watch is over.
    const hanging = world.proxy.inject(
      SERVICE_WATCH,
      { kind: 'endless', body: `${JSON.stringify({ type: 'ERROR', object: EXPIRED })}\n` },
      1,
    );
    await world.startController();
    await waitFor('the watch is opened', async () => hanging.hits === 1, SOON);
    await world.allServed(await world.createMany('web', 2));
  }, 30_000);

  test('that falls silent is given up and begun anew', async () => {
    const connection = new KubeConnection(loadKubeConfig(world.proxy.kubeconfig), hostClock);
    const errors: Error[] = [];
    const silent = world.proxy.inject(SERVICE_WATCH, { kind: 'silence', afterEvents: 0 }, 1);
    const informer = new Informer({
      api: connection,
      clock: hostClock,
      random: hostRandom,
      path: SERVICES_PATH,
      toView: toServiceView,
      onChange: () => undefined,
      onError: (error) => errors.push(error),
      idleTimeoutMs: 1_000,
    });
    informer.start();
    await waitFor('the silent watch is open', async () => silent.hits === 1, SOON);
    await world.create('web');
    await waitFor('the Service is seen', async () => informer.get(`${world.namespace}/web`), SOON);
    await informer.stop();
    connection.close();
    expect(errors).toMatchObject([{ reason: 'idle' }]);
  }, 30_000);
});

describe('a server that is away for seconds', () => {
  test('what changed meanwhile is caught up with, without a new list', async () => {
    await world.setPool('10.6.204.20-10.6.204.23');
    const before = await world.allServed(await world.createMany('web', 4));
    await world.create('waiting');
    world.proxy.reset();
    await world.proxy.goAway();
    await world.delete('web-0');
    await world.delete('web-1');
    await world.create('web-1');
    await delay(3_000);
    expect((await world.controller.get('health', '/readyz')).status).toBe(200);
    const errors = await world.metric(WATCH_ERRORS);
    expect(errors).toBeGreaterThan(6);
    expect(errors).toBeLessThan(90);
    await world.proxy.comeBack();
    const after = await world.allServed(['waiting', 'web-1', 'web-2', 'web-3']);
    for (const name of ['web-2', 'web-3']) expect(after.get(name)).toBe(before.get(name));
    expect(world.proxy.requests(SERVICE_LIST)).toEqual([]);
    expect(world.audit.lost).toEqual([]);
  }, 30_000);

  test('and has forgotten the versions it was watched from: what was deleted is noticed all the same', async () => {
    await world.setPool('10.6.204.20-10.6.204.22');
    const before = await world.allServed(await world.createMany('web', 3));
    await world.proxy.goAway();
    await world.delete('web-1');
    await world.create('web-3');
    world.proxy.reset();
    const expired = world.proxy.inject(SERVICE_WATCH, answer(410, JSON.stringify(EXPIRED)), 1);
    await world.proxy.comeBack();
    const after = await world.allServed(['web-0', 'web-2', 'web-3']);
    expect(after.get('web-3')).toBe(before.get('web-1'));
    expect(expired.hits).toBe(1);
    expect(world.proxy.requests(SERVICE_LIST).length).toBeGreaterThan(0);
    expect(world.audit.lost).toEqual([]);
  }, 30_000);

  test('a write whose answer is lost with everything else is not made twice', async () => {
    const fault = world.proxy.inject({ method: 'PATCH', path: /\/services\/web\/status$/ }, { kind: 'lose-answer' }, 1);
    await world.create('web');
    await waitFor('the answer will be lost', async () => fault.hits === 1, SOON);
    await world.proxy.goAway();
    // The proxy counts a request when it comes; what the server made of it is there a little later.
    await waitFor(
      'the server did it',
      async () => (await world.get('web')).status.loadBalancer.ingress?.length === 1,
      SOON,
    );
    const { metadata } = await world.get('web');
    await world.create('next');
    await delay(1_000);
    await world.proxy.comeBack();
    await world.allServed(['web', 'next']);
    expect((await world.get('web')).metadata.resourceVersion).toBe(metadata.resourceVersion);
    expect(world.audit.lost).toEqual([]);
  }, 30_000);
});
