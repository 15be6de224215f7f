/**
 * How many routes BIRD has taken from a neighbour, asked over one connection to its control socket: without a process for
 * each question, it can be asked every millisecond, and BIRD answers from a counter.
 */
import { connect, type Socket } from 'node:net';

/** A line that ends an answer: a code, then a space. "0001 BIRD 2.0.12 ready." */
const LAST_LINE = /^\d{4} /;

export interface TableStatus {
  readonly imported: number;
  /** The session stands, and what is imported was told over it: none of it is kept of the session before. */
  readonly isFresh: boolean;
}

export class BirdTable {
  readonly #socket: Socket;
  #text = '';
  #answered: (text: string) => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket.setEncoding('utf8');
    // Told by 'close'.
    socket.on('error', () => undefined);
    socket.on('data', (text: string) => this.#hear(text));
  }

  static async connect(controlSocket: string): Promise<BirdTable> {
    const table = new BirdTable(connect(controlSocket));
    await table.#answer();
    return table;
  }

  /** Routes imported by the protocol of that name. */
  async imported(protocol: string): Promise<number> {
    return (await this.status(protocol)).imported;
  }

  async status(protocol: string): Promise<TableStatus> {
    this.#socket.write(`show protocols all ${protocol}\n`);
    const text = await this.#answer();
    return {
      imported: Number(/Routes: +(\d+) imported/.exec(text)?.[1] ?? 0),
      isFresh: /BGP state: *Established/.test(text) && !text.includes('Neighbor graceful restart active'),
    };
  }

  /** Asks again and again; the moment (`Date.now()`, with fractions) at which the answer was right. */
  async reaches(protocol: string, count: number, withinMs: number): Promise<number> {
    const late = epochMs() + withinMs;
    for (;;) {
      const imported = await this.imported(protocol);
      const atMs = epochMs();
      if (imported === count) return atMs;
      if (atMs > late) throw new Error(`BIRD has ${imported} of ${count} routes after ${withinMs} ms`);
      await pause(1);
    }
  }

  /** Asks it something every millisecond, until this is closed: nothing that it does waits for its loop to turn. */
  keepAwake(): void {
    const ask = async () => {
      while (!this.#socket.destroyed) {
        await this.imported('none').catch(() => undefined);
        await pause(1);
      }
    };
    void ask();
  }

  close(): void {
    this.#socket.destroy();
  }

  #answer(): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const fail = () => reject(new Error('BIRD has closed its control socket'));
    this.#socket.once('close', fail);
    this.#answered = (text) => {
      this.#socket.off('close', fail);
      resolve(text);
    };
    return promise;
  }

  #hear(text: string): void {
    this.#text += text;
    const [last = '', rest] = this.#text.split('\n').slice(-2);
    if (rest !== '' || !LAST_LINE.test(last)) return;
    const answer = this.#text;
    this.#text = '';
    this.#answered(answer);
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}

/** Milliseconds since the Unix epoch, as packets are stamped. */
export function epochMs(): number {
  return performance.timeOrigin + performance.now();
}
