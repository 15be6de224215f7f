/**
 * Asks for one address after the other, each every millisecond until somebody answers: the client host of
 * announcement.ts and memory.ts, run in the client's network namespace.
 *
 *     arp-first-reply.ts FILE SENDER GIVE-UP-SECONDS IP…
 *
 * Appends a JSON line to FILE for each address: {"ip", "beganMs", "answeredMs"}, times of the monotonic clock that all
 * processes of the machine share. It is a file because the reader needs each line while this program goes on. Ends with
 * an error when an address is not answered in time.
 */
import { appendFileSync } from 'node:fs';
import { monotonicMs } from './machine.ts';
import { NeighbourSocket, parseAddress } from './neighbour-socket.ts';

const ASK_EVERY_MS = 1;

const [file = '', sender = '', giveUpSeconds = '', ...ips] = process.argv.slice(2);
const giveUpMs = Number(giveUpSeconds) * 1000;
const socket = new NeighbourSocket(parseAddress(sender));
for (const ip of ips) {
  const answer = firstReply(ip);
  if (answer === undefined) {
    console.error(`nobody answered an ARP request for ${ip} within ${giveUpSeconds} s`);
    process.exitCode = 1;
    break;
  }
  appendFileSync(file, `${JSON.stringify({ ip, ...answer })}\n`);
}
socket.close();

function firstReply(ip: string): { beganMs: number; answeredMs: number } | undefined {
  const target = parseAddress(ip);
  const beganMs = monotonicMs();
  while (monotonicMs() - beganMs < giveUpMs) {
    const { answered } = socket.ask(target, ASK_EVERY_MS);
    if (answered !== undefined) return { beganMs, answeredMs: Number(answered) / 1e6 };
  }
  return undefined;
}
