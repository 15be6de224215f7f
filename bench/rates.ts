/** Sums up points in time: how many a second, how far one stream of them lags behind another, how a cost grows. */

/** Of times in milliseconds, in any order: how many a second between the first and the last. NaN for fewer than two. */
export function perSecond(timesMs: readonly number[]): number {
  const sorted = [...timesMs].sort((a, b) => a - b);
  const [first] = sorted;
  const last = sorted.at(-1);
  if (first === undefined || last === undefined || sorted.length < 2) return Number.NaN;
  return ((sorted.length - 1) / (last - first)) * 1000;
}

export interface Backlog {
  /** The most that were asked for and not done at one moment. */
  readonly largest: number;
  /** Done a second while at least `full` waited; NaN when there never were so many. */
  readonly rateWhileFull: number;
}

/** `full` is how many have to wait so that whoever does them has his hands full. Times in milliseconds, in any order. */
export function backlog(askedMs: readonly number[], doneMs: readonly number[], full: number): Backlog {
  const changes = [...askedMs.map((atMs) => ({ atMs, by: 1 })), ...doneMs.map((atMs) => ({ atMs, by: -1 }))];
  changes.sort((a, b) => a.atMs - b.atMs || b.by - a.by);
  let [waiting, largest, doneWhileFull, fullMs, beforeMs] = [0, 0, 0, 0, 0];
  for (const { atMs, by } of changes) {
    if (waiting >= full) {
      fullMs += atMs - beforeMs;
      if (by < 0) doneWhileFull += 1;
    }
    waiting += by;
    largest = Math.max(largest, waiting);
    beforeMs = atMs;
  }
  return { largest, rateWhileFull: fullMs === 0 ? Number.NaN : (doneWhileFull / fullMs) * 1000 };
}

export interface Sized {
  readonly size: number;
  readonly cost: number;
}

/** The e of cost = c · size^e between two sizes: 1 is linear, 2 is quadratic. */
export function growthExponent(small: Sized, large: Sized): number {
  return Math.log(large.cost / small.cost) / Math.log(large.size / small.size);
}
