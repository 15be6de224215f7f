/** Which numbers of a sender have been seen: each is taken once, and none that lies far behind the highest. */

/** How far behind: datagrams overtake each other by a few, never by so many. */
export const WINDOW = 256;

export class ReplayWindow {
  readonly #floor: number;
  #highest: number;
  /** At number modulo WINDOW: the last such number that was seen. */
  readonly #seen = new Float64Array(WINDOW);

  /** Everything up to that number counts as seen; they begin with 1. */
  constructor(floor = 0) {
    this.#floor = floor;
    this.#highest = floor;
  }

  get highest(): number {
    return this.#highest;
  }

  isFresh(number: number): boolean {
    return number > this.#floor && number > this.#highest - WINDOW && this.#seen[number % WINDOW] !== number;
  }

  take(number: number): void {
    this.#seen[number % WINDOW] = number;
    this.#highest = Math.max(this.#highest, number);
  }
}
