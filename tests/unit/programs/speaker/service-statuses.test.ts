import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { PlannedOwner } from '../../../../src/runtime/decide/announcing/service-announcements.ts';
import { ServiceStatuses } from '../../../../src/runtime/programs/speaker/service-statuses.ts';
import { kubeError } from '../../../support/fake-kube-api.ts';
import { StatusServer } from '../../../support/status-server.ts';
import { ip } from '../../../support/views.ts';
import { fixedRandom, VirtualClock } from '../../../support/virtual-clock.ts';

const ALIVE = ['n1', 'n2', 'n3'];

interface Speaker {
  readonly statuses: ServiceStatuses;
  readonly errors: unknown[];
}

class World {
  readonly server = new StatusServer();
  readonly clock = new VirtualClock();

  /** A speaker that has read what is there. */
  async speaker(nodeName: string, podUid = `pod-${nodeName}`): Promise<Speaker> {
    const errors: unknown[] = [];
    const statuses = new ServiceStatuses({
      api: this.server.connect(),
      clock: this.clock,
      random: fixedRandom(0.5),
      sha256Hex: (text) => createHash('sha256').update(text).digest('hex'),
      settings: { nodeName, namespace: 'metallb-system', pod: { name: `speaker-${nodeName}`, uid: podUid } },
      onError: (error) => errors.push(error),
    });
    statuses.start();
    await this.settle();
    return { statuses, errors };
  }

  settle(milliseconds = 50): Promise<void> {
    return this.clock.advance(milliseconds);
  }

  /** The one object's name. */
  get only(): string {
    expect(this.server.objects.size).toBe(1);
    return [...this.server.objects.keys()][0] ?? '';
  }
}

/** "web/a@n1": the plan of a Service with an address of its own. */
function plans(...texts: readonly string[]): PlannedOwner[] {
  return texts.map((text, index) => {
    const [service = '', owner = ''] = text.split('@');
    const address = ip(`10.0.${index >> 8}.${index & 255}`);
    return { ip: address, services: [service], interfaces: 'in-subnet', ...(owner === '' ? {} : { owner }) };
  });
}

describe('the ServiceL2Status of a Service', () => {
  test('is made when this node begins to announce it, and goes when it stops', async () => {
    const world = new World();
    const { statuses } = await world.speaker('n1');
    statuses.tell(plans('web/a@n1', 'web/b@n2'), ALIVE);
    await world.settle();
    expect(world.server.objects.get(world.only)).toMatchObject({
      metadata: {
        name: expect.stringMatching(/^l2-/),
        labels: { 'metallb.io/node': 'n1', 'metallb.io/service-name': 'a', 'metallb.io/service-namespace': 'web' },
        annotations: { 'metallb.io/announced-addresses': '10.0.0.0' },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'speaker-n1', uid: 'pod-n1' }],
      },
      status: { node: 'n1', serviceName: 'a', serviceNamespace: 'web' },
    });
    expect(world.server.writes).toEqual(['POST', `PATCH ${world.only}/status`]);
    statuses.tell(plans('web/a', 'web/b@n2'), ALIVE);
    await world.settle();
    expect(world.server.says()).toEqual([]);
  });

  test('is not written again by plans that change nothing, nor by a restart', async () => {
    const world = new World();
    const first = await world.speaker('n1');
    first.statuses.tell(plans('web/a@n1'), ALIVE);
    await world.settle();
    world.server.writes.length = 0;
    first.statuses.tell(plans('web/a@n1'), ALIVE);
    await first.statuses.stop();
    const second = await world.speaker('n1');
    second.statuses.tell(plans('web/a@n1'), ALIVE);
    await world.settle(60_000);
    expect(world.server.writes).toEqual([]);
  });

  test('of the pod before is taken over by the new one', async () => {
    const world = new World();
    const first = await world.speaker('n1', 'pod-old');
    first.statuses.tell(plans('web/a@n1'), ALIVE);
    await world.settle();
    await first.statuses.stop();
    world.server.writes.length = 0;
    const second = await world.speaker('n1', 'pod-new');
    second.statuses.tell(plans('web/a@n1'), ALIVE);
    await world.settle();
    expect(world.server.writes).toEqual([`PATCH ${world.only}`]);
    expect(world.server.objects.get(world.only).metadata.ownerReferences).toMatchObject([{ uid: 'pod-new' }]);
  });

  test('left by a process before is cleared away when the Service is not announced here any more', async () => {
    const world = new World();
    const first = await world.speaker('n1');
    first.statuses.tell(plans('web/a@n1'), ALIVE);
    await world.settle();
    await first.statuses.stop();
    const second = await world.speaker('n1');
    second.statuses.tell(plans('web/a@n2'), ALIVE);
    await world.settle();
    expect(world.server.says()).toEqual([]);
  });

  test('moves with the address: the dead node’s goes, the new one is there first', async () => {
    const world = new World();
    const dead = await world.speaker('n1');
    dead.statuses.tell(plans('web/a@n1'), ALIVE);
    await world.settle();
    await dead.statuses.stop();
    const name = world.only;
    world.server.writes.length = 0;
    const successor = await world.speaker('n2');
    successor.statuses.tell(plans('web/a@n2'), ['n2', 'n3']);
    await world.settle();
    expect(world.server.says()).toEqual(['n2 web/a']);
    expect(world.server.writes).toEqual(['POST', expect.stringMatching(/^PATCH l2-.*\/status$/), `DELETE ${name}`]);
  });

  test('is one a node where its addresses are on two', async () => {
    const world = new World();
    const both = [await world.speaker('n1'), await world.speaker('n2')];
    for (const { statuses } of both) statuses.tell(plans('web/a@n1', 'web/a@n2'), ALIVE);
    await world.settle(10_000);
    expect(world.server.says()).toEqual(['n1 web/a', 'n2 web/a']);
  });

  test('of a dead node and a Service that is gone is cleared away by one speaker', async () => {
    const world = new World();
    const dead = await world.speaker('n3');
    dead.statuses.tell(plans('web/a@n3'), ALIVE);
    await world.settle();
    await dead.statuses.stop();
    const others = [await world.speaker('n1'), await world.speaker('n2')];
    for (const { statuses } of others) statuses.tell([], ALIVE);
    await world.settle();
    expect(world.server.says()).toEqual(['n3 web/a']);
    world.server.writes.length = 0;
    for (const { statuses } of others) statuses.tell([], ['n1', 'n2']);
    await world.settle();
    expect(world.server.says()).toEqual([]);
    expect(world.server.writes).toHaveLength(1);
  });

  test('that is edited is put right, one that is deleted is made again', async () => {
    const world = new World();
    const { statuses } = await world.speaker('n1');
    statuses.tell(plans('web/a@n1'), ALIVE);
    await world.settle();
    const name = world.only;
    const right = structuredClone(world.server.objects.get(name));
    world.server.edit(name, (object) => ({ ...object, status: undefined }));
    await world.settle();
    world.server.edit(name, (object) => ({ ...object, metadata: { ...object.metadata, labels: {} } }));
    await world.settle();
    expect(world.server.objects.get(name).status).toEqual(right.status);
    expect(world.server.objects.get(name).metadata.labels).toEqual(right.metadata.labels);
    await world.settle(1_000);
    world.server.remove(name);
    await world.settle();
    expect(world.server.says()).toEqual(['n1 web/a']);
  });

  test('that somebody deletes over and over is made again once a second at most', async () => {
    const world = new World();
    const { statuses } = await world.speaker('n1');
    statuses.tell(plans('web/a@n1'), ALIVE);
    for (let i = 0; i < 100; i++) {
      await world.settle(100);
      for (const name of world.server.objects.keys()) world.server.remove(name);
    }
    const made = world.server.writes.filter((write) => write === 'POST').length;
    expect(made).toBeGreaterThanOrEqual(8);
    expect(made).toBeLessThanOrEqual(11);
  });

  test('is written once although the watch is late', async () => {
    const world = new World();
    const { statuses } = await world.speaker('n1');
    const release = world.server.holdWatches();
    statuses.tell(plans('web/a@n1'), ALIVE);
    await world.settle();
    statuses.tell(plans('web/a@n1', 'web/b@n2'), ALIVE);
    statuses.tell(plans('web/b@n2', 'web/a@n1'), ALIVE);
    await world.settle(500);
    release();
    await world.settle(10_000);
    // The one more is the annotation: the Service's address is another since.
    expect(world.server.writes.filter((write) => write === 'POST')).toHaveLength(1);
    expect(world.server.writes.filter((write) => write.endsWith('/status'))).toHaveLength(1);
    expect(world.server.says()).toEqual(['n1 web/a']);
  });
});

test('one that another speaker clears away as this one writes it is made again, and that is nothing to report', async () => {
  const world = new World();
  const { statuses, errors } = await world.speaker('n1');
  statuses.tell(plans('web/a@n1'), ALIVE);
  await world.settle(2_000);
  const name = world.only;
  const release = world.server.holdWatches();
  world.server.remove(name);
  // Another address: its annotation is to be patched, and it is not there any more.
  statuses.tell(plans('web/b@n2', 'web/a@n1'), ALIVE);
  await world.settle(2_000);
  expect(world.server.writes).toContain(`PATCH ${name}`);
  release();
  await world.settle(10_000);
  expect(world.server.says()).toEqual(['n1 web/a']);
  expect(errors).toEqual([]);
});

describe('before anything is known', () => {
  test('nothing is written before the first plan', async () => {
    const world = new World();
    const before = await world.speaker('n1');
    before.statuses.tell(plans('web/a@n1'), ALIVE);
    await world.settle();
    await before.statuses.stop();
    world.server.writes.length = 0;
    await world.speaker('n1');
    await world.settle(60_000);
    expect(world.server.writes).toEqual([]);
  });
});

describe('thousands of Services that move at once', () => {
  const MANY = Array.from({ length: 1000 }, (_, i) => `web/s${i}`);

  test('are written at a bounded rate, and all of them in the end', async () => {
    const world = new World();
    const { statuses } = await world.speaker('n1');
    statuses.tell(plans(...MANY.map((service) => `${service}@n1`)), ALIVE);
    await world.settle(1_000);
    // 100 a second, and the burst before.
    expect(world.server.writes.length).toBeLessThanOrEqual(160);
    expect(world.server.writes.length).toBeGreaterThanOrEqual(140);
    await world.settle(25_000);
    expect(world.server.objects.size).toBe(1000);
    expect(world.server.writes).toHaveLength(2000);
  });

  test('the more speakers there are, the slower each writes', async () => {
    const world = new World();
    const { statuses } = await world.speaker('n1');
    const hundred = Array.from({ length: 100 }, (_, i) => `n${i}`);
    statuses.tell(plans(...MANY.map((service) => `${service}@n1`)), hundred);
    await world.settle(10_000);
    expect(world.server.writes.length).toBeLessThanOrEqual(50 + 5 * 10 + 10);
  });

  test('of which some have moved back before their turn: those are not written at all', async () => {
    const world = new World();
    const { statuses } = await world.speaker('n1');
    statuses.tell(plans(...MANY.map((service) => `${service}@n1`)), ALIVE);
    await world.settle(100);
    statuses.tell(plans('web/s999@n1'), ALIVE);
    await world.settle(60_000);
    expect(world.server.says()).toEqual(['n1 web/s999']);
    expect(world.server.writes.length).toBeLessThan(300);
  });
});

describe('while the API server is in trouble', () => {
  const MANY = Array.from({ length: 200 }, (_, i) => `web/s${i}@n1`);

  test.each([
    { name: 'out of reach', trouble: kubeError(0, 'ECONNREFUSED') },
    { name: 'overloaded', trouble: kubeError(429, 'TooManyRequests') },
    { name: 'refusing us', trouble: kubeError(403, 'Forbidden') },
  ])('$name: one is tried for all, it is said once, and all is written when it is back', async ({ trouble }) => {
    const world = new World();
    const { statuses, errors } = await world.speaker('n1');
    const api = world.server;
    api.trouble = trouble;
    statuses.tell(plans(...MANY), ALIVE);
    await world.settle(300_000);
    expect(api.writes).toEqual([]);
    expect(errors).toEqual([trouble]);
    api.trouble = undefined;
    await world.settle(120_000);
    expect(api.objects.size).toBe(200);
  });

  test('what it asks for with Retry-After is kept to', async () => {
    const world = new World();
    const { statuses } = await world.speaker('n1');
    world.server.trouble = kubeError(429, 'TooManyRequests', 20);
    statuses.tell(plans('web/a@n1'), ALIVE);
    await world.settle(1_000);
    world.server.trouble = undefined;
    await world.settle(18_000);
    expect(world.server.writes).toEqual([]);
    await world.settle(2_000);
    expect(world.server.says()).toEqual(['n1 web/a']);
  });

  test('one Service that the API server refuses keeps no other waiting', async () => {
    const world = new World();
    const { statuses, errors } = await world.speaker('n1');
    const invalid = kubeError(422, 'Invalid');
    world.server.refuse = ({ metadata }) =>
      metadata?.labels?.['metallb.io/service-name'] === 'bad' ? invalid : undefined;
    statuses.tell(plans('web/bad@n1', 'web/good@n1'), ALIVE);
    await world.settle(10_000);
    expect(world.server.says()).toEqual(['n1 web/good']);
    expect(errors).toContain(invalid);
  });
});
