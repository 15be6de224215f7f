/** The controller of pod-process.ts as it is started, asked whether it is ready, and stopped. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { monotonicMs } from './machine.ts';
import type { PodPrograms } from './pod-process.ts';

export const READY_WITHIN_MS = 60_000;
const POLL_MS = 5;

export interface RunningController {
  readonly pid: number;
  /** Time of the monotonic clock at which it was started. */
  readonly beganMs: number;
  /** Rejects when it ends by itself. */
  readonly died: Promise<never>;
  /** Resolves with the milliseconds from its start until it said that it was ready. */
  ready(): Promise<number>;
}

/** Starts it, and stops it in good order when `use` has ended. */
export async function withController<T>(
  programs: PodPrograms,
  use: (controller: RunningController) => Promise<T>,
): Promise<T> {
  const [health, metrics] = [await freePort(), await freePort()];
  const beganMs = monotonicMs();
  const child = programs.start('controller', [`--health-probe-port=${health}`, `--port=${metrics}`]);
  const output = collect(child);
  const ended = once(child, 'exit');
  const died = ended.then(([code]) => Promise.reject(new Error(`the controller ended with ${code}: ${output.text}`)));
  died.catch(() => undefined);
  const ready = async () => (await Promise.race([readyAt(health), died])) - beganMs;
  try {
    return await use({ pid: child.pid ?? 0, beganMs, died, ready });
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}

async function readyAt(port: number): Promise<number> {
  const giveUpMs = monotonicMs() + READY_WITHIN_MS;
  let last = 'no answer';
  while (monotonicMs() < giveUpMs) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/readyz`);
      last = await response.text();
      if (response.status === 200) return monotonicMs();
    } catch (error) {
      last = String(error);
    }
    await pause(POLL_MS);
  }
  throw new Error(`the controller is not ready after ${READY_WITHIN_MS / 1000} s: ${last}`);
}

/** Everything that it prints. */
export function collect(child: ChildProcess): { readonly text: string } {
  const output = { text: '' };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      output.text += chunk;
    });
  }
  return output;
}

/** One that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
