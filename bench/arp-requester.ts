/**
 * Asks for addresses by ARP, one request after the other, and prints the round-trip times: the client of arp-latency.ts,
 * run in a network namespace of its own. Every address is asked by the same loop.
 *
 *     arp-requester.ts ROUNDS REQUESTS IP…     ROUNDS times REQUESTS requests for each IP in turn
 *
 * Prints one JSON line: for each IP its times in microseconds, −1 for a request without an answer within a second.
 */
import { ArpSocket, parseIpv4 } from './arp-socket.ts';

const TIMEOUT_MS = 1000;

const [rounds = '1', requests = '1', ...ips] = process.argv.slice(2);
const socket = new ArpSocket(parseIpv4('192.0.2.1'));
const times: Record<string, number[]> = Object.fromEntries(ips.map((ip) => [ip, []]));
for (let round = 0; round < Number(rounds); round++) {
  for (const ip of ips) {
    for (let count = 0; count < Number(requests); count++) {
      const { asked, answered } = socket.ask(parseIpv4(ip), TIMEOUT_MS);
      times[ip]?.push(answered === undefined ? -1 : Number(answered - asked) / 1000);
    }
  }
}
console.log(JSON.stringify(times));
socket.close();
