/** What is to happen, in the order of time and, at the same time, of being planned. For simulations of many. */
export class EventHeap {
  readonly #events: { readonly at: number; readonly order: number; readonly what: () => void }[] = [];
  #order = 0;

  add(at: number, what: () => void): void {
    const event = { at, order: this.#order++, what };
    let place = this.#events.length;
    this.#events.push(event);
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (!this.#isBefore(place, above)) break;
      this.#swap(place, above);
      place = above;
    }
  }

  /** When the next one is due. */
  nextAt(): number | undefined {
    return this.#events[0]?.at;
  }

  take(): (() => void) | undefined {
    const [first] = this.#events;
    const last = this.#events.pop();
    if (first === undefined || last === undefined || first === last) return first?.what;
    this.#events[0] = last;
    for (let place = 0; ; ) {
      let least = place;
      for (const below of [2 * place + 1, 2 * place + 2]) {
        if (below < this.#events.length && this.#isBefore(below, least)) least = below;
      }
      if (least === place) return first.what;
      this.#swap(place, least);
      place = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [left, right] = [this.#events[a], this.#events[b]];
    if (left === undefined || right === undefined) return false;
    return left.at < right.at || (left.at === right.at && left.order < right.order);
  }

  #swap(a: number, b: number): void {
    const events = this.#events as unknown[];
    [events[a], events[b]] = [events[b], events[a]];
  }
}
