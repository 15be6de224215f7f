/**
 * Which L2Advertisements announce a Service's address. Thousands of Services share a few lists of them, so equal lists
 * are one object: what follows from a list is worked out once.
 */
import type { Config, L2Advertisement } from '../../model/config.ts';
import { anySelectorMatches } from '../../model/labels.ts';
import type { ServiceView } from '../../model/service.ts';

export interface AdvertisementList {
  /** Unique among the lists of one AdvertisementLists. */
  readonly id: string;
  readonly advertisements: readonly L2Advertisement[];
}

interface Numbered {
  readonly number: number;
  readonly advertisement: L2Advertisement;
}

export class AdvertisementLists {
  readonly #numbered: readonly Numbered[];
  readonly #byPool = new Map<string, readonly Numbered[]>();
  readonly #lists = new Map<string, AdvertisementList>();

  constructor({ l2Advertisements }: Config) {
    this.#numbered = l2Advertisements.map((advertisement, number) => ({ advertisement, number }));
  }

  /** Empty: nothing announces addresses of this pool for this Service. */
  listFor(service: ServiceView, poolName: string): AdvertisementList {
    const matching = this.#ofPool(poolName).filter(
      ({ advertisement: { serviceSelectors } }) =>
        serviceSelectors.length === 0 || anySelectorMatches(serviceSelectors, service.labels),
    );
    const id = matching.map(({ number }) => number).join(',');
    const known = this.#lists.get(id);
    if (known !== undefined) return known;
    const list = { id, advertisements: matching.map(({ advertisement }) => advertisement) };
    this.#lists.set(id, list);
    return list;
  }

  #ofPool(name: string): readonly Numbered[] {
    const known = this.#byPool.get(name);
    if (known !== undefined) return known;
    const covering = this.#numbered.filter(({ advertisement }) => advertisement.pools.includes(name));
    this.#byPool.set(name, covering);
    return covering;
  }
}
