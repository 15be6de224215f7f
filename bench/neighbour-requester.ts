/**
 * Asks for addresses by ARP or neighbour discovery, one request after the other, and prints the round-trip times: the
 * client of neighbour-latency.ts and many-addresses.ts, run in a network namespace of its own. Every address is asked by
 * the same loop.
 *
 *     neighbour-requester.ts SENDER ROUNDS REQUESTS IP…     ROUNDS times REQUESTS requests for each IP in turn
 *
 * Prints one JSON line: for each IP its times in microseconds, −1 for a request without an answer within a second.
 */
import { NeighbourSocket, parseAddress } from './neighbour-socket.ts';

const TIMEOUT_MS = 1000;

const [sender = '', rounds = '1', requests = '1', ...ips] = process.argv.slice(2);
const socket = new NeighbourSocket(parseAddress(sender));
const times: Record<string, number[]> = Object.fromEntries(ips.map((ip) => [ip, []]));
for (let round = 0; round < Number(rounds); round++) {
  for (const ip of ips) {
    const target = parseAddress(ip);
    for (let count = 0; count < Number(requests); count++) {
      const { asked, answered } = socket.ask(target, TIMEOUT_MS);
      times[ip]?.push(answered === undefined ? -1 : Number(answered - asked) / 1000);
    }
  }
}
console.log(JSON.stringify(times));
socket.close();
