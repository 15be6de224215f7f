/** The guard of the packet path on a virtual clock: what may be announced when, and what is told to whom. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { LanConflict } from '../../../../src/runtime/model/conflict.ts';
import type { Mac } from '../../../../src/runtime/model/mac.ts';
import { ConflictWatch, type WantedPlace } from '../../../../src/runtime/programs/speaker/conflict-watch.ts';
import { ip } from '../../../support/views.ts';
import { fixedRandom, VirtualClock } from '../../../support/virtual-clock.ts';

const OWN = '02:00:00:00:00:01' as Mac;
const SPEAKER = '02:00:00:00:00:02' as Mac;
const FOREIGN = '52:54:00:00:00:99' as Mac;
const EPOCH_MS = Date.UTC(2020, 0, 1);

let clock: VirtualClock;
let watch: ConflictWatch;
let lines: string[];
let conflicts: (readonly LanConflict[])[];
let plans: number;
/** Who answers probes. */
let holder: Mac | undefined;

function wanted(address: string, given: Partial<WantedPlace> = {}): WantedPlace {
  return { ip: ip(address), interface: 'eth0', mac: OWN, policy: 'yield', held: 'by-nobody', ...given };
}

const A = wanted('192.0.2.7');
const HELD = wanted('192.0.2.7', { held: 'by-a-speaker' });

beforeEach(() => {
  clock = new VirtualClock();
  [lines, conflicts, plans, holder] = [[], [], 0, undefined];
  watch = new ConflictWatch({
    clock,
    random: fixedRandom(0.5),
    nodeName: 'n1',
    sendProbe: (place, mac) => {
      lines.push(`${clock.now()} probe ${place.ip} ${place.interface} ${mac}`);
      // The answer comes on a later turn, as from a socket.
      if (holder !== undefined) void Promise.resolve(holder).then((who) => watch.see(place, 'arp-reply', who));
    },
    defend: ({ ip: address }) => lines.push(`${clock.now()} defend ${address}`),
    onDecided: () => {
      plans += 1;
    },
    onConflicts: (all) => conflicts.push(all),
    onStaleOwner: (place, mac) => lines.push(`${clock.now()} stale ${place.ip} ${mac}`),
  });
  watch.setOwnMacs([OWN]);
  watch.setSpeakerMacs([OWN, SPEAKER]);
});

describe('what may be announced', () => {
  test('a new address after 200 ms of silence, and a plan is asked for once', async () => {
    watch.setWanted([A]);
    expect(watch.mayAnnounce(A)).toBe(false);
    await clock.advance(199);
    expect([watch.mayAnnounce(A), plans]).toEqual([false, 0]);
    await clock.advance(1);
    expect([watch.mayAnnounce(A), plans]).toEqual([true, 1]);
    expect(lines).toEqual([0, 60, 120].map((at) => `${at} probe 192.0.2.7 eth0 ${OWN}`));
    expect(clock.nextDelayMs).toBeUndefined();
  });

  test('one that a speaker held at once, without a frame', async () => {
    watch.setWanted([HELD]);
    expect(watch.mayAnnounce(HELD)).toBe(true);
    await clock.advance(1000);
    expect([lines, plans]).toEqual([[], 0]);
  });

  test('one that turns out to be held by a speaker at once, without waiting for the rest of the probes', async () => {
    watch.setWanted([A]);
    await clock.advance(30);
    watch.setWanted([HELD]);
    expect(watch.mayAnnounce(A)).toBe(true);
    await clock.advance(1000);
    expect(lines).toHaveLength(1);
  });

  test('the same set again changes nothing', async () => {
    watch.setWanted([A]);
    await clock.advance(100);
    watch.setWanted([{ ...A }]);
    await clock.advance(100);
    expect(watch.mayAnnounce(A)).toBe(true);
    watch.setWanted([{ ...A }]);
    expect(lines).toHaveLength(3);
  });

  test('nothing that is not wanted any more, and its probes stop', async () => {
    watch.setWanted([A, wanted('192.0.2.8', { held: 'by-a-speaker' })]);
    watch.setWanted([]);
    await clock.advance(1000);
    expect([watch.mayAnnounce(A), watch.mayAnnounce(wanted('192.0.2.8')), plans]).toEqual([false, false, 0]);
    expect(lines).toHaveLength(1);
    expect(watch.isWatched(A)).toBe(false);
  });

  test('nothing on an interface that is gone; back again it is wanted anew', async () => {
    watch.setWanted([HELD, wanted('192.0.2.7', { interface: 'eth1', held: 'by-a-speaker' })]);
    watch.interfaceGone('eth0');
    expect([watch.mayAnnounce(HELD), watch.mayAnnounce({ ...HELD, interface: 'eth1' })]).toEqual([false, true]);
    watch.setWanted([A]);
    await clock.advance(200);
    expect(watch.mayAnnounce(A)).toBe(true);
  });
});

describe('a foreign host', () => {
  const seen = (sinceMs: number): LanConflict => {
    return { ip: ip('192.0.2.7'), interface: 'eth0', mac: FOREIGN, sinceMs: EPOCH_MS + sinceMs, node: 'n1' };
  };

  test('that answers the first probe: not announced, told, and probed again until it is gone', async () => {
    holder = FOREIGN;
    watch.setWanted([A]);
    await clock.advance(1000);
    expect([watch.mayAnnounce(A), plans]).toEqual([false, 0]);
    expect(conflicts).toEqual([[seen(0)]]);
    holder = undefined;
    await clock.advance(5000);
    expect([watch.mayAnnounce(A), plans]).toEqual([true, 1]);
    expect(conflicts).toEqual([[seen(0)], []]);
  });

  test('that takes what is announced: a plan without it is asked for, and the cluster is told', async () => {
    watch.setWanted([HELD]);
    await clock.advance(1000);
    holder = FOREIGN;
    watch.see(HELD, 'arp-request', FOREIGN);
    await clock.advance(199);
    expect([watch.mayAnnounce(HELD), plans]).toEqual([true, 0]);
    await clock.advance(1);
    expect([watch.mayAnnounce(HELD), plans]).toEqual([false, 1]);
    expect(conflicts).toEqual([[seen(1200)]]);
  });

  test('and a plan that leaves the address out: it is remembered, and over when nobody answers', async () => {
    holder = FOREIGN;
    watch.setWanted([A]);
    await clock.advance(100);
    watch.setWanted([]);
    expect(conflicts).toEqual([[seen(0)]]);
    watch.setWanted([A]);
    expect(watch.mayAnnounce(A)).toBe(false);
    watch.setWanted([]);
    holder = undefined;
    await clock.advance(6000);
    expect(conflicts).toEqual([[seen(0)], []]);
    // It need not be listened for any longer.
    expect([watch.mayAnnounce(A), plans]).toEqual([false, 1]);
  });

  test('against a pool that defends: it stays announced, and is told', async () => {
    const defended = { ...HELD, policy: 'defend' as const };
    watch.setWanted([defended]);
    holder = FOREIGN;
    watch.see(defended, 'arp-request', FOREIGN);
    await clock.advance(300);
    expect([watch.mayAnnounce(defended), plans]).toEqual([true, 0]);
    expect(conflicts).toEqual([[seen(200)]]);
    expect(lines.at(-1)).toBe('200 defend 192.0.2.7');
  });

  test('that proves to be a speaker: the conflict is over', async () => {
    holder = FOREIGN;
    watch.setWanted([A]);
    await clock.advance(100);
    watch.setSpeakerMacs([SPEAKER, FOREIGN]);
    expect([watch.mayAnnounce(A), plans]).toEqual([true, 1]);
    expect(conflicts.at(-1)).toEqual([]);
    expect(lines.at(-1)).toBe(`100 stale 192.0.2.7 ${FOREIGN}`);
  });
});

test('another speaker that announces the same is told, for the claims to be compared', () => {
  watch.setWanted([HELD]);
  watch.see(HELD, 'arp-reply', SPEAKER);
  expect(lines).toEqual([`0 stale 192.0.2.7 ${SPEAKER}`]);
});

test('closed, it says and sends nothing more', async () => {
  watch.setWanted([A]);
  watch.close();
  watch.see(A, 'arp-reply', FOREIGN);
  watch.setWanted([wanted('192.0.2.8')]);
  await clock.advance(10_000);
  expect([lines.length, conflicts, plans]).toEqual([1, [], 0]);
});
