/**
 * "Are you there?", between speakers: a port that accepts and closes at once, and the asking. Says nothing and reads
 * nothing, so there is nothing to authenticate: that the connection comes about is the whole message.
 */
import { createServer, connect as dial, type Server } from 'node:net';

/** More than this many at once are not speakers of one cluster. */
const MAX_CONNECTIONS = 256;

export interface Presence {
  readonly port: number;
  close(): Promise<void>;
}

/** Listens on every address of the host. Rejects when the port is taken. */
export async function showPresence(port: number): Promise<Presence> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end();
    // A peer that does not close its side would hold the connection for good.
    socket.destroySoon();
  });
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, resolve);
  });
  server.on('error', () => undefined);
  return { port: portOf(server), close: () => new Promise((resolve) => server.close(() => resolve())) };
}

/** Whether a connection to the port comes about in time. Never rejects. */
export function isPresent(host: string, port: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = dial({ host, port });
    const settle = (present: boolean): void => {
      socket.destroy();
      resolve(present);
    };
    socket.setTimeout(timeoutMs, () => settle(false));
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
