/** What a client that asks again and again has lived through, out of its attempts. */

/** One request over a connection of its own; times of the monotonic clock, in milliseconds. */
export interface Attempt {
  readonly beganMs: number;
  readonly tookMs: number;
  /** "answered", or why not: "timeout", "ECONNREFUSED", "closed" before an answer, … */
  readonly outcome: string;
}

export interface Outage {
  /** When the first attempt of those that failed in a row began. */
  readonly beganMs: number;
  /** When the first one began that was answered again; undefined: none was. */
  readonly endedMs: number | undefined;
  readonly failed: number;
  /** The different reasons, in the order in which they came. */
  readonly outcomes: readonly string[];
}

/** In the order of their beginning; attempts may come in the order in which they ended. */
export function outagesOf(attempts: readonly Attempt[]): Outage[] {
  const outages: Outage[] = [];
  let failures: Attempt[] = [];
  const close = (endedMs: number | undefined): void => {
    const [first] = failures;
    if (first === undefined) return;
    const outcomes = [...new Set(failures.map(({ outcome }) => outcome))];
    outages.push({ beganMs: first.beganMs, endedMs, failed: failures.length, outcomes });
    failures = [];
  };
  for (const attempt of inOrder(attempts)) {
    if (attempt.outcome === 'answered') close(attempt.beganMs);
    else failures.push(attempt);
  }
  close(undefined);
  return outages;
}

/** Milliseconds without an answer, all outages together; Infinity when the last one never ended. */
export function outageMs(attempts: readonly Attempt[]): number {
  return outagesOf(attempts).reduce((sum, { beganMs, endedMs }) => sum + (endedMs ?? Infinity) - beganMs, 0);
}

/** Milliseconds of the longest outage; 0 without one, Infinity when the last one never ended. */
export function longestOutageMs(attempts: readonly Attempt[]): number {
  return Math.max(0, ...outagesOf(attempts).map(({ beganMs, endedMs }) => (endedMs ?? Infinity) - beganMs));
}

/**
 * From the beginning of the first attempt that failed to that of the last. Where several ways are used at once and one of them
 * is dead, failures come in between answers, and no outage is as long as that.
 */
export function failedForMs(attempts: readonly Attempt[]): number {
  const failed = inOrder(attempts).filter(({ outcome }) => outcome !== 'answered');
  return (failed.at(-1)?.beganMs ?? 0) - (failed[0]?.beganMs ?? 0);
}

/**
 * The longest time between the beginnings of two attempts. Much above the probe's interval, it was the probe that got no
 * processor, and what happened meanwhile nobody has seen.
 */
export function longestPauseMs(attempts: readonly Attempt[]): number {
  const began = inOrder(attempts).map(({ beganMs }) => beganMs);
  return began.reduce((longest, at, index) => (index === 0 ? 0 : Math.max(longest, at - (began[index - 1] ?? at))), 0);
}

function inOrder(attempts: readonly Attempt[]): Attempt[] {
  return [...attempts].sort((a, b) => a.beganMs - b.beganMs);
}
