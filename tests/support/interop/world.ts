/** A router that others wrote and our speaker on one link, and what tests do to both. */
import type { AdvertisedRoute } from '../../../src/runtime/model/bgp-plan.ts';
import type { BgpSessionView } from '../../../src/runtime/model/bgp-session.ts';
import type { BfdProfile, BgpPeer } from '../../../src/runtime/model/config.ts';
import { waitFor } from '../wait-for.ts';
import { planned } from './plans.ts';
import type { OriginatedRoute, Router, RouterNeighbour, RouteSeen, SessionSeen } from './router.ts';
import type { Speaker } from './speaker.ts';

export const ROUTER = { v4: '192.0.2.1', v6: 'fd00:192:0:2::1', asn: 64500 };
export const NODE = { v4: '192.0.2.2', v6: 'fd00:192:0:2::2', asn: 64512 };
/** Addresses that are reached over a third host. */
export const FAR_ROUTER = { v4: '198.18.1.1', v6: 'fd00:198:18:1::1' };
export const FAR_NODE = { v4: '198.18.2.2', v6: 'fd00:198:18:2::2' };

export const WITHIN_MS = 20_000;
const EVERY_MS = 50;

export interface World {
  readonly router: Router;
  readonly speaker: Speaker;
}

export interface SessionGiven {
  /** Absent: 'v4'. */
  readonly over?: 'v4' | 'v6';
  readonly far?: boolean;
  readonly routerAsn?: number;
  readonly nodeAsn?: number;
  /** What the router is told besides. */
  readonly neighbour?: Partial<RouterNeighbour>;
  readonly originates?: readonly OriginatedRoute[];
  /** What our side is told besides. */
  readonly peer?: Partial<BgpPeer>;
  readonly bfd?: BfdProfile;
  readonly routes?: readonly AdvertisedRoute[];
}

/** The address that the router knows the node by. */
export function nodeAddress({ over = 'v4', far }: SessionGiven): string {
  return far ? FAR_NODE[over] : NODE[over];
}

/** Starts the router, waiting for our side. */
export async function startRouter({ router }: World, given: SessionGiven): Promise<void> {
  const { over = 'v4', far, routerAsn = ROUTER.asn, nodeAsn = NODE.asn, originates } = given;
  const own = far ? FAR_ROUTER : ROUTER;
  await router.start({
    asn: routerAsn,
    identifier: ROUTER.v4,
    ...(originates === undefined ? {} : { originates }),
    neighbours: [
      {
        address: nodeAddress(given),
        asn: nodeAsn,
        localAddress: own[over],
        otherNextHop: over === 'v4' ? own.v6 : own.v4,
        families: [over === 'v4' ? 'ipv4' : 'ipv6'],
        passive: true,
        ...given.neighbour,
      },
    ],
  });
}

/** Gives our side its plan: anew, with the same session, it changes the routes. */
export async function plan({ speaker }: World, given: SessionGiven): Promise<void> {
  const { over = 'v4', far, routerAsn = ROUTER.asn, nodeAsn = NODE.asn, peer, bfd, routes = [] } = given;
  const address = (far ? FAR_ROUTER : ROUTER)[over];
  const session = planned(address, { myAsn: nodeAsn, peerAsn: routerAsn, ...peer }, { routes, ...(bfd && { bfd }) });
  await speaker.setPlan(session);
}

/** Starts both, and returns when the router has all routes. */
export async function establish(world: World, given: SessionGiven): Promise<readonly RouteSeen[]> {
  await startRouter(world, given);
  world.speaker.start();
  await plan(world, given);
  return await routesSeen(world, given, given.routes?.length ?? 0);
}

/** The router's session is up, and it has so many routes of ours. */
export async function routesSeen(world: World, given: SessionGiven, count: number): Promise<readonly RouteSeen[]> {
  const address = nodeAddress(given);
  await sessionSeen(world, given, ({ isEstablished }) => isEstablished);
  return await until(
    `${count} routes at the router`,
    () => world.router.routes(address),
    (routes) => routes.length === count,
  );
}

export async function sessionSeen(
  { router }: World,
  given: SessionGiven,
  isIt: (seen: SessionSeen) => boolean,
): Promise<SessionSeen> {
  return await until('the session as the router sees it', () => router.session(nodeAddress(given)), isIt);
}

export async function viewSeen({ speaker }: World, isIt: (view: BgpSessionView) => boolean): Promise<BgpSessionView> {
  return await until('our view', () => speaker.view('router'), isIt);
}

/** Looks until it is so; else throws with what was seen last. */
export async function until<T>(what: string, look: () => Promise<T>, isIt: (seen: T) => boolean): Promise<T> {
  const { seen } = await waitFor(
    what,
    async () => {
      const candidate = await look();
      if (!isIt(candidate)) throw new Error(JSON.stringify(candidate));
      return { seen: candidate };
    },
    { withinMs: WITHIN_MS, everyMs: EVERY_MS },
  );
  return seen;
}
