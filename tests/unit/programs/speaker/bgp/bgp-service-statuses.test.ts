import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { AdvertisedService } from '../../../../../src/runtime/programs/speaker/bgp/bgp-planning.ts';
import { BgpServiceStatuses } from '../../../../../src/runtime/programs/speaker/bgp/bgp-service-statuses.ts';
import { kubeError } from '../../../../support/fake-kube-api.ts';
import { StatusServer } from '../../../../support/status-server.ts';
import { ip } from '../../../../support/views.ts';
import { fixedRandom, VirtualClock } from '../../../../support/virtual-clock.ts';

const ALIVE = ['n1', 'n2', 'n3'];

class World {
  readonly server = new StatusServer('servicebgpstatuses');
  readonly clock = new VirtualClock();
  readonly errors: unknown[] = [];

  /** A speaker that has read what is there. */
  async speaker(nodeName: string): Promise<BgpServiceStatuses> {
    const statuses = new BgpServiceStatuses({
      api: this.server.connect(),
      clock: this.clock,
      random: fixedRandom(0.5),
      sha256Hex: (text) => createHash('sha256').update(text).digest('hex'),
      settings: { nodeName, namespace: 'metallb-system', pod: { name: `speaker-${nodeName}`, uid: `pod-${nodeName}` } },
      onError: (error) => this.errors.push(error),
    });
    statuses.start();
    await this.settle();
    return statuses;
  }

  settle(milliseconds = 50): Promise<void> {
    return this.clock.advance(milliseconds);
  }

  get only(): string {
    expect(this.server.objects.size).toBe(1);
    return [...this.server.objects.keys()][0] ?? '';
  }
}

/** "web/a: tor-1 tor-2" */
function advertised(...texts: readonly string[]): ReadonlyMap<string, AdvertisedService> {
  return new Map(
    texts.map((text) => {
      const [service = '', peers = ''] = text.split(': ');
      return [service, { peers: peers.split(' '), addresses: [ip('198.51.100.1'), ip('2001:db8::1')] }];
    }),
  );
}

describe('the ServiceBGPStatus of a Service', () => {
  test('is made when a peer is told of it, follows the peers, and goes with the last of them', async () => {
    const world = new World();
    const statuses = await world.speaker('n1');
    statuses.tell(advertised('web/a: tor-1'), ALIVE);
    await world.settle();
    expect(world.server.objects.get(world.only)).toMatchObject({
      apiVersion: 'metallb.io/v1beta1',
      kind: 'ServiceBGPStatus',
      metadata: {
        name: expect.stringMatching(/^bgp-[0-9a-f]{16}$/),
        labels: { 'metallb.io/node': 'n1', 'metallb.io/service-name': 'a', 'metallb.io/service-namespace': 'web' },
        annotations: { 'metallb.io/announced-addresses': '198.51.100.1,2001:db8::1' },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'speaker-n1', uid: 'pod-n1' }],
      },
      status: { node: 'n1', serviceName: 'a', serviceNamespace: 'web', peers: ['tor-1'] },
    });
    statuses.tell(advertised('web/a: tor-1 tor-2'), ALIVE);
    await world.settle();
    expect(world.server.objects.get(world.only).status.peers).toEqual(['tor-1', 'tor-2']);
    statuses.tell(new Map(), ALIVE);
    await world.settle();
    expect(world.server.says()).toEqual([]);
    expect(world.errors).toEqual([]);
  });

  test('is one a node: no speaker touches another’s', async () => {
    const world = new World();
    for (const node of ALIVE) (await world.speaker(node)).tell(advertised('web/a: tor-1'), ALIVE);
    await world.settle(60_000);
    expect(world.server.says()).toEqual(['n1 web/a', 'n2 web/a', 'n3 web/a']);
    expect(world.server.writes).toHaveLength(6);
  });

  test('that lost its label, and so is not seen any more, is found again by its name', async () => {
    const world = new World();
    const statuses = await world.speaker('n1');
    statuses.tell(advertised('web/a: tor-1'), ALIVE);
    await world.settle();
    const { uid } = world.server.objects.get(world.only).metadata;
    world.server.edit(world.only, (object) => ({ ...object, metadata: { ...object.metadata, labels: {} } }));
    await world.settle(10_000);
    expect(world.server.objects.get(world.only).metadata).toMatchObject({ uid, labels: { 'metallb.io/node': 'n1' } });
    world.server.writes.length = 0;
    await world.settle(60_000);
    expect(world.server.writes).toEqual([]);
  });
});

describe('what a node without a speaker left', () => {
  async function leave(world: World): Promise<void> {
    const dead = await world.speaker('n3');
    dead.tell(advertised('web/a: tor-1', 'web/b: tor-1'), ALIVE);
    await world.settle();
    await dead.stop();
  }

  test('is cleared away by one speaker, once it is clear that the other is not only restarting', async () => {
    const world = new World();
    await leave(world);
    const others = [await world.speaker('n1'), await world.speaker('n2')];
    for (const each of others) each.tell(advertised('web/a: tor-1'), ALIVE);
    await world.settle(20_000);
    expect(world.server.says()).toEqual(['n1 web/a', 'n2 web/a', 'n3 web/a', 'n3 web/b']);
    world.server.writes.length = 0;
    for (const each of others) each.tell(advertised('web/a: tor-1'), ['n1', 'n2']);
    await world.settle(9_000);
    expect(world.server.writes).toEqual([]);
    await world.settle(2_000);
    expect(world.server.says()).toEqual(['n1 web/a', 'n2 web/a']);
    expect(world.server.writes).toHaveLength(2);
  });

  test('is left where its speaker comes back in time', async () => {
    const world = new World();
    await leave(world);
    const statuses = await world.speaker('n1');
    statuses.tell(new Map(), ALIVE);
    await world.settle(20_000);
    statuses.tell(new Map(), ['n1', 'n2']);
    await world.settle(5_000);
    statuses.tell(new Map(), ALIVE);
    await world.settle(60_000);
    expect(world.server.says()).toEqual(['n3 web/a', 'n3 web/b']);
  });

  test('before this speaker began is found as well', async () => {
    const world = new World();
    await leave(world);
    (await world.speaker('n1')).tell(new Map(), ['n1', 'n2']);
    await world.settle(20_000);
    expect(world.server.says()).toEqual([]);
  });

  test('is cleared away later when the API server is out of reach, and that is said once', async () => {
    const world = new World();
    await leave(world);
    (await world.speaker('n1')).tell(new Map(), ['n1', 'n2']);
    world.server.trouble = kubeError(0, 'ECONNREFUSED');
    await world.settle(120_000);
    expect(world.errors).toEqual([world.server.trouble]);
    world.server.trouble = undefined;
    await world.settle(300_000);
    expect(world.server.says()).toEqual([]);
  });
});
