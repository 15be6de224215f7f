/**
 * Asks, by neighbour solicitations out of eth0 every 20 ms, who has an IPv6 address, and prints the hardware address of
 * each answer up to a second after the last, a line each: what `arping` is for IPv4.
 *
 *     neighbour-asker.ts OWN-IP TARGET [TIMES]        TIMES: 1
 */
import { parseIp } from '../../src/runtime/model/ip.ts';
import { readNeighbourFrame, writeSolicitation } from './neighbour-frames.ts';
import { openPacketTap } from './packet-tap.ts';

const WAIT_MS = 1000;
const EVERY_MS = 20;

const [own = '', asked = '', times = '1'] = process.argv.slice(2);
const [ip, target] = [own, asked].map((text) => {
  const parsed = parseIp(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
});
if (ip === undefined || target === undefined) throw new Error('two addresses are needed');
const tap = openPacketTap((bytes) => {
  const frame = readNeighbourFrame(bytes);
  if (frame?.kind === 'advertisement' && frame.ip === target) console.log(frame.mac);
});
for (let time = 0; time < Number(times); time++) {
  setTimeout(() => tap.send(writeSolicitation({ mac: tap.mac, ip }, target)), time * EVERY_MS);
}
setTimeout(() => tap.close(), Number(times) * EVERY_MS + WAIT_MS);
