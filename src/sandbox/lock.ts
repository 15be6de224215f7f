/**
 * Mutual exclusion between processes of one machine: a listening socket of the abstract namespace. The kernel gives a
 * name to one process at a time and takes it back when that process ends in whatever way, so no lock is ever stale and
 * no file stays behind. Limit: it holds within one network namespace, and commands run in the host's.
 */
import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { SandboxError } from './errors.ts';

const RETRY_MS = 150;

export interface LockOptions {
  readonly name: string;
  /** Longest wait for the holder. */
  readonly timeoutMs: number;
  /** Called once when another process holds the lock. */
  readonly onWait?: () => void;
}

export async function withLock<T>(options: LockOptions, work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + options.timeoutMs;
  let server = await tryListen(options.name);
  if (server === undefined) options.onWait?.();
  while (server === undefined) {
    if (performance.now() > deadline) {
      throw new SandboxError({
        problem: `another process has been working on ${options.name} for ${Math.round(options.timeoutMs / 1000)} s`,
        hint: 'wait for the other "sandbox" command to end, or end it, and run this again',
      });
    }
    await sleep(RETRY_MS);
    server = await tryListen(options.name);
  }
  try {
    return await work();
  } finally {
    server.close();
  }
}

function tryListen(name: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(`\0metallb-sandbox/${name}`, () => {
      server.unref();
      resolve(server);
    });
  });
}
