/**
 * Puts the calling thread before all that is not real-time, so that what it sends and answers by the clock is not late on
 * a busy node. Needs CAP_SYS_NICE, and a kernel that gives real-time to control groups; without them nothing changes.
 *
 * Threads and processes that it starts afterwards are ordinary ones. It is to be left no long work: the kernel takes the
 * processor away from real-time threads for a twentieth of each second only.
 */
import { HostError } from '../../engine/host-error.ts';
import { SCHED_RESET_ON_FORK, SCHED_RR } from './native/constants.ts';
import { setThreadScheduling } from './native/libc.ts';

/** 1 … 99: before every ordinary thread, and behind the kernel's own. */
const PRIORITY = 10;

/** Undefined: it is so now. Call it after the process's other threads have been started. */
export function scheduleInRealTime(): HostError | undefined {
  const errno = setThreadScheduling(SCHED_RR | SCHED_RESET_ON_FORK, PRIORITY);
  return errno === 0
    ? undefined
    : new HostError(
        'schedule the thread in real time (needs CAP_SYS_NICE, and a kernel that gives real time to pods)',
        errno,
      );
}
