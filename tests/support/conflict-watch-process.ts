/**
 * The watch over conflicts as a program of its own, on eth0 of the network namespace it runs in, for so long; prints
 * what became of one address. Started by tests/privileged/conflict-watch.test.ts.
 *
 *     conflict-watch-process.ts 192.0.2.7 by-nobody 500 ─▶ "ready", then {"events":[{"atMs":201,"what":"announceable"}]}
 */
import { hostClock } from '../../src/runtime/adapters/host/clock.ts';
import { watchInterfaces } from '../../src/runtime/adapters/host/interfaces.ts';
import { hostPacketSockets } from '../../src/runtime/adapters/host/packet-socket.ts';
import { hostRandom } from '../../src/runtime/adapters/host/random.ts';
import { parseIp } from '../../src/runtime/model/ip.ts';
import { ConflictWatch } from '../../src/runtime/programs/speaker/conflict-watch.ts';
import { ipv4ToBits } from '../../src/runtime/protocols/arp/codec.ts';
import { encodeArpProbe } from '../../src/runtime/protocols/arp/probe.ts';
import { sightingOf } from '../../src/runtime/protocols/arp/sighting.ts';
import { macFromBits, macToBits } from '../../src/runtime/protocols/ethernet/codec.ts';

/** What the watch said, and when after it was told to begin. */
export interface WatchEvent {
  readonly atMs: number;
  readonly what: string;
}

const [address = '', held = '', runMs = ''] = process.argv.slice(2);
const ip = parseIp(address);
const interfaces = watchInterfaces({ info: () => {}, warn: (fields, message) => console.error(message, fields) });
const eth0 = interfaces.current().find(({ name }) => name === 'eth0');
if (!ip.ok || eth0?.mac === undefined) throw new Error('an address and an eth0 are needed');
const place = { ip: ip.value, interface: 'eth0' };
const bits = ipv4ToBits(ip.value);
const mac = eth0.mac;

const events: WatchEvent[] = [];
const startMs = hostClock.now();
const note = (what: string): void => {
  events.push({ atMs: hostClock.now() - startMs, what });
};

const socket = hostPacketSockets.open(eth0, 'arp', {
  frame: (frame) => {
    const sighting = sightingOf(frame);
    if (sighting?.ip === bits) watch.see(place, sighting.as, macFromBits(sighting.mac));
  },
  failed: (error) => {
    throw error;
  },
});
const watch = new ConflictWatch({
  clock: hostClock,
  random: hostRandom,
  nodeName: 'n1',
  sendProbe: () => {
    const error = socket.send(encodeArpProbe(bits, macToBits(mac)));
    if (error !== undefined) throw error;
  },
  defend: () => note('defend'),
  onAnnounceable: () => note(watch.mayAnnounce(place) ? 'announceable' : 'not announceable'),
  onConflicts: (all) => note(`conflicts ${all.map((conflict) => conflict.mac).join()}`),
  onStaleOwner: () => note('stale owner'),
});
watch.setOwnMacs([mac]);
watch.setWanted([{ ...place, mac, policy: 'yield', held: held === 'by-a-speaker' ? 'by-a-speaker' : 'by-nobody' }]);
console.log('ready');

hostClock.schedule(Number(runMs), () => {
  watch.close();
  socket.close();
  interfaces.close();
  console.log(JSON.stringify({ events }));
});
