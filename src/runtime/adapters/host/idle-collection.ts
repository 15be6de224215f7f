/**
 * Gives memory back after a burst. V8 collects a grown heap when the program allocates again; a controller that has given
 * a thousand addresses does not for hours, and its garbage stays resident. So each thread that calls this looks at its
 * heap now and then, and has V8 collect when it has grown well beyond what the last collection left, in a moment when
 * the thread has little to do.
 *
 * A collection stops the calling thread for 30 to 80 ms at 1,000 Services. It is for the threads that talk to the API
 * server, never for the one that answers ARP. Needs Node's flag --expose-gc (the chart sets it); without, it does nothing.
 */
import { getHeapStatistics } from 'node:v8';

const CHECK_EVERY_MS = 5_000;
/** Less garbage than this is not worth a collection. */
const MIN_GROWTH_BYTES = 4 * 1024 * 1024;
/** Nor is less than this share of what is alive: a collection's cost grows with that. */
const MIN_GROWTH_SHARE = 0.25;
/** A thread busier than this is in the middle of a burst, whose end is the time to collect. */
const MAX_UTILIZATION = 0.5;

export interface HeapFacts {
  readonly usedBytes: number;
  /** What the last collection left; 0 before the first. */
  readonly leftBytes: number;
  /** Share of the time since the last look that the event loop was busy, 0 to 1. */
  readonly utilization: number;
}

export function isWorthCollecting({ usedBytes, leftBytes, utilization }: HeapFacts): boolean {
  const growthBytes = usedBytes - leftBytes;
  return utilization < MAX_UTILIZATION && growthBytes >= Math.max(MIN_GROWTH_BYTES, leftBytes * MIN_GROWTH_SHARE);
}

/** Begins to look after the calling thread's heap, for as long as the thread lives; does not keep it alive. */
export function collectWhenIdle(): void {
  const collect = globalThis.gc;
  if (collect === undefined) return;
  let leftBytes = 0;
  let before = performance.eventLoopUtilization();
  const look = (): void => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    if (!isWorthCollecting({ usedBytes: getHeapStatistics().used_heap_size, leftBytes, utilization })) return;
    // 'last-resort' drops compiled code and caches that can be made again, and returns emptied pages to the system.
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    leftBytes = getHeapStatistics().used_heap_size;
  };
  setInterval(look, CHECK_EVERY_MS).unref();
}
