/** Whatever is heard: how much goes out, how often an address is given up, and that nothing breaks. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Mac } from '../../../../src/runtime/model/mac.ts';
import { after, instant } from '../../../../src/runtime/model/time.ts';
import { ConflictDetector } from '../../../../src/runtime/protocols/conflict/detector.ts';
import { DueQueue } from '../../../../src/runtime/protocols/conflict/due-queue.ts';
import type { ConflictInput, Sighting } from '../../../../src/runtime/protocols/conflict/messages.ts';
import { reprobeDelayMs } from '../../../../src/runtime/protocols/conflict/timings.ts';
import { mac as macOf } from '../../../support/views.ts';
import { FOREIGN, Lan, OTHER, OWN, place, SPEAKER, V4, V6 } from './lan.ts';

const sightings: readonly Sighting[] = ['arp-request', 'arp-reply', 'na', 'probe', 'dad-ns'];
const sighting = fc.constantFrom(...sightings);
const mac = fc.oneof(
  fc.constantFrom(OWN, SPEAKER, FOREIGN, OTHER),
  fc.nat(0xffff).map((n) => macOf(`52:54:00:00:${hex(n >> 8)}:${hex(n & 255)}`)),
);

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

interface Frame {
  readonly afterMs: number;
  readonly as: Sighting;
  readonly mac: Mac;
}

const frame: fc.Arbitrary<Frame> = fc.record({
  afterMs: fc.oneof(fc.constant(0), fc.nat(100), fc.nat(20_000)),
  as: sighting,
  mac,
});

describe('whatever is heard of an announced address', () => {
  const heard = fc.tuple(fc.constantFrom('yield' as const, 'defend' as const), fc.array(frame, { maxLength: 200 }));

  test('what goes out is bounded by time, not by what comes in', () => {
    fc.assert(
      fc.property(heard, ([policy, frames]) => {
        const lan = new Lan().watch(V4, policy);
        for (const { afterMs, as, mac: who } of frames) lan.pass(afterMs).hear(as, who);
        lan.pass(120_000);
        const seconds = lan.now / 1000;
        // A suspicion or a look lasts 400 ms with three probes; the first of each begins at once.
        expect(lan.count('send-probe')).toBeLessThanOrEqual(3 * (1 + seconds / 0.4));
        expect(lan.count('defence')).toBeLessThanOrEqual(1 + seconds / 10);
        expect(lan.count('stale-owner')).toBeLessThanOrEqual(1 + seconds / 0.1);
      }),
    );
  });

  test('it is given up and taken back in turns, and each time for 3.75 s at least', () => {
    fc.assert(
      fc.property(heard, fc.double({ min: 0, max: 0.999, noNaN: true }), ([policy, frames], random) => {
        const lan = new Lan(() => random).watch(V4, policy);
        for (const { afterMs, as, mac: who } of frames) lan.pass(afterMs).hear(as, who);
        lan.pass(120_000);
        let lostAt: number | undefined;
        for (const { at, output } of lan.outputs) {
          if (output.kind === 'conflict' && output.then === 'yield') {
            expect(lostAt).toBeUndefined();
            lostAt = at;
          } else if (output.kind === 'clear' && policy === 'yield') {
            expect(at - (lostAt ?? Number.NaN)).toBeGreaterThanOrEqual(3750);
            lostAt = undefined;
          }
        }
        expect(lan.count('free')).toBe(0);
        if (policy === 'defend') expect(lan.lines.filter((line) => line.endsWith('yield'))).toEqual([]);
        // With nobody left who claims it, it is announced again in the end.
        expect(lan.detector.snapshot()).toMatchObject({ held: 1 });
      }),
    );
  });
});

test('a flood of forged claims, ten a second for an hour, makes it flap at most 80 times, and wake the timer seldom', () => {
  const lan = new Lan().watch();
  for (let i = 0; i < 36_000; i++)
    lan.pass(100).hear('arp-reply', macOf(`52:54:00:00:${hex((i >> 8) & 255)}:${hex(i & 255)}`));
  expect(lan.count('clear')).toBe(0);
  expect(lan.lines.filter((line) => line.endsWith('yield'))).toHaveLength(1);
  expect(lan.count('send-probe')).toBeLessThan(3 * 80);
  expect(lan.count('conflict')).toBeLessThan(80);
});

test('forged claims that keep silent whenever they are looked for: at most 80 flaps an hour', () => {
  const lan = new Lan().watch();
  for (let second = 0; second < 3600; second++) {
    for (let i = 0; i < 5; i++) {
      if (lan.detector.snapshot().silent === 0) lan.hear('arp-reply');
      lan.pass(200);
    }
  }
  expect(lan.lines.filter((line) => line.endsWith('yield')).length).toBeGreaterThan(30);
  expect(lan.lines.filter((line) => line.endsWith('yield')).length).toBeLessThan(80);
});

/** Two speakers of different clusters on one wire: each is foreign to the other, and hears its probes. */
class TwoClusters {
  readonly #detectors: readonly ConflictDetector[];
  readonly #macs = [OWN, FOREIGN] as const;
  readonly announced = [false, false];
  /** On the wire: what each has sent since the last tick. */
  #frames: { readonly from: number; readonly as: Sighting }[] = [];

  constructor(randoms: readonly number[]) {
    this.#detectors = randoms.map((random) => new ConflictDetector({ random: () => random }));
  }

  probe(at: number): void {
    for (const [i, mac] of this.#macs.entries())
      this.#tell(i, { kind: 'probe', mac, policy: 'yield', ...place(V4) }, at);
  }

  tick(at: number): void {
    const frames = this.#frames;
    this.#frames = [];
    for (const { from, as } of frames) {
      const other = 1 - from;
      this.#tell(other, { kind: 'seen', as, mac: this.#macs[from] ?? OWN, ...place(V4) }, at);
      if (as === 'probe' && this.announced[other]) this.#frames.push({ from: other, as: 'arp-reply' });
    }
    for (const [i, detector] of this.#detectors.entries()) {
      if ((detector.deadline() ?? Number.POSITIVE_INFINITY) <= at) this.#tell(i, { kind: 'timer' }, at);
    }
  }

  #tell(i: number, input: ConflictInput, at: number): void {
    for (const { kind } of this.#detectors[i]?.handle(input, instant(at)) ?? []) {
      if (kind === 'free' || kind === 'clear') this.announced[i] = true;
      if (kind === 'conflict') this.announced[i] = false;
      if (kind === 'send-probe') this.#frames.push({ from: i, as: 'probe' });
    }
  }
}

test('RFC 5227 §2.1.1: two clusters that probe for one address at once: neither has it, one has it in the end', () => {
  const fraction = (min: number, max: number) => fc.double({ min, max, noNaN: true });
  fc.assert(
    fc.property(fraction(0, 0.3), fraction(0.6, 0.99), (x, y) => {
      const lan = new TwoClusters([x, y]);
      lan.probe(0);
      for (let at = 0; at <= 20_000; at += 20) {
        lan.tick(at);
        if (at < 3000 && lan.announced.includes(true)) throw new Error(`announced after ${at} ms`);
        if (!lan.announced.includes(false)) throw new Error(`both announce it after ${at} ms`);
      }
      expect(lan.announced).toContain(true);
    }),
    { numRuns: 50 },
  );
});

describe('any inputs at all', () => {
  const where = fc.record({
    ip: fc.constantFrom(place(V4).ip, place(V6).ip, place('192.0.2.8').ip),
    interface: fc.constantFrom('eth0', 'eth1'),
  });
  const policy = fc.constantFrom('yield' as const, 'defend' as const);
  const input: fc.Arbitrary<ConflictInput> = fc.oneof(
    fc.tuple(fc.constantFrom('probe' as const, 'watch' as const), where, policy).map(([kind, at, how]) => {
      return { kind, ...at, mac: OWN, policy: how };
    }),
    where.map((at) => ({ kind: 'released' as const, ...at })),
    fc.tuple(where, sighting, mac).map(([at, as, who]) => ({ kind: 'seen' as const, ...at, as, mac: who })),
    fc.array(mac, { maxLength: 4 }).map((macs) => ({ kind: 'own-macs' as const, macs })),
    fc.array(mac, { maxLength: 4 }).map((macs) => ({ kind: 'speaker-macs' as const, macs })),
    fc.constant({ kind: 'interface-gone' as const, interface: 'eth1' }),
    fc.constant({ kind: 'timer' as const }),
  );

  test('nothing throws, the same inputs give the same outputs, and all of it comes to rest', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(input, fc.nat(3000)), { maxLength: 120 }), (steps) => {
        const run = (): readonly string[] => {
          const lan = new Lan();
          for (const [one, afterMs] of steps) lan.tell(structuredClone(one)).pass(afterMs);
          lan.pass(200_000);
          expect(lan.detector.conflicts()).toEqual([]);
          expect(lan.detector.deadline()).toBeUndefined();
          return lan.lines;
        };
        expect(run()).toEqual(run());
      }),
    );
  });

  test('nothing is called free without three probes before it in the last 250 ms of its own', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(input, fc.nat(300)), { maxLength: 80 }), (steps) => {
        const lan = new Lan();
        for (const [one, afterMs] of steps) lan.tell(one).pass(afterMs);
        lan.pass(1000);
        for (const { at, output } of lan.outputs) {
          if (output.kind !== 'free') continue;
          const probes = lan.outputs.filter(
            (other) =>
              other.output.kind === 'send-probe' &&
              other.output.ip === output.ip &&
              other.output.interface === output.interface &&
              other.at >= at - 250 &&
              other.at <= at,
          );
          expect(probes).toHaveLength(3);
        }
      }),
    );
  });
});

test('five thousand first announcements: probed at 5,000 frames a second, each with its own 200 ms', () => {
  const lan = new Lan();
  for (let i = 0; i < 5000; i++) lan.probe(`10.1.${i >> 8}.${i & 255}`);
  lan.pass(10_000);
  expect(lan.count('free')).toBe(5000);
  expect(lan.count('send-probe')).toBe(15_000);
  const frees = lan.outputs.filter(({ output }) => output.kind === 'free').map(({ at }) => at);
  expect(Math.max(...frees)).toBeLessThan(3300);
  const firstProbe = new Map<string, number>();
  for (const { at, output } of lan.outputs) {
    if (output.kind === 'send-probe' && !firstProbe.has(output.ip)) firstProbe.set(output.ip, at);
    if (output.kind === 'free') expect(at - (firstProbe.get(output.ip) ?? at)).toBeGreaterThanOrEqual(200);
  }
  const perTenMs = Map.groupBy(
    lan.outputs.filter(({ output }) => output.kind === 'send-probe'),
    ({ at }) => Math.floor(at / 10),
  );
  expect(Math.max(...Array.from(perTenMs.values(), (sent) => sent.length))).toBeLessThanOrEqual(150);
});

test('the wait after a conflict doubles from 5 s to 60 s, a quarter longer or shorter', () => {
  expect([1, 2, 3, 4, 5, 6, 1000].map((n) => reprobeDelayMs(n, 0.5))).toEqual([
    5000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000,
  ]);
  expect([reprobeDelayMs(1, 0), reprobeDelayMs(1, 1)]).toEqual([3750, 6250]);
});

test('the queue gives the item due first, also after items were put off or taken out', () => {
  const moves = fc.array(fc.tuple(fc.nat(9), fc.option(fc.nat(50), { nil: undefined })), { maxLength: 100 });
  fc.assert(
    fc.property(moves, (steps) => {
      const queue = new DueQueue<{ due: ReturnType<typeof instant> | undefined }>();
      const items = Array.from({ length: 10 }, () => ({ due: undefined as ReturnType<typeof instant> | undefined }));
      for (const [which, due] of steps) {
        const item = items[which];
        if (item !== undefined) queue.set(item, due === undefined ? undefined : after(instant(0), due));
        const least = Math.min(...items.map((each) => each.due ?? Number.POSITIVE_INFINITY));
        expect(queue.peek()?.due ?? Number.POSITIVE_INFINITY).toBe(least);
      }
    }),
  );
});
