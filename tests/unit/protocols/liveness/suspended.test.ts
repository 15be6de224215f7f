/**
 * Machines that stand still, and clocks that jump. A speaker whose machine was suspended accuses nobody when it goes on,
 * and gives up what others have taken over: before it answers again where its clock tells it of the time that it missed,
 * else with the answer to its first heartbeat.
 */
import { describe, expect, test } from '@jest/globals';
import { instant } from '../../../../src/runtime/model/time.ts';
import { LeaseDetector } from '../../../../src/runtime/protocols/liveness/lease-detector.ts';
import { HEARTBEAT_MS, HEARTBEAT_SPREAD } from '../../../../src/runtime/protocols/liveness/timings.ts';
import { disputed, settledWorld, suspendElsewhere } from '../../../support/liveness-suspensions.ts';
import { nodeNames } from '../../../support/liveness-world.ts';

/** Its next heartbeat, later than usual by what timers may be, and the way there and back. */
const NEXT_HEARTBEAT_MS = HEARTBEAT_MS * (1 + HEARTBEAT_SPREAD) + 8 + 2;

const ROWS = [
  { how: 'process', clock: 'its clock goes on', lostPercent: 0, boundMs: 1 },
  { how: 'machine', clock: 'its clock goes on', lostPercent: 0, boundMs: 1 },
  // Every fifth is lost: doubt may end before anybody has told it, and the news comes a little later.
  { how: 'machine', clock: 'its clock goes on', lostPercent: 20, boundMs: 250 },
  { how: 'clock-too', clock: 'its clock stands still', lostPercent: 0, boundMs: NEXT_HEARTBEAT_MS },
  { how: 'clock-too', clock: 'its clock stands still', lostPercent: 20, boundMs: 250 },
] as const;

describe.each([
  { suspendedMs: 5000, seeds: 20 },
  { suspendedMs: 60_000, seeds: 6 },
  { suspendedMs: 600_000, seeds: 2 },
])('§5 suspended for $suspendedMs ms', ({ suspendedMs, seeds }) => {
  test.each(ROWS)(
    'the $how, $clock, $lostPercent % lost: it accuses nobody, and gives up what others took over',
    async ({ how, lostPercent, boundMs }) => {
      const given = { seeds: Array.from({ length: seeds }, (_, index) => index + 1), suspendedMs, how, lostPercent };
      const { takenOver, doubleMs, ...rest } = await suspendElsewhere(given);
      expect(rest).toEqual({ notTakenOver: 0, accused: [], kept: [], disputed: [], unbelieving: [] });
      expect(takenOver).toBeGreaterThanOrEqual(seeds);
      expect(doubleMs).toBeLessThanOrEqual(boundMs);
    },
    60_000,
  );

  test('all machines at once, as when their host is suspended: nobody is accused, and nothing moves', () => {
    for (const how of ['machine', 'clock-too'] as const) {
      const world = settledWorld(4, 5);
      const before = world.addresses.map((ip) => world.speaker('node-001').machine.owner(ip)?.node);
      for (const name of nodeNames(5)) world.freeze(name, suspendedMs + world.dice(30), how);
      world.log.length = 0;
      world.run(suspendedMs + 3000);
      expect(world.verdicts()).toEqual([]);
      expect(world.addresses.map((ip) => world.speaker('node-002').machine.owner(ip)?.node)).toEqual(before);
      expect(disputed(world)).toEqual([]);
    }
  });
});

test('§5 of two, the one that was suspended does not take the other for dead', () => {
  for (const how of ['process', 'machine', 'clock-too'] as const) {
    const world = settledWorld(5, 2);
    world.freeze('node-001', 60_000, how);
    world.run(59_999);
    world.log.length = 0;
    world.run(3000);
    expect(world.verdicts()).toEqual([]);
    expect(disputed(world)).toEqual([]);
  }
});

describe.each([-5, 5])('wall clocks that jump by %d hours', (hours) => {
  const jumpMs = hours * 3_600_000;
  const LEASE_MS = 4000;

  test('a Lease whose stamps jump is renewed by each of them, and given up by the own clock', () => {
    const detector = new LeaseDetector();
    for (let now = 0; now <= 60_000; now += 1000) {
      const wallMs = Date.UTC(2024, 0, 1) + now + (now >= 30_000 ? jumpMs : 0);
      detector.handle({ kind: 'renewed', leaseMs: LEASE_MS }, instant(now));
      for (const [node, stamp] of [
        ['b', new Date(wallMs).toISOString()],
        ['silent', 'the same'],
      ] as const) {
        detector.handle({ kind: 'observed', node, stamp, leaseMs: LEASE_MS }, instant(now));
      }
      expect(detector.alive(instant(now))).toEqual(now < LEASE_MS ? ['b', 'silent'] : ['b']);
    }
  });
});
