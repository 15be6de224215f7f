/** Random numbers that are the same at every run, for tests that throw much at something. */
import { seededRandom } from '../../src/runtime/protocols/seeded-random.ts';

/** A function that gives 0 … sides − 1. */
export function seededDice(seed: number): (sides: number) => number {
  const next = seededRandom(seed);
  return (sides) => next() % sides;
}
