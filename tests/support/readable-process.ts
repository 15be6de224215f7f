/**
 * Puts the watch over descriptors (adapters/host/native/readable.ts) through what it is to survive, one scenario a run,
 * and prints "ok"; started by tests/privileged/readable.test.ts with --expose-gc.
 */
import { Worker } from 'node:worker_threads';
import { AF_UNIX, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } from '../../src/runtime/adapters/host/native/constants.ts';
import * as libc from '../../src/runtime/adapters/host/native/libc.ts';
import { ReadableWatch } from '../../src/runtime/adapters/host/native/readable.ts';

const kind = { domain: AF_UNIX, type: SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol: 0 };

function watchPair(onRead: () => void): { readonly writer: number; readonly reader: number } {
  const [reader, writer] = libc.openSocketPair(kind, 'open pair');
  new ReadableWatch(reader, {
    readable: () => {
      if (libc.receive(reader, new Uint8Array(16)) < 0) return 'nothing';
      onRead();
      return 'read';
    },
    stuck: (error) => {
      throw error;
    },
  });
  return { writer, reader };
}

function nextTurn(milliseconds = 20): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function expectEqual(what: string, got: unknown, want: unknown): void {
  if (got !== want) throw new Error(`${what}: ${got}, not ${want}`);
}

const scenarios: Readonly<Record<string, () => Promise<void>>> = {
  async 'an exception surfaces and the watch goes on'() {
    const surfaced: unknown[] = [];
    process.on('uncaughtException', (error) => surfaced.push(error.message));
    let reads = 0;
    const { writer } = watchPair(() => {
      reads += 1;
      throw new Error(`read ${reads}`);
    });
    for (let count = 0; count < 3; count++) {
      libc.send(writer, Uint8Array.of(1));
      await nextTurn();
    }
    expectEqual('surfaced', surfaced.join(), 'read 1,read 2,read 3');
  },

  async 'nobody holds the watch and it survives the collector'() {
    let reads = 0;
    const { writer } = watchPair(() => {
      reads += 1;
    });
    for (let count = 0; count < 5; count++) {
      globalThis.gc?.();
      libc.send(writer, Uint8Array.of(1));
      await nextTurn();
    }
    expectEqual('reads', reads, 5);
  },

  async 'promises settled while reading run at once'() {
    let waited = Number.NaN;
    const { writer } = watchPair(() => {
      const began = performance.now();
      void Promise.resolve().then(() => {
        waited = performance.now() - began;
      });
    });
    libc.send(writer, Uint8Array.of(1));
    // Nothing else happens until then: only the watch's own precaution can run the promise job earlier.
    await nextTurn(500);
    expectEqual('within 100 ms', waited < 100, true);
  },

  async 'a second watch on one descriptor is refused'() {
    const { reader } = watchPair(() => {});
    let refused = '';
    try {
      new ReadableWatch(reader, { readable: () => 'nothing', stuck: () => {} });
    } catch (error) {
      refused = String(error);
    }
    expectEqual('refused', refused, `Error: cannot watch descriptor ${reader}`);
  },

  async 'a descriptor number is free again after its watch was closed'() {
    for (let count = 0; count < 50; count++) {
      const [reader, writer] = libc.openSocketPair(kind, 'open pair');
      new ReadableWatch(reader, { readable: () => 'nothing', stuck: () => {} }).close();
      libc.closeDescriptor(writer);
      await new Promise((resolve) => setImmediate(resolve));
    }
  },

  async 'a worker thread is refused'() {
    const source = `
      const { ReadableWatch } = await import(${JSON.stringify(import.meta.resolve('../../src/runtime/adapters/host/native/readable.ts'))});
      new ReadableWatch(0, { readable: () => 'nothing', stuck: () => {} });`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
    const error = await new Promise<Error>((resolve, reject) => {
      worker.on('error', (thrown) => resolve(thrown as Error));
      worker.on('exit', () => reject(new Error('the worker ended without an error')));
    });
    expectEqual('refused', error.message, 'descriptors are watched on the main thread only');
  },
};

const [name = ''] = process.argv.slice(2);
if (name === 'list') {
  console.log(JSON.stringify(Object.keys(scenarios)));
} else {
  const scenario = scenarios[name];
  if (scenario === undefined) throw new Error(`no scenario "${name}"`);
  await scenario();
  console.log('ok');
  process.exit(0);
}
