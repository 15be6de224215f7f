/**
 * Random numbers for machines, which have no source of their own: the same at every run for the same seed, and good enough
 * to spread what many send. Nothing secret may be made of them.
 *
 * Algorithm: Mulberry32.
 */

/** A function that gives the next number, 0 … 2^32 − 1. The seed is of the same range. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** The same, as a share: 0 and more, less than 1. */
export function seededShare(seed: number): () => number {
  const next = seededRandom(seed);
  return () => next() / 2 ** 32;
}
