import { expect, test } from '@jest/globals';
import { TokenBucket } from '../../../src/runtime/engine/token-bucket.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

/** When each of so many takes had its turn, in milliseconds. */
async function turns(count: number, restMs = 0): Promise<number[]> {
  const clock = new VirtualClock();
  const bucket = new TokenBucket({ clock, burst: 3, perSecond: () => 10 });
  await clock.advance(restMs);
  const at: number[] = [];
  for (let i = 0; i < count; i++) void bucket.take().then(() => at.push(clock.now() - restMs));
  await clock.advance(10_000);
  return at;
}

test('a burst at once, then so many a second', async () => {
  expect(await turns(6)).toEqual([0, 0, 0, 100, 200, 300]);
});

test('a long rest saves up no more than a burst', async () => {
  expect(await turns(5, 60_000)).toEqual([0, 0, 0, 100, 200]);
});

test('what was taken comes back with time', async () => {
  const clock = new VirtualClock();
  const bucket = new TokenBucket({ clock, burst: 2, perSecond: () => 10 });
  for (let i = 0; i < 2; i++) await bucket.take();
  await clock.advance(200);
  let taken = 0;
  for (let i = 0; i < 2; i++) void bucket.take().then(() => (taken += 1));
  await clock.advance(0);
  expect(taken).toBe(2);
});
