/**
 * The controller's writes when the API server refuses them, is slow, or is not heard: every Service ends with its own
 * address, a stale decision is never written, and tries keep their distance. Reads: controller-read-faults.test.ts.
 * After every test the audit has seen no address with two Services at any moment.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Fault } from '../support/fault-proxy.ts';
import { FaultWorld, statusPatch } from '../support/fault-world.ts';
import { waitFor } from '../support/wait-for.ts';

const SOON = { withinMs: 10_000, everyMs: 20 };
const UPDATE_ERRORS = 'metallb_k8s_client_update_errors_total';

let world: FaultWorld;
beforeAll(async () => {
  world = await FaultWorld.open(27482);
}, 120_000);
afterAll(async () => world?.close());
beforeEach(() => world.begin(), 30_000);
afterEach(() => world.end(), 30_000);

/** A refusal as the API server words it. */
function refusal(status: number, reason: string, headers: object = {}): Fault {
  const body = JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code: status, reason });
  return { kind: 'answer', status, headers: { 'Content-Type': 'application/json', ...headers }, body };
}

/** A gate for { kind: 'hold' }. */
function gate(): { readonly fault: Fault; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { fault: { kind: 'hold', until: promise }, open: resolve };
}

/** Ends when `milliseconds` have passed; until then a Service is created every now and then: a world that never rests. */
async function createFor(milliseconds: number): Promise<string[]> {
  const end = performance.now() + milliseconds;
  const names: string[] = [];
  for (; performance.now() < end; await delay(50)) {
    const name = `other-${names.length}`;
    await world.create(name);
    names.push(name);
  }
  return names;
}

/** So that what is created next is of one and the same second, the resolution of creation times. */
async function beginningOfSecond(): Promise<void> {
  await delay(1_020 - (Date.now() % 1_000));
}

describe('an answer that is none', () => {
  test.each<{ readonly name: string; readonly fault: Fault; readonly said: string }>([
    { name: '409 Conflict', fault: refusal(409, 'Conflict'), said: '"reason":"Conflict"' },
    {
      name: '429 with Retry-After',
      fault: refusal(429, 'TooManyRequests', { 'Retry-After': '1' }),
      said: '"reason":"TooManyRequests","retryAfterSeconds":1',
    },
    { name: '500', fault: refusal(500, 'InternalError'), said: '"reason":"InternalError"' },
    {
      name: '503 of a load balancer',
      fault: { kind: 'answer', status: 503, headers: { 'Content-Type': 'text/html' }, body: '<h1>503</h1>' },
      said: '"reason":"http-503"',
    },
    {
      name: '404 of a load balancer',
      fault: { kind: 'answer', status: 404, body: 'default backend - 404' },
      said: '"reason":"http-404"',
    },
    { name: 'no JSON', fault: { kind: 'answer', status: 200, body: 'OK' }, said: '"reason":"malformed-response"' },
    { name: 'done, but no JSON', fault: { kind: 'replace-body', body: '{"kind":' }, said: 'malformed-response' },
    { name: 'done, but the answer is lost', fault: { kind: 'lose-answer' }, said: '"reason":"ECONNRESET"' },
    { name: 'done, but cut mid-body', fault: { kind: 'cut', afterBytes: 40 }, said: '"reason":"ECONNRESET"' },
  ])(
    '$name: said, counted, tried again',
    async ({ fault, said }) => {
      const injected = world.proxy.inject(statusPatch(), fault, 5);
      await world.allServed(await world.createMany('web', 3));
      expect(injected.hits).toBeGreaterThanOrEqual(3);
      expect(await world.metric(UPDATE_ERRORS)).toBeGreaterThanOrEqual(3);
      expect(world.controller.log()).toContain(said);
      expect(world.audit.lost).toEqual([]);
    },
    30_000,
  );

  test('an object that is not the Service is not taken for it', async () => {
    world.proxy.inject(statusPatch(), { kind: 'replace-body', body: '{}' }, 3);
    await world.allServed(await world.createMany('web', 3));
    expect(world.audit.lost).toEqual([]);
  }, 30_000);
});

describe('tries keep their distance', () => {
  test('growing waits, however much happens meanwhile; nobody else waits', async () => {
    const fault = world.proxy.inject(statusPatch('web'), refusal(500, 'InternalError'));
    await world.create('web');
    const others = await createFor(4_000);
    expect(others.length).toBeGreaterThan(20);
    expect(fault.hits).toBeGreaterThan(3);
    expect(fault.hits).toBeLessThan(13);
    const unserved = (await world.get('web')).status;
    expect(unserved).toEqual({ loadBalancer: {} });
    const last = others.at(-1) ?? '';
    await waitFor(
      'the last of the others is served',
      async () => (await world.get(last)).status.loadBalancer.ingress,
      SOON,
    );
    fault.remove();
    await world.allServed(['web', ...others]);
  }, 30_000);

  test('no try before Retry-After is over, however much happens meanwhile', async () => {
    world.proxy.inject(statusPatch('web'), refusal(429, 'TooManyRequests', { 'Retry-After': '2' }), 1);
    await world.create('web');
    const others = await createFor(2_500);
    await world.allServed(['web', ...others]);
    const [first, second] = world.proxy.requests(statusPatch('web'));
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(1_950);
  }, 30_000);

  test('a write without an answer is given up after 10 s and tried again; the others go on', async () => {
    const fault = world.proxy.inject(statusPatch('web'), { kind: 'hang' }, 1);
    await world.create('web');
    await waitFor('the write hangs', async () => fault.hits === 1, SOON);
    // After "web" in order, whatever the second: nobody is to be after the address that may just be getting to it.
    const others = await world.createMany('xenon', 5);
    for (const name of others) {
      await waitFor(`${name} is served`, async () => (await world.get(name)).status.loadBalancer.ingress, SOON);
    }
    expect(world.proxy.requests(statusPatch('web')).length).toBe(1);
    await world.allServed(['web', ...others]);
    expect(world.controller.log()).toContain('"reason":"timeout"');
    const [first, second] = world.proxy.requests(statusPatch('web'));
    const waitedMs = (second?.atMs ?? 0) - (first?.atMs ?? 0);
    expect(waitedMs).toBeGreaterThanOrEqual(9_900);
    expect(waitedMs).toBeLessThan(13_000);
  }, 60_000);
});

describe('the world moves between decision and write', () => {
  test('a Service that was deleted and made anew gets what it asks for, not what the old one was to have', async () => {
    const held = gate();
    const fault = world.proxy.inject(statusPatch('web'), held.fault, 1);
    await world.create('web');
    await waitFor('the write is on its way', async () => fault.hits === 1, SOON);
    await world.delete('web');
    await world.create('web', { 'metallb.io/loadBalancerIPs': '10.6.204.99' });
    held.open();
    await world.holds('web', '10.6.204.99');
    const [stale] = world.proxy.requests(statusPatch('web'));
    expect(stale?.status).toBe(409);
    await world.create('next');
    await world.holds('next', '10.6.204.20');
    await world.allServed(['web', 'next']);
    expect(world.audit.lost).toEqual([]);
  }, 30_000);

  test('a Service that is gone is not written, and its address is free again', async () => {
    const held = gate();
    const fault = world.proxy.inject(statusPatch('web'), held.fault, 1);
    await world.create('web');
    await waitFor('the write is on its way', async () => fault.hits === 1, SOON);
    await world.delete('web');
    held.open();
    await world.create('next');
    await world.holds('next', '10.6.204.20');
    expect(world.proxy.requests(statusPatch('web')).map(({ status }) => status)).toEqual([404]);
  }, 30_000);

  test('a Service that was changed is decided anew', async () => {
    const held = gate();
    const fault = world.proxy.inject(statusPatch('web'), held.fault, 1);
    await world.create('web');
    await waitFor('the write is on its way', async () => fault.hits === 1, SOON);
    await world.change('web', { metadata: { annotations: { 'metallb.io/loadBalancerIPs': '10.6.204.99' } } });
    held.open();
    await world.holds('web', '10.6.204.99');
    expect(world.proxy.requests(statusPatch('web'))[0]?.status).toBe(409);
    await world.create('next');
    await world.holds('next', '10.6.204.20');
    expect(world.audit.lost).toEqual([]);
  }, 30_000);

  test('an address whose write is under way is not given to a Service that comes first in order', async () => {
    const held = gate();
    const fault = world.proxy.inject(statusPatch('b'), held.fault, 1);
    await beginningOfSecond();
    await world.create('b');
    await waitFor('the write is on its way', async () => fault.hits === 1, SOON);
    await world.create('a');
    // Time enough for a wrong write.
    await delay(1_000);
    held.open();
    await world.allServed(['a', 'b']);
    expect(world.audit.twice).toEqual([]);
    expect(world.audit.lost).toEqual([]);
  }, 30_000);

  test('an address that a lost answer gave back is given out again', async () => {
    await world.create('web');
    await world.holds('web', '10.6.204.20');
    const fault = world.proxy.inject(statusPatch('web'), { kind: 'lose-answer' }, 1);
    await world.change('web', { metadata: { annotations: { 'metallb.io/loadBalancerIPs': '10.6.204.30' } } });
    await world.holds('web', '10.6.204.30');
    expect(fault.hits).toBe(1);
    await world.create('next');
    await world.holds('next', '10.6.204.20');
    await world.allServed(['web', 'next']);
  }, 30_000);
});
