/**
 * Keeps the status objects of one kind: tells what this node has to say of each subject (a Service, a BGP session), and
 * clears away what other nodes left. The objects are watched: one that is edited or deleted is put right, and nothing is
 * written where all is right.
 *
 *   what is said of each subject ─┐ (what changed)
 *   objects, watched ─────────────┴▶ a subject ─▶ diff ─▶ paced writes
 *
 * A failover may move thousands of Services at once: writes are paced, all speakers together to what one API server takes
 * without notice, and what is written is always the newest state. While the API server is out of reach nothing is lost: it
 * is tried again, one subject for all, until it answers.
 *
 * A kind of which every node may have an object of every subject is watched by each for its own objects only: a hundred
 * speakers would otherwise each hold the objects of all. What dead nodes left of it is looked for once (status-sweep.ts).
 */
import { Informer } from '../../adapters/kube/informer.ts';
import { KubeError } from '../../adapters/kube/kube-error.ts';
import { metallbPath } from '../../adapters/kube/paths.ts';
import {
  createStatusObject,
  deleteStatusObject,
  patchStatusMetadata,
  type StatusIdentity,
  type StatusPlural,
  toStatusObjectView,
  writeStatus,
} from '../../adapters/kube/status-object.ts';
import { diffStatuses, type StatusChange } from '../../decide/announcing/status-diff.ts';
import { labelValue } from '../../decide/announcing/status-names.ts';
import { type Backoff, backoffMs } from '../../engine/backoff.ts';
import type { Clock, KubeApi, Random } from '../../engine/ports.ts';
import { TokenBucket } from '../../engine/token-bucket.ts';
import { DONE, type Outcome, RETRY, WorkQueue } from '../../engine/work-queue.ts';
import type { Sha256Hex } from '../../model/platform.ts';
import { formatKey } from '../../model/service.ts';
import {
  STATUS_NODE_LABEL,
  type StatusObjectView,
  statusObjectNode,
  type WantedStatus,
} from '../../model/status-object.ts';
import { compareText } from '../../model/text-order.ts';
import { after, type Instant } from '../../model/time.ts';
import type { ClusterWorkerData } from './messages.ts';
import { SettlingWrites } from './settling-writes.ts';
import { goneIsGone, StatusSweep } from './status-sweep.ts';

/** All speakers together; a small API server takes ten times as many writes of this size. */
const WRITES_PER_SECOND = 300;
/** One speaker: at least so many, however many there are, and no more, however few. */
const OWN_WRITES_PER_SECOND = { least: 5, most: 100 };
const BURST = 50;
const CONCURRENCY = 4;
/** How often the API server is tried while it is in trouble. */
const OUTAGE: Backoff = { baseMs: 500, ceilingMs: 30_000 };
/** Somebody who deletes an object over and over is not answered at his pace. */
const MAKE_AGAIN_MS = 1_000;

/** What one kind of these objects is made of. */
export interface StatusKind<Said> {
  readonly plural: StatusPlural;
  /** all: one node's object may make another node's one wrong. own: each node's stand by themselves. */
  readonly watches: 'all' | 'own';
  /** The subject that an object speaks of. */
  readonly subjectOf: (object: StatusObjectView) => string;
  /** Name of this node's object of the subject. */
  readonly nameOf: (subject: string) => string;
  /** This node's object as it should be; undefined: it has none by right. */
  readonly wantedOf: (subject: string, said: Said) => WantedStatus | undefined;
  /** The nodes that have an object by right; 'unknown': each knows that of itself only. */
  readonly nodesOf: (said: Said | undefined) => readonly string[] | 'unknown';
  readonly isSame: (a: Said, b: Said) => boolean;
  /** The least time between two writes of one object, in milliseconds. Absent: none. */
  readonly restMs?: number;
}

export interface StatusObjectsOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly sha256Hex: Sha256Hex;
  readonly settings: Pick<ClusterWorkerData, 'nodeName' | 'namespace' | 'pod'>;
  /** Once an outage, and for what the API server refuses for an object's own sake. */
  readonly onError: (error: unknown) => void;
}

export class StatusObjects<Said> {
  readonly #kind: StatusKind<Said>;
  readonly #options: StatusObjectsOptions;
  readonly #objects: Informer<StatusObjectView>;
  readonly #queue: WorkQueue;
  readonly #pace: TokenBucket;
  readonly #settling: SettlingWrites;
  /** Undefined: what dead nodes left is seen by the watch. */
  readonly #sweep: StatusSweep | undefined;
  /** Keys of the objects that speak of a subject, by it, and the other way round. */
  readonly #keysOf = new Map<string, Set<string>>();
  readonly #subjectOf = new Map<string, string>();
  /** When the object of a subject was last made, and when last written. */
  readonly #madeAt = new Map<string, Instant>();
  readonly #writtenAt = new Map<string, Instant>();
  /** Undefined before anything was told: nothing is known yet, so nothing is written. */
  #said: ReadonlyMap<string, Said> | undefined;
  #alive: ReadonlySet<string> = new Set();
  #sweeps = false;
  #outage: { readonly failures: number; readonly until: Instant } | undefined;

  constructor(kind: StatusKind<Said>, options: StatusObjectsOptions) {
    this.#kind = kind;
    this.#options = options;
    const { api, clock, random, sha256Hex, settings, onError } = options;
    const { plural, watches } = kind;
    this.#settling = new SettlingWrites(clock);
    this.#pace = new TokenBucket({ clock, burst: BURST, perSecond: () => writesPerSecond(this.#alive.size) });
    this.#sweep = watches === 'all' ? undefined : new StatusSweep({ ...options, plural, pace: this.#pace });
    const label = `${STATUS_NODE_LABEL}=${labelValue(settings.nodeName, sha256Hex)}`;
    this.#objects = new Informer<StatusObjectView>({
      api,
      clock,
      random,
      path: metallbPath(plural, settings.namespace),
      ...(watches === 'all' ? {} : { labelSelector: label }),
      toView: toStatusObjectView,
      onChange: (key) => this.#sawObject(key),
      onError,
    });
    this.#queue = new WorkQueue({ clock, random, concurrency: CONCURRENCY, handle: (key) => this.#handle(key) });
  }

  start(): void {
    this.#objects.start();
    void this.#objects.whenSynced().then(() => this.#lookAtAll());
  }

  async stop(): Promise<void> {
    this.#sweep?.stop();
    await Promise.all([this.#objects.stop(), this.#queue.stop()]);
  }

  /** All that is to be said now, by subject, and the nodes whose speakers live. */
  tell(said: ReadonlyMap<string, Said>, alive: readonly string[]): void {
    const before = this.#said;
    this.#said = said;
    this.#setAlive(alive);
    if (before === undefined) {
      this.#lookAtAll();
      return;
    }
    for (const [subject, now] of said) {
      const was = before.get(subject);
      if (was === undefined || !this.#kind.isSame(was, now)) this.#queue.add(subject);
    }
    for (const subject of before.keys()) {
      if (!said.has(subject)) this.#queue.add(subject);
    }
  }

  #setAlive(alive: readonly string[]): void {
    const before = this.#alive;
    this.#alive = new Set(alive);
    const [first] = [...alive].sort(compareText);
    this.#sweeps = first === this.#options.settings.nodeName;
    this.#sweep?.tell(this.#alive, this.#sweeps ? 'this-node' : 'another');
    const isChanged = before.size !== this.#alive.size || alive.some((node) => !before.has(node));
    if (!isChanged || !this.#sweeps) return;
    for (const status of this.#objects.list()) {
      if (!this.#alive.has(statusObjectNode(status))) this.#queue.add(this.#kind.subjectOf(status));
    }
  }

  #lookAtAll(): void {
    if (!this.#isReady()) return;
    for (const subject of this.#said?.keys() ?? []) this.#queue.add(subject);
    for (const subject of this.#keysOf.keys()) this.#queue.add(subject);
  }

  #isReady(): boolean {
    return this.#said !== undefined && this.#objects.synced;
  }

  #sawObject(key: string): void {
    const before = this.#subjectOf.get(key);
    const status = this.#objects.get(key);
    const subject = status === undefined ? undefined : this.#kind.subjectOf(status);
    if (before !== undefined && before !== subject) {
      this.#subjectOf.delete(key);
      const keys = this.#keysOf.get(before);
      keys?.delete(key);
      if (keys?.size === 0) this.#keysOf.delete(before);
      this.#queue.add(before);
    }
    if (subject === undefined) return;
    this.#subjectOf.set(key, subject);
    const keys = this.#keysOf.get(subject) ?? new Set();
    this.#keysOf.set(subject, keys.add(key));
    this.#queue.add(subject);
  }

  async #handle(subject: string): Promise<Outcome> {
    if (!this.#isReady()) return DONE;
    const { clock } = this.#options;
    const outageMs = this.#outage === undefined ? 0 : this.#outage.until - clock.now();
    if (outageMs > 0) return { kind: 'retry-after', delayMs: outageMs };
    const settlingMs = this.#settling.remainingMs(subject, (name) => this.#objects.get(this.#keyOf(name)));
    if (settlingMs > 0) return { kind: 'retry-after', delayMs: settlingMs };
    const [next] = this.#diff(subject);
    if (next === undefined) return this.#forget(subject);
    const restMs = this.#restMs(subject, next);
    if (restMs > 0) return { kind: 'retry-after', delayMs: restMs };
    try {
      await this.#carryOut(subject);
      this.#outage = undefined;
      // What was written comes back as a change of the copy, and the subject with it.
      return DONE;
    } catch (error) {
      return this.#failed(error);
    }
  }

  /** Milliseconds for which the object is left as it is. */
  #restMs(subject: string, { kind }: StatusChange): number {
    const restOf = (since: Instant | undefined, milliseconds: number): number =>
      since === undefined ? 0 : after(since, milliseconds) - this.#options.clock.now();
    return Math.max(
      kind === 'create' ? restOf(this.#madeAt.get(subject), MAKE_AGAIN_MS) : 0,
      kind === 'patch-status' ? restOf(this.#writtenAt.get(subject), this.#kind.restMs ?? 0) : 0,
    );
  }

  /** Nothing is left to do. */
  #forget(subject: string): Outcome {
    if (this.#wanted(subject) === undefined) {
      this.#madeAt.delete(subject);
      this.#writtenAt.delete(subject);
    }
    return DONE;
  }

  #wanted(subject: string): WantedStatus | undefined {
    const said = this.#said?.get(subject);
    return said === undefined ? undefined : this.#kind.wantedOf(subject, said);
  }

  #diff(subject: string): readonly StatusChange[] {
    const { nodeName, pod } = this.#options.settings;
    const keys = new Set(this.#keysOf.get(subject));
    // Whatever it says of itself: nothing else can have that name meanwhile.
    keys.add(this.#keyOf(this.#kind.nameOf(subject)));
    return diffStatuses({
      nodeName,
      ownerUid: pod?.uid,
      wanted: this.#wanted(subject),
      nodes: this.#kind.nodesOf(this.#said?.get(subject)),
      known: Array.from(keys).flatMap((key) => this.#objects.get(key) ?? []),
      sweeps: this.#sweeps,
      alive: this.#alive,
    });
  }

  /** What is to be done when its turn comes, which may not be what it was when it began to wait. */
  async #carryOut(subject: string): Promise<void> {
    await this.#pace.take();
    for (const [index, change] of this.#diff(subject).entries()) {
      if (index > 0) await this.#pace.take();
      await this.#write(subject, change);
    }
  }

  async #write(subject: string, change: StatusChange): Promise<void> {
    const { api, clock, settings } = this.#options;
    const { namespace } = settings;
    const { plural } = this.#kind;
    switch (change.kind) {
      case 'create':
        this.#madeAt.set(subject, clock.now());
        this.#wrote(subject, await this.#create(this.#identity(change.wanted)));
        await this.#pace.take();
        await this.#writeStatus(subject, change.wanted);
        return;
      case 'patch-metadata':
        this.#wrote(subject, await stillThere(patchStatusMetadata(api, plural, this.#identity(change.wanted))));
        return;
      case 'patch-status':
        await this.#writeStatus(subject, change.wanted);
        return;
      case 'delete':
        await goneIsGone(deleteStatusObject(api, plural, { namespace, name: change.name, uid: change.uid }));
        this.#settling.deleted(subject, change.name, change.uid);
        return;
    }
  }

  /** Where only own objects are watched, one that has lost its label is there without being seen. */
  async #create(identity: StatusIdentity): Promise<unknown> {
    const { api } = this.#options;
    const { plural, watches } = this.#kind;
    try {
      return await createStatusObject(api, plural, identity);
    } catch (error) {
      if (watches === 'all' || !(error instanceof KubeError) || error.status !== 409) throw error;
      return stillThere(patchStatusMetadata(api, plural, identity));
    }
  }

  async #writeStatus(subject: string, wanted: WantedStatus): Promise<void> {
    const { api, clock, settings } = this.#options;
    const object = { namespace: settings.namespace, name: wanted.name };
    this.#writtenAt.set(subject, clock.now());
    this.#wrote(subject, await stillThere(writeStatus(api, this.#kind.plural, object, wanted)));
  }

  #wrote(subject: string, answer: unknown): void {
    const written = toStatusObjectView(answer as Parameters<typeof toStatusObjectView>[0]);
    if (written.name !== '') this.#settling.wrote(subject, written.name, written);
  }

  #identity({ name, labels, annotations }: WantedStatus): StatusIdentity {
    const { namespace, pod } = this.#options.settings;
    return { namespace, name, labels, annotations, ...(pod === undefined ? {} : { owner: pod }) };
  }

  #failed(error: unknown): Outcome {
    const status = error instanceof KubeError ? error.status : 0;
    // Somebody was faster, or the copy is behind: what is there is looked at again.
    if (status === 409 || error instanceof GoneMeanwhile) return RETRY;
    const isObjectsFault = status === 400 || status === 404 || status === 422;
    if (isObjectsFault) {
      this.#options.onError(error);
      return RETRY;
    }
    const { clock, random, onError } = this.#options;
    const remainingMs = this.#outage === undefined ? 0 : this.#outage.until - clock.now();
    // Several were under way when the first of them failed.
    if (remainingMs > 0) return { kind: 'retry-after', delayMs: remainingMs };
    const failures = (this.#outage?.failures ?? 0) + 1;
    if (failures === 1) onError(error);
    const askedMs = error instanceof KubeError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
    const delayMs = Math.max(askedMs, backoffMs(OUTAGE, failures, random));
    this.#outage = { failures, until: after(clock.now(), delayMs) };
    return { kind: 'retry-after', delayMs };
  }

  #keyOf(name: string): string {
    return formatKey({ namespace: this.#options.settings.namespace, name });
  }
}

function writesPerSecond(speakers: number): number {
  const share = WRITES_PER_SECOND / Math.max(1, speakers);
  return Math.min(OWN_WRITES_PER_SECOND.most, Math.max(OWN_WRITES_PER_SECOND.least, share));
}

/** What was to be patched is not there any more: as an address moves, the speaker that has it now clears away. */
class GoneMeanwhile extends Error {}

async function stillThere<T>(patch: Promise<T>): Promise<T> {
  try {
    return await patch;
  } catch (error) {
    if (error instanceof KubeError && error.status === 404) throw new GoneMeanwhile();
    throw error;
  }
}
