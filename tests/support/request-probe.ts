/**
 * Asks a web server for its page again and again, each time over a new connection, as a client would that knows nothing
 * of the times before; run in a host of a LAN, see client-probes.ts.
 *
 *     request-probe.ts IP PORT EVERY-MS GIVE-UP-MS
 *
 * Prints "ready", then a JSON line an attempt, when it has ended: an Attempt. An attempt is given up before the kernel
 * repeats a lost SYN, after a second, so that each tells of the moment it began in. Ends when its input does, after the
 * attempts that are under way.
 */
import net from 'node:net';
import type { Attempt } from './outages.ts';

const [host = '', port = '', everyMs = '', giveUpMs = ''] = process.argv.slice(2);
const request = `GET / HTTP/1.1\r\nHost: ${host.includes(':') ? `[${host}]` : host}\r\nConnection: close\r\n\r\n`;

function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function attempt(): void {
  const beganMs = now();
  let isOver = false;
  const socket = net.connect({ host, port: Number(port) });
  const end = (outcome: string): void => {
    if (isOver) return;
    isOver = true;
    clearTimeout(giveUp);
    socket.destroy();
    const ended: Attempt = { beganMs, tookMs: now() - beganMs, outcome };
    console.log(JSON.stringify(ended));
  };
  const giveUp = setTimeout(() => end('timeout'), Number(giveUpMs));
  socket.on('connect', () => socket.write(request));
  socket.on('data', (data) => end(data.toString('latin1').startsWith('HTTP/1.1 200') ? 'answered' : 'not-a-page'));
  socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  socket.on('close', () => end('closed'));
}

const beganMs = now();
let turn = 0;
let timer: NodeJS.Timeout;

/** On a grid of its own: being late once moves no later attempt, and what was missed is not made up for in a burst. */
function next(): void {
  attempt();
  turn = Math.max(turn + 1, Math.ceil((now() - beganMs) / Number(everyMs)));
  timer = setTimeout(next, Math.max(0, beganMs + turn * Number(everyMs) - now()));
}

console.log('ready');
next();
process.stdin.resume().on('end', () => clearTimeout(timer));
