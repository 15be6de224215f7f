/** The election on clocks that a test sets: row by row what is answered to what, then whole stories in a played world. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  type ElectionInput,
  type ElectionOutput,
  LeaderElection,
  type LeaderRecord,
} from '../../../src/runtime/engine/leader-election.ts';
import { leaderTimings } from '../../../src/runtime/engine/leader-timings.ts';
import { instant } from '../../../src/runtime/model/time.ts';
import { ElectionWorld, LEASE_MS } from '../../support/election-world.ts';
import { fixedRandom } from '../../support/virtual-clock.ts';

const WALL = Date.UTC(2020, 0, 1);
const held = (holder: string, version = 'v1', transitions = 0): LeaderRecord => ({
  holder,
  version,
  transitions,
  leaseMs: 5000,
});

/** An election of "a" and a clock: `at` sets both clocks, `wallAheadMs` only the wall's. */
function electionOf() {
  const election = new LeaderElection({ identity: 'a', timings: leaderTimings(5000), random: fixedRandom() });
  const moment = (ms: number, wallAheadMs = 0) => ({ monotonic: instant(ms), wallMs: WALL + ms + wallAheadMs });
  return {
    election,
    moment,
    at: (ms: number, input: ElectionInput): ElectionOutput[] => election.handle(input, moment(ms)),
  };
}

/** Up to the first write, which is not answered yet. */
function electionThatWrites() {
  const made = electionOf();
  made.at(0, { kind: 'start' });
  const [output] = made.at(10, { kind: 'read', id: 1, record: undefined });
  expect(output).toMatchObject({ kind: 'write', id: 2 });
  return made;
}

/** Leads since 20, by a write sent at 10. */
function leading() {
  const made = electionThatWrites();
  expect(made.at(20, { kind: 'written', id: 2, record: held('a') })).toEqual([{ kind: 'gained', transitions: 0 }]);
  return made;
}

describe('what is done about the record', () => {
  test.each([
    {
      name: 'none: it is made at once',
      record: undefined,
      atMs: 10,
      write: { basedOn: undefined, holder: 'a', transitions: 0, newHolder: true },
    },
    {
      name: 'its own, of a process before it: taken over at once, no new holder',
      record: held('a', 'v7', 3),
      atMs: 10,
      write: { basedOn: 'v7', holder: 'a', transitions: 3 },
    },
    {
      name: 'released: taken at once',
      record: held('', 'v7', 3),
      atMs: 10,
      write: { basedOn: 'v7', holder: 'a', transitions: 4, newHolder: true },
    },
    {
      name: "another's: taken when it has not changed for a lease, counted from when it was seen",
      record: held('b', 'v7', 3),
      atMs: 5010,
      write: { basedOn: 'v7', holder: 'a', transitions: 4, newHolder: true },
    },
    {
      name: "another's with a longer lease: that is waited for",
      record: { ...held('b', 'v7', 3), leaseMs: 9000 },
      atMs: 9010,
      write: { basedOn: 'v7', holder: 'a', transitions: 4, newHolder: true },
    },
  ])('$name', ({ record, atMs, write }) => {
    const { election, at } = electionOf();
    expect(at(0, { kind: 'start' })).toEqual([{ kind: 'read', id: 1 }]);
    const answer = at(10, { kind: 'read', id: 1, record });
    if (atMs === 10) expect(answer).toEqual([{ kind: 'write', id: 2, write }]);
    else {
      expect(answer).toEqual([]);
      expect(election.deadline()).toBe(atMs);
      expect(at(atMs - 1, { kind: 'tick' })).toEqual([]);
      expect(at(atMs, { kind: 'tick' })).toEqual([{ kind: 'write', id: 2, write }]);
    }
  });

  test('every change of it begins the wait anew', () => {
    const { election, at } = electionOf();
    at(0, { kind: 'start' });
    at(10, { kind: 'read', id: 1, record: held('b', 'v1') });
    at(1000, { kind: 'seen', record: held('b', 'v1') });
    expect(election.deadline()).toBe(5010);
    at(1000, { kind: 'seen', record: held('b', 'v2') });
    expect(election.deadline()).toBe(6000);
  });

  test('deleted under another holder, who may not know it yet, it is waited for as if it were there', () => {
    const { election, at } = electionOf();
    at(0, { kind: 'start' });
    at(10, { kind: 'read', id: 1, record: held('b', 'v1') });
    at(1000, { kind: 'seen', record: undefined });
    expect(election.deadline()).toBe(6000);
  });

  test('a refused write is followed by a look at once; refused again and again, by one a little later each', () => {
    const { at, election } = electionThatWrites();
    expect(at(20, { kind: 'refused', id: 2 })).toEqual([{ kind: 'read', id: 3 }]);
    const [again] = at(30, { kind: 'read', id: 3, record: held('', 'v9') });
    expect(again).toMatchObject({ kind: 'write', id: 4, write: { basedOn: 'v9' } });
    expect(at(40, { kind: 'refused', id: 4 })).toEqual([]);
    expect(election.deadline()).toBe(40 + 125);
    expect(at(165, { kind: 'tick' })).toEqual([{ kind: 'read', id: 5 }]);
  });

  test('a write that failed does not make anybody forget to wait for who was quicker', () => {
    const { at, election } = electionThatWrites();
    at(20, { kind: 'seen', record: held('b') });
    at(1010, { kind: 'failed', id: 2 });
    expect(election.deadline()).toBe(5020);
  });

  test('answers to requests that are over change nothing', () => {
    const { at, election, moment } = electionThatWrites();
    at(1010, { kind: 'failed', id: 2 });
    expect(at(1020, { kind: 'written', id: 2, record: held('a') })).toEqual([]);
    expect(election.snapshot()).toEqual({ state: 'following' });
    expect(election.isLeader(moment(1020))).toBe(false);
  });
});

describe('leading', () => {
  test('is counted from when the renewal was sent, not from when it was answered', () => {
    const { election, moment } = leading();
    expect(election.isLeader(moment(3009))).toBe(true);
    expect(election.isLeader(moment(3010))).toBe(false);
  });

  test('a renewal that is answered after that time makes nobody a leader, and is sent again', () => {
    const { at } = electionThatWrites();
    expect(at(3011, { kind: 'written', id: 2, record: held('a') })).toMatchObject([{ kind: 'write', id: 3 }]);
  });

  test('is renewed every fifth of a lease', () => {
    const { election, at, moment } = leading();
    expect(election.deadline()).toBe(1010);
    expect(at(1010, { kind: 'tick' })).toEqual([
      { kind: 'write', id: 3, write: { basedOn: 'v1', holder: 'a', transitions: 0 } },
    ]);
    at(1030, { kind: 'written', id: 3, record: held('a', 'v2') });
    expect(election.deadline()).toBe(2010);
    expect(election.isLeader(moment(4009))).toBe(true);
  });

  test('a write may take until nine tenths of a lease, and none may begin after three fifths', () => {
    const { election, moment } = leading();
    expect(election.writableMs(moment(10))).toBe(4500);
    expect(election.writableMs(moment(3009))).toBe(1501);
    expect(election.writableMs(moment(3010))).toBe(0);
  });

  test('a virtual machine that was suspended leads no more, though its monotonic clock stood still', () => {
    const { election, moment } = leading();
    expect(election.isLeader(moment(1000, 2009))).toBe(true);
    expect(election.isLeader(moment(1000, 2010))).toBe(false);
    expect(election.handle({ kind: 'tick' }, moment(1005, 60_000))).toEqual([{ kind: 'lost', reason: 'not-renewed' }]);
  });

  test('a wall clock that is set back makes no term longer', () => {
    const { election, moment } = leading();
    expect(election.isLeader(moment(3010, -60_000))).toBe(false);
  });

  test('a process that was stopped finds that out by itself, and looks before it leads again', () => {
    const { at } = leading();
    const outputs = at(60_000, { kind: 'tick' });
    expect(outputs).toMatchObject([
      { kind: 'lost', reason: 'not-renewed' },
      { kind: 'write', id: 3, write: { basedOn: 'v1' } },
    ]);
    expect(at(60_010, { kind: 'refused', id: 3 })).toEqual([{ kind: 'read', id: 4 }]);
    expect(at(60_020, { kind: 'read', id: 4, record: held('b', 'v5', 1) })).toEqual([]);
  });

  test('an answer that is lost costs a look: the renewal had happened', () => {
    const { at, election, moment } = leading();
    at(1010, { kind: 'tick' });
    expect(at(2010, { kind: 'failed', id: 3 })).toEqual([]);
    expect(at(2135, { kind: 'tick' })).toMatchObject([{ kind: 'write', id: 4, write: { basedOn: 'v1' } }]);
    expect(at(2140, { kind: 'refused', id: 4 })).toEqual([{ kind: 'read', id: 5 }]);
    // Its own, of a version it has not seen the answer of: good for writing, no proof of when it was renewed.
    expect(at(2145, { kind: 'read', id: 5, record: held('a', 'v2') })).toMatchObject([
      { kind: 'write', id: 6, write: { basedOn: 'v2' } },
    ]);
    expect(election.isLeader(moment(3010))).toBe(false);
    expect(at(2150, { kind: 'written', id: 6, record: held('a', 'v3') })).toEqual([]);
    expect(election.isLeader(moment(5144))).toBe(true);
  });

  test.each([
    { name: "another's", record: held('b', 'v5', 1), reason: 'taken' },
    { name: 'gone', record: undefined, reason: 'deleted' },
    { name: 'released by somebody else', record: held('', 'v5', 1), reason: 'taken' },
  ])('ends at once when the record is $name', ({ record, reason }) => {
    const { at, election, moment } = leading();
    expect(at(100, { kind: 'seen', record })[0]).toEqual({ kind: 'lost', reason });
    expect(election.isLeader(moment(100))).toBe(false);
  });

  test('while the record is out of reach it ends by itself, and comes back with the record', () => {
    const { at, election } = leading();
    let id = 2;
    const outputs: ElectionOutput[] = [];
    for (let ms = 1010; ms < 20_000; ms += 5) {
      for (const output of at(ms, { kind: 'tick' })) {
        outputs.push(output);
        if (output.kind !== 'write') continue;
        id = output.id;
        at(ms + 1, { kind: 'failed', id });
      }
    }
    expect(outputs.filter(({ kind }) => kind === 'lost')).toEqual([{ kind: 'lost', reason: 'not-renewed' }]);
    // About every eighth of a second with these dice, not in a loop.
    expect(id).toBeGreaterThan(100);
    expect(id).toBeLessThan(160);
    const due = Number(election.deadline());
    const [write] = at(due, { kind: 'tick' });
    expect(at(due + 5, { kind: 'written', id: (write as { id: number }).id, record: held('a', 'v9') })).toEqual([
      { kind: 'gained', transitions: 0 },
    ]);
  });
});

describe('retiring', () => {
  test('ends leading at once, releases the record, and is over', () => {
    const { at, election, moment } = leading();
    expect(at(100, { kind: 'retire' })).toEqual([
      { kind: 'lost', reason: 'retired' },
      { kind: 'write', id: 3, write: { basedOn: 'v1', holder: '', transitions: 0 } },
    ]);
    expect(election.isLeader(moment(100))).toBe(false);
    expect(at(110, { kind: 'written', id: 3, record: held('', 'v2') })).toEqual([{ kind: 'retired' }]);
    expect(election.deadline()).toBeUndefined();
    expect(at(120, { kind: 'seen', record: held('', 'v2') })).toEqual([]);
  });

  test('waits for the renewal under way, and releases what that wrote', () => {
    const { at } = leading();
    at(1010, { kind: 'tick' });
    expect(at(1020, { kind: 'retire' })).toEqual([{ kind: 'lost', reason: 'retired' }]);
    expect(at(1030, { kind: 'written', id: 3, record: held('a', 'v2') })).toMatchObject([
      { kind: 'write', id: 4, write: { basedOn: 'v2', holder: '' } },
    ]);
  });

  test('a release that is refused is tried once more on the record as it is', () => {
    const { at } = leading();
    at(100, { kind: 'retire' });
    expect(at(110, { kind: 'refused', id: 3 })).toEqual([{ kind: 'read', id: 4 }]);
    expect(at(120, { kind: 'read', id: 4, record: held('a', 'v3') })).toMatchObject([
      { kind: 'write', id: 5, write: { basedOn: 'v3', holder: '' } },
    ]);
    expect(at(130, { kind: 'refused', id: 5 })).toEqual([{ kind: 'retired' }]);
  });

  test.each([
    { name: 'the release fails: the lease runs out by itself', input: { kind: 'failed', id: 3 } as const },
    { name: 'the release is refused, and the record is another’s', input: { kind: 'refused', id: 3 } as const },
  ])('is over when $name', ({ input }) => {
    const { at } = leading();
    at(100, { kind: 'retire' });
    const first = at(110, input);
    const outputs = first[0]?.kind === 'read' ? at(120, { kind: 'read', id: 4, record: held('b', 'v3') }) : first;
    expect(outputs).toEqual([{ kind: 'retired' }]);
  });

  test('who follows has nothing to release', () => {
    const { at } = electionOf();
    at(0, { kind: 'start' });
    at(10, { kind: 'read', id: 1, record: held('b') });
    expect(at(20, { kind: 'retire' })).toEqual([{ kind: 'retired' }]);
  });
});

describe('in a world', () => {
  function worldOf(...names: readonly string[]): ElectionWorld {
    const world = new ElectionWorld(7, names);
    for (const name of names) world.start(name);
    world.run(200);
    expect(world.leaders()).toHaveLength(1);
    return world;
  }
  const leaderOf = (world: ElectionWorld): string => world.leaders()[0] ?? '';
  const otherOf = (world: ElectionWorld): string =>
    world.processes.find(({ name }) => !world.isLeader(name))?.name ?? '';

  test('a planned stop hands over within a tenth of a second', () => {
    const world = worldOf('a', 'b');
    const successor = otherOf(world);
    world.retire(leaderOf(world));
    world.run(130);
    expect(world.leaders()).toEqual([successor]);
  });

  test('a killed leader is followed after a lease and little more', () => {
    const world = worldOf('a', 'b');
    const successor = otherOf(world);
    world.run(12_000);
    world.kill(leaderOf(world));
    world.run(3_800);
    expect(world.leaders()).toEqual([]);
    world.run(1_600);
    expect(world.leaders()).toEqual([successor]);
  });

  test('a killed leader that is started again under its name leads at once', () => {
    const world = worldOf('a', 'b');
    const leader = leaderOf(world);
    world.kill(leader);
    world.run(50);
    world.restart(leader);
    world.run(50);
    expect(world.leaders()).toEqual([leader]);
    expect(world.record?.transitions).toBe(0);
  });

  test('a leader that was stopped past its lease comes back as a follower', () => {
    const world = worldOf('a', 'b');
    const [leader, successor] = [leaderOf(world), otherOf(world)];
    world.stop(leader, 30_000, 'process');
    world.run(29_000);
    expect(world.leaders()).toEqual([successor]);
    world.run(20_000);
    expect(world.leaders()).toEqual([successor]);
    expect(world.process(leader).election.snapshot()).toMatchObject({ state: 'following', holder: successor });
    expect(world.record?.transitions).toBe(1);
  });

  test('while the record is out of everyone’s reach nobody leads, afterwards one does', () => {
    const world = worldOf('a', 'b');
    world.weather = { lostPercent: 100, delayMs: 5 };
    world.run(3_100);
    expect(world.leaders()).toEqual([]);
    world.run(60_000);
    expect(world.leaders()).toEqual([]);
    world.weather = { lostPercent: 0, delayMs: 5 };
    world.run(6_500);
    expect(world.leaders()).toHaveLength(1);
  });

  test('a leader keeps leading through slow and lossy times', () => {
    const world = worldOf('a', 'b');
    const leader = leaderOf(world);
    world.weather = { lostPercent: 5, delayMs: 150 };
    world.run(60_000);
    expect(world.leaders()).toEqual([leader]);
    expect(world.gains).toBe(1);
  });

  test('deleting the record ends the leader’s term, and somebody leads soon after', () => {
    const world = worldOf('a', 'b');
    world.deleteRecord();
    world.run(100);
    expect(world.leaders()).toHaveLength(1);
    expect(world.gains).toBe(2);
  });
});

/** What befalls the world between two stretches of time. */
const misfortune = fc.oneof(
  fc.record({
    kind: fc.constant('weather' as const),
    lostPercent: fc.constantFrom(0, 5, 30, 100),
    delayMs: fc.constantFrom(1, 50, 400, 4000),
  }),
  fc.record({
    kind: fc.constantFrom('stop' as const, 'suspend' as const),
    who: fc.nat(2),
    forMs: fc.constantFrom(100, 2000, 4000, 6000, 20_000),
  }),
  fc.record({ kind: fc.constantFrom('kill' as const, 'restart' as const, 'retire' as const), who: fc.nat(2) }),
  fc.record({
    kind: fc.constant('clock' as const),
    who: fc.nat(2),
    byMs: fc.constantFrom(-3_600_000, -1000, 1000, 3_600_000),
  }),
);
type Misfortune = typeof misfortune extends fc.Arbitrary<infer T> ? T : never;
const story = fc.array(fc.tuple(misfortune, fc.integer({ min: 10, max: 9000 })), { minLength: 5, maxLength: 25 });

function befall(world: ElectionWorld, what: Misfortune): void {
  if (what.kind === 'weather') {
    world.weather = what;
    return;
  }
  const process = world.processes[what.who % world.processes.length];
  if (process === undefined) return;
  const { name } = process;
  if (what.kind === 'stop') world.stop(name, what.forMs, 'process');
  if (what.kind === 'retire' && process.stoppedUntil === undefined && process.alive) world.retire(name);
  // A suspended machine is saved by its wall clock: that one set back besides is more than is promised.
  if (what.kind === 'suspend' && !process.isSetBack) world.stop(name, what.forMs, 'machine');
  const wasSuspended = process.suspendedMs > 0 || process.suspendedSince !== undefined;
  if (what.kind === 'clock' && (what.byMs > 0 || !wasSuspended)) world.setWallClock(name, what.byMs);
  if (what.kind === 'kill' || what.kind === 'restart') world.kill(name);
  // A process is started under a name only when the one before it is dead.
  if (what.kind === 'restart') world.restart(name);
}

test('whatever is lost, late, stopped, suspended or killed: never two at once, and one in the end', () => {
  let steps = 0;
  let gains = 0;
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 2, max: 3 }), story, (seed, count, events) => {
      const world = new ElectionWorld(seed, ['a', 'b', 'c'].slice(0, count));
      for (const { name } of world.processes) world.start(name);
      for (const [what, milliseconds] of events) {
        befall(world, what);
        world.run(milliseconds);
      }
      world.weather = { lostPercent: 0, delayMs: 5 };
      world.run(30_000);
      world.restart('a');
      world.run(3 * LEASE_MS);
      expect(world.leaders()).toHaveLength(1);
      steps += world.steps;
      gains += world.gains;
    }),
    { numRuns: 400 },
  );
  // The walk went somewhere: many steps, and the lead changed hands often.
  expect(steps).toBeGreaterThan(50_000);
  expect(gains).toBeGreaterThan(1000);
});
