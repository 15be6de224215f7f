/** Handle on a bfd-process in a namespace. */
import type { ChildProcess } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { BfdView } from '../../src/runtime/model/bgp-session.ts';
import type { WantedBfd } from '../../src/runtime/programs/speaker/bgp/bfd-route.ts';
import type { BfdChange } from '../../src/runtime/programs/speaker/bgp/bfd-watched-path.ts';
import type { LanHost } from './netns.ts';
import { NET_RAW_ONLY } from './packet-path-child.ts';
import { speakerRuntime } from './runtime-flags.ts';
import { waitFor } from './wait-for.ts';

const program = path.resolve(import.meta.dirname, 'bfd-process.ts');
const ANSWERS_WITHIN_MS = 10_000;

export interface BfdEvent {
  readonly name: string;
  readonly event: BfdChange;
  /** On the kernel's monotonic clock. */
  readonly atMs: number;
}

export interface BfdReport {
  readonly views: Readonly<Record<string, BfdView>>;
  readonly drops: Readonly<Record<string, number>>;
  readonly cpuMs: number;
}

export class BfdChild {
  readonly events: BfdEvent[] = [];
  readonly warnings: string[] = [];
  scheduling: string | undefined;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #asked: ((report: BfdReport) => void)[] = [];

  /** Options of bfd-process.ts. */
  constructor(host: LanHost, options: readonly string[] = [], rights: 'all' | 'net-raw' = 'net-raw') {
    const command = [...speakerRuntime(), program, ...options];
    const [first = '', ...rest] = rights === 'all' ? command : [...NET_RAW_ONLY, ...command];
    this.#child = host.spawn(first, ...rest);
    this.#ended = new Promise((resolve) => this.#child.on('exit', () => resolve()));
    if (this.#child.stdout === null) throw new Error('it has no output');
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#hear(JSON.parse(line) as object));
  }

  async ready(): Promise<void> {
    await waitFor('the BFD process', async () => this.scheduling !== undefined, {
      withinMs: ANSWERS_WITHIN_MS,
      everyMs: 20,
    });
  }

  set(wanted: readonly WantedBfd[]): void {
    this.#tell({ set: wanted });
  }

  /** Keeps its thread from everything else. */
  busy(milliseconds: number): void {
    this.#tell({ busy: milliseconds });
  }

  async report(): Promise<BfdReport> {
    const { promise, resolve, reject } = Promise.withResolvers<BfdReport>();
    const late = setTimeout(() => reject(new Error('the BFD process does not answer')), ANSWERS_WITHIN_MS);
    this.#asked.push(resolve);
    this.#tell({ views: true });
    return await promise.finally(() => clearTimeout(late));
  }

  async view(name: string): Promise<BfdView> {
    const view = (await this.report()).views[name];
    if (view === undefined) throw new Error(`it has no session ${name}`);
    return view;
  }

  async close(): Promise<void> {
    this.#tell({ close: true });
    await this.#ended;
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#child.kill(signal);
    await this.#ended;
  }

  #tell(command: object): void {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  #hear(line: Partial<BfdEvent & BfdReport> & { warning?: string; reason?: string; scheduling?: string }): void {
    const { name, event, atMs, views, drops, cpuMs, warning, reason, scheduling } = line;
    if (scheduling !== undefined) this.scheduling = scheduling;
    if (warning !== undefined) this.warnings.push(`${warning}: ${reason}`);
    if (name !== undefined && event !== undefined && atMs !== undefined) this.events.push({ name, event, atMs });
    if (views !== undefined && drops !== undefined && cpuMs !== undefined) {
      this.#asked.shift()?.({ views, drops, cpuMs });
    }
  }
}
