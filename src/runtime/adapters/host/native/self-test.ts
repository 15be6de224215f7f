/**
 * Proves at start that the native binding works on this machine: one byte through a socket pair, seen by the watch.
 * The binding's poll is not a documented interface; a broken one must be found here and not as unanswered requests.
 */
import { HostError } from '../../../engine/host-error.ts';
import { AF_UNIX, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } from './constants.ts';
import { closeDescriptor, openSocketPair, receive, send } from './libc.ts';
import { ReadableWatch } from './readable.ts';

const OP = 'self-test of socket polling';
const TIMEOUT_MS = 5000;

/** Rejects with HostError when a readable descriptor is not reported in time, or not as expected. Main thread only. */
export async function selfTestPolling(): Promise<void> {
  const kind = { domain: AF_UNIX, type: SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol: 0 };
  const [reader, writer] = openSocketPair(kind, OP);
  const reported = Promise.withResolvers<number>();
  const watch = new ReadableWatch(reader, {
    readable: () => {
      const length = receive(reader, new Uint8Array(8));
      reported.resolve(length);
      return length > 0 ? 'read' : 'failed';
    },
    stuck: reported.reject,
  });
  const timer = setTimeout(
    () => reported.reject(new HostError(OP, 0, { detail: `no report within ${TIMEOUT_MS} ms` })),
    TIMEOUT_MS,
  );
  try {
    send(writer, Uint8Array.of(1));
    const length = await reported.promise;
    if (length !== 1) throw new HostError(OP, 0, { detail: `1 byte sent, ${length} received` });
  } finally {
    clearTimeout(timer);
    watch.close();
    closeDescriptor(writer);
  }
}
