/**
 * Waiting for the cluster: ask, sleep, ask again, until an answer or the deadline. Time comes in through Pace, so that
 * tests wait for nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Pace {
  /** Milliseconds on a monotonic clock. */
  now(): number;
  sleep(milliseconds: number): Promise<void>;
}

export const realPace: Pace = {
  now: () => performance.now(),
  sleep: (milliseconds) => sleep(milliseconds),
};

const INTERVAL_MS = 1000;

export interface WaitOptions {
  readonly pace: Pace;
  readonly timeoutSeconds: number;
}

/**
 * Asks once a second until the answer is not undefined; undefined when the time is up. The first question is asked at
 * once, and one more at the very end.
 */
export async function waitFor<T>(ask: () => Promise<T | undefined>, options: WaitOptions): Promise<T | undefined> {
  const deadline = options.pace.now() + options.timeoutSeconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined || options.pace.now() >= deadline) return answer;
    await options.pace.sleep(Math.min(INTERVAL_MS, Math.max(0, deadline - options.pace.now())));
  }
}
