/** Our side of a session with a router that others wrote: a process in a host's namespace (speaker-process.ts). */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { PlannedSession } from '../../../src/runtime/model/bgp-plan.ts';
import type { BgpSessionView } from '../../../src/runtime/model/bgp-session.ts';
import type { LanHost } from '../netns.ts';
import { speakerRuntime } from '../runtime-flags.ts';
import type { PlanTaken, SpeakerRequest } from './speaker-process.ts';

const PROGRAM = path.resolve(import.meta.dirname, 'speaker-process.ts');

export class Speaker {
  readonly #host: LanHost;
  readonly #logFile: string;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  /** Those that wait for an answer, in the order in which they asked. */
  readonly #asking: { readonly resolve: (line: string) => void; readonly reject: (error: Error) => void }[] = [];
  #generation = 0;

  constructor(host: LanHost, folder: string) {
    this.#host = host;
    this.#logFile = path.join(folder, 'speaker.log');
  }

  /** 'listen': routers can connect to it as well. */
  start(...role: readonly 'listen'[]): void {
    const log = openSync(this.#logFile, 'a');
    const node = [...speakerRuntime(), PROGRAM, ...role];
    const child = spawn('ip', ['netns', 'exec', this.#host.namespace, ...node], { stdio: ['pipe', 'pipe', log] });
    closeSync(log);
    this.#child = child;
    this.#generation = 0;
    const { stdin, stdout } = child;
    if (stdin === null || stdout === null) throw new Error('it has no pipes');
    this.#ended = new Promise((resolve) => {
      child.on('exit', () => {
        for (const { reject } of this.#asking.splice(0)) reject(new Error('the speaker has ended'));
        resolve();
      });
    });
    createInterface({ input: stdout }).on('line', (line) => this.#asking.shift()?.resolve(line));
    // Written to after its end: told by 'exit'.
    stdin.on('error', () => undefined);
  }

  async setPlan(...sessions: readonly PlannedSession[]): Promise<PlanTaken> {
    this.#generation += 1;
    return (await this.#ask({ kind: 'plan', plan: { generation: this.#generation, sessions } })) as PlanTaken;
  }

  async view(peer: string): Promise<BgpSessionView> {
    const { views } = (await this.#ask({ kind: 'views' })) as { readonly views: readonly BgpSessionView[] };
    const view = views.find((candidate) => candidate.peer === peer);
    if (view === undefined) throw new Error(`there is no session called ${peer}`);
    return view;
  }

  /** Ends it as SIGTERM ends the speaker. */
  async close(): Promise<void> {
    await this.#ask({ kind: 'close' });
    await this.#ended;
  }

  /** `ip netns exec` has become it. */
  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('the speaker does not run');
    return pid;
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#ended;
  }

  async log(): Promise<string> {
    return await readFile(this.#logFile, 'utf8').catch(() => '');
  }

  #ask(request: SpeakerRequest): Promise<unknown> {
    const answer = new Promise<string>((resolve, reject) => {
      this.#asking.push({ resolve, reject });
    }).then((line) => JSON.parse(line) as unknown);
    // A test that has failed meanwhile waits for it no more.
    answer.catch(() => undefined);
    this.#child?.stdin?.write(`${JSON.stringify(request)}\n`);
    return answer;
  }
}
