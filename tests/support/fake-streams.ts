/** TCP connections that a test makes stand, fill and break: what was opened, what was written, how it was ended. */
import type { OpenStream, Stream, StreamHandlers, StreamTarget } from '../../src/runtime/engine/stream-ports.ts';

export interface FakeStream extends Stream {
  readonly target: StreamTarget;
  readonly handlers: StreamHandlers;
  readonly written: Uint8Array[];
  /** How it was ended by this side; undefined: it was not. */
  ended: 'in-order' | 'at-once' | undefined;
  /** What bufferedBytes() says. */
  buffered: number;
}

export class FakeStreams {
  readonly all: FakeStream[] = [];

  readonly open: OpenStream = (target, handlers) => {
    const stream: FakeStream = {
      target,
      handlers,
      written: [],
      ended: undefined,
      buffered: 0,
      write: (bytes) => stream.written.push(bytes),
      bufferedBytes: () => stream.buffered,
      end: () => {
        stream.ended ??= 'in-order';
      },
      destroy: () => {
        stream.ended = 'at-once';
      },
    };
    this.all.push(stream);
    return stream;
  };

  get last(): FakeStream {
    const stream = this.all.at(-1);
    if (stream === undefined) throw new Error('nothing was opened');
    return stream;
  }
}
