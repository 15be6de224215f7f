/**
 * Our BGP sessions standing alone in a network namespace, without a cluster: plans come in by the line, and each line is
 * answered by one. Started by tests/support/interop/speaker.ts; with the argument "listen", routers can connect to it.
 *
 *     {"kind": "plan", "plan": BgpPlan}   {}
 *     {"kind": "views"}                   {"views": BgpSessionView[]}
 *     {"kind": "close"}                   {}, once all is said that is to be said to the routers; then it ends
 */
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { hostClock } from '../../../src/runtime/adapters/host/clock.ts';
import { watchInterfaces } from '../../../src/runtime/adapters/host/interfaces.ts';
import { hostPacketSockets } from '../../../src/runtime/adapters/host/packet-socket.ts';
import { hostPathPorts } from '../../../src/runtime/adapters/host/path-datagrams.ts';
import { hostRandom } from '../../../src/runtime/adapters/host/random.ts';
import { openTcp } from '../../../src/runtime/adapters/host/tcp.ts';
import { listenTcp } from '../../../src/runtime/adapters/host/tcp-listener.ts';
import type { Log } from '../../../src/runtime/engine/log.ts';
import type { BgpPlan } from '../../../src/runtime/model/bgp-plan.ts';
import { BfdSessions } from '../../../src/runtime/programs/speaker/bgp/bfd-sessions.ts';
import { BgpSpeaker } from '../../../src/runtime/programs/speaker/bgp/bgp-speaker.ts';
import { RouterWatch } from '../../../src/runtime/programs/speaker/bgp/router-watch.ts';

export type SpeakerRequest =
  | { readonly kind: 'plan'; readonly plan: BgpPlan }
  | { readonly kind: 'views' }
  | { readonly kind: 'close' };

const BGP_PORT = 179;

/** Where nobody parses it: the output has the answers. */
const say = (fields: object, message: string) => console.error(message, JSON.stringify(fields));
const log: Log = { info: say, warn: say };

const interfaces = watchInterfaces(log);
const routers = new RouterWatch({
  ports: { sockets: hostPacketSockets, interfaces },
  clock: hostClock,
  random: hostRandom,
  onChange: () => bgp.routersChanged(),
});
const bfd: BfdSessions = new BfdSessions({
  ports: hostPathPorts,
  interfaces,
  clock: hostClock,
  log,
  randomU32: () => randomBytes(4).readUInt32BE(),
  onChanged: (peer, change) => bgp.bfdChanged(peer, change),
});
const bgp: BgpSpeaker = new BgpSpeaker({
  clock: hostClock,
  random: hostRandom,
  log,
  open: openTcp,
  ...(process.argv[2] === 'listen' ? { listening: { open: listenTcp, port: BGP_PORT } } : {}),
  interfaces: () => interfaces.current(),
  routers,
  bfd,
  onChange: () => undefined,
});

async function answer(request: SpeakerRequest): Promise<object> {
  switch (request.kind) {
    case 'plan':
      bgp.setPlan(request.plan);
      return {};
    case 'views':
      return { views: bgp.views() };
    case 'close':
      await bgp.close();
      return {};
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line) as SpeakerRequest;
  console.log(JSON.stringify(await answer(request)));
  if (request.kind === 'close') break;
}
process.exit(0);
