/**
 * Runs the cluster half in a worker thread and keeps it running: one that dies is started again with backoff, while the
 * main thread goes on answering for the last table it was given. A new worker hands over its first table only when it
 * has read the cluster whole, so a restart withdraws nothing.
 */
import { Worker } from 'node:worker_threads';
import { type Backoff, backoffMs } from '../../engine/backoff.ts';
import type { Clock, Random } from '../../engine/ports.ts';
import type { InterfaceFacts } from '../../model/announcements.ts';
import type { BgpSessionView } from '../../model/bgp-session.ts';
import type { LanConflict } from '../../model/conflict.ts';
import { after, type Instant } from '../../model/time.ts';
import type { ClusterWorkerData, FromCluster, LivenessView, ToCluster } from './messages.ts';

const BACKOFF: Backoff = { baseMs: 500, ceilingMs: 30_000 };
/** A worker that lived this long was a working one: the next failure starts the backoff afresh. */
const WORKING_MS = 60_000;

export interface ClusterThreadOptions {
  readonly workerData: ClusterWorkerData;
  readonly clock: Clock;
  readonly random: Random;
  readonly onMessage: (message: FromCluster) => void;
  /** The worker died; it is started again. */
  readonly onDied: (error: unknown) => void;
}

export class ClusterThread {
  readonly #options: ClusterThreadOptions;
  #worker: Worker | undefined;
  #startedAt: Instant;
  #failures = 0;
  #livenessPort: number | undefined;
  #interfaces: readonly InterfaceFacts[] | undefined;
  #gateways: readonly string[] | undefined;
  #liveness: LivenessView | undefined;
  #conflicts: readonly LanConflict[] = [];
  #bgpSessions: readonly BgpSessionView[] = [];
  #stopping = false;

  constructor(options: ClusterThreadOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
    this.#start();
  }

  setLivenessPort(port: number): void {
    this.#livenessPort = port;
    this.#post({ kind: 'liveness-port', port });
  }

  setInterfaces(interfaces: readonly InterfaceFacts[]): void {
    this.#interfaces = interfaces;
    this.#post({ kind: 'interfaces', interfaces });
  }

  setGateways(gateways: readonly string[]): void {
    this.#gateways = gateways;
    this.#post({ kind: 'gateways', gateways });
  }

  setLiveness(view: LivenessView): void {
    this.#liveness = view;
    this.#post({ kind: 'liveness', view });
  }

  setConflicts(conflicts: readonly LanConflict[]): void {
    this.#conflicts = conflicts;
    this.#post({ kind: 'conflicts', conflicts });
  }

  setBgpSessions(sessions: readonly BgpSessionView[]): void {
    this.#bgpSessions = sessions;
    this.#post({ kind: 'bgp-sessions', sessions });
  }

  /** Asks the worker to give this node's addresses up; its 'retired' says that it did. */
  retire(): void {
    this.#stopping = true;
    this.#post({ kind: 'retire' });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#worker?.terminate();
  }

  #start(): void {
    this.#startedAt = this.#options.clock.now();
    // The worker reads no arguments and no environment: what it needs it is told.
    const worker = new Worker(new URL('./cluster-worker.ts', import.meta.url), {
      workerData: this.#options.workerData,
      argv: [],
    });
    this.#worker = worker;
    let failure: unknown;
    worker.on('message', (message: FromCluster) => this.#options.onMessage(message));
    worker.on('error', (error) => {
      failure = error;
    });
    worker.on('exit', (code) => this.#exited(failure ?? new Error(`the cluster worker ended with code ${code}`)));
    if (this.#livenessPort !== undefined) this.setLivenessPort(this.#livenessPort);
    if (this.#interfaces !== undefined) this.setInterfaces(this.#interfaces);
    if (this.#gateways !== undefined) this.setGateways(this.#gateways);
    if (this.#liveness !== undefined) this.setLiveness(this.#liveness);
    if (this.#conflicts.length > 0) this.setConflicts(this.#conflicts);
    if (this.#bgpSessions.length > 0) this.setBgpSessions(this.#bgpSessions);
  }

  #exited(failure: unknown): void {
    this.#worker = undefined;
    if (this.#stopping) return;
    const { clock, random, onDied } = this.#options;
    if (clock.now() >= after(this.#startedAt, WORKING_MS)) this.#failures = 0;
    this.#failures += 1;
    onDied(failure);
    clock.schedule(backoffMs(BACKOFF, this.#failures, random), () => {
      if (!this.#stopping) this.#start();
    });
  }

  #post(message: ToCluster): void {
    this.#worker?.postMessage(message);
  }
}
