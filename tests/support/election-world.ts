/**
 * Processes that elect a leader over one record, in a simulated world: messages take their time, are lost on the way there
 * or back, or arrive long after their sender gave them up; processes are stopped and go on; machines are suspended; clocks
 * start anywhere, run unequally fast, and wall clocks are set. After every event it is checked that nobody may write while
 * another leads.
 */
import {
  type ElectionInput,
  type ElectionOutput,
  LeaderElection,
  type LeaderRecord,
  type LeaderWrite,
  type Moment,
} from '../../src/runtime/engine/leader-election.ts';
import { leaderTimings } from '../../src/runtime/engine/leader-timings.ts';
import { instant } from '../../src/runtime/model/time.ts';
import { seededDice } from './dice.ts';

export const LEASE_MS = 5000;

export interface Weather {
  /** Percent of requests, and as many of the answers, that are lost. */
  readonly lostPercent: number;
  /** The longest a message takes one way, in milliseconds. */
  readonly delayMs: number;
}

interface Happening {
  readonly at: number;
  readonly order: number;
  readonly what: () => void;
}

interface Process {
  readonly name: string;
  election: LeaderElection;
  /** Its clocks: monotonic = (real − suspended) × rate + offset. */
  readonly rate: number;
  readonly monotonicOffset: number;
  wallOffset: number;
  /** Its wall clock was ever set back. */
  isSetBack: boolean;
  /** How long its machine has been suspended so far. */
  suspendedMs: number;
  /** Nothing of it runs until then; undefined: it runs. */
  stoppedUntil: number | undefined;
  /** While its machine is suspended: since when. */
  suspendedSince: number | undefined;
  alive: boolean;
  /** What came in while it was stopped. */
  inbox: (() => void)[];
  /** Until when something that it let out may still be written, in real time. */
  writesEndAt: number;
  tickAt: number | undefined;
}

export class ElectionWorld {
  readonly dice: (sides: number) => number;
  readonly processes: Process[] = [];
  readonly log: string[] = [];
  weather: Weather = { lostPercent: 0, delayMs: 5 };
  record: LeaderRecord | undefined;
  now = 0;
  /** Inputs and ticks handled, by all. */
  steps = 0;
  gains = 0;
  #queue: Happening[] = [];
  #order = 0;
  #version = 0;

  constructor(seed: number, names: readonly string[]) {
    this.dice = seededDice(seed);
    for (const name of names) this.#add(name);
  }

  /** Lets that many milliseconds pass. */
  run(milliseconds: number): void {
    const end = this.now + milliseconds;
    for (;;) {
      const next = this.#queue.reduce<Happening | undefined>(
        (first, other) =>
          first === undefined || other.at < first.at || (other.at === first.at && other.order < first.order)
            ? other
            : first,
        undefined,
      );
      if (next === undefined || next.at > end) break;
      this.#queue = this.#queue.filter((other) => other !== next);
      this.now = Math.max(this.now, next.at);
      next.what();
      this.#check();
    }
    this.now = end;
    this.#check();
  }

  start(name: string): void {
    this.#input(this.process(name), { kind: 'start' });
  }

  /** Everything that it let out has ended, then it retires. */
  retire(name: string): void {
    const process = this.process(name);
    process.writesEndAt = this.now;
    this.#input(process, { kind: 'retire' });
  }

  /** kill -9. What it has sent is still on the way. */
  kill(name: string): void {
    this.process(name).alive = false;
  }

  /** A new process in the place of a dead one, under its name. */
  restart(name: string): void {
    const process = this.process(name);
    process.alive = true;
    process.stoppedUntil = undefined;
    process.suspendedSince = undefined;
    process.inbox = [];
    process.writesEndAt = this.now;
    process.tickAt = undefined;
    process.election = this.#election(name);
    this.start(name);
  }

  /** SIGSTOP, and SIGCONT after that long; 'machine': its monotonic clock stands still, too. */
  stop(name: string, milliseconds: number, what: 'process' | 'machine'): void {
    const process = this.process(name);
    if (!process.alive || process.stoppedUntil !== undefined) return;
    process.stoppedUntil = this.now + milliseconds;
    if (what === 'machine') process.suspendedSince = this.now;
    this.#at(process.stoppedUntil, () => {
      if (process.suspendedSince !== undefined) process.suspendedMs += this.now - process.suspendedSince;
      process.suspendedSince = undefined;
      process.stoppedUntil = undefined;
      for (const message of process.inbox.splice(0)) message();
    });
  }

  setWallClock(name: string, byMs: number): void {
    const process = this.process(name);
    process.wallOffset += byMs;
    process.isSetBack ||= byMs < 0;
  }

  deleteRecord(): void {
    this.record = undefined;
    this.#announce();
  }

  process(name: string): Process {
    const found = this.processes.find((each) => each.name === name);
    if (found === undefined) throw new Error(`no process ${name}`);
    return found;
  }

  isLeader(name: string): boolean {
    const process = this.process(name);
    return process.alive && process.election.isLeader(this.#moment(process));
  }

  leaders(): string[] {
    return this.processes.map(({ name }) => name).filter((name) => this.isLeader(name));
  }

  #add(name: string): void {
    this.processes.push({
      name,
      election: this.#election(name),
      rate: 1 + (this.dice(401) - 200) / 10_000,
      monotonicOffset: this.dice(1_000_000),
      wallOffset: this.dice(100_000) - 50_000,
      isSetBack: false,
      suspendedMs: 0,
      stoppedUntil: undefined,
      suspendedSince: undefined,
      alive: true,
      inbox: [],
      writesEndAt: 0,
      tickAt: undefined,
    });
  }

  #election(identity: string): LeaderElection {
    const random = { next: () => this.dice(1000) / 1000 };
    return new LeaderElection({ identity, timings: leaderTimings(LEASE_MS), random });
  }

  #moment(process: Process): Moment {
    const frozen = process.suspendedSince === undefined ? 0 : this.now - process.suspendedSince;
    const awake = this.now - process.suspendedMs - frozen;
    return {
      monotonic: instant(awake * process.rate + process.monotonicOffset),
      wallMs: this.now * process.rate + process.wallOffset,
    };
  }

  #input(process: Process, input: ElectionInput): void {
    const { election } = process;
    const handle = (): void => {
      if (!process.alive || process.election !== election) return;
      this.steps += 1;
      for (const output of election.handle(input, this.#moment(process))) this.#output(process, output);
      this.#planTick(process);
    };
    if (process.stoppedUntil === undefined) handle();
    else process.inbox.push(handle);
  }

  #planTick(process: Process): void {
    const deadline = process.election.deadline();
    if (deadline === undefined) return;
    const inMs = Math.max(0, (deadline - this.#moment(process).monotonic) / process.rate) + 0.01;
    const at = this.now + inMs;
    if (process.tickAt !== undefined && process.tickAt <= at && process.tickAt > this.now) return;
    process.tickAt = at;
    this.#at(at, () => {
      if (process.tickAt === at) process.tickAt = undefined;
      this.#input(process, { kind: 'tick' });
    });
  }

  #output(process: Process, output: ElectionOutput): void {
    this.log.push(`${Math.round(this.now)} ${process.name} ${JSON.stringify(output)}`);
    if (output.kind === 'gained') {
      this.gains += 1;
      for (const other of this.processes) {
        if (other !== process && other.writesEndAt > this.now) this.#fail(`${process.name} leads beside ${other.name}`);
      }
    }
    if (output.kind === 'read') this.#send(process, output.id, () => ({ kind: 'read', record: this.record }));
    if (output.kind === 'write') {
      const { holder } = output.write;
      this.#send(process, output.id, () => {
        const record = this.#apply(output.write);
        return record === undefined ? { kind: 'refused' } : { kind: 'written', record };
      });
      if (holder === '') process.writesEndAt = this.now;
    }
  }

  /** A request, which may be lost, late, or answered to nobody. Its sender gives it up after the request timeout. */
  #send(
    process: Process,
    id: number,
    serve: () => { kind: 'read' | 'written' | 'refused'; record?: LeaderRecord | undefined },
  ): void {
    let isOver = false;
    const end = (input: ElectionInput): void => {
      if (isOver) return;
      isOver = true;
      this.#input(process, input);
    };
    this.#at(this.now + leaderTimings(LEASE_MS).requestTimeoutMs, () => end({ kind: 'failed', id }));
    if (this.#isLost()) return;
    this.#at(this.now + this.dice(this.weather.delayMs + 1), () => {
      const answer = serve();
      if (this.#isLost()) return;
      this.#at(this.now + this.dice(this.weather.delayMs + 1), () => end({ ...answer, id } as ElectionInput));
    });
  }

  #isLost(): boolean {
    return this.dice(100) < this.weather.lostPercent;
  }

  #apply(write: LeaderWrite): LeaderRecord | undefined {
    if (write.basedOn !== this.record?.version) return undefined;
    this.#version += 1;
    const { holder, transitions } = write;
    this.record = { holder, transitions, version: `v${this.#version}`, leaseMs: holder === '' ? 1000 : LEASE_MS };
    this.#announce();
    return this.record;
  }

  /** Watches: late, in order of nothing, and lost like everything else. */
  #announce(): void {
    const { record } = this;
    for (const process of this.processes) {
      if (this.#isLost()) continue;
      this.#at(this.now + this.dice(this.weather.delayMs + 1), () => this.#input(process, { kind: 'seen', record }));
    }
  }

  #at(at: number, what: () => void): void {
    this.#order += 1;
    this.#queue.push({ at, order: this.#order, what });
  }

  #check(): void {
    for (const process of this.processes) {
      const writableMs = process.alive ? process.election.writableMs(this.#moment(process)) : 0;
      // A suspended machine lets nothing out; what its clock says of the time left is not real time.
      if (writableMs > 0 && process.suspendedSince === undefined) {
        process.writesEndAt = Math.max(process.writesEndAt, this.now + writableMs / process.rate);
      }
    }
    const leaders = this.leaders();
    if (leaders.length > 1) this.#fail(`${leaders.join(' and ')} lead at once`);
  }

  #fail(what: string): never {
    throw new Error(`${what} at ${this.now}:\n${this.log.slice(-40).join('\n')}`);
  }
}
