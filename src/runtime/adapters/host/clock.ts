/** The machine's clocks and timers behind the Clock port. */
import type { Clock } from '../../engine/ports.ts';
import { instant } from '../../model/time.ts';

export const hostClock: Clock = {
  now: () => instant(performance.now()),
  wallMs: () => Date.now(),
  schedule(delayMs, callback) {
    // A timer of 0 would wait for the next millisecond; an immediate runs as soon as pending I/O has been read.
    if (delayMs <= 0) {
      const immediate = setImmediate(callback);
      return () => clearImmediate(immediate);
    }
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
