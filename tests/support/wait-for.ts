/**
 * Waits until the world is as a test wants it, by looking again and again: for tests against real programs, whose time
 * is not ours. Never used where a virtual clock can be.
 */
export interface WaitOptions {
  /** Milliseconds after which the last answer is thrown. */
  readonly withinMs: number;
  readonly everyMs?: number;
}

/** Resolves with the first result of `look` that is neither undefined nor false; what it throws counts as "not yet". */
export async function waitFor<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  { withinMs, everyMs = 100 }: WaitOptions,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  let last: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      last = found;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) {
      throw new Error(
        `${what}: not within ${withinMs} ms; last: ${last instanceof Error ? last.message : String(last)}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
