/** The speaker's program on the only node of a cluster, in a host's namespace (speaker-cluster-process.ts), as a sender. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { LanHost } from '../tests/support/netns.ts';
import { NODE, ROUTER, type Sender } from './route-senders.ts';

const PROGRAM = path.resolve(import.meta.dirname, 'speaker-cluster-process.ts');

export class SpeakerCluster {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  /** Begins to make it, with so many Services. */
  constructor(host: LanHost, services: number) {
    const what = [ROUTER.address, ROUTER.asn, NODE.asn, services].map(String);
    this.#child = host.spawn(process.execPath, '--disable-warning=ExperimentalWarning', PROGRAM, ...what);
    if (this.#child.stdout === null) throw new Error('it has no output');
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** To be waited for once; takes up to a minute. */
  async ready(): Promise<void> {
    await this.#hear('ready');
  }

  /** Its routes are those of the Services, however many it is asked for. */
  sender(given: Pick<Sender, 'name' | 'gracefulRestart'>): Sender {
    return {
      ...given,
      start: async () => {
        await this.#do('start');
        return { stop: () => this.#do('kill') };
      },
    };
  }

  /** In good order; what is being made is made first. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.end();
    await ended;
  }

  async #do(command: 'start' | 'kill'): Promise<void> {
    this.#child.stdin?.write(`${command}\n`);
    await this.#hear('done');
  }

  async #hear(line: string): Promise<void> {
    const { value } = await this.#lines.next();
    if (value !== line) throw new Error(`the cluster of the speaker said ${value} instead of ${line}`);
  }
}
