import { expect, test } from '@jest/globals';
import { DutyCycle } from '../../../src/runtime/engine/duty-cycle.ts';
import type { Clock } from '../../../src/runtime/engine/ports.ts';
import { instant } from '../../../src/runtime/model/time.ts';

test('after a run comes a rest in proportion to it', () => {
  let nowMs = 1000;
  const clock = { now: () => instant(nowMs) } as Clock;
  const cycle = new DutyCycle(clock, 4);
  expect(cycle.restMs).toBe(0);
  cycle.run(() => {
    nowMs += 10;
  });
  expect(cycle.restMs).toBe(40);
  nowMs += 30;
  expect(cycle.restMs).toBe(10);
  nowMs += 30;
  expect(cycle.restMs).toBe(0);
  cycle.run(() => undefined);
  expect(cycle.restMs).toBe(0);
});
