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

export class AdvertisementLists<A extends Advertisement> {
  readonly #numbered: readonly Numbered<A>[];
  readonly #byPool = new Map<string, readonly Numbered<A>[]>();
  readonly #lists = new Map<string, AdvertisementList<A>>();

  constructor(advertisements: readonly A[]) {
    this.#numbered = advertisements.map((advertisement, number) => ({ advertisement, number }));
  }

  /** Empty: nothing announces addresses of this pool for this Service. */
  listFor(service: ServiceView, poolName: string): AdvertisementList<A> {
    const matching = this.#ofPool(poolName).filter(({ advertisement: { serviceSelectors } }) =>
      isSelected(serviceSelectors, service.labels),
    );
    const id = matching.map(({ number }) => number).join(',');
    const known = this.#lists.get(id);
    if (known !== undefined) return known;
    const list = { id, advertisements: matching.map(({ advertisement }) => advertisement) };
    this.#lists.set(id, list);
    return list;
  }

  #ofPool(name: string): readonly Numbered<A>[] {
    const known = this.#byPool.get(name);
    if (known !== undefined) return known;
    const covering = this.#numbered.filter(({ advertisement }) => advertisement.pools.includes(name));
    this.#byPool.set(name, covering);
    return covering;
  }
}
