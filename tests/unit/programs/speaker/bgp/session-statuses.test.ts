import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { BgpSessionView } from '../../../../../src/runtime/model/bgp-session.ts';
import { SessionStatuses } from '../../../../../src/runtime/programs/speaker/bgp/session-statuses.ts';
import { sessionView } from '../../../../support/bgp-session-views.ts';
import { StatusServer } from '../../../../support/status-server.ts';
import { ip } from '../../../../support/views.ts';
import { fixedRandom, VirtualClock } from '../../../../support/virtual-clock.ts';

const UP = { state: 'established', localAddress: ip('192.0.2.11'), established: 1 } as const;

class World {
  readonly server = new StatusServer('bgpsessionstatuses');
  readonly clock = new VirtualClock();
  readonly errors: unknown[] = [];
  readonly statuses: SessionStatuses;

  constructor(nodeName = 'n1', server?: StatusServer) {
    if (server !== undefined) this.server = server;
    this.statuses = new SessionStatuses({
      api: this.server.connect(),
      clock: this.clock,
      random: fixedRandom(0.5),
      sha256Hex: (text) => createHash('sha256').update(text).digest('hex'),
      settings: { nodeName, namespace: 'metallb-system', pod: { name: `speaker-${nodeName}`, uid: `pod-${nodeName}` } },
      onError: (error) => this.errors.push(error),
    });
    this.statuses.start();
  }

  async tell(views: readonly Partial<BgpSessionView>[], prefixes: readonly string[] = []): Promise<void> {
    await this.settle();
    this.statuses.tell(
      views.map((view) => sessionView(view)),
      () => prefixes,
      ['n1'],
    );
    await this.settle();
  }

  settle(milliseconds = 50): Promise<void> {
    return this.clock.advance(milliseconds);
  }

  // biome-ignore lint/suspicious/noExplicitAny: API objects as the server holds them.
  get only(): any {
    expect(this.server.objects.size).toBe(1);
    return [...this.server.objects.values()][0];
  }
}

describe('the BGPSessionStatus of a session', () => {
  test('says how it fares and what the router was told', async () => {
    const world = new World();
    await world.tell(
      [
        {
          ...UP,
          remoteAsn: 4_200_000_001,
          remoteIdentifier: ip('192.0.2.1'),
          advertisedRoutes: 2,
          receivedPrefixes: 3,
        },
      ],
      ['10.0.0.1/32', '10.0.0.2/32'],
    );
    expect(world.only).toMatchObject({
      apiVersion: 'metallb.io/v1beta1',
      kind: 'BGPSessionStatus',
      metadata: {
        name: expect.stringMatching(/^bgp-[0-9a-f]{16}$/),
        labels: { 'metallb.io/node': 'n1', 'metallb.io/bgp-peer': 'tor-1' },
        ownerReferences: [{ kind: 'Pod', uid: 'pod-n1' }],
      },
    });
    expect(world.only.status).toEqual({
      node: 'n1',
      peer: 'tor-1',
      address: '192.0.2.1',
      localAddress: '192.0.2.11',
      asn: 4_200_000_001,
      identifier: '192.0.2.1',
      state: 'established',
      since: '2026-08-01T10:00:00Z',
      advertisedPrefixes: 2,
      prefixes: ['10.0.0.1/32', '10.0.0.2/32'],
      receivedPrefixes: 3,
      flaps: 0,
    });
  });

  test('says why it fell, and takes away what is not so any more', async () => {
    const world = new World();
    await world.tell([{ ...UP, advertisedRoutes: 1 }], ['10.0.0.1/32']);
    await world.settle(2_000);
    const lastError = 'the router said: Cease (6), Administrative Shutdown (2): "maintenance"';
    await world.tell([{ state: 'active', lastError, flaps: 1, established: 1 }], ['10.0.0.1/32']);
    expect(world.only.status).toMatchObject({ state: 'active', lastError, flaps: 1, advertisedPrefixes: 0 });
    expect(world.only.status).not.toHaveProperty('prefixes');
    expect(world.only.status).not.toHaveProperty('localAddress');
  });

  test('goes with the session', async () => {
    const world = new World();
    await world.tell([UP, { ...UP, peer: 'tor-2' }]);
    expect(world.server.objects.size).toBe(2);
    await world.tell([{ ...UP, peer: 'tor-2' }]);
    expect(world.only.status.peer).toBe('tor-2');
  });

  test('left by the process before is taken over, and one of a peer that has gone since is taken away', async () => {
    const before = new World();
    await before.tell([UP, { ...UP, peer: 'gone' }]);
    await before.statuses.stop();
    const after = new World('n1', before.server);
    await after.settle(60_000);
    expect(after.server.objects.size).toBe(2);
    after.server.writes.length = 0;
    await after.tell([UP]);
    expect(after.only.status.peer).toBe('tor-1');
    expect(after.server.writes).toHaveLength(1);
  });

  test('names the first 500 prefixes and the number of all', async () => {
    const world = new World();
    const prefixes = Array.from({ length: 700 }, (_, i) => `10.0.${i >> 8}.${i & 255}/32`);
    await world.tell([{ ...UP, advertisedRoutes: 700 }], prefixes);
    expect(world.only.status.advertisedPrefixes).toBe(700);
    expect(world.only.status.prefixes).toEqual(prefixes.slice(0, 500));
  });

  test('holds no text that is longer than the definition allows', async () => {
    const world = new World();
    const notAdvertised = Array.from({ length: 40 }, () => 'x'.repeat(2_000));
    await world.tell([{ lastError: 'y'.repeat(2_000), notAdvertised }]);
    expect(world.only.status.lastError).toHaveLength(1024);
    expect(world.only.status.notAdvertised).toHaveLength(32);
    expect(world.only.status.notAdvertised[0]).toHaveLength(1024);
  });

  test('of an unreachable router is written once, however often it is tried', async () => {
    const world = new World();
    const lastError = 'connect ECONNREFUSED: nothing listens on that port there';
    await world.tell([{ state: 'connect' }]);
    await world.settle(2_000);
    await world.tell([{ state: 'active', lastError }]);
    await world.settle(2_000);
    const writes = world.server.writes.length;
    for (const state of ['connect', 'active', 'idle', 'connect', 'active'] as const) {
      await world.tell([{ state, lastError }]);
      await world.settle(5_000);
    }
    expect(world.server.writes).toHaveLength(writes);
    await world.tell([{ ...UP, lastError }]);
    expect(world.only.status.state).toBe('established');
  });

  test('of a router that tells of prefixes all the time is written when there are twice as many', async () => {
    const world = new World();
    await world.tell([{ ...UP, receivedPrefixes: 1 }]);
    await world.settle(2_000);
    world.server.writes.length = 0;
    for (let receivedPrefixes = 2; receivedPrefixes <= 70; receivedPrefixes++) {
      await world.tell([{ ...UP, receivedPrefixes }]);
      await world.settle(2_000);
    }
    expect([world.only.status.receivedPrefixes, world.server.writes.length]).toEqual([64, 6]);
    await world.tell([{ ...UP, receivedPrefixes: 70, flaps: 1 }]);
    await world.settle(2_000);
    expect(world.only.status).toMatchObject({ receivedPrefixes: 70, flaps: 1 });
  });

  test('of a session that changes all the time is written once a second, and says the newest in the end', async () => {
    const world = new World();
    for (let i = 1; i <= 100; i++) {
      await world.tell([{ ...UP, advertisedRoutes: i }], ['10.0.0.1/32']);
    }
    // 100 rounds take 10 s of the virtual clock.
    const statuses = world.server.writes.filter((write) => write.endsWith('/status')).length;
    expect(statuses).toBeGreaterThanOrEqual(9);
    expect(statuses).toBeLessThanOrEqual(12);
    await world.settle(2_000);
    expect(world.only.status.advertisedPrefixes).toBe(100);
  });
});
