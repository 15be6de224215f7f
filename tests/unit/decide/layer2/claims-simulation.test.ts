/**
 * Many speakers that plan each by itself, over claims and news of each other's life that reach each of them at a time
 * of its own: whatever fails and comes back on the way, when it is quiet again each address has one owner, and no two
 * ever answer for longer than news takes to arrive.
 */
import { describe, expect, test } from '@jest/globals';
import { planLayer2 } from '../../../../src/runtime/decide/layer2/plan-layer2.ts';
import { tableFor } from '../../../../src/runtime/decide/layer2/table-for.ts';
import type { Claim } from '../../../../src/runtime/model/claim.ts';
import { seededDice } from '../../../support/dice.ts';
import { cluster, facts, services, sha256Hex } from '../../../support/layer2-facts.ts';

const NODES = ['a', 'b', 'c', 'd', 'e'];
const SERVICES = services(1, 2, 1, 3, 1, 1, 2, 1);
const ADDRESSES = SERVICES.flatMap(({ ingress }) => ingress.flatMap((entry) => entry.ip ?? []));
/** The longest that news is on its way, in steps. */
const SLOWEST = 4;

interface News {
  readonly at: number;
  readonly from: string;
  readonly to: string;
  readonly tell: (speaker: Speaker) => void;
}

/** What one speaker believes. */
class Speaker {
  readonly name: string;
  readonly alive = new Set<string>(NODES);
  readonly leaving = new Set<string>();
  claims = new Map<string, Claim>();
  highestEpoch = 0;
  handBack: 'allowed' | 'not-now' = 'not-now';

  constructor(name: string) {
    this.name = name;
  }

  hear(claim: Claim): void {
    this.highestEpoch = Math.max(this.highestEpoch, claim.epoch);
    const known = this.claims.get(claim.ip);
    const isHigher =
      known === undefined || claim.epoch > known.epoch || (claim.epoch === known.epoch && claim.node < known.node);
    if (isHigher) this.claims.set(claim.ip, claim);
  }

  /** What it answers for now; `claim` is told of every claim that it makes. */
  act(claim: (claim: Claim) => void): readonly string[] {
    const alive = NODES.filter((name) => this.alive.has(name) || name === this.name);
    const world = { ...cluster(NODES, SERVICES), speakers: cluster(alive, []).speakers, leaving: this.leaving };
    const claims = [...this.claims.values()];
    const plans = planLayer2(facts({ ...world, claims, handBack: this.handBack }), sha256Hex);
    const table = tableFor(this.name, plans);
    const fresh = table.filter(({ standing }) => standing === 'to-claim');
    if (fresh.length > 0) this.highestEpoch += 1;
    for (const { ip } of fresh) {
      const made = { ip, node: this.name, epoch: this.highestEpoch };
      this.hear(made);
      claim(made);
    }
    return table.map(({ ip }) => ip);
  }
}

class Simulation {
  readonly dice: (sides: number) => number;
  readonly running = new Map<string, Speaker>(NODES.map((name) => [name, new Speaker(name)]));
  /** Nodes that hear nothing and are heard by nobody. */
  readonly cutOff = new Set<string>();
  /** What each running speaker answers for, by the last step. */
  answers = new Map<string, readonly string[]>();
  #news: News[] = [];
  #now = 0;

  constructor(seed: number) {
    this.dice = seededDice(seed);
  }

  step(): void {
    this.#now += 1;
    const due = this.#news.filter(({ at }) => at <= this.#now);
    this.#news = this.#news.filter(({ at }) => at > this.#now);
    for (const { to, tell } of due) {
      const speaker = this.running.get(to);
      if (speaker !== undefined) tell(speaker);
    }
    this.#repair();
    this.answers = new Map();
    for (const [name, speaker] of this.running) {
      this.answers.set(
        name,
        speaker.act((claim) => this.broadcast(name, (other) => other.hear(claim))),
      );
    }
  }

  /** One speaker says again what it knows of claims, so that what was lost on the way is learned in the end. */
  #repair(): void {
    const name = NODES[this.dice(NODES.length)] ?? 'a';
    const claims = [...(this.running.get(name)?.claims.values() ?? [])];
    this.broadcast(name, (other) => {
      for (const claim of claims) other.hear(claim);
    });
  }

  rest(steps: number): void {
    for (let i = 0; i < steps; i++) this.step();
  }

  broadcast(from: string, tell: (speaker: Speaker) => void): void {
    if (this.cutOff.has(from)) return;
    for (const to of NODES) {
      if (to === from || this.cutOff.has(to)) continue;
      // News of one node does not overtake older news of it.
      const earlier = this.#news.filter((news) => news.from === from && news.to === to);
      const at = Math.max(this.#now + 1 + this.dice(SLOWEST), ...earlier.map((news) => news.at));
      this.#news.push({ at, from, to, tell });
    }
  }

  kill(name: string): void {
    this.running.delete(name);
    this.broadcast(name, (other) => other.alive.delete(name));
  }

  /** A speaker starts; it asks the others for what they know before it acts. */
  start(name: string): void {
    const speaker = new Speaker(name);
    this.running.set(name, speaker);
    speaker.alive.clear();
    this.#meet(speaker);
  }

  leave(name: string): void {
    this.running.get(name)?.leaving.add(name);
    this.broadcast(name, (other) => other.leaving.add(name));
  }

  partition(name: string): void {
    const others = NODES.filter((other) => other !== name);
    this.broadcast(name, (other) => other.alive.delete(name));
    this.cutOff.add(name);
    this.#news = this.#news.filter(({ to }) => to !== name);
    const lonely = this.running.get(name);
    for (const other of others) lonely?.alive.delete(other);
  }

  heal(name: string): void {
    this.cutOff.delete(name);
    const lonely = this.running.get(name);
    if (lonely !== undefined) this.#meet(lonely);
  }

  /** The speaker and all that it can reach tell each other what they know, the others by and by. */
  #meet(speaker: Speaker): void {
    const { name } = speaker;
    for (const [otherName, other] of this.running) {
      if (other === speaker || this.cutOff.has(otherName)) continue;
      speaker.alive.add(otherName);
      if (other.leaving.has(otherName)) speaker.leaving.add(otherName);
      else speaker.leaving.delete(otherName);
      for (const claim of other.claims.values()) speaker.hear(claim);
    }
    const claims = [...speaker.claims.values()];
    const isLeaving = speaker.leaving.has(name);
    this.broadcast(name, (other) => {
      other.alive.add(name);
      if (!isLeaving) other.leaving.delete(name);
      for (const claim of claims) other.hear(claim);
    });
  }

  answering(ip: string): readonly string[] {
    return [...this.answers].filter(([, ips]) => ips.includes(ip)).map(([name]) => name);
  }
}

/** Long enough for news, for what follows from it, and for claims that crossed on the way. */
const QUIET = SLOWEST * 8;

function expectOneOwnerEach(simulation: Simulation): void {
  for (const ip of ADDRESSES) expect([ip, simulation.answering(ip)]).toEqual([ip, [expect.any(String)]]);
}

/** Something happens to one of the nodes, whatever can. At least one is left that the others could hear. */
function makeTrouble(simulation: Simulation): void {
  const { dice, running, cutOff } = simulation;
  const name = NODES[dice(NODES.length)] ?? 'a';
  if (!running.has(name)) simulation.start(name);
  else if (cutOff.has(name)) simulation.heal(name);
  else if ([...running.keys()].some((other) => other !== name && !cutOff.has(other))) {
    const harm = dice(3);
    if (harm === 0) simulation.kill(name);
    else if (harm === 1) simulation.leave(name);
    else simulation.partition(name);
  }
  for (const speaker of running.values()) speaker.handBack = dice(2) === 0 ? 'allowed' : 'not-now';
}

describe('five speakers, fourteen pieces of bad luck', () => {
  test.each(Array.from({ length: 15 }, (_, seed) => seed))('seed %i: in the end each address has one owner', (seed) => {
    const simulation = new Simulation(seed);
    const { dice, running, cutOff } = simulation;
    for (let trouble = 0; trouble < 14; trouble++) {
      simulation.rest(dice(SLOWEST * 2));
      makeTrouble(simulation);
    }
    for (const name of [...cutOff]) simulation.heal(name);
    for (const speaker of running.values()) speaker.handBack = 'not-now';
    simulation.rest(QUIET);
    // Who was told to leave goes, and comes back.
    for (const [name, speaker] of [...running]) {
      if (!speaker.leaving.has(name)) continue;
      simulation.kill(name);
      simulation.start(name);
    }
    simulation.rest(QUIET);
    expectOneOwnerEach(simulation);
    const before = new Map(simulation.answers);
    simulation.rest(SLOWEST);
    expect(simulation.answers).toEqual(before);
  });
});

function pairsOf(names: readonly string[]): readonly string[] {
  return names.flatMap((one) => names.filter((other) => one < other).map((other) => `${one} ${other}`));
}

describe('what a client notices', () => {
  function settled(): Simulation {
    const simulation = new Simulation(7);
    simulation.rest(QUIET);
    expectOneOwnerEach(simulation);
    return simulation;
  }

  test('a speaker that leaves: every address is answered for at every step', () => {
    const simulation = settled();
    simulation.leave('b');
    for (let i = 0; i < QUIET; i++) {
      simulation.step();
      for (const ip of ADDRESSES) expect(simulation.answering(ip)).not.toEqual([]);
    }
    expect(simulation.answers.get('b')).toEqual([]);
    expectOneOwnerEach(simulation);
  });

  test('hand-backs after a return: answered for at every step, two owners no longer than news takes', () => {
    const simulation = settled();
    simulation.kill('c');
    simulation.rest(QUIET);
    expectOneOwnerEach(simulation);
    simulation.start('c');
    for (const speaker of simulation.running.values()) speaker.handBack = 'allowed';
    // For each address and each two nodes, for how many steps both have answered now.
    let both = new Map<string, number>();
    for (let i = 0; i < QUIET * 4; i++) {
      simulation.step();
      for (const ip of ADDRESSES) expect(simulation.answering(ip)).not.toEqual([]);
      const pairs = ADDRESSES.flatMap((ip) => pairsOf(simulation.answering(ip)).map((pair) => `${ip} ${pair}`));
      both = new Map(pairs.map((pair) => [pair, (both.get(pair) ?? 0) + 1]));
      expect(Math.max(0, ...both.values())).toBeLessThanOrEqual(SLOWEST);
    }
    const counts = NODES.map((name) => simulation.answers.get(name)?.length ?? 0);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  });
});
