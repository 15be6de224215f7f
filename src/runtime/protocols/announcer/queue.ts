/** First in, first out, without moving what is left at every step. */
export class Queue<T> {
  #items: T[] = [];
  #head = 0;

  push(item: T): void {
    this.#items.push(item);
  }

  peek(): T | undefined {
    return this.#items[this.#head];
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    this.#head += 1;
    if (this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  count(which: (item: T) => boolean): number {
    return this.#items.reduce((sum, item, index) => (index >= this.#head && which(item) ? sum + 1 : sum), 0);
  }
}
