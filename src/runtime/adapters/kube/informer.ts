/**
 * A live copy of one list of the API, kept as views: the raw objects are dropped as soon as they are read, so that ten
 * thousand Services stay small.
 *
 *     start ─▶ list (pages of 100) ─▶ synced ─▶ watch from there ─┬─ server's timeout ──▶ watch again
 *                ▲                                                ├─ any other failure ─▶ back off, watch again
 *                └──────────────── 410, gone ─────────────────────┘
 *
 * It never stops by itself. An answer that is no list is a failure, never an empty list: whoever reads the copy takes
 * away what is not in it. A change is told as a key only: whoever is told reads the copy, which is always whole and
 * possibly late. An object that cannot be read is left out, counted and said; it harms no other.
 */
import { type Backoff, backoffMs } from '../../engine/backoff.ts';
import type { Clock, KubeApi, Random } from '../../engine/ports.ts';
import { after } from '../../model/time.ts';
import { KubeError } from './kube-error.ts';
import { asArray, asObject, asString, type Untyped } from './untyped.ts';
import { type Entry, ViewCache } from './view-cache.ts';

/** A page is parsed as a whole: with 500, a speaker at 1,000 Services keeps 2 MB more and peaks 4 MB higher. */
const PAGE_SIZE = 100;
const BACKOFF: Backoff = { baseMs: 100, ceilingMs: 30_000 };
/** A watch that lasted this long, or brought anything, was a working one: the next failure starts the backoff afresh. */
const WORKING_WATCH_MS = 5_000;
/** The server ends watches after a time between these, so that clients spread over its replicas. */
const WATCH_SECONDS = { least: 300, most: 600 };
/** The server sends a bookmark a minute even when nothing changes; two of them missing means a dead connection. */
const IDLE_TIMEOUT_MS = 150_000;

export interface InformerOptions<View extends object> {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  /** The list's path: "/api/v1/services", "/apis/metallb.io/v1beta1/namespaces/metallb-system/ipaddresspools". */
  readonly path: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
  /** Undefined leaves the object out. May throw on a malformed object, which does the same and is said to onError. */
  readonly toView: (raw: Untyped) => View | undefined;
  /** Called with "namespace/name" (or "name") after the copy changed in what the view shows. Must not throw. */
  readonly onChange: (key: string) => void;
  /** A failure that is being retried, or an object that cannot be read: for a log line and a counter. */
  readonly onError?: (error: Error) => void;
  /** 'empty': a path that the server does not know (404) counts as a list with nothing in it, asked for again later. */
  readonly whenMissing?: 'wait' | 'empty';
  /** Milliseconds without a byte after which a watch is taken for dead; absent: 150 000. */
  readonly idleTimeoutMs?: number;
}

/** What can be done with an informer of whatever kind. */
export type AnyInformer = Pick<Informer<object>, 'start' | 'stop' | 'reconnect' | 'synced' | 'whenSynced' | 'size'>;

export class Informer<View extends object> {
  readonly #options: InformerOptions<View>;
  readonly #cache: ViewCache<View>;
  readonly #stopping = new AbortController();
  readonly #firstSync = Promise.withResolvers<void>();
  #synced = false;
  /** Where the next watch begins; undefined: list first. */
  #resourceVersion: string | undefined;
  #failures = 0;
  /** What the server asked for with its last refusal. */
  #waitAtLeastMs = 0;
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  /** The list or watch under way; aborting it, but not #stopping, begins the next at once. */
  #attempt = new AbortController();
  /** Somebody waits for a list that is still to begin. */
  #refresh: PromiseWithResolvers<void> | undefined;

  constructor(options: InformerOptions<View>) {
    this.#options = options;
    this.#cache = new ViewCache({
      toView: options.toView,
      onChange: options.onChange,
      onUnreadable: (key, cause) =>
        options.onError?.(new Error(`${options.path}: the object ${key} cannot be read`, { cause })),
    });
  }

  /** Begins to list and watch, in the background. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends the watch; resolves when nothing of it runs any more. The copy stays readable. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake?.();
    await this.#running;
  }

  /**
   * Drops the connection, or the wait for the next try, and goes on from where the copy stands at once. For callers who
   * have just learnt that the server is within reach again, long before a dead connection would be noticed.
   */
  reconnect(): void {
    this.#failures = 0;
    this.#attempt.abort();
    this.#wake?.();
  }

  /**
   * Reads the whole list anew and goes on from there. Resolves when the copy shows everything that the server had
   * acknowledged to anybody before this call: a watch may be late by any time, a list is not. Pending when stopped.
   */
  refresh(): Promise<void> {
    const earlier = this.#refresh;
    const wanted = Promise.withResolvers<void>();
    this.#refresh = wanted;
    // A list that has begun for the earlier one is given up with its attempt.
    if (earlier !== undefined) void wanted.promise.then(earlier.resolve);
    this.reconnect();
    return wanted.promise;
  }

  /** Whether the list was read whole at least once. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Resolves after the first whole list; stays pending when stopped before it. */
  whenSynced(): Promise<void> {
    return this.#firstSync.promise;
  }

  get(key: string): View | undefined {
    return this.#cache.get(key);
  }

  /** All views, in no particular order. */
  list(): View[] {
    return this.#cache.list();
  }

  get size(): number {
    return this.#cache.size;
  }

  /**
   * Takes over the object that the API answered to a write of ours, without waiting for the watch to bring it, so that
   * the next decision does not start from what it has just changed. Not told as a change. An answer that is older than
   * the copy, or about an object the copy has not (any more), is ignored.
   */
  learn(raw: unknown): void {
    this.#cache.learn(raw);
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const attempt = new AbortController();
      this.#attempt = attempt;
      const signal = AbortSignal.any([this.#stopping.signal, attempt.signal]);
      try {
        const resourceVersion = await this.#start(signal);
        if (attempt.signal.aborted) continue;
        await this.#watch(resourceVersion, signal);
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        if (!attempt.signal.aborted) this.#failed(error);
      }
      if (this.#failures === 0) continue;
      await this.#pause(Math.max(this.#waitAtLeastMs, backoffMs(BACKOFF, this.#failures, this.#options.random)));
    }
  }

  /** Where to watch from: after a list, if there was none yet or a new one is wanted. */
  async #start(signal: AbortSignal): Promise<string> {
    const wanted = this.#refresh;
    if (wanted === undefined && this.#resourceVersion !== undefined) return this.#resourceVersion;
    const resourceVersion = await this.#list(signal);
    this.#resourceVersion = resourceVersion;
    // A later wish has resolved it already, or will: this list began before that.
    if (wanted !== undefined && this.#refresh === wanted) {
      this.#refresh = undefined;
      wanted.resolve();
    }
    return resourceVersion;
  }

  #failed(error: unknown): void {
    this.#failures += 1;
    const status = error instanceof KubeError ? error.status : 0;
    this.#waitAtLeastMs = error instanceof KubeError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
    if (status === 410) this.#resourceVersion = undefined;
    if (status === 404 && this.#options.whenMissing === 'empty') {
      this.#resourceVersion = undefined;
      // Such a list appears when somebody installs its resource definition: nothing to ask for every second.
      this.#failures = Math.max(this.#failures, 8);
      this.#replaceAll([]);
      return;
    }
    this.#options.onError?.(error instanceof Error ? error : new Error(String(error)));
  }

  /** Reads all pages and returns the version that the list is of. */
  async #list(signal: AbortSignal): Promise<string> {
    const { api, path } = this.#options;
    const entries: Entry<View>[] = [];
    let resourceVersion = '';
    let next: string | undefined;
    do {
      const page = toPage(
        path,
        await api.request({
          op: `list ${path}`,
          path,
          query: { ...this.#selectors(), limit: PAGE_SIZE, continue: next },
          signal,
        }),
      );
      for (const raw of page.items) {
        const entry = this.#cache.read(raw);
        if (entry !== undefined) entries.push(entry);
      }
      resourceVersion = page.resourceVersion;
      next = page.next;
    } while (next !== undefined);
    this.#replaceAll(entries);
    return resourceVersion;
  }

  #replaceAll(entries: readonly Entry<View>[]): void {
    this.#cache.replaceAll(entries);
    if (this.#synced) return;
    this.#synced = true;
    this.#firstSync.resolve();
  }

  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { api, clock, random, path, idleTimeoutMs } = this.#options;
    const began = clock.now();
    const { least, most } = WATCH_SECONDS;
    const query = {
      ...this.#selectors(),
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion,
      timeoutSeconds: Math.floor(least + (most - least) * random.next()),
    };
    const lasted = (): boolean => clock.now() >= after(began, WORKING_WATCH_MS);
    try {
      await api.watch(
        { op: `watch ${path}`, path, query, signal },
        { event: (event) => this.#takeEvent(asObject(event)) },
        idleTimeoutMs ?? IDLE_TIMEOUT_MS,
      );
      // A server that ends every watch at once would otherwise be asked in a tight loop.
      if (!lasted()) this.#failures += 1;
    } finally {
      if (lasted()) this.#failures = 0;
    }
  }

  /** Throws the error that an ERROR event carries: nothing comes after it, even where the connection stays open. */
  #takeEvent(event: Untyped): void {
    const raw = event['object'];
    const type = asString(event['type']);
    if (type === 'ERROR') throw watchError(this.#options.path, asObject(raw));
    if (type === 'ADDED' || type === 'MODIFIED') this.#cache.put(raw);
    else if (type === 'DELETED') this.#cache.remove(raw);
    const version = asString(asObject(asObject(raw)['metadata'])['resourceVersion']);
    if (version === '') return;
    this.#resourceVersion = version;
    this.#failures = 0;
  }

  #selectors(): Record<string, string | undefined> {
    return { fieldSelector: this.#options.fieldSelector, labelSelector: this.#options.labelSelector };
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.schedule(delayMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
      if (this.#stopping.signal.aborted) this.#wake();
    });
  }
}

interface Page {
  readonly items: readonly unknown[];
  readonly resourceVersion: string;
  /** Where the next page begins; undefined: this is the last. */
  readonly next: string | undefined;
}

/** Throws on anything but a list: `{}`, or nothing, from somebody between us and the server. */
function toPage(path: string, raw: unknown): Page {
  const { items, metadata } = asObject(raw);
  const resourceVersion = asString(asObject(metadata)['resourceVersion']);
  // Go writes a list that was never filled as null.
  if (resourceVersion === '' || !(items === null || Array.isArray(items))) {
    throw new KubeError({
      op: `list ${path}`,
      status: 0,
      reason: 'malformed-response',
      message: 'the answer is no list of the API',
    });
  }
  return { items: asArray(items), resourceVersion, next: asString(asObject(metadata)['continue']) || undefined };
}

function watchError(path: string, status: Untyped): KubeError {
  return new KubeError({
    op: `watch ${path}`,
    status: typeof status['code'] === 'number' ? status['code'] : 0,
    reason: asString(status['reason']) || 'watch-error',
    message: asString(status['message']) || 'the server broke the watch off',
  });
}
