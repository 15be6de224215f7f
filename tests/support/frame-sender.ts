/**
 * Sends frames out of eth0 as fast as the kernel takes them; started in a host of a test LAN.
 *
 *     frame-sender.ts garbage COUNT      random and damaged ARP frames, the same at every run
 *     frame-sender.ts hex FRAME…         these
 *     frame-sender.ts for SECONDS FRAME  this one, a few times every millisecond, for so long
 */
import { watchInterfaces } from '../../src/runtime/adapters/host/interfaces.ts';
import { hostPacketSockets } from '../../src/runtime/adapters/host/packet-socket.ts';
import { bytesFromHex, readArpVectors } from './arp-vectors.ts';
import { seededDice } from './dice.ts';

function garbage(count: number): Uint8Array[] {
  const roll = seededDice(3);
  const seeds = readArpVectors().map(({ frame }) => frame);
  return Array.from({ length: count }, () => {
    const frame = Uint8Array.from(seeds[roll(seeds.length)] ?? []);
    // The destination stays broadcast and the type ARP, so that the switch and the filter let it through.
    frame.fill(0xff, 0, 6);
    for (let mutations = 1 + roll(5); mutations > 0; mutations--) frame[14 + roll(frame.length - 14)] = roll(256);
    return frame.subarray(0, 15 + roll(frame.length - 14));
  });
}

const [mode, ...rest] = process.argv.slice(2);
const frames = mode === 'garbage' ? garbage(Number(rest[0])) : mode === 'hex' ? rest.map(bytesFromHex) : [];
const watch = watchInterfaces({ info: () => {}, warn: () => {} });
const eth0 = watch.current().find(({ name }) => name === 'eth0');
if (eth0 === undefined) throw new Error('no eth0 here');
const socket = hostPacketSockets.open(eth0, 'arp', {
  frame: () => {},
  failed: (error) => console.error(error.message),
  groupsFailed: (error) => console.error(error.message),
});
let sent = 0;
function send(frame: Uint8Array): void {
  if (socket.send(frame) === undefined) sent += 1;
}
if (mode === 'for') {
  const frame = bytesFromHex(rest[1] ?? '');
  const end = performance.now() + Number(rest[0]) * 1000;
  while (performance.now() < end) {
    for (let count = 0; count < 5; count++) send(frame);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
} else for (const frame of frames) send(frame);
console.log(sent);
socket.close();
watch.close();
