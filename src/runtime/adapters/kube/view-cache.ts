/**
 * An informer's copy: key → view, with just enough beside it (uid, resource version) to tell what is newer. Every change
 * that shows in a view is told once, as a key.
 */
import { isDeepStrictEqual } from 'node:util';
import { asObject, asString, type Untyped } from './untyped.ts';

export interface ViewCacheOptions<View extends object> {
  /** Undefined leaves the object out. May throw on a malformed one. */
  readonly toView: (raw: Untyped) => View | undefined;
  readonly onChange: (key: string) => void;
  /** An object that toView could not read; it is left out. */
  readonly onUnreadable: (key: string, cause: unknown) => void;
}

export interface Entry<View> {
  readonly key: string;
  readonly view: View;
  readonly uid: string;
  readonly resourceVersion: string;
}

export class ViewCache<View extends object> {
  readonly #options: ViewCacheOptions<View>;
  #entries = new Map<string, Entry<View>>();

  constructor(options: ViewCacheOptions<View>) {
    this.#options = options;
  }

  get(key: string): View | undefined {
    return this.#entries.get(key)?.view;
  }

  list(): View[] {
    return Array.from(this.#entries.values(), (entry) => entry.view);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Undefined when the object has no name, toView leaves it out, or it cannot be read. */
  read(raw: unknown): Entry<View> | undefined {
    const key = keyOf(raw);
    if (key === undefined) return undefined;
    try {
      const view = this.#options.toView(asObject(raw));
      if (view === undefined) return undefined;
      const metadata = asObject(asObject(raw)['metadata']);
      return { key, view, uid: asString(metadata['uid']), resourceVersion: asString(metadata['resourceVersion']) };
    } catch (cause) {
      this.#options.onUnreadable(key, cause);
      return undefined;
    }
  }

  /** A whole new list: tells the keys that appeared, changed or went. */
  replaceAll(entries: readonly Entry<View>[]): void {
    const before = this.#entries;
    this.#entries = new Map(entries.map((entry) => [entry.key, entry]));
    for (const entry of this.#entries.values()) {
      if (!sameEntry(before.get(entry.key), entry)) this.#options.onChange(entry.key);
    }
    for (const key of before.keys()) {
      if (!this.#entries.has(key)) this.#options.onChange(key);
    }
  }

  /** An object that was added or modified. */
  put(raw: unknown): void {
    const entry = this.read(raw);
    if (entry === undefined) {
      // What toView leaves out now, it may have let in before.
      this.remove(raw);
      return;
    }
    const known = this.#entries.get(entry.key);
    if (known?.uid === entry.uid && isNewer(known.resourceVersion, entry.resourceVersion)) return;
    this.#entries.set(entry.key, entry);
    if (!sameEntry(known, entry)) this.#options.onChange(entry.key);
  }

  remove(raw: unknown): void {
    const key = keyOf(raw);
    if (key !== undefined && this.#entries.delete(key)) this.#options.onChange(key);
  }

  /** See Informer.learn. */
  learn(raw: unknown): void {
    const entry = this.read(raw);
    if (entry === undefined) return;
    const known = this.#entries.get(entry.key);
    if (known?.uid === entry.uid && isNewer(entry.resourceVersion, known.resourceVersion)) {
      this.#entries.set(entry.key, entry);
    }
  }
}

/** "namespace/name", or "name" for objects without a namespace. */
function keyOf(raw: unknown): string | undefined {
  const metadata = asObject(asObject(raw)['metadata']);
  const name = asString(metadata['name']);
  const namespace = asString(metadata['namespace']);
  if (name === '') return undefined;
  return namespace === '' ? name : `${namespace}/${name}`;
}

function sameEntry<View extends object>(a: Entry<View> | undefined, b: Entry<View>): boolean {
  if (a === undefined || a.uid !== b.uid) return false;
  return a.resourceVersion === b.resourceVersion || isDeepStrictEqual(a.view, b.view);
}

/**
 * Whether resource version a is later than b. The API promises this order since Kubernetes 1.35, and etcd's revisions
 * have always had it; a server with other versions only loses `learn`.
 */
export function isNewer(a: string, b: string): boolean {
  if (!/^[0-9]+$/.test(a) || !/^[0-9]+$/.test(b)) return false;
  return BigInt(a) > BigInt(b);
}
