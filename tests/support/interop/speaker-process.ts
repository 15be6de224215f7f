/**
 * Our BGP sessions standing alone in a network namespace, without a cluster: plans come in by the line, and each line is
 * answered by one. Started by tests/support/interop/speaker.ts; with the argument "listen", routers can connect to it.
 *
 *     {"kind": "plan", "plan": BgpPlan}   {"takenMs": when the sessions were handed it, since the Unix epoch}
 *     {"kind": "views"}                   {"views": BgpSessionView[]}
 *     {"kind": "close"}                   {}, once all is said that is to be said to the routers; then it ends
 */
import { createInterface } from 'node:readline';
import { watchInterfaces } from '../../../src/runtime/adapters/host/interfaces.ts';
import type { Log } from '../../../src/runtime/engine/log.ts';
import type { BgpPlan } from '../../../src/runtime/model/bgp-plan.ts';
import { openHostBgp } from '../../../src/runtime/programs/speaker/bgp/host-bgp.ts';

export type SpeakerRequest =
  | { readonly kind: 'plan'; readonly plan: BgpPlan }
  | { readonly kind: 'views' }
  | { readonly kind: 'close' };

export interface PlanTaken {
  /** Milliseconds since the Unix epoch, with fractions. */
  readonly takenMs: number;
}

const BGP_PORT = 179;

/** Where nobody parses it: the output has the answers. */
const say = (fields: object, message: string) => console.error(message, JSON.stringify(fields));
const log: Log = { info: say, warn: say };

const interfaces = watchInterfaces(log);
const { bgp } = openHostBgp({
  log,
  interfaces,
  listenPort: process.argv[2] === 'listen' ? BGP_PORT : undefined,
  gracefulShutdownMs: 1000,
  onChange: () => undefined,
});

async function answer(request: SpeakerRequest): Promise<object> {
  switch (request.kind) {
    case 'plan':
      return takePlan(request.plan);
    case 'views':
      return { views: bgp.views() };
    case 'close':
      await bgp.close();
      return {};
  }
}

function takePlan(plan: BgpPlan): PlanTaken {
  const sharing = withSharedLists(plan);
  const takenMs = performance.timeOrigin + performance.now();
  bgp.setPlan(sharing);
  return { takenMs };
}

/** Equal lists are one object in a plan, which they are between threads as well; JSON makes many of them. */
function withSharedLists({ generation, sessions }: BgpPlan): BgpPlan {
  const known = new Map<string, unknown>();
  const shared = <T>(list: T): T => {
    const text = JSON.stringify(list);
    if (!known.has(text)) known.set(text, list);
    return known.get(text) as T;
  };
  const sharing = sessions.map((session) => {
    const routes = session.routes.map((route) => ({ ...route, communities: shared(route.communities) }));
    return { ...session, routes: shared(routes) };
  });
  return { generation, sessions: sharing };
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line) as SpeakerRequest;
  console.log(JSON.stringify(await answer(request)));
  if (request.kind === 'close') break;
}
process.exit(0);
