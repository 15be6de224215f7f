/** The thread of the stand-in speaker. */
import { parentPort } from 'node:worker_threads';

parentPort?.postMessage('hello from the thread');
