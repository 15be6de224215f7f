import { describe, expect, test } from '@jest/globals';
import { type Backoff, backoffMs } from '../../../src/runtime/engine/backoff.ts';
import { DONE, type Outcome, RETRY, TERMINAL, WorkQueue } from '../../../src/runtime/engine/work-queue.ts';
import { fixedRandom, VirtualClock } from '../../support/virtual-clock.ts';

/** A queue whose handler answers from a list of outcomes (then done) and notes when it ran. */
function queueOf(outcomes: readonly Outcome[], backoff: Backoff = { baseMs: 100, ceilingMs: 1000 }) {
  const clock = new VirtualClock();
  const runs: { readonly key: string; readonly atMs: number }[] = [];
  const left = [...outcomes];
  const handle = async (key: string): Promise<Outcome> => {
    runs.push({ key, atMs: clock.now() });
    return left.shift() ?? DONE;
  };
  const queue = new WorkQueue({
    clock,
    random: fixedRandom(1),
    handle,
    backoff,
  });
  return { clock, queue, runs };
}

/** A handler whose work ends when the test says so. */
function gatedQueue(concurrency: number) {
  const clock = new VirtualClock();
  const open = new Map<string, () => void>();
  const started: string[] = [];
  const handle = (key: string): Promise<Outcome> => {
    started.push(key);
    return new Promise((resolve) => open.set(key, () => resolve(DONE)));
  };
  return { clock, queue: new WorkQueue({ clock, random: fixedRandom(), handle, concurrency }), open, started };
}

describe('the work queue', () => {
  test('takes what is added in one turn as one piece of work a key', async () => {
    const { clock, queue, runs } = queueOf([]);
    for (const key of ['a', 'b', 'a', 'a']) queue.add(key);
    expect(runs).toEqual([]);
    await clock.advance(0);
    expect(runs).toEqual([
      { key: 'a', atMs: 0 },
      { key: 'b', atMs: 0 },
    ]);
  });

  test('never works on a key twice at once, and once more for what came meanwhile', async () => {
    const { clock, queue, open, started } = gatedQueue(4);
    queue.add('a');
    await clock.advance(0);
    queue.add('a');
    queue.add('a');
    await clock.advance(1000);
    expect(started).toEqual(['a']);
    open.get('a')?.();
    await clock.advance(0);
    expect(started).toEqual(['a', 'a']);
  });

  test('works on as many keys at once as it may', async () => {
    const { clock, queue, open, started } = gatedQueue(2);
    for (const key of ['a', 'b', 'c']) queue.add(key);
    await clock.advance(0);
    expect(started).toEqual(['a', 'b']);
    open.get('b')?.();
    await clock.advance(0);
    expect(started).toEqual(['a', 'b', 'c']);
  });

  test('retries with doubling waits up to the ceiling, and afresh after success', async () => {
    const { clock, queue, runs } = queueOf([RETRY, RETRY, RETRY, RETRY, RETRY, RETRY, DONE, RETRY]);
    queue.add('a');
    await clock.advance(10_000);
    expect(runs.map((run) => run.atMs)).toEqual([0, 100, 300, 700, 1500, 2500, 3500]);
    queue.add('a');
    await clock.advance(1000);
    expect(runs.slice(7).map((run) => run.atMs)).toEqual([10_000, 10_100]);
  });

  test('an add cuts a wait short', async () => {
    const { clock, queue, runs } = queueOf([{ kind: 'retry-after', delayMs: 5000 }]);
    queue.add('a');
    await clock.advance(10);
    queue.add('a');
    await clock.advance(1000);
    expect(runs.map((run) => run.atMs)).toEqual([0, 10]);
  });

  test('however often a failed key is added, its waits grow, up to a second', async () => {
    const { clock, queue, runs } = queueOf(Array(8).fill(RETRY), { baseMs: 100, ceilingMs: 30_000 });
    for (let at = 0; at < 6000; at += 10) {
      queue.add('a');
      await clock.advance(10);
    }
    expect(runs.map((run) => run.atMs).slice(0, 8)).toEqual([0, 100, 300, 700, 1500, 2500, 3500, 4500]);
  });

  test('a failed key that is left alone waits longer', async () => {
    const { clock, queue, runs } = queueOf(Array(6).fill(RETRY), { baseMs: 100, ceilingMs: 30_000 });
    queue.add('a');
    await clock.advance(6300);
    expect(runs.map((run) => run.atMs)).toEqual([0, 100, 300, 700, 1500, 3100, 6300]);
  });

  test.each([
    { name: 'add', again: (queue: WorkQueue) => queue.add('a') },
    { name: 'addAfter', again: (queue: WorkQueue) => queue.addAfter('a', 200) },
  ])('no $name brings a key back before the server wants it', async ({ again }) => {
    const { clock, queue, runs } = queueOf([{ kind: 'retry', atLeastMs: 5000 }]);
    queue.add('a');
    for (let at = 0; at < 4990; at += 10) {
      await clock.advance(10);
      again(queue);
    }
    expect(runs.length).toBe(1);
    await clock.advance(200);
    expect(runs.length).toBe(2);
    // Done: nothing is left of it.
    queue.add('a');
    await clock.advance(0);
    expect(runs.length).toBe(3);
  });

  test('who goes on asking for later does not put it off', async () => {
    const { clock, queue, runs } = queueOf([]);
    for (let at = 0; at < 1000; at += 50) {
      queue.addAfter('a', 200);
      await clock.advance(50);
    }
    expect(runs.map((run) => run.atMs)).toEqual([200, 400, 600, 800, 1000]);
    queue.addAfter('a', 5000);
    queue.addAfter('a', 100);
    await clock.advance(6000);
    expect(runs.map((run) => run.atMs).slice(5)).toEqual([1100]);
  });

  test('looks again when told to, and leaves a terminal failure alone', async () => {
    const { clock, queue, runs } = queueOf([{ kind: 'retry-after', delayMs: 5000 }, TERMINAL]);
    queue.add('a');
    await clock.advance(60_000);
    expect(runs.map((run) => run.atMs)).toEqual([0, 5000]);
    expect(queue.size).toBe(0);
  });

  test('stop drops what waits and ends with the work under way', async () => {
    const { clock, queue, open, started } = gatedQueue(1);
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 10);
    await clock.advance(0);
    let stopped = false;
    const stopping = queue.stop().then(() => (stopped = true));
    await clock.advance(1000);
    expect(stopped).toBe(false);
    open.get('a')?.();
    await stopping;
    queue.add('d');
    await clock.advance(1000);
    expect(started).toEqual(['a']);
  });
});

describe('backoff', () => {
  const backoff = { baseMs: 100, ceilingMs: 1000 };
  test.each([
    { name: 'first, least', attempt: 1, draw: 0, want: 50 },
    { name: 'first, most', attempt: 1, draw: 1, want: 100 },
    { name: 'third, middle', attempt: 3, draw: 0.5, want: 300 },
    { name: 'at the ceiling', attempt: 40, draw: 1, want: 1000 },
    { name: 'very many', attempt: 5000, draw: 0, want: 500 },
  ])('$name', ({ attempt, draw, want }) => {
    expect(backoffMs(backoff, attempt, fixedRandom(draw))).toBe(want);
  });

  test('cleared, forgets what waits and what was to be tried again, but takes new work', async () => {
    const { clock, queue, runs } = queueOf([RETRY]);
    queue.add('a');
    await clock.advance(0);
    queue.add('b');
    await queue.clear();
    await clock.advance(60_000);
    expect(runs).toEqual([{ key: 'a', atMs: 0 }]);
    expect(queue.size).toBe(0);
    queue.add('c');
    await clock.advance(0);
    expect(runs.at(-1)).toMatchObject({ key: 'c' });
  });

  test('cleared, waits for what is being worked on, whose outcome counts no more', async () => {
    const clock = new VirtualClock();
    const gate = Promise.withResolvers<Outcome>();
    let runs = 0;
    const handle = (): Promise<Outcome> => {
      runs += 1;
      return gate.promise;
    };
    const queue = new WorkQueue({ clock, random: fixedRandom(), handle });
    queue.add('a');
    await clock.advance(0);
    let cleared = 0;
    const waits = [queue.clear(), queue.clear()].map((wait) => wait.then(() => (cleared += 1)));
    await clock.advance(1000);
    expect(cleared).toBe(0);
    gate.resolve(RETRY);
    await Promise.all(waits);
    await clock.advance(60_000);
    expect({ cleared, runs, size: queue.size }).toEqual({ cleared: 2, runs: 1, size: 0 });
  });
});
