/** Which numbers of a sender have been seen: each is taken once, and none that lies far behind the highest. */

/** How far behind: datagrams overtake each other by a few, never by so many. */
export const WINDOW = 256;

export class ReplayWindow {
  #highest = 0;
  /** At number modulo WINDOW: the last such number that was seen. */
  readonly #seen = new Float64Array(WINDOW);

  /** Numbers count from 1. */
  isFresh(number: number): boolean {
    return number > 0 && number > this.#highest - WINDOW && this.#seen[number % WINDOW] !== number;
  }

  take(number: number): void {
    this.#seen[number % WINDOW] = number;
    this.#highest = Math.max(this.#highest, number);
  }
}
