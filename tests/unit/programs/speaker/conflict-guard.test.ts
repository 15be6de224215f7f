/** The guard between the packet path and a foreign host, both families, on a network and a clock of its own making. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Log } from '../../../../src/runtime/engine/log.ts';
import type { LanConflict } from '../../../../src/runtime/model/conflict.ts';
import { type Ip, ipFamily } from '../../../../src/runtime/model/ip.ts';
import type { Hold } from '../../../../src/runtime/programs/speaker/announced.ts';
import { ConflictGuard } from '../../../../src/runtime/programs/speaker/conflict-guard.ts';
import { createPacketPath, type PacketPath } from '../../../../src/runtime/programs/speaker/packet-path.ts';
import { encodeArpAnnouncement } from '../../../../src/runtime/protocols/arp/announcement.ts';
import { encodeArpProbe } from '../../../../src/runtime/protocols/arp/probe.ts';
import { sightingOf } from '../../../../src/runtime/protocols/arp/sighting.ts';
import { ipv4ToBits } from '../../../../src/runtime/protocols/ip/ipv4.ts';
import { ipv6ToKey } from '../../../../src/runtime/protocols/ip/ipv6.ts';
import { encodeNdpAnnouncement } from '../../../../src/runtime/protocols/ndp/announcement.ts';
import { encodeNdpProbe } from '../../../../src/runtime/protocols/ndp/probe.ts';
import { ndpSightingOf } from '../../../../src/runtime/protocols/ndp/sighting.ts';
import { mac as macBits } from '../../../support/arp-vectors.ts';
import { FakeNetwork } from '../../../support/fake-network.ts';
import { ip, mac } from '../../../support/views.ts';
import { fixedRandom, VirtualClock } from '../../../support/virtual-clock.ts';

const OWN = '02:00:00:00:00:02';
const FOREIGN = '02:00:00:00:00:fe';
const SPEAKER = '02:00:00:00:00:03';

let network: FakeNetwork;
let clock: VirtualClock;
let guard: ConflictGuard;
let path: PacketPath;
let hold: Hold;
let told: (readonly LanConflict[])[];
let logged: string[];
let found: number;
let announcedAt: number[];
const log: Log = {
  info: (_, message) => logged.push(message),
  warn: (_, message) => logged.push(message),
};

beforeEach(() => {
  network = new FakeNetwork();
  clock = new VirtualClock();
  hold = { policy: 'yield', held: 'by-nobody' };
  [told, logged, found, announcedAt] = [[], [], 0, []];
  network.setInterfaces({
    name: 'eth0',
    index: 2,
    mac: mac(OWN),
    running: true,
    broadcast: true,
    arp: true,
    addresses: ['192.0.2.2/24', '2001:db8::2/64'],
  });
  guard = new ConflictGuard({
    clock,
    random: fixedRandom(0.5),
    log,
    nodeName: 'n1',
    path: () => path,
    claimOf: () => hold,
    isOurs: () => true,
    onConflicts: (conflicts) => told.push(conflicts),
    onFound: () => {
      found += 1;
    },
  });
  guard.setOwnMacs([mac(OWN)]);
  guard.setSpeakerMacs([mac(OWN), mac(SPEAKER)]);
  const options = { clock, random: fixedRandom(0.5), log, excludePatterns: [], pings: 'ignore', guard } as const;
  path = createPacketPath({ ports: network, ...options, onAnnounced: () => announcedAt.push(clock.now()) });
});

let generation = 0;
function announce(...addresses: readonly Ip[]): void {
  generation += 1;
  path.setTable({ generation, addresses: addresses.map((address) => ({ ip: address, interfaces: 'in-subnet' })) });
}

describe.each([ip('192.0.2.7'), ip('2001:db8::7')])('%s', (address) => {
  const isIpv4 = ipFamily(address) === 'ipv4';
  const traffic = isIpv4 ? 'arp' : 'ndp';
  /** What has gone out since the last look: 'arp-request', 'probe', 'na', 'dad-ns', … */
  const sent = (): string[] =>
    (network.openOn('eth0', traffic)?.sent.splice(0) ?? []).map((frame) => {
      return (isIpv4 ? sightingOf(frame)?.as : ndpSightingOf(frame)?.as) ?? 'something else';
    });
  const PROBE = isIpv4 ? 'probe' : 'dad-ns';
  const ANNOUNCEMENT = isIpv4 ? ['arp-request', 'arp-reply'] : ['na'];
  const REPLY = isIpv4 ? 'arp-reply' : 'na';
  /** Somebody to whom the answer is all the same looks whether it is in use, which whoever announces it answers. */
  const asks = (): void => {
    const frame = isIpv4
      ? encodeArpProbe(ipv4ToBits(address), macBits(SPEAKER))
      : encodeNdpProbe(ipv6ToKey(address), macBits(SPEAKER));
    network.openOn('eth0', traffic)?.receive(frame);
  };
  /** By a reply: a request would be answered as well. */
  const claims = (who: string): void => {
    const frames = isIpv4
      ? encodeArpAnnouncement(ipv4ToBits(address), macBits(who)).slice(1)
      : encodeNdpAnnouncement(ipv6ToKey(address), macBits(who));
    for (const frame of frames) network.openOn('eth0', traffic)?.receive(frame);
  };

  test('announced when three probes have found nobody', async () => {
    announce(address);
    await clock.advance(199);
    expect(sent()).toEqual([PROBE, PROBE, PROBE]);
    expect(guard.isAnnounced(address)).toBe(false);
    expect(announcedAt).toEqual([]);
    await clock.advance(1);
    expect(announcedAt).toEqual([200]);
    expect(guard.isAnnounced(address)).toBe(true);
    expect(sent()).toEqual(ANNOUNCEMENT);
    expect(told).toEqual([]);
  });

  test('announced at once when a speaker held it', () => {
    hold = { policy: 'yield', held: 'by-a-speaker' };
    announce(address);
    expect(sent()).toEqual(ANNOUNCEMENT);
  });

  test('somebody foreign has it: said, not announced, listened for until it is gone, though nothing is announced', async () => {
    announce(address);
    claims(FOREIGN);
    await clock.advance(1000);
    expect(sent()).toEqual([PROBE]);
    expect(guard.conflicts).toMatchObject([{ ip: address, mac: FOREIGN, interface: 'eth0', node: 'n1' }]);
    expect(found).toBe(1);
    announce();
    await clock.advance(4000);
    expect(network.openOn('eth0', traffic)).toBeDefined();
    await clock.advance(150);
    expect(sent()).toEqual([PROBE, PROBE, PROBE]);
    await clock.advance(850);
    expect(guard.conflicts).toEqual([]);
    expect(told).toHaveLength(2);
    expect(logged).toEqual([
      'a host that is no speaker holds an address of a Service',
      'the address of a Service is not held by that host any more',
    ]);
    // Without another table.
    expect(network.openOn('eth0', traffic)).toBeUndefined();
  });

  test('taken while it is announced: given up when the claim is repeated, answered again when it is free, by one table', async () => {
    hold = { policy: 'yield', held: 'by-a-speaker' };
    announce(address);
    await clock.advance(10_000);
    sent();
    asks();
    expect(sent()).toEqual([REPLY]);
    claims(FOREIGN);
    await clock.advance(210);
    expect(sent()).toEqual([PROBE]);
    claims(FOREIGN);
    expect(guard.mayAnnounce({ ip: address, interface: 'eth0' })).toBe(false);
    asks();
    await clock.advance(3000);
    expect(sent()).toEqual([]);
    await clock.advance(4000);
    expect(sent().slice(0, 4)).toEqual([PROBE, PROBE, PROBE, ANNOUNCEMENT[0]]);
    asks();
    expect(sent()).toEqual([REPLY]);
  });

  test('taken while it is announced, and defended: announced once more', async () => {
    hold = { policy: 'defend', held: 'by-a-speaker' };
    announce(address);
    await clock.advance(10_000);
    sent();
    claims(FOREIGN);
    await clock.advance(210);
    claims(FOREIGN);
    expect(sent()).toEqual([PROBE, ...ANNOUNCEMENT]);
    expect(guard.mayAnnounce({ ip: address, interface: 'eth0' })).toBe(true);
  });

  test('another speaker announces it too: announced anew, so that the neighbours end up here, and no conflict', async () => {
    hold = { policy: 'yield', held: 'by-a-speaker' };
    announce(address);
    await clock.advance(10_000);
    sent();
    claims(SPEAKER);
    expect(sent()).toEqual(ANNOUNCEMENT);
    expect(told).toEqual([]);
  });
});
