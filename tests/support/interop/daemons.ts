/** Programs that run in a host's namespace until they are ended, in a folder of their own, logging to a file there. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { CommandResult, LanHost } from '../netns.ts';

/** How long a program may take to end in order. */
const END_WITHIN_MS = 5000;
const LOG_FILE = 'log';

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
}

export class Daemons {
  readonly folder: string;
  readonly #host: LanHost;
  readonly #running: Running[] = [];

  constructor(host: LanHost, folder: string) {
    this.#host = host;
    this.folder = folder;
  }

  /** Absolute path of a file in the folder. */
  file(name: string): string {
    return path.join(this.folder, name);
  }

  /** Ends what runs at once, and forgets what it has left in the folder. */
  async reset(): Promise<void> {
    await this.stop('at-once');
    await rm(this.folder, { recursive: true, force: true });
    await mkdir(this.folder, { recursive: true });
  }

  async write(name: string, text: string): Promise<string> {
    await mkdir(this.folder, { recursive: true });
    await writeFile(this.file(name), text);
    return this.file(name);
  }

  /** `ip netns exec` becomes the program, so signals reach it. */
  start(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): void {
    const log = openSync(this.file(LOG_FILE), 'a');
    const child = spawn('ip', ['netns', 'exec', this.#host.namespace, program, ...args], {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...env },
    });
    closeSync(log);
    this.#running.push({ child, ended: new Promise((resolve) => child.on('exit', () => resolve())) });
  }

  async run(program: string, ...args: readonly string[]): Promise<CommandResult> {
    return await this.#host.run(program, ...args);
  }

  signal(signal: NodeJS.Signals): void {
    for (const { child } of this.#running) child.kill(signal);
  }

  async stop(how: 'in-order' | 'at-once'): Promise<void> {
    this.signal('SIGCONT');
    this.signal(how === 'in-order' ? 'SIGTERM' : 'SIGKILL');
    const late = setTimeout(() => this.signal('SIGKILL'), END_WITHIN_MS);
    await Promise.all(this.#running.splice(0).map(({ ended }) => ended));
    clearTimeout(late);
  }

  async log(): Promise<string> {
    return await readFile(this.file(LOG_FILE), 'utf8').catch(() => '');
  }
}
