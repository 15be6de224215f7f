/** The routers that the matrix is run against, against each other: what one originates, the other is seen to have. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { BIRD } from '../support/interop/bird.ts';
import { EXABGP } from '../support/interop/exabgp.ts';
import { makeFolder } from '../support/interop/folder.ts';
import { FRR } from '../support/interop/frr.ts';
import { GOBGP } from '../support/interop/gobgp.ts';
import type { OriginatedRoute, Router, RouterConfig, RouterKind, RouterNeighbour } from '../support/interop/router.ts';
import { createLan, type Lan } from '../support/netns.ts';
import { describePrivileged } from '../support/privileged.ts';
import { waitFor } from '../support/wait-for.ts';

const LEFT = { asn: 64500, v4: '192.0.2.1', v6: 'fd00:192:0:2::1' };
const RIGHT = { asn: 4200000001, v4: '192.0.2.2', v6: 'fd00:192:0:2::2' };
const WITHIN_MS = 20_000;
const ROUTES: readonly OriginatedRoute[] = [
  { prefix: '198.51.100.1/32', multiExitDisc: 50, communities: ['64500:1', 'large:4200000001:1:2'] },
  { prefix: '2001:db8:51::1/128', multiExitDisc: 50, communities: ['64500:1', 'large:4200000001:1:2'] },
];

describePrivileged('routers that others wrote', () => {
  let lan: Lan;
  let folder: string;
  const running: Router[] = [];
  beforeAll(async () => {
    lan = await createLan({ left: [], right: [] });
    for (const [name, { v4, v6 }] of Object.entries({ left: LEFT, right: RIGHT })) {
      await lan.host(name).addAddress(`${v4}/24`);
      await lan.host(name).addAddress(`${v6}/64`);
    }
    folder = await makeFolder();
  });
  afterEach(async () => {
    for (const router of running.splice(0)) await router.stop('at-once');
  });
  afterAll(async () => {
    await lan.remove();
    await rm(folder, { recursive: true, force: true });
  });

  function create(kind: RouterKind, host: 'left' | 'right'): Router {
    const router = kind.create(lan.host(host), path.join(folder, `${host}-${kind.name.split(' ')[0]}`));
    running.push(router);
    return router;
  }

  const neighbour = (mine: typeof LEFT, other: typeof LEFT, more: Partial<RouterNeighbour> = {}): RouterNeighbour => ({
    address: other.v4,
    asn: other.asn,
    localAddress: mine.v4,
    otherNextHop: mine.v6,
    families: ['ipv4', 'ipv6'],
    gracefulRestart: true,
    ...more,
  });
  const config = (mine: typeof LEFT, only: RouterNeighbour): RouterConfig => ({
    asn: mine.asn,
    identifier: mine.v4,
    neighbours: [only],
    originates: ROUTES,
  });

  for (const kind of [FRR, GOBGP, EXABGP]) {
    test(`${kind.name} and BIRD see each other's routes with all that belongs to them`, async () => {
      const left = create(kind, 'left');
      const right = create(BIRD, 'right');
      await left.start(config(LEFT, neighbour(LEFT, RIGHT, { passive: true })));
      await right.start(config(RIGHT, neighbour(RIGHT, LEFT)));
      for (const [router, other] of [
        [left, RIGHT],
        [right, LEFT],
      ] as const) {
        const routes = await waitFor(
          `routes of ${other.v4}`,
          async () => {
            const seen = await router.routes(other.v4);
            return seen.length === ROUTES.length ? seen : Promise.reject(new Error(JSON.stringify(seen)));
          },
          { withinMs: WITHIN_MS },
        );
        expect(routes).toEqual(
          ROUTES.map(({ prefix, multiExitDisc, communities }) => ({
            prefix,
            nextHop: prefix.includes(':') ? other.v6 : other.v4,
            asPath: [other.asn],
            ...(router === right ? { localPref: 100 } : {}),
            multiExitDisc,
            communities,
            isStale: false,
          })),
        );
        const session = await router.session(other.v4);
        expect(session.isEstablished).toBe(true);
        expect(session.capabilities).toEqual(
          expect.arrayContaining(['multiprotocol ipv4', 'multiprotocol ipv6', 'four-octet-as', 'graceful-restart']),
        );
      }
      await right.shutDown(LEFT.v4, 'rack 12 moves');
      await waitFor(
        'the reason',
        async () => {
          const { lastError } = await left.session(RIGHT.v4);
          return lastError?.includes('rack 12 moves') || Promise.reject(new Error(lastError));
        },
        { withinMs: WITHIN_MS },
      );
    });
  }
});
