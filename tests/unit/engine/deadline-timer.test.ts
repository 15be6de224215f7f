import { expect, test } from '@jest/globals';
import { DeadlineTimer } from '../../../src/runtime/engine/deadline-timer.ts';
import { instant } from '../../../src/runtime/model/time.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

/** A machine that is due at a time that the test moves; when it is, it has nothing more to do. */
function machine() {
  const clock = new VirtualClock();
  const start = clock.now();
  const calledAt: number[] = [];
  let dueInMs: number | undefined;
  const timer = new DeadlineTimer(
    clock,
    () => (dueInMs === undefined ? undefined : instant(start + dueInMs)),
    () => {
      calledAt.push(clock.now() - start);
      dueInMs = undefined;
      timer.arm();
    },
  );
  const dueIn = (milliseconds: number | undefined) => {
    dueInMs = milliseconds;
    timer.arm();
  };
  return { clock, timer, calledAt, dueIn };
}

test.each([
  { what: 'as it stands', moves: [100], calledAt: [100] },
  { what: 'put off', moves: [100, 250, 300], calledAt: [300] },
  { what: 'brought forward', moves: [300, 100], calledAt: [100] },
  { what: 'given up', moves: [100, undefined], calledAt: [] },
  { what: 'a fraction of a millisecond away', moves: [99.3], calledAt: [100] },
  { what: 'over already', moves: [-5], calledAt: [0] },
])('a deadline $what: called once, and never before it', async ({ moves, calledAt }) => {
  const given = machine();
  for (const move of moves) given.dueIn(move);
  await given.clock.advance(1000);
  expect(given.calledAt).toEqual(calledAt);
});

test('nothing comes after it is cancelled, until it is armed again', async () => {
  const { clock, timer, calledAt, dueIn } = machine();
  dueIn(100);
  timer.cancel();
  await clock.advance(500);
  expect(calledAt).toEqual([]);
  timer.arm();
  await clock.advance(500);
  expect(calledAt).toEqual([500]);
});
