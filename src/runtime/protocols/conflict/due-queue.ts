/**
 * Things in the order in which they are due: a binary heap. A thing that is due at another time than it was entered for
 * is entered anew; the old entry is passed over when its turn comes, so nothing has to be searched.
 */
import type { Instant } from '../../model/time.ts';

/** What is entered; undefined: not due at all. */
export interface Due {
  due: Instant | undefined;
}

interface Entry<T> {
  readonly at: Instant;
  readonly item: T;
}

export class DueQueue<T extends Due> {
  #heap: Entry<T>[] = [];

  /** Sets when the item is due next. */
  set(item: T, due: Instant | undefined): void {
    if (item.due === due) return;
    item.due = due;
    if (due === undefined) return;
    this.#heap.push({ at: due, item });
    this.#up(this.#heap.length - 1);
  }

  /** The item due first; it stays. */
  peek(): T | undefined {
    for (;;) {
      const [first] = this.#heap;
      if (first === undefined || first.item.due === first.at) return first?.item;
      this.#removeFirst();
    }
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#down(0);
  }

  #up(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#due(parent) <= this.#due(at)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #down(from: number): void {
    let at = from;
    for (;;) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      let least = at;
      if (this.#due(left) < this.#due(least)) least = left;
      if (this.#due(right) < this.#due(least)) least = right;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #due(at: number): number {
    return this.#heap[at]?.at ?? Number.POSITIVE_INFINITY;
  }

  #swap(a: number, b: number): void {
    const [x, y] = [this.#heap[a], this.#heap[b]];
    if (x === undefined || y === undefined) return;
    this.#heap[a] = y;
    this.#heap[b] = x;
  }
}
