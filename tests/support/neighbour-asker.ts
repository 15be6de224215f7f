/**
 * Asks once, by a neighbour solicitation out of eth0, who has an IPv6 address, and prints the hardware address of each
 * answer of the next second, a line each: what `arping` is for IPv4.
 *
 *     neighbour-asker.ts OWN-IP TARGET
 */
import { parseIp } from '../../src/runtime/model/ip.ts';
import { readNeighbourFrame, writeSolicitation } from './neighbour-frames.ts';
import { openPacketTap } from './packet-tap.ts';

const WAIT_MS = 1000;

const [own = '', asked = ''] = process.argv.slice(2);
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
tap.send(writeSolicitation({ mac: tap.mac, ip }, target));
setTimeout(() => tap.close(), WAIT_MS);
