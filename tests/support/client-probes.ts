/**
 * What a host of the LAN sees while something happens to an address: whether it is served, by requests every 10 ms, and
 * who claims it, by the frames it hears. For end-to-end tests and measurements, on the sandbox's client or in a LAN of
 * netns.ts. All times are milliseconds of the monotonic clock that the machine's processes share (`monotonicMs`), so a
 * fault's own time can be compared with them.
 *
 *     const start = await inHost(handle, 'client');
 *     const requests = await probeRequests(start, { ip });
 *     const frames = await recordNeighbours(start, [ip]);
 *     const faultMs = monotonicMs();
 *     await unplug(handle, owner);
 *     … until it is answered again …
 *     const outages = outagesOf(await requests.stop());
 *     const takenOver = firstFrameAfter(await frames.stop(), faultMs, ownerMac);
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { enterHost } from '../../src/sandbox/handle.ts';
import type { SandboxHandle } from '../../src/sandbox/sandbox.ts';
import type { NeighbourFrame } from './neighbour-frames.ts';
import type { Attempt } from './outages.ts';

/** Starts a program somewhere, with pipes for input, output and errors. */
export type Start = (program: string, ...command: string[]) => ChildProcess;

export interface HeardFrame extends NeighbourFrame {
  /** When the kernel got it. */
  readonly atMs: number;
}

export interface RequestProbeOptions {
  /** Of either family. */
  readonly ip: string;
  readonly port?: number;
  readonly everyMs?: number;
  /** Below the second after which the kernel repeats a lost SYN. */
  readonly giveUpMs?: number;
}

const OPTIONS = ['--disable-warning=ExperimentalWarning'];

export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Starts programs on a host of a sandbox. */
export async function inHost(handle: SandboxHandle, host: string): Promise<Start> {
  const [program = '', ...enter] = await enterHost(handle, host);
  return (...command) => spawn(program, [...enter, ...command], { stdio: ['pipe', 'pipe', 'pipe'] });
}

/** Asks for a page every 10 ms over a new connection, each answered within half a second or failed. */
export function probeRequests(start: Start, options: RequestProbeOptions): Promise<Probe<Attempt>> {
  const { ip, port = 80, everyMs = 10, giveUpMs = 500 } = options;
  return startProbe<Attempt>(start, 'request-probe.ts', [ip, port, everyMs, giveUpMs].map(String));
}

/** Hears every ARP packet and neighbour advertisement that claims one of the addresses; none given: any address. */
export function recordNeighbours(start: Start, ips: readonly string[]): Promise<Probe<HeardFrame>> {
  return startProbe<HeardFrame>(start, 'neighbour-recorder.ts', ips);
}

/** The first frame after the time by which somebody other than the former owner claims the address. */
export function firstFrameAfter(
  frames: readonly HeardFrame[],
  afterMs: number,
  formerOwnerMac: string,
): HeardFrame | undefined {
  return frames.find(({ atMs, mac }) => atMs >= afterMs && mac !== formerOwnerMac);
}

/** A program that prints a JSON line a happening, until its input ends. */
export class Probe<T> {
  readonly #child: ChildProcess;
  readonly #seen: T[] = [];
  #errors = '';
  readonly #name: string;

  /** Use `startProbe`. */
  constructor(child: ChildProcess, name: string) {
    this.#child = child;
    this.#name = name;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
  }

  /** Resolves when the program says that it is ready. */
  async ready(): Promise<void> {
    if (this.#child.stdout === null) throw new Error('a probe needs an output');
    const lines = createInterface({ input: this.#child.stdout });
    await new Promise<void>((resolve, reject) => {
      lines.on('line', (line) => {
        if (line === 'ready') resolve();
        else this.#seen.push(JSON.parse(line) as T);
      });
      this.#child.once('error', reject);
      this.#child.once('exit', () => reject(this.#failure()));
    });
  }

  /** What has been seen up to now. */
  soFar(): readonly T[] {
    return this.#seen;
  }

  /** Ends the program in good order and returns all it saw; rejects if it has died before, or does. */
  async stop(): Promise<readonly T[]> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const closed = once(this.#child, 'close');
      this.#child.stdin?.end();
      const giveUp = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
      await closed;
      clearTimeout(giveUp);
    }
    if (this.#child.exitCode !== 0) throw this.#failure();
    return this.#seen;
  }

  #failure(): Error {
    return new Error(`${this.#name} ended with ${this.#child.exitCode ?? this.#child.signalCode}: ${this.#errors}`);
  }
}

async function startProbe<T>(start: Start, program: string, args: readonly string[]): Promise<Probe<T>> {
  const child = start(process.execPath, ...OPTIONS, path.join(import.meta.dirname, program), ...args);
  const probe = new Probe<T>(child, program);
  await probe.ready();
  return probe;
}
