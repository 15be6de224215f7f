/**
 * Clears away the status objects of nodes without a speaker, where each speaker watches only its own. One of them all does
 * it: it reads the objects of the nodes that have gone, and once, as it comes to be that one, those of all.
 *
 *     another node sweeps ─▶ this node sweeps: look at all ─▶ a node goes: look at its own
 */
import { KubeError } from '../../adapters/kube/kube-error.ts';
import { metallbPath } from '../../adapters/kube/paths.ts';
import { deleteStatusObject, type StatusPlural, toStatusObjectView } from '../../adapters/kube/status-object.ts';
import { asArray, asObject, asString } from '../../adapters/kube/untyped.ts';
import { labelValue } from '../../decide/announcing/status-names.ts';
import { type Backoff, backoffMs } from '../../engine/backoff.ts';
import type { Clock, KubeApi, Random } from '../../engine/ports.ts';
import type { TokenBucket } from '../../engine/token-bucket.ts';
import type { Sha256Hex } from '../../model/platform.ts';
import { STATUS_NODE_LABEL, type StatusObjectView, statusText } from '../../model/status-object.ts';

/** A speaker that is only restarted is back within this time, and takes over what is there. */
const PATIENCE_MS = 10_000;
const AGAIN: Backoff = { baseMs: 5_000, ceilingMs: 300_000 };
const PAGE_SIZE = 500;
/** Nodes whose objects are asked for by name; of more, all objects are looked at. */
const MOST_NODES = 20;

export interface StatusSweepOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly sha256Hex: Sha256Hex;
  readonly settings: { readonly namespace: string };
  readonly plural: StatusPlural;
  readonly pace: TokenBucket;
  readonly onError: (error: unknown) => void;
}

export class StatusSweep {
  readonly #options: StatusSweepOptions;
  #alive: ReadonlySet<string> = new Set();
  #sweeper: 'this-node' | 'another' = 'another';
  /** Nodes whose objects are to be looked at. */
  #due: Set<string> | 'all' = new Set();
  #cancel: (() => void) | undefined;
  #isRunning = false;
  #isStopped = false;
  #failures = 0;

  constructor(options: StatusSweepOptions) {
    this.#options = options;
  }

  /** The nodes whose speakers live, and which node sweeps. */
  tell(alive: ReadonlySet<string>, sweeper: 'this-node' | 'another'): void {
    const before = this.#alive;
    this.#alive = alive;
    const isNew = sweeper === 'this-node' && this.#sweeper !== sweeper;
    this.#sweeper = sweeper;
    if (sweeper === 'another') return;
    const lost = [...before].filter((node) => !alive.has(node));
    if (isNew) this.#due = 'all';
    else if (this.#due !== 'all') for (const node of lost) this.#due.add(node);
    if (isNew || lost.length > 0) this.#schedule(PATIENCE_MS);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  #schedule(delayMs: number): void {
    if (this.#cancel !== undefined || this.#isRunning || this.#isStopped) return;
    this.#cancel = this.#options.clock.schedule(delayMs, () => {
      this.#cancel = undefined;
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    const due = this.#due;
    this.#due = new Set();
    if (this.#sweeper === 'another') return;
    this.#isRunning = true;
    try {
      await this.#sweep(due);
      this.#failures = 0;
    } catch (error) {
      this.#failed(due, error);
    }
    this.#isRunning = false;
    if (this.#isAllDone()) return;
    const { random } = this.#options;
    this.#schedule(this.#failures === 0 ? PATIENCE_MS : backoffMs(AGAIN, this.#failures, random));
  }

  #isAllDone(): boolean {
    return this.#due !== 'all' && this.#due.size === 0;
  }

  #failed(due: ReadonlySet<string> | 'all', error: unknown): void {
    this.#failures += 1;
    if (this.#failures === 1) this.#options.onError(error);
    const since = this.#due;
    this.#due = due === 'all' || since === 'all' ? 'all' : new Set([...due, ...since]);
  }

  async #sweep(due: ReadonlySet<string> | 'all'): Promise<void> {
    const { api, plural, pace, settings } = this.#options;
    const labelSelector = this.#selector(due);
    const path = metallbPath(plural, settings.namespace);
    let next: string | undefined;
    do {
      const query = { labelSelector, limit: PAGE_SIZE, continue: next };
      const { items, metadata } = asObject(await api.request({ op: `list ${path}`, path, query }));
      for (const status of asArray(items).map((item) => toStatusObjectView(asObject(item)))) {
        if (!this.#isLeft(status)) continue;
        await pace.take();
        // Its node may have come back while this one waited.
        if (this.#isLeft(status)) await goneIsGone(deleteStatusObject(api, plural, status));
      }
      next = asString(asObject(metadata)['continue']) || undefined;
    } while (next !== undefined && !this.#isStopped);
  }

  #selector(due: ReadonlySet<string> | 'all'): string | undefined {
    if (due === 'all' || due.size > MOST_NODES) return undefined;
    const values = [...due].map((node) => labelValue(node, this.#options.sha256Hex));
    return `${STATUS_NODE_LABEL} in (${values.join(',')})`;
  }

  #isLeft({ status, labels }: StatusObjectView): boolean {
    if (this.#sweeper === 'another' || this.#isStopped) return false;
    const node = statusText(status, 'node');
    if (node !== '') return !this.#alive.has(node);
    // Made, and not told what it speaks of yet: the label has what fits of the name.
    const { sha256Hex } = this.#options;
    return ![...this.#alive].some((name) => labelValue(name, sha256Hex) === labels[STATUS_NODE_LABEL]);
  }
}

/** Somebody was faster. */
export async function goneIsGone(deletion: Promise<unknown>): Promise<void> {
  try {
    await deletion;
  } catch (error) {
    if (!(error instanceof KubeError) || error.status !== 404) throw error;
  }
}
