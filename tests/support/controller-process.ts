/**
 * The controller as a process of its own, against whatever API server the kubeconfig names. It goes by one pod's name, so
 * that one that is started after another was killed leads at once, as a container does that is started again in its pod;
 * several at a time must be given names of their own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { waitFor } from './wait-for.ts';

const MAIN = path.resolve(import.meta.dirname, '../../src/runtime/programs/controller/main.ts');

/** The pod's name where a test gives none. */
const POD_NAME = 'controller-0';

export interface ControllerPorts {
  readonly health: number;
  readonly metrics: number;
}

export interface ControllerProcess {
  readonly pid: number;
  /** Everything it has logged. */
  log(): string;
  /** GET on the health or the metrics server. */
  get(server: 'health' | 'metrics', path: string): Promise<{ readonly status: number; readonly body: string }>;
  /** Ends it by the signal (absent: SIGTERM) and resolves with its exit code; null: ended by the signal itself. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** SIGSTOP and SIGCONT, for one. */
  kill(signal: NodeJS.Signals): void;
  /** Whether its metric says that it leads; false where it does not answer. */
  leads(): Promise<boolean>;
}

/** Starts it on the two ports and waits until it is ready, unless `wait` says not to. */
export async function startController(
  kubeconfig: string,
  ports: ControllerPorts,
  options: {
    readonly args?: readonly string[];
    readonly podName?: string;
    readonly wait?: 'until-ready' | 'not';
  } = {},
): Promise<ControllerProcess> {
  const args = ['--kubeconfig', kubeconfig, '--port', `${ports.metrics}`, '--health-probe-port', `${ports.health}`];
  args.push('--pod-name', options.podName ?? POD_NAME);
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
    kill: (signal) => child.kill(signal),
    async leads() {
      try {
        const { body } = await running.get('metrics', '/metrics');
        return /^metallb_controller_leader 1$/m.test(body);
      } catch {
        return false;
      }
    },
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

/** Ports for so many controllers that were free a moment ago. */
export async function freeControllerPorts(count: number): Promise<readonly ControllerPorts[]> {
  const servers = Array.from({ length: 2 * count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.listen(0, resolve))));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return Array.from({ length: count }, (_, index) => ({
    health: ports[2 * index] ?? 0,
    metrics: ports[2 * index + 1] ?? 0,
  }));
}

function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code));
    child.kill(signal);
  });
}
