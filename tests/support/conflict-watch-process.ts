/**
 * The packet path with its guard as a program of its own, on eth0 of the network namespace it runs in, for so long; prints
 * what became of one address. Started by tests/privileged/conflict-watch.test.ts.
 *
 *     conflict-watch-process.ts 192.0.2.7 by-nobody 500 ─▶ "ready", then {"events":[{"atMs":201,"what":"announceable"}]}
 */
import { hostClock } from '../../src/runtime/adapters/host/clock.ts';
import { watchInterfaces } from '../../src/runtime/adapters/host/interfaces.ts';
import { hostPacketSockets } from '../../src/runtime/adapters/host/packet-socket.ts';
import { hostRandom } from '../../src/runtime/adapters/host/random.ts';
import type { Log } from '../../src/runtime/engine/log.ts';
import { parseIp } from '../../src/runtime/model/ip.ts';
import { ConflictGuard } from '../../src/runtime/programs/speaker/conflict-guard.ts';
import { createPacketPath } from '../../src/runtime/programs/speaker/packet-path.ts';
import { sightingOf } from '../../src/runtime/protocols/arp/sighting.ts';
import { ndpSightingOf } from '../../src/runtime/protocols/ndp/sighting.ts';

/** What became of the address, and when after the program was told to begin. */
export interface WatchEvent {
  readonly atMs: number;
  readonly what: string;
}

const [address = '', held = '', runMs = ''] = process.argv.slice(2);
const ip = parseIp(address);
const log: Log = { info: () => {}, warn: (fields, message) => console.error(message, fields) };
const interfaces = watchInterfaces(log);
const eth0 = interfaces.current().find(({ name }) => name === 'eth0');
if (!ip.ok || eth0?.mac === undefined) throw new Error('an address and an eth0 are needed');
const place = { ip: ip.value, interface: 'eth0' };

const events: WatchEvent[] = [];
const startMs = hostClock.now();
const note = (what: string): void => {
  events.push({ atMs: hostClock.now() - startMs, what });
};

const guard = new ConflictGuard({
  clock: hostClock,
  random: hostRandom,
  log: { info: () => {}, warn: () => {} },
  nodeName: 'n1',
  path: () => ({
    send: (name, traffic, frame) => {
      const as = (traffic === 'arp' ? sightingOf(frame) : ndpSightingOf(frame))?.as;
      if (as === 'arp-request' || as === 'na') note('defend');
      path.send(name, traffic, frame);
    },
    replan: () => {
      note(guard.mayAnnounce(place) ? 'announceable' : 'not announceable');
      path.replan();
    },
    announceAgain: () => note('announced again'),
  }),
  claimOf: () => ({ policy: 'yield', held: held === 'by-a-speaker' ? 'by-a-speaker' : 'by-nobody' }),
  isOurs: () => true,
  onConflicts: (all) => note(`conflicts ${all.map((conflict) => conflict.mac).join()}`),
  onFound: () => {},
});
guard.setOwnMacs([eth0.mac]);
const path = createPacketPath({
  ports: { sockets: hostPacketSockets, interfaces },
  clock: hostClock,
  random: hostRandom,
  log,
  excludePatterns: [],
  pings: 'ignore',
  guard,
});
path.setTable({ generation: 1, addresses: [{ ip: ip.value, interfaces: ['eth0'] }] });
console.log('ready');

hostClock.schedule(Number(runMs), () => {
  guard.close();
  path.close();
  interfaces.close();
  console.log(JSON.stringify({ events }));
});
