/**
 * Keeps the ServiceL2Status objects: tells which Services this node announces, and clears away what other nodes left of
 * those. The objects are watched: one that is edited or deleted is put right, and nothing is written where all is right.
 *
 *   plan ────────▶ announcements ─┐ (what changed)
 *   objects, watched ─────────────┴▶ a Service's key ─▶ diff ─▶ paced writes
 *
 * A failover may move thousands of Services at once: writes are paced, all speakers together to what one API server takes
 * without notice, and what is written is always the newest state. While the API server is out of reach nothing is lost: it
 * is tried again, one Service for all, until it answers.
 */
import { Informer } from '../../adapters/kube/informer.ts';
import { KubeError } from '../../adapters/kube/kube-error.ts';
import { metallbPath } from '../../adapters/kube/paths.ts';
import {
  createServiceL2Status,
  deleteServiceL2Status,
  patchServiceL2StatusMetadata,
  type ServiceL2StatusIdentity,
  toServiceL2StatusView,
  writeServiceL2Status,
} from '../../adapters/kube/service-status.ts';
import {
  announcementsByService,
  type PlannedOwner,
  type ServiceAnnouncement,
} from '../../decide/announcing/service-announcements.ts';
import { diffStatuses, type StatusChange, statusName, type WantedStatus } from '../../decide/announcing/status-diff.ts';
import { type Backoff, backoffMs } from '../../engine/backoff.ts';
import type { Clock, KubeApi, Random } from '../../engine/ports.ts';
import { TokenBucket } from '../../engine/token-bucket.ts';
import { DONE, type Outcome, RETRY, WorkQueue } from '../../engine/work-queue.ts';
import type { Sha256Hex } from '../../model/platform.ts';
import { formatKey, type ObjectKey } from '../../model/service.ts';
import { type ServiceL2StatusView, statusNode, statusService } from '../../model/service-status.ts';
import { compareText } from '../../model/text-order.ts';
import { after, type Instant } from '../../model/time.ts';
import type { ClusterWorkerData } from './messages.ts';
import { SettlingWrites } from './settling-writes.ts';

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

export interface ServiceStatusesOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly sha256Hex: Sha256Hex;
  readonly settings: Pick<ClusterWorkerData, 'nodeName' | 'namespace' | 'pod'>;
  /** Once an outage, and for what the API server refuses for an object's own sake. */
  readonly onError: (error: unknown) => void;
}

export class ServiceStatuses {
  readonly #options: ServiceStatusesOptions;
  readonly #objects: Informer<ServiceL2StatusView>;
  readonly #queue: WorkQueue;
  readonly #pace: TokenBucket;
  readonly #settling: SettlingWrites;
  /** Names of the objects that speak of a Service, by its key, and the other way round. */
  readonly #namesOf = new Map<string, Set<string>>();
  readonly #serviceOf = new Map<string, string>();
  /** When the object of a Service was last made. */
  readonly #madeAt = new Map<string, Instant>();
  /** Undefined before the first plan: nothing is known yet, so nothing is written. */
  #announcements: ReadonlyMap<string, ServiceAnnouncement> | undefined;
  #alive: ReadonlySet<string> = new Set();
  #sweeps = false;
  #outage: { readonly failures: number; readonly until: Instant } | undefined;

  constructor(options: ServiceStatusesOptions) {
    this.#options = options;
    const { api, clock, random, settings, onError } = options;
    this.#settling = new SettlingWrites(clock);
    this.#pace = new TokenBucket({ clock, burst: BURST, perSecond: () => writesPerSecond(this.#alive.size) });
    this.#objects = new Informer<ServiceL2StatusView>({
      api,
      clock,
      random,
      path: metallbPath('servicel2statuses', settings.namespace),
      toView: toServiceL2StatusView,
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
    await Promise.all([this.#objects.stop(), this.#queue.stop()]);
  }

  /** The plan as it is now, and the nodes whose speakers live. */
  tell(plans: readonly PlannedOwner[], alive: readonly string[]): void {
    const { nodeName } = this.#options.settings;
    const before = this.#announcements;
    const now = announcementsByService(plans, nodeName);
    this.#announcements = now;
    this.#setAlive(alive);
    if (before === undefined) {
      this.#lookAtAll();
      return;
    }
    for (const [service, announcement] of now) {
      if (!isSame(before.get(service), announcement)) this.#queue.add(service);
    }
    for (const service of before.keys()) {
      if (!now.has(service)) this.#queue.add(service);
    }
  }

  #setAlive(alive: readonly string[]): void {
    const before = this.#alive;
    this.#alive = new Set(alive);
    const [first] = [...alive].sort(compareText);
    this.#sweeps = first === this.#options.settings.nodeName;
    const isChanged = before.size !== this.#alive.size || alive.some((node) => !before.has(node));
    if (!isChanged || !this.#sweeps) return;
    for (const status of this.#objects.list()) {
      if (!this.#alive.has(statusNode(status))) this.#queue.add(statusService(status));
    }
  }

  #lookAtAll(): void {
    if (!this.#isReady()) return;
    for (const service of this.#announcements?.keys() ?? []) this.#queue.add(service);
    for (const service of this.#namesOf.keys()) this.#queue.add(service);
  }

  #isReady(): boolean {
    return this.#announcements !== undefined && this.#objects.synced;
  }

  #sawObject(key: string): void {
    const before = this.#serviceOf.get(key);
    const status = this.#objects.get(key);
    const service = status === undefined ? undefined : statusService(status);
    if (before !== undefined && before !== service) {
      this.#serviceOf.delete(key);
      const names = this.#namesOf.get(before);
      names?.delete(key);
      if (names?.size === 0) this.#namesOf.delete(before);
      this.#queue.add(before);
    }
    if (service === undefined) return;
    this.#serviceOf.set(key, service);
    const names = this.#namesOf.get(service) ?? new Set();
    this.#namesOf.set(service, names.add(key));
    this.#queue.add(service);
  }

  async #handle(key: string): Promise<Outcome> {
    if (!this.#isReady()) return DONE;
    const { clock } = this.#options;
    const outageMs = this.#outage === undefined ? 0 : this.#outage.until - clock.now();
    if (outageMs > 0) return { kind: 'retry-after', delayMs: outageMs };
    const settlingMs = this.#settling.remainingMs(key, (name) => this.#objects.get(this.#keyOf(name)));
    if (settlingMs > 0) return { kind: 'retry-after', delayMs: settlingMs };
    const [next] = this.#diff(key);
    if (next === undefined) return this.#forget(key);
    const madeAt = this.#madeAt.get(key);
    const waitMs = next.kind !== 'create' || madeAt === undefined ? 0 : after(madeAt, MAKE_AGAIN_MS) - clock.now();
    if (waitMs > 0) return { kind: 'retry-after', delayMs: waitMs };
    try {
      await this.#carryOut(key);
      this.#outage = undefined;
      // What was written comes back as a change of the copy, and the key with it.
      return DONE;
    } catch (error) {
      return this.#failed(error);
    }
  }

  /** Nothing is left to do. */
  #forget(key: string): Outcome {
    if (this.#announcements?.get(key)?.own === undefined) this.#madeAt.delete(key);
    return DONE;
  }

  #diff(key: string): readonly StatusChange[] {
    const { settings, sha256Hex } = this.#options;
    const service = objectKeyOf(key);
    const names = new Set(this.#namesOf.get(key));
    // Whatever it says of itself: nothing else can have that name meanwhile.
    names.add(this.#keyOf(statusName(settings.nodeName, service, sha256Hex)));
    return diffStatuses(
      {
        service,
        nodeName: settings.nodeName,
        ownerUid: settings.pod?.uid,
        announcement: this.#announcements?.get(key),
        known: Array.from(names).flatMap((name) => this.#objects.get(name) ?? []),
        sweeps: this.#sweeps,
        alive: this.#alive,
      },
      sha256Hex,
    );
  }

  /** What is to be done when its turn comes, which may not be what it was when it began to wait. */
  async #carryOut(key: string): Promise<void> {
    await this.#pace.take();
    for (const [index, change] of this.#diff(key).entries()) {
      if (index > 0) await this.#pace.take();
      await this.#write(key, change);
    }
  }

  async #write(key: string, change: StatusChange): Promise<void> {
    const { api, clock, settings } = this.#options;
    const { namespace } = settings;
    switch (change.kind) {
      case 'create':
        this.#madeAt.set(key, clock.now());
        this.#wrote(key, await createServiceL2Status(api, this.#identity(change.wanted)));
        await this.#pace.take();
        await this.#writeStatus(key, change.wanted);
        return;
      case 'patch-metadata':
        this.#wrote(key, await stillThere(patchServiceL2StatusMetadata(api, this.#identity(change.wanted))));
        return;
      case 'patch-status':
        await this.#writeStatus(key, change.wanted);
        return;
      case 'delete':
        await goneIsGone(deleteServiceL2Status(api, { namespace, name: change.name }, change.uid));
        this.#settling.deleted(key, change.name, change.uid);
        return;
    }
  }

  async #writeStatus(key: string, wanted: WantedStatus): Promise<void> {
    const { api, settings } = this.#options;
    const object = { namespace: settings.namespace, name: wanted.name };
    this.#wrote(key, await stillThere(writeServiceL2Status(api, object, wanted)));
  }

  #wrote(key: string, answer: unknown): void {
    const written = toServiceL2StatusView(answer as Parameters<typeof toServiceL2StatusView>[0]);
    if (written.name !== '') this.#settling.wrote(key, written.name, written);
  }

  #identity({ name, labels, addresses }: WantedStatus): ServiceL2StatusIdentity {
    const { namespace, pod } = this.#options.settings;
    return { namespace, name, labels, addresses, ...(pod === undefined ? {} : { owner: pod }) };
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

function isSame(a: ServiceAnnouncement | undefined, b: ServiceAnnouncement): boolean {
  return (
    a !== undefined &&
    a.nodes.join() === b.nodes.join() &&
    a.own?.addresses.join() === b.own?.addresses.join() &&
    a.own?.interfaces.join('/') === b.own?.interfaces.join('/')
  );
}

function objectKeyOf(key: string): ObjectKey {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
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

async function goneIsGone(deletion: Promise<unknown>): Promise<void> {
  try {
    await deletion;
  } catch (error) {
    if (!(error instanceof KubeError) || error.status !== 404) throw error;
  }
}
