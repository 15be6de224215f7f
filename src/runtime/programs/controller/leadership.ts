/**
 * Whether this controller is the one that gives out addresses: the election (engine/leader-election.ts) joined with its
 * Lease, a watch on it, and the clocks. The others stand by with everything read, and lead within milliseconds of a
 * release, or when the Lease has run out.
 *
 *     Lease ──watch──▶ election ──write──▶ Lease
 *                         │ gained, lost                  fence: isLeader() and writableMs(), asked at every write
 *                         ▼
 *                     controller: lead() / standBy()
 */
import { Informer } from '../../adapters/kube/informer.ts';
import { LeaderLease, toLeaderRecord } from '../../adapters/kube/leader-lease.ts';
import { leasesPath } from '../../adapters/kube/paths.ts';
import {
  type ElectionInput,
  type ElectionOutput,
  LeaderElection,
  type LeaderRecord,
  type LeaderWrite,
  type LossReason,
  type Moment,
} from '../../engine/leader-election.ts';
import { leaderTimings } from '../../engine/leader-timings.ts';
import type { Log } from '../../engine/log.ts';
import type { Clock, KubeApi, Random } from '../../engine/ports.ts';

/** The Lease's name in the addon's namespace. */
const LEASE_NAME = 'controller';
const LEASE_LABELS = { app: 'metallb', component: 'controller' } as const;
/** The Lease is renewed about once a second: this long without a word, and its watch is dead. */
const WATCH_IDLE_MS = 15_000;

export interface LeadershipOptions {
  /** Not fenced: the Lease is written by those who do not lead. */
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly namespace: string;
  /** The pod's name: a container that is started again in its pod is the same one, and its old process is dead. */
  readonly identity: string;
  readonly leaseMs: number;
  readonly onGained: () => void;
  readonly onLost: (reason: LossReason) => void;
}

export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #election: LeaderElection;
  readonly #lease: LeaderLease;
  readonly #informer: Informer<LeaderRecord>;
  readonly #retired = Promise.withResolvers<void>();
  #cancelTick: (() => void) | undefined;
  /** The last failure that was told; undefined: the last request succeeded. */
  #trouble: string | undefined;
  #holderTold = '';

  constructor(options: LeadershipOptions) {
    this.#options = options;
    const { api, clock, random, namespace, identity, leaseMs } = options;
    const timings = leaderTimings(leaseMs);
    const { requestTimeoutMs } = timings;
    this.#election = new LeaderElection({ identity, timings, random });
    this.#lease = new LeaderLease({
      api,
      namespace,
      name: LEASE_NAME,
      labels: LEASE_LABELS,
      leaseMs,
      requestTimeoutMs,
      wallMs: () => clock.wallMs(),
    });
    this.#informer = new Informer({
      api,
      clock,
      random,
      path: leasesPath(namespace),
      fieldSelector: `metadata.name=${LEASE_NAME}`,
      toView: toLeaderRecord,
      idleTimeoutMs: WATCH_IDLE_MS,
      onChange: (key) => this.#tell({ kind: 'seen', record: this.#informer.get(key) }),
    });
  }

  start(): void {
    this.#informer.start();
    this.#tell({ kind: 'start' });
  }

  /** Leads no more and releases the Lease, so that another leads at once. Every write must have ended before. */
  async retire(): Promise<void> {
    this.#tell({ kind: 'retire' });
    await this.#retired.promise;
    this.#cancelTick?.();
    await this.#informer.stop();
  }

  isLeader(): boolean {
    return this.#election.isLeader(this.#now());
  }

  /** How long a write that goes out now may take, in milliseconds; 0: none may go out. */
  writableMs(): number {
    return this.#election.writableMs(this.#now());
  }

  /** What is missing before it can lead or stand by, in words. */
  waitingFor(): string[] {
    if (this.#election.snapshot().state !== 'looking') return [];
    return [`the lease ${this.#path} has not been read${this.#trouble === undefined ? '' : `: ${this.#trouble}`}`];
  }

  #tell(input: ElectionInput): void {
    const outputs = this.#election.handle(input, this.#now());
    this.#tellHolder();
    for (const output of outputs) this.#carryOut(output);
    this.#cancelTick?.();
    const deadline = this.#election.deadline();
    if (deadline === undefined) return;
    const delayMs = Math.max(0, deadline - this.#options.clock.now());
    this.#cancelTick = this.#options.clock.schedule(delayMs, () => this.#tell({ kind: 'tick' }));
  }

  #carryOut(output: ElectionOutput): void {
    const { log, identity, onGained, onLost } = this.#options;
    switch (output.kind) {
      case 'read':
        void this.#read(output.id);
        return;
      case 'write':
        void this.#write(output.id, output.write);
        return;
      case 'gained':
        log.info({ identity, transitions: output.transitions }, 'leading: this controller gives out the addresses');
        onGained();
        return;
      case 'lost':
        log.info({ identity, reason: output.reason }, 'not leading any more');
        onLost(output.reason);
        return;
      case 'retired':
        this.#retired.resolve();
        return;
    }
  }

  async #read(id: number): Promise<void> {
    let input: ElectionInput;
    try {
      const answer = await this.#lease.read();
      if (answer !== undefined) this.#informer.learn(answer.raw);
      this.#wentWell();
      input = { kind: 'read', id, record: answer?.record };
    } catch (error) {
      this.#failed(error);
      input = { kind: 'failed', id };
    }
    this.#tell(input);
  }

  async #write(id: number, write: LeaderWrite): Promise<void> {
    let input: ElectionInput;
    try {
      const answer = await this.#lease.write(write);
      // Learnt before it is told, so that a late event of the watch cannot bring an older one back.
      if (answer !== 'refused') this.#informer.learn(answer.raw);
      this.#wentWell();
      input = answer === 'refused' ? { kind: 'refused', id } : { kind: 'written', id, record: answer.record };
    } catch (error) {
      this.#failed(error);
      input = { kind: 'failed', id };
    }
    this.#tell(input);
  }

  /** Says once that the Lease is out of reach, and why, and once that it is back: not at every try. */
  #failed(error: unknown): void {
    const trouble = error instanceof Error ? error.message : String(error);
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    this.#options.log.warn({ lease: this.#path, err: error }, 'the lease is out of reach, trying again');
  }

  #wentWell(): void {
    if (this.#trouble === undefined) return;
    this.#trouble = undefined;
    this.#options.log.info({ lease: this.#path }, 'the lease is in reach again');
  }

  #tellHolder(): void {
    const { state, holder = '' } = this.#election.snapshot();
    if (state !== 'following' || holder === '' || holder === this.#options.identity) {
      if (state === 'leading') this.#holderTold = '';
      return;
    }
    if (holder === this.#holderTold) return;
    this.#holderTold = holder;
    this.#options.log.info({ leader: holder }, 'standing by: another controller leads');
  }

  get #path(): string {
    return `${this.#options.namespace}/${LEASE_NAME}`;
  }

  #now(): Moment {
    const { clock } = this.#options;
    return { monotonic: clock.now(), wallMs: clock.wallMs() };
  }
}
