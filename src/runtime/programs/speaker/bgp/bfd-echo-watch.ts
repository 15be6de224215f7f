/** The echo function of one session with its line and its timer (protocols/bfd/echo.ts), for as long as the session is up. */

import { DeadlineTimer } from '../../../engine/deadline-timer.ts';
import type { Clock } from '../../../engine/ports.ts';
import { EchoFunction, type EchoInput, type EchoOptions } from '../../../protocols/bfd/echo.ts';
import type { EchoEnd, EchoLine } from './bfd-echoes.ts';

export interface EchoWatchOptions extends EchoOptions {
  readonly clock: Clock;
  /** Throws HostError. */
  readonly open: (end: Pick<EchoEnd, 'received' | 'lost'>) => EchoLine;
  /** No echo has come back for the detection time; it is over. */
  readonly onFailed: () => void;
  /** It cannot go on by this socket, and is over. */
  readonly onLost: () => void;
}

export class EchoWatch {
  readonly #options: EchoWatchOptions;
  readonly #machine: EchoFunction;
  readonly #line: EchoLine;
  readonly #timer: DeadlineTimer;
  #sent = 0;
  #isOver = false;

  /** Throws HostError. */
  constructor(options: EchoWatchOptions) {
    this.#options = options;
    this.#line = options.open({
      received: (payload) => this.#handle({ kind: 'received', payload }),
      lost: () => {
        this.close();
        options.onLost();
      },
    });
    const { clock } = options;
    this.#machine = new EchoFunction(options, clock.now());
    this.#timer = new DeadlineTimer(
      clock,
      () => (this.#isOver ? undefined : this.#machine.deadline()),
      () => this.#handle({ kind: 'timer' }),
    );
    this.#timer.arm();
  }

  get sent(): number {
    return this.#sent;
  }

  get received(): number {
    return this.#machine.received;
  }

  /** Idempotent. Nothing is called afterwards. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer.cancel();
    this.#line.close();
  }

  #handle(input: EchoInput): void {
    if (this.#isOver) return;
    for (const output of this.#machine.handle(input, this.#options.clock.now())) {
      switch (output.kind) {
        case 'send':
          // One that does not get out does not come back: that is how it is noticed.
          if (this.#line.send(output.payload) === undefined) this.#sent += 1;
          break;
        case 'drain':
          this.#line.readAll();
          this.#handle({ kind: 'drained' });
          break;
        case 'failed':
          this.close();
          this.#options.onFailed();
          return;
      }
    }
    this.#timer.arm();
  }
}
