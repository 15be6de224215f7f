/** Starts the packet path (packet-path-process.ts) in a host of a test LAN, and speaks with it. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { AnnouncedAddress, InterfaceFacts } from '../../src/runtime/model/announcements.ts';
import type { Ip } from '../../src/runtime/model/ip.ts';
import type { PacketPathSnapshot } from '../../src/runtime/programs/speaker/packet-path.ts';
import type { LanHost } from './netns.ts';
import type { PacketPathCommand } from './packet-path-process.ts';
import { speakerRuntime } from './runtime-flags.ts';

const program = path.resolve(import.meta.dirname, 'packet-path-process.ts');

/** As root in the speaker's container: no capability but this one. */
export const NET_RAW_ONLY = ['setpriv', '--bounding-set', '-all,+net_raw', '--inh-caps', '-all'];

/** An address to announce: on every interface with its subnet, or on those named. */
export interface Announced {
  readonly ip: string;
  readonly interfaces?: AnnouncedAddress['interfaces'];
}

export class PacketPathChild {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #lines: Interface;
  #generation = 0;

  /** Options of packet-path-process.ts: patterns of interfaces to exclude among them. */
  constructor(host: LanHost, options: readonly string[] = [], rights: 'all' | 'net-raw' = 'all') {
    const command = [...speakerRuntime(), program, ...options];
    const [first = '', ...rest] = rights === 'all' ? command : [...NET_RAW_ONLY, ...command];
    this.#child = host.spawn(first, ...rest);
    if (this.#child.stdout === null) throw new Error('the packet path has no output');
    this.#lines = createInterface({ input: this.#child.stdout });
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the packet path could not be started');
    return this.#child.pid;
  }

  async announce(...addresses: Announced[]): Promise<void> {
    this.#generation += 1;
    const table = {
      generation: this.#generation,
      addresses: addresses.map(({ ip, interfaces = 'in-subnet' }) => ({ ip: ip as Ip, interfaces })),
    };
    await this.#ask({ command: 'set-table', table });
  }

  async interfaces(): Promise<readonly InterfaceFacts[]> {
    return (await this.#ask({ command: 'interfaces' })) as readonly InterfaceFacts[];
  }

  async snapshot(): Promise<PacketPathSnapshot> {
    return (await this.#ask({ command: 'snapshot' })) as PacketPathSnapshot;
  }

  /** Ends it in good order; throws when it has died before, or does not end. */
  async stop(): Promise<void> {
    if (this.#child.exitCode === null) {
      this.#child.stdin?.end();
      const giveUp = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
      await once(this.#child, 'exit');
      clearTimeout(giveUp);
    }
    if (this.#child.exitCode !== 0) {
      throw new Error(`the packet path ended with ${this.#child.exitCode ?? this.#child.signalCode}`);
    }
  }

  /** One question at a time. */
  async #ask(command: PacketPathCommand): Promise<unknown> {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
    const answer = await this.#answers.next();
    if (answer.done) throw new Error(`the packet path ended before it answered ${command.command}`);
    return JSON.parse(answer.value);
  }
}
