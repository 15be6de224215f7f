import { describe, expect, test } from '@jest/globals';
import type { ClusterEvent } from '../../../../../src/runtime/adapters/kube/events.ts';
import type { BgpSessionView } from '../../../../../src/runtime/model/bgp-session.ts';
import { SessionReport } from '../../../../../src/runtime/programs/speaker/bgp/session-report.ts';
import { sessionView } from '../../../../support/bgp-session-views.ts';
import { VirtualClock } from '../../../../support/virtual-clock.ts';

const RESOURCE = { kind: 'BGPPeer', namespace: 'metallb-system', uid: 'uid-1' };
const UP = { state: 'established', remoteAsn: 64513, established: 1 } as const;
const REFUSED = 'connect ECONNREFUSED: nothing listens on that port there';
const EXPIRED = 'hold timer expired: nothing was heard for 90 s';

class World {
  readonly clock = new VirtualClock();
  readonly events: ClusterEvent[] = [];
  readonly lines: string[] = [];
  /** Names of the BGPPeer objects that there are. */
  readonly objects = new Set(['tor-1', 'tor-2']);
  readonly report = new SessionReport({
    nodeName: 'n1',
    clock: this.clock,
    log: {
      info: (fields, message) => this.lines.push(`info ${message} ${JSON.stringify(fields)}`),
      warn: (fields, message) => this.lines.push(`warn ${message} ${JSON.stringify(fields)}`),
    },
    events: { emit: (event) => this.events.push(event) },
    resource: (peer) => (this.objects.has(peer) ? { ...RESOURCE, name: peer } : undefined),
  });
  #turnedAt = this.clock.wallMs();
  #wasUp = false;

  /** Sessions, with the time since which they are up or not. */
  async tell(...views: readonly Partial<BgpSessionView>[]): Promise<void> {
    const isUp = views[0]?.state === 'established';
    if (isUp !== this.#wasUp) this.#turnedAt = this.clock.wallMs();
    this.#wasUp = isUp;
    this.report.tell(views.map((view) => sessionView({ sinceWallMs: this.#turnedAt, ...view })));
    await this.clock.advance(0);
  }

  /** "Normal sessionUp tor-1: …" of the Events since it was last asked. */
  said(): string[] {
    return this.events
      .splice(0)
      .map(({ type, reason, object, message }) => `${type} ${reason} ${object.name}: ${message}`);
  }
}

const WITH = 'the BGP session of node "n1" with 192.0.2.1';

describe('a session', () => {
  test('that comes up: an Event on the BGPPeer and a line of the log, once', async () => {
    const world = new World();
    await world.tell({ state: 'connect' });
    await world.tell(UP);
    await world.tell({ ...UP, advertisedRoutes: 3 });
    expect(world.events[0]?.object).toEqual({ apiVersion: 'metallb.io/v1beta2', ...RESOURCE, name: 'tor-1' });
    expect(world.said()).toEqual([`Normal sessionUp tor-1: ${WITH} is up`]);
    expect(world.lines).toEqual(['info a BGP session is up {"peer":"tor-1","address":"192.0.2.1","asn":64513}']);
  });

  test('that goes down: why, at once', async () => {
    const world = new World();
    await world.tell(UP);
    world.said();
    await world.tell({ state: 'idle', lastError: EXPIRED, established: 1, flaps: 1 });
    expect(world.said()).toEqual([`Warning sessionDown tor-1: ${WITH} went down: ${EXPIRED}`]);
    expect(world.lines[1]).toBe(
      `warn a BGP session went down {"peer":"tor-1","address":"192.0.2.1","why":"${EXPIRED}","times":1}`,
    );
  });

  test('that does not come back: what is wrong now, once', async () => {
    const world = new World();
    await world.tell(UP);
    await world.tell({ state: 'idle', lastError: EXPIRED, established: 1, flaps: 1 });
    world.said();
    for (let i = 0; i < 10; i++) {
      await world.tell({ state: 'active', lastError: REFUSED, established: 1, flaps: 1 });
      await world.clock.advance(5_000);
    }
    expect(world.said()).toEqual([`Warning sessionDown tor-1: ${WITH} does not come about: ${REFUSED}`]);
  });

  test('that does not come about: told after 10 s, although nothing more happens', async () => {
    const world = new World();
    await world.tell({ state: 'active', lastError: REFUSED });
    await world.clock.advance(9_900);
    expect(world.said()).toEqual([]);
    await world.clock.advance(200);
    expect(world.said()).toEqual([`Warning sessionDown tor-1: ${WITH} does not come about: ${REFUSED}`]);
    await world.clock.advance(3_600_000);
    expect(world.said()).toEqual([]);
  });

  test('that comes about within 10 s is not told of as one in trouble', async () => {
    const world = new World();
    await world.tell({ state: 'active', lastError: REFUSED });
    await world.clock.advance(5_000);
    await world.tell({ ...UP, lastError: REFUSED });
    await world.clock.advance(60_000);
    expect(world.said()).toEqual([`Normal sessionUp tor-1: ${WITH} is up`]);
  });

  test('that went down between two looks is told of', async () => {
    const world = new World();
    await world.tell(UP);
    world.said();
    await world.tell({ ...UP, established: 2, flaps: 1, lastError: EXPIRED });
    expect(world.said()).toEqual([`Warning sessionDown tor-1: ${WITH} went down, and is up again: ${EXPIRED}`]);
  });

  test('that is made anew with another configuration says so', async () => {
    const world = new World();
    await world.tell(UP);
    world.said();
    await world.tell({ state: 'connect', established: 0, flaps: 0 });
    expect(world.said()).toEqual([
      `Warning sessionDown tor-1: ${WITH} went down: it is made anew, because its configuration has changed`,
    ]);
  });

  test('that is no longer to be held is a line of the log', async () => {
    const world = new World();
    await world.tell(UP);
    await world.tell();
    expect(world.lines[1]).toBe('info a BGP session has ended: this node is to hold it no longer {"peer":"tor-1"}');
    await world.clock.advance(60_000);
    expect(world.said()).toHaveLength(1);
  });

  test('of the old ConfigMap, which has no BGPPeer, is in the log alone', async () => {
    const world = new World();
    world.objects.clear();
    await world.tell(UP);
    expect(world.said()).toEqual([]);
    expect(world.lines).toHaveLength(1);
  });

  test('with a router that was not found yet has no address to name', async () => {
    const world = new World();
    await world.tell({ remoteAddress: '', lastError: 'no router was heard on eth1' });
    await world.clock.advance(11_000);
    expect(world.said()).toEqual([
      'Warning sessionDown tor-1: the BGP session of node "n1" with its router does not come about: no router was heard on eth1',
    ]);
  });
});

describe('a session that flaps once a second', () => {
  async function flap(world: World, seconds: number): Promise<void> {
    for (let i = 1; i <= seconds; i++) {
      await world.tell({ ...UP, established: i, flaps: i - 1, lastError: EXPIRED });
      await world.clock.advance(500);
      await world.tell({ state: 'idle', established: i, flaps: i, lastError: EXPIRED });
      await world.clock.advance(500);
    }
  }

  test('is told of some times, then twice a minute, and how it is in the end', async () => {
    const world = new World();
    await flap(world, 600);
    const said = world.said();
    const many = said.length;
    expect(said.at(-1)).toMatch(/went down (29|30) times/);
    expect(many).toBeGreaterThanOrEqual(20);
    expect(many).toBeLessThanOrEqual(26);
    await world.tell({ ...UP, established: 601, flaps: 600, lastError: EXPIRED });
    await world.clock.advance(60_000);
    expect(world.said().at(-1)).toMatch(/is up$|is up again/);
    expect(world.lines.length).toBeLessThanOrEqual(30);
  });

  test('does not keep another one waiting', async () => {
    const world = new World();
    await flap(world, 60);
    world.said();
    await world.tell({ ...UP, established: 61, flaps: 60 }, { ...UP, peer: 'tor-2' });
    expect(world.said()).toEqual([`Normal sessionUp tor-2: ${WITH} is up`]);
  });
});
