/**
 * Tells when a descriptor is readable, on the main thread's event loop, through koffi's binding of libuv's uv_poll.
 * That binding is little documented; each precaution below answers a way in which it was seen to fail:
 *
 * - The callback gets (status, events), not (events) as its types say.
 * - An exception thrown in it vanishes and the handle goes deaf, so it is caught and thrown again on the loop.
 * - Promises and ticks queued in it do not run after it, so an immediate follows that drains them.
 * - A handle that is collected stops silently, so `live` holds all of them.
 * - A second handle on one descriptor aborts the process, so `live` refuses it.
 * - A pending socket error (a link going down) reports status -9 and stops the handle, so it is started again after the
 *   error has been read off.
 * - A handle left open in a worker thread crashes its end, so workers are refused.
 *
 * Level-triggered: what is left unread is reported again.
 */
import { isMainThread } from 'node:worker_threads';
import koffi from 'koffi';
import { HostError } from '../../../engine/host-error.ts';
import { closeDescriptor } from './libc.ts';

/** Error reports without a successful read between them, after which the descriptor is given up instead of spinning. */
const MAX_ERRORS_IN_A_ROW = 16;

export interface ReadableHandlers {
  /** Read until the descriptor has no more, or a budget is spent. 'failed': it is beyond use, stop watching. */
  readonly readable: () => 'read' | 'nothing' | 'failed';
  /** The descriptor reports errors that reading does not clear. Called at most once. */
  readonly stuck: (error: HostError) => void;
}

type PollHandle = ReturnType<typeof koffi.node.poll>;
type PollCallback = Parameters<PollHandle['start']>[0];

/** Watches one descriptor and owns it: closing the watch closes the descriptor. */
export class ReadableWatch {
  static readonly #live = new Map<number, ReadableWatch>();

  readonly #fd: number;
  readonly #handlers: ReadableHandlers;
  readonly #handle: PollHandle;
  #errorsInARow = 0;
  #open = true;

  /** The descriptor must be open and of a kind that can be polled; anything else is a bug and kills the process. */
  constructor(fd: number, handlers: ReadableHandlers) {
    if (!isMainThread) throw new Error('descriptors are watched on the main thread only');
    if (!Number.isInteger(fd) || fd < 0 || ReadableWatch.#live.has(fd))
      throw new Error(`cannot watch descriptor ${fd}`);
    this.#fd = fd;
    this.#handlers = handlers;
    this.#handle = koffi.node.poll(fd, { readable: true }, this.#callback);
    ReadableWatch.#live.set(fd, this);
  }

  /** Idempotent. The descriptor itself is closed on the next turn, when the loop has let go of it. */
  close(): void {
    if (!this.#open) return;
    this.#stop();
    setImmediate(() => {
      ReadableWatch.#live.delete(this.#fd);
      closeDescriptor(this.#fd);
    });
  }

  /** Does not keep the process alive by itself. */
  unref(): void {
    this.#handle.unref();
  }

  #stop(): void {
    this.#open = false;
    this.#handle.close();
  }

  readonly #callback = ((status: unknown): void => {
    if (!this.#open) return;
    try {
      this.#onReport(typeof status === 'number' ? status : -1);
    } catch (error) {
      setImmediate(() => {
        throw error;
      });
    }
    setImmediate(drainMicrotasks);
  }) as unknown as PollCallback;

  #onReport(status: number): void {
    const outcome = this.#handlers.readable();
    if (!this.#open || outcome === 'failed') return;
    if (outcome === 'read') this.#errorsInARow = 0;
    if (status >= 0) return;
    this.#errorsInARow += 1;
    if (this.#errorsInARow <= MAX_ERRORS_IN_A_ROW) {
      this.#handle.start({ readable: true }, this.#callback);
    } else {
      this.#handlers.stuck(new HostError('poll', 0, { detail: `error status ${status} does not clear` }));
    }
  }
}

/** Running any immediate makes Node run the promise jobs that the raw callback left behind. */
function drainMicrotasks(): void {}
