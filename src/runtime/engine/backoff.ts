/**
 * How long to wait before the next try: doubling from a base to a ceiling, spread so that many clients that failed
 * together do not come back together.
 */
import type { Random } from './ports.ts';

export interface Backoff {
  /** Wait before the first retry, in milliseconds. */
  readonly baseMs: number;
  /** The longest wait, in milliseconds. */
  readonly ceilingMs: number;
}

/**
 * Wait before retry number `attempt` (1 is the first): min(ceiling, base × 2^(attempt − 1)), of which the upper half
 * is random.
 */
export function backoffMs(backoff: Backoff, attempt: number, random: Random): number {
  const full = Math.min(backoff.ceilingMs, backoff.baseMs * 2 ** Math.min(attempt - 1, 30));
  return full / 2 + (full / 2) * random.next();
}
