/** A speaker's first claims wait until the others' could be known, and no longer than they must. */
import { beforeEach, expect, test } from '@jest/globals';
import { FirstClaims } from '../../../../src/runtime/programs/speaker/first-claims.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';

let clock: VirtualClock;
let allowed: number;
let first: FirstClaims;
beforeEach(() => {
  clock = new VirtualClock();
  allowed = 0;
  first = new FirstClaims(clock, () => {
    allowed += 1;
  });
});

test('alone, it claims at once', async () => {
  first.met(0);
  expect(allowed).toBe(1);
});

test('before it is known whether there are others it claims nothing', async () => {
  first.heard();
  await clock.advance(60_000);
  expect(allowed).toBe(0);
});

test('heard at once: after a second', async () => {
  first.met(3);
  first.heard();
  await clock.advance(999);
  expect(allowed).toBe(0);
  await clock.advance(1);
  expect(allowed).toBe(1);
});

test('heard late: half a second after that', async () => {
  first.met(3);
  await clock.advance(1800);
  expect(allowed).toBe(0);
  first.heard();
  await clock.advance(499);
  expect(allowed).toBe(0);
  await clock.advance(1);
  expect(allowed).toBe(1);
});

test('never heard: after five seconds; heard at the last moment changes nothing', async () => {
  first.met(3);
  await clock.advance(4900);
  first.heard();
  await clock.advance(99);
  expect(allowed).toBe(0);
  await clock.advance(1);
  expect(allowed).toBe(1);
});

test('once is enough, whatever comes later', async () => {
  first.met(0);
  first.met(3);
  first.heard();
  await clock.advance(10_000);
  expect(allowed).toBe(1);
});
