/**
 * The node's BGP with its real edges: TCP, the listening socket where there is to be one, BFD's datagrams, and the search for
 * unnumbered routers. Main thread only.
 */
import { randomBytes } from 'node:crypto';
import { hostClock } from '../../../adapters/host/clock.ts';
import { readNeighbourMac } from '../../../adapters/host/neighbours.ts';
import { hostPacketSockets } from '../../../adapters/host/packet-socket.ts';
import { hostPathPorts } from '../../../adapters/host/path-datagrams.ts';
import { hostRandom } from '../../../adapters/host/random.ts';
import { openTcp } from '../../../adapters/host/tcp.ts';
import { listenTcp } from '../../../adapters/host/tcp-listener.ts';
import type { Log } from '../../../engine/log.ts';
import type { InterfaceWatch } from '../../../engine/network-ports.ts';
import { BfdEchoes } from './bfd-echoes.ts';
import { BfdSessions } from './bfd-sessions.ts';
import { BgpSpeaker } from './bgp-speaker.ts';
import { RouterWatch } from './router-watch.ts';

export interface HostBgpOptions {
  readonly log: Log;
  /** Stays the caller's. */
  readonly interfaces: InterfaceWatch;
  /** Absent: nothing listens. */
  readonly listenPort: number | undefined;
  readonly gracefulShutdownMs: number;
  readonly onChange: () => void;
}

export interface HostBgp {
  readonly bgp: BgpSpeaker;
  /** To be closed after it. */
  readonly routers: RouterWatch;
}

export function openHostBgp({ log, interfaces, listenPort, gracefulShutdownMs, onChange }: HostBgpOptions): HostBgp {
  const routers = new RouterWatch({
    ports: { sockets: hostPacketSockets, interfaces },
    clock: hostClock,
    random: hostRandom,
    onChange: () => bgp.routersChanged(),
  });
  const bfd = new BfdSessions({
    ports: hostPathPorts,
    echoes: new BfdEchoes({
      sockets: hostPacketSockets,
      interfaces,
      neighbourMac: readNeighbourMac,
      clock: hostClock,
    }),
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
    ...(listenPort === undefined ? {} : { listening: { open: listenTcp, port: listenPort } }),
    interfaces: () => interfaces.current(),
    routers,
    bfd,
    gracefulShutdownMs,
    onChange,
  });
  return { bgp, routers };
}
