/** The controller as a process of its own, against whatever API server the kubeconfig names. */
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { waitFor } from './wait-for.ts';

const MAIN = path.resolve(import.meta.dirname, '../../src/runtime/programs/controller/main.ts');

export interface ControllerProcess {
  readonly pid: number;
  /** Everything it has logged. */
  log(): string;
  /** GET on the health or the metrics server. */
  get(server: 'health' | 'metrics', path: string): Promise<{ readonly status: number; readonly body: string }>;
  /** Ends it by the signal (absent: SIGTERM) and resolves with its exit code; null: ended by the signal itself. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts it on the two ports and waits until it is ready, unless `wait` says not to. */
export async function startController(
  kubeconfig: string,
  ports: { readonly health: number; readonly metrics: number },
  options: { readonly args?: readonly string[]; readonly wait?: 'until-ready' | 'not' } = {},
): Promise<ControllerProcess> {
  const args = ['--kubeconfig', kubeconfig, '--port', `${ports.metrics}`, '--health-probe-port', `${ports.health}`];
  const child = spawn(process.execPath, [MAIN, ...args, ...(options.args ?? [])], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stdout?.on('data', (chunk) => (log += chunk));
  child.stderr?.on('data', (chunk) => (log += chunk));
  const running: ControllerProcess = {
    pid: child.pid ?? 0,
    log: () => log,
    async get(server, path) {
      const response = await fetch(`http://127.0.0.1:${ports[server]}${path}`);
      return { status: response.status, body: await response.text() };
    },
    stop: (signal) => end(child, signal ?? 'SIGTERM'),
  };
  if (options.wait === 'not') return running;
  try {
    await waitFor('the controller is ready', async () => (await running.get('health', '/readyz')).status === 200, {
      withinMs: 20_000,
    });
  } catch (error) {
    await running.stop('SIGKILL');
    throw new Error(`the controller did not become ready; its log:\n${log}`, { cause: error });
  }
  return running;
}

function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code));
    child.kill(signal);
  });
}
