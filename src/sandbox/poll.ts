/**
 * Waiting for the world: ask until it answers, often at first because most things come up within a second.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { errorText, SandboxError } from './errors.ts';

const EVERY_MS = 100;

export interface Waiting {
  /** What is waited for, as in "… did not come within 60 s". */
  readonly what: string;
  readonly timeoutMs: number;
  readonly hint: string;
  /** Throws when waiting has become pointless. */
  readonly assertHope?: () => void;
}

/** Asks until the answer is neither undefined nor an exception; the last exception is the error's cause. */
export async function waitFor<T>(waiting: Waiting, ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + waiting.timeoutMs;
  let last: unknown;
  for (;;) {
    waiting.assertHope?.();
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) {
      throw new SandboxError({
        problem: `${waiting.what} did not come within ${Math.round(waiting.timeoutMs / 1000)} s${last === undefined ? '' : ` (${errorText(last)})`}`,
        hint: waiting.hint,
        cause: last,
      });
    }
    await sleep(EVERY_MS);
  }
}
