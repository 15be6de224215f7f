/**
 * One end of a TCP connection in a namespace of its own, told what to do by its argument, saying what it sees a line each.
 * Started by tests/privileged/tcp.test.ts and tcp-listener.test.ts.
 *
 *     listen {"address", "port", "peer", "password"?, "hops"?}    echoes; "listening", "accepted", "heard TEXT", "ended"
 *     accept {"target", "peers"}                                    echoes; "listening", "accepted NAME AT LOCAL", "heard TEXT",
 *                                                                  "ended", "unadmitted NAME: WHY"; "refused WHY" when it is so
 *     open {"address", "port", …}                                  writes "hello"; "connected ADDRESS", "received TEXT", "closed WHY"
 */
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import {
  AF_INET,
  AF_INET6,
  SO_REUSEADDR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
} from '../../src/runtime/adapters/host/native/constants.ts';
import { bindSocket, intValue, openSocket, setSocketOption } from '../../src/runtime/adapters/host/native/libc.ts';
import { setHops, setPassword, socketAddress } from '../../src/runtime/adapters/host/stream-options.ts';
import { openTcp } from '../../src/runtime/adapters/host/tcp.ts';
import { listenTcp } from '../../src/runtime/adapters/host/tcp-listener.ts';
import {
  type HopLimit,
  type ListenTarget,
  REFUSED_CONNECTIONS,
  type StreamPeer,
  type StreamTarget,
} from '../../src/runtime/engine/stream-ports.ts';
import { type Ip, ipFamily } from '../../src/runtime/model/ip.ts';

interface Listening {
  readonly address: Ip;
  readonly port: number;
  readonly peer: Ip;
  readonly password?: string;
  readonly hops?: HopLimit;
}

const say = (line: string) => console.log(line);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function listen({ address, port, peer, password, hops }: Listening): void {
  const domain = ipFamily(address) === 'ipv4' ? AF_INET : AF_INET6;
  const fd = openSocket({ domain, type: SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol: 0 }, 'open');
  if (password !== undefined) setPassword(fd, peer, password);
  if (hops !== undefined) setHops(fd, ipFamily(address), hops);
  // Connections of the test before may not be over yet in the kernel.
  setSocketOption(fd, { level: SOL_SOCKET, option: SO_REUSEADDR }, intValue(1), 'share the port with the past');
  bindSocket(fd, socketAddress(address, port), 'bind');
  const server = createServer((socket) => {
    say(`accepted ${socket.remoteAddress}`);
    socket.on('data', (bytes) => {
      say(`heard ${text(bytes)}`);
      socket.write(bytes);
    });
    socket.on('error', () => undefined);
    socket.on('end', () => say('ended'));
  });
  server.listen({ fd }, () => say('listening'));
}

interface Accepting {
  readonly target: ListenTarget;
  readonly peers: readonly StreamPeer[];
}

/** A line on its input sets other peers. */
function acceptPeers({ target, peers }: Accepting): void {
  const decoder = new TextDecoder();
  const listener = listenTcp(target, {
    accepted: ({ stream, peer, local }) => {
      say(`accepted ${peer.name} at ${local}`);
      return {
        received: (bytes) => {
          say(`heard ${decoder.decode(bytes)}`);
          stream.write(bytes);
        },
        drained: () => undefined,
        closed: (error) => {
          say(error?.message ?? 'ended');
          stream.destroy();
        },
      };
    },
    failed: (error) => say(`failed ${error.message}`),
  });
  const setPeers = (wanted: readonly StreamPeer[]) => {
    for (const { peer, reason } of listener.setPeers(wanted)) say(`unadmitted ${peer.name}: ${reason}`);
  };
  setPeers(peers);
  createInterface({ input: process.stdin }).on('line', (line) => {
    setPeers(JSON.parse(line) as readonly StreamPeer[]);
    say('peers set');
  });
  const told = { ...listener.refused() };
  setInterval(() => {
    for (const reason of REFUSED_CONNECTIONS) {
      for (; told[reason] < listener.refused()[reason]; told[reason] += 1) say(`refused ${reason}`);
    }
  }, 20);
  say('listening');
}

function open(target: StreamTarget & { readonly finally: 'end' | 'wait' | 'destroy' }): void {
  const stream = openTcp(target, {
    connected: (local) => {
      say(`connected ${local}`);
      stream.write(new TextEncoder().encode('hello'));
    },
    received: (bytes) => {
      say(`received ${text(bytes)}`);
      if (target.finally === 'end') stream.end();
      if (target.finally === 'destroy') stream.destroy();
    },
    drained: () => undefined,
    closed: (error) => say(`closed ${error?.message ?? 'in order'}`),
  });
  say('opening');
}

const [what, argument = '{}'] = process.argv.slice(2);
if (what === 'listen') listen(JSON.parse(argument) as Listening);
else if (what === 'accept') {
  try {
    acceptPeers(JSON.parse(argument) as Accepting);
  } catch (error) {
    say((error as Error).message);
  }
} else open(JSON.parse(argument) as Parameters<typeof open>[0]);
