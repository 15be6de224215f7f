/** Nothing is handed back before the speakers have settled. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  Calm,
  CLAIMS_CALM_MS,
  disturbanceMs,
  SPEAKERS_CALM_MS,
} from '../../../../src/runtime/programs/speaker/calm.ts';
import type { LivenessView } from '../../../../src/runtime/programs/speaker/messages.ts';
import { ip } from '../../../support/views.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';

describe('calm', () => {
  let clock: VirtualClock;
  let told: number;
  let calm: Calm;
  beforeEach(() => {
    clock = new VirtualClock();
    told = 0;
    calm = new Calm(clock, () => {
      told += 1;
    });
  });

  test('before anything was heard of the others there is none', async () => {
    await clock.advance(60_000);
    expect(calm.isCalm).toBe(false);
  });

  test('comes when the time is over, and says so once', async () => {
    calm.disturbed(1000);
    await clock.advance(999);
    expect([calm.isCalm, told]).toEqual([false, 0]);
    await clock.advance(1);
    expect([calm.isCalm, told]).toEqual([true, 1]);
  });

  test('a shorter disturbance does not shorten a longer one', async () => {
    calm.disturbed(10_000);
    calm.disturbed(1000);
    await clock.advance(9999);
    expect(calm.isCalm).toBe(false);
    await clock.advance(1);
    expect([calm.isCalm, told]).toEqual([true, 1]);
  });

  test('no disturbance is none, and is not told', async () => {
    calm.disturbed(1000);
    await clock.advance(1000);
    calm.disturbed(0);
    await clock.advance(60_000);
    expect([calm.isCalm, told]).toEqual([true, 1]);
  });
});

describe('what liveness says anew', () => {
  const view: LivenessView = {
    states: { b: 'alive', c: 'alive' },
    leaving: [],
    claims: [{ ip: ip('192.0.2.1'), node: 'b', epoch: 3 }],
  };

  test.each([
    ['the same again', { ...view, states: { ...view.states } }, 0],
    ['a claim', { ...view, claims: [] }, CLAIMS_CALM_MS],
    ['a death', { ...view, states: { b: 'dead', c: 'alive' } as const }, SPEAKERS_CALM_MS],
    [
      'a partition, in which the Lease is asked',
      { ...view, states: { b: 'unknown', c: 'alive' } as const },
      SPEAKERS_CALM_MS,
    ],
    ['both', { ...view, states: { b: 'dead', c: 'alive' } as const, claims: [] }, SPEAKERS_CALM_MS],
  ] satisfies [string, LivenessView, number][])('%s', (_, next, expected) => {
    expect(disturbanceMs(view, next)).toBe(expected);
    expect(disturbanceMs(next, view)).toBe(expected);
  });
});
