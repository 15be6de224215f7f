/**
 * Which advertisements announce a Service's address. Thousands of Services share a few lists of them, so equal lists are
 * one object: what follows from a list is worked out once.
 */
import { isSelected, type LabelSelector } from '../../model/labels.ts';
import type { ServiceView } from '../../model/service.ts';

/** What advertisements of every protocol have in common. */
interface Advertisement {
  /** The pools it covers. */
  readonly pools: readonly string[];
  /** ORed; empty: every Service. */
  readonly serviceSelectors: readonly LabelSelector[];
}

export interface AdvertisementList<A> {
  /** Unique among the lists of one AdvertisementLists. */
  readonly id: string;
  readonly advertisements: readonly A[];
}

interface Numbered<A> {
  readonly number: number;
  readonly advertisement: A;
}

interface OfPool<A> {
  readonly covering: readonly Numbered<A>[];
  /** Where no Services are selected: the list of every Service. */
  readonly everybodys?: AdvertisementList<A>;
}

export class AdvertisementLists<A extends Advertisement> {
  readonly #numbered: readonly Numbered<A>[];
  readonly #byPool = new Map<string, OfPool<A>>();
  readonly #lists = new Map<string, AdvertisementList<A>>();

  constructor(advertisements: readonly A[]) {
    this.#numbered = advertisements.map((advertisement, number) => ({ advertisement, number }));
  }

  /** Empty: nothing announces addresses of this pool for this Service. */
  listFor(service: ServiceView, poolName: string): AdvertisementList<A> {
    const { covering, everybodys } = this.#ofPool(poolName);
    if (everybodys !== undefined) return everybodys;
    return this.#listOf(
      covering.filter(({ advertisement: { serviceSelectors } }) => isSelected(serviceSelectors, service.labels)),
    );
  }

  #listOf(matching: readonly Numbered<A>[]): AdvertisementList<A> {
    const id = matching.map(({ number }) => number).join(',');
    const known = this.#lists.get(id);
    if (known !== undefined) return known;
    const list = { id, advertisements: matching.map(({ advertisement }) => advertisement) };
    this.#lists.set(id, list);
    return list;
  }

  #ofPool(name: string): OfPool<A> {
    const known = this.#byPool.get(name);
    if (known !== undefined) return known;
    const covering = this.#numbered.filter(({ advertisement }) => advertisement.pools.includes(name));
    const isEverybodys = covering.every(({ advertisement }) => advertisement.serviceSelectors.length === 0);
    const ofPool = { covering, ...(isEverybodys ? { everybodys: this.#listOf(covering) } : {}) };
    this.#byPool.set(name, ofPool);
    return ofPool;
  }
}
