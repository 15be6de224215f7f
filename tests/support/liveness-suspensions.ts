/** A speaker is suspended while others take its addresses over, and goes on: played in a thread of its own, as long runs are. */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type Ip, parseIp } from '../../src/runtime/model/ip.ts';
import { LivenessWorld, nodeNames } from './liveness-world.ts';

export interface Suspension {
  readonly seeds: readonly number[];
  readonly suspendedMs: number;
  readonly how: 'process' | 'machine' | 'clock-too';
  readonly lostPercent: number;
}

/** Of all seeds together. */
export interface SuspensionResult {
  /** Addresses that were taken over meanwhile. */
  readonly takenOver: number;
  readonly notTakenOver: number;
  /** Whom it said to be dead after it went on. */
  readonly accused: readonly string[];
  /** The longest that it and another answered for an address, in milliseconds. */
  readonly doubleMs: number;
  /** Three seconds later: what it still answers for, what has not one owner by everybody's word, who does not believe it alive. */
  readonly kept: readonly string[];
  readonly disputed: readonly string[];
  readonly unbelieving: readonly string[];
}

const SPEAKERS = 5;

export function addresses(): Ip[] {
  return Array.from({ length: 12 }, (_, index) => {
    const ip = parseIp(`192.0.2.${index + 1}`);
    if (!ip.ok) throw new Error(ip.error);
    return ip.value;
  });
}

/** Speakers that own all addresses, and trust each other to be punctual. */
export function settledWorld(seed: number, speakers: number): LivenessWorld {
  const world = new LivenessWorld(seed, nodeNames(speakers));
  world.run(1000);
  world.addresses = addresses();
  world.poke();
  return world.run(15_000);
}

/** Addresses that not exactly the one answers for whom everybody takes for its owner. */
export function disputed(world: LivenessWorld): string[] {
  const speakers = [...world.speakers.values()];
  return world.addresses.filter((ip) => {
    const owners = new Set(speakers.map(({ machine }) => machine.owner(ip)?.node));
    const answering = speakers.filter(({ announcing }) => announcing.has(ip)).map(({ name }) => name);
    return owners.size !== 1 || answering.length !== 1 || !owners.has(answering[0]);
  });
}

export function suspend({ seeds, suspendedMs, how, lostPercent }: Suspension): SuspensionResult {
  let [takenOver, notTakenOver, doubleMs] = [0, 0, 0];
  const accused: string[] = [];
  const kept: string[] = [];
  const unresolved: string[] = [];
  const unbelieving: string[] = [];
  for (const seed of seeds) {
    const world = settledWorld(seed, SPEAKERS);
    world.weather = { ...world.weather, lostPercent };
    const [first] = world.addresses;
    const victim = first === undefined ? '' : (world.announcers(first)[0] ?? '');
    const others = nodeNames(SPEAKERS).filter((name) => name !== victim);
    const held = [...world.speaker(victim).announcing];
    world.freeze(victim, suspendedMs, how);
    world.run(suspendedMs - 1);
    for (const ip of held) {
      if (others.some((name) => world.speaker(name).announcing.has(ip))) takenOver += 1;
      else notTakenOver += 1;
    }
    world.log.length = 0;
    world.doubleMs.clear();
    world.run(3000);
    accused.push(...world.verdicts().flatMap(({ node, output }) => (node === victim ? [JSON.stringify(output)] : [])));
    doubleMs = Math.max(doubleMs, ...world.doubleMs.values());
    kept.push(...world.speaker(victim).announcing);
    unresolved.push(...disputed(world));
    unbelieving.push(...others.filter((name) => world.speaker(name).believes.get(victim) !== 'alive'));
  }
  return {
    takenOver,
    notTakenOver,
    accused,
    doubleMs,
    kept,
    disputed: unresolved,
    unbelieving,
  };
}

export function suspendElsewhere(suspension: Suspension): Promise<SuspensionResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: suspension });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

if (!isMainThread && parentPort !== null && typeof workerData?.suspendedMs === 'number') {
  parentPort.postMessage(suspend(workerData as Suspension));
}
