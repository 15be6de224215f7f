/** Stands in for the speaker in image.test.ts: calls the C library, resolves a name, and starts its thread. */
import { lookup } from 'node:dns/promises';
import { Worker } from 'node:worker_threads';
import koffi from 'koffi';

const pid: unknown = koffi.load(null).func('int getpid()')();
const { address } = await lookup('node1.example');
new Worker(new URL('./cluster-worker.ts', import.meta.url)).once('message', (word: string) => {
  process.stdout.write(`${pid === process.pid} ${address} ${word}\n`);
});
