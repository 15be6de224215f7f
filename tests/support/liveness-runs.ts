/**
 * Long runs of the simulated world, started in a thread of their own: there the code runs as it does in production, while
 * jest's modules make it several times slower.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { FAIR, LivenessWorld, nodeNames, type Weather } from './liveness-world.ts';

export interface Run {
  readonly seed: number;
  readonly speakers: number;
  /** idle: FAIR. busy: 5 % lost, and all are late by up to 400 ms. */
  readonly weather: 'idle' | 'busy';
  /** Before anybody is killed. */
  readonly quietMs: number;
  /** How many are killed, one after the other, and how long after its return the next. */
  readonly kills: number;
  readonly restMs: number;
}

export interface RunResult {
  readonly delivered: number;
  /** By the busiest speaker in the last second before the first kill. */
  readonly sentPerSecond: number;
  /** Who was said to be dead without being so. */
  readonly falseVerdicts: readonly string[];
  /** Since the victim's last datagram, when each of the others knew, in milliseconds. */
  readonly knownAfterMs: readonly number[];
  /** Who ought to have known, and never did. */
  readonly unknown: number;
  /** The longest time from the first to the last who knew. */
  readonly spreadMs: number;
}

export function play(run: Run): RunResult {
  const world = new LivenessWorld(run.seed, nodeNames(run.speakers));
  world.weather = run.weather === 'idle' ? FAIR : BUSY;
  world.run(run.quietMs - 1000);
  const before = [...world.speakers.values()].map(({ sent }) => sent);
  world.run(1000);
  const sent = [...world.speakers.values()].map((speaker, index) => speaker.sent - (before[index] ?? 0));
  const knownAfterMs: number[] = [];
  let [unknown, spreadMs] = [0, 0];
  const falseVerdicts = world.takeVerdicts();
  for (let kill = 0; kill < run.kills; kill++) {
    const victim = nodeNames(run.speakers)[(kill * 7) % run.speakers] ?? '';
    const reports = killOne(world, victim);
    falseVerdicts.push(
      ...world.takeVerdicts().filter(({ output }) => output.kind === 'peer' && output.node !== victim),
    );
    knownAfterMs.push(...reports);
    unknown += run.speakers - 1 - reports.length;
    spreadMs = Math.max(spreadMs, Math.max(...reports) - Math.min(...reports));
    world.restart(victim);
    world.run(run.restMs);
    falseVerdicts.push(...world.takeVerdicts());
  }
  return {
    delivered: world.delivered,
    sentPerSecond: sent.reduce((most, each) => Math.max(most, each), 0),
    falseVerdicts: falseVerdicts.map((told) => JSON.stringify(told)),
    knownAfterMs,
    unknown,
    spreadMs,
  };
}

/** Kills it, and tells when each of the others knew, in milliseconds since its last datagram. */
function killOne(world: LivenessWorld, victim: string): number[] {
  world.run(world.dice(100));
  const since = world.now;
  const { lastSentAt } = world.speaker(victim);
  world.kill(victim);
  world.run(4000);
  return world.toldDead(victim, since).map(({ afterMs }) => afterMs + since - lastSentAt);
}

/** The same, in a thread of its own. */
export function playElsewhere(run: Run): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: run });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

const BUSY: Weather = {
  lostPercent: 5,
  delayMs: 0.1,
  jitterMs: 2,
  lateness: (dice) => {
    const kind = dice(10);
    return kind < 6 ? dice(20) : kind < 9 ? dice(150) : dice(400);
  },
};

if (!isMainThread && parentPort !== null && typeof workerData?.speakers === 'number') {
  parentPort.postMessage(play(workerData as Run));
}
