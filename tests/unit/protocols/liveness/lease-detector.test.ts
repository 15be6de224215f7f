import { describe, expect, test } from '@jest/globals';
import { instant } from '../../../../src/runtime/model/time.ts';
import {
  LeaseDetector,
  leaseDurationMs,
  renewIntervalMs,
} from '../../../../src/runtime/protocols/liveness/lease-detector.ts';

const LEASE_MS = 4000;

/** Renews this speaker's own Lease every second from `from` to `to`, and lets the named nodes renew theirs. */
function run(detector: LeaseDetector, from: number, to: number, nodes: readonly string[]): void {
  for (let now = from; now <= to; now += 1000) {
    detector.handle({ kind: 'renewed', leaseMs: LEASE_MS }, instant(now));
    for (const node of nodes) {
      detector.handle({ kind: 'observed', node, stamp: `${node}@${now}`, leaseMs: LEASE_MS }, instant(now));
    }
  }
}

describe('lease detector', () => {
  test('a speaker that renews stays alive', () => {
    const detector = new LeaseDetector();
    run(detector, 0, 60_000, ['a', 'b']);
    expect(detector.alive(instant(60_500))).toEqual(['a', 'b']);
  });

  test('a speaker that stops renewing is given up when its lease has run out, not before', () => {
    const detector = new LeaseDetector();
    run(detector, 0, 3000, ['a', 'b']);
    run(detector, 4000, 6000, ['a']);
    expect(detector.alive(instant(6999))).toEqual(['a', 'b']);
    run(detector, 7000, 7000, ['a']);
    expect(detector.alive(instant(7000))).toEqual(['a']);
  });

  test('the deadline names the moment the next speaker would be given up', () => {
    const detector = new LeaseDetector();
    run(detector, 0, 1000, ['a', 'b']);
    run(detector, 2000, 4000, ['b']);
    expect(detector.deadline(instant(4500))).toBe(5000);
  });

  test('a goodbye counts at once', () => {
    const detector = new LeaseDetector();
    run(detector, 0, 1000, ['a', 'b']);
    detector.handle({ kind: 'vanished', node: 'a' }, instant(1001));
    expect(detector.alive(instant(1001))).toEqual(['b']);
  });

  test('seeing the same stamp again renews nothing', () => {
    const detector = new LeaseDetector();
    run(detector, 0, 0, ['a']);
    run(detector, 1000, 4000, []);
    detector.handle({ kind: 'observed', node: 'a', stamp: 'a@0', leaseMs: LEASE_MS }, instant(3900));
    expect(detector.alive(instant(4000))).toEqual([]);
  });

  test('back after an outage everyone gets a fresh lease, and the dead are given up after it', () => {
    const detector = new LeaseDetector();
    run(detector, 0, 2000, ['a', 'b']);
    detector.handle({ kind: 'renewal-failed' }, instant(3000));
    run(detector, 100_000, 103_000, ['a']);
    expect(detector.alive(instant(103_900))).toEqual(['a', 'b']);
    run(detector, 104_000, 104_000, ['a']);
    expect(detector.alive(instant(104_000))).toEqual(['a']);
  });
});

describe('cut off from the API server', () => {
  test('nobody is accused, for however long', () => {
    const detector = new LeaseDetector();
    run(detector, 0, 2000, ['a', 'b', 'c']);
    detector.handle({ kind: 'renewal-failed' }, instant(3000));
    expect(detector.alive(instant(600_000))).toEqual(['a', 'b', 'c']);
    expect(detector.deadline(instant(600_000))).toBeUndefined();
  });

  test('nor by a speaker that stalled', () => {
    const detector = new LeaseDetector();
    run(detector, 0, 2000, ['a', 'b', 'c']);
    expect(detector.alive(instant(20_000))).toEqual(['a', 'b', 'c']);
    run(detector, 20_000, 20_000, ['a']);
    expect(detector.alive(instant(20_100))).toEqual(['a', 'b', 'c']);
  });
});

describe('the pace of renewals', () => {
  test.each([
    { speakers: 3, interval: 1000, lease: 4000 },
    { speakers: 20, interval: 1000, lease: 4000 },
    { speakers: 21, interval: 1050, lease: 5000 },
    { speakers: 100, interval: 5000, lease: 20_000 },
  ])('$speakers speakers renew every $interval ms', ({ speakers, interval, lease }) => {
    expect(renewIntervalMs(speakers)).toBe(interval);
    expect(leaseDurationMs(speakers)).toBe(lease);
  });
});
