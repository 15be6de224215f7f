/**
 * FRR's bfdd and BIRD as neighbours over BFD alone, without BGP: each in a namespace, with neighbours as a test wants them.
 * Their own BFD sessions are asked for in their own words.
 */
import { access, readFile } from 'node:fs/promises';
import { Daemons } from './interop/daemons.ts';
import type { LanHost } from './netns.ts';
import { waitFor } from './wait-for.ts';

const STARTS_WITHIN_MS = 10_000;

export interface BfdRouterNeighbour {
  readonly address: string;
  readonly local: string;
  /** Over several hops. */
  readonly isMultihop?: boolean;
  readonly intervalMs: number;
  readonly multiplier: number;
  readonly isPassive?: boolean;
  /** FRR only. */
  readonly echoMs?: number;
}

export interface BfdRouterView {
  readonly state: 'up' | 'down' | 'init' | 'shutdown';
  /** In the router's own words. */
  readonly text: string;
}

export interface BfdRouter {
  readonly name: string;
  /** Also again, with others: what need not be ended goes on. */
  configure(neighbours: readonly BfdRouterNeighbour[]): Promise<void>;
  view(neighbour: string): Promise<BfdRouterView>;
  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void;
  stop(): Promise<void>;
  log(): Promise<string>;
}

export class Bird implements BfdRouter {
  readonly name = 'BIRD';
  readonly #daemons: Daemons;
  #isRunning = false;

  constructor(host: LanHost, folder: string) {
    this.#daemons = new Daemons(host, folder);
  }

  async configure(neighbours: readonly BfdRouterNeighbour[]): Promise<void> {
    const file = await this.#daemons.write('bird.conf', birdConfig(neighbours));
    if (this.#isRunning) {
      await this.#ask('configure');
      return;
    }
    this.#daemons.start('bird', ['-f', '-c', file, '-s', this.#daemons.file('ctl'), '-P', this.#daemons.file('pid')]);
    this.#isRunning = true;
    await waitFor('BIRD', async () => (await this.#ask('show status')).includes('up and running'), {
      withinMs: STARTS_WITHIN_MS,
    });
  }

  async view(neighbour: string): Promise<BfdRouterView> {
    const line = (await this.#ask('show bfd sessions')).split('\n').find((row) => row.startsWith(`${neighbour} `));
    const state = /^\S+\s+\S+\s+(\S+)/.exec(line ?? '')?.[1]?.toLowerCase();
    return { state: state === 'up' || state === 'init' ? state : 'down', text: line ?? '' };
  }

  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#daemons.signal(signal);
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#daemons.stop('at-once');
  }

  log(): Promise<string> {
    return this.#daemons.log();
  }

  async #ask(command: string): Promise<string> {
    return (await this.#daemons.run('birdc', '-s', this.#daemons.file('ctl'), command)).stdout;
  }
}

function birdConfig(neighbours: readonly BfdRouterNeighbour[]): string {
  const [{ intervalMs, multiplier, isPassive } = { intervalMs: 50, multiplier: 3 }] = neighbours;
  const passive = isPassive === undefined ? '' : `passive ${isPassive ? 'on' : 'off'};`;
  const options = `min rx interval ${intervalMs} ms; min tx interval ${intervalMs} ms; multiplier ${multiplier}; ${passive}`;
  return [
    'router id 192.0.2.1;',
    'log stderr all;',
    'debug protocols { states, events };',
    'protocol device {}',
    'protocol bfd {',
    `  interface "*" { ${options} };`,
    `  multihop { ${options} };`,
    ...neighbours.map(({ address, local, isMultihop }) =>
      isMultihop
        ? `  neighbor ${address} local ${local} multihop on;`
        : `  neighbor ${address} dev "eth0" local ${local};`,
    ),
    '}',
    '',
  ].join('\n');
}

export interface FrrCounters {
  readonly peer: string;
  readonly 'session-up': number;
  readonly 'session-down': number;
  readonly 'echo-packet-input': number;
}

export class Frr implements BfdRouter {
  readonly name = 'FRR';
  readonly #daemons: Daemons;
  #isRunning = false;

  constructor(host: LanHost, folder: string) {
    this.#daemons = new Daemons(host, folder);
  }

  async configure(neighbours: readonly BfdRouterNeighbour[]): Promise<void> {
    if (this.#isRunning) {
      await this.command(...neighbours.flatMap(frrPeer));
      return;
    }
    await this.#daemons.write('zebra.conf', '');
    await this.#daemons.write('bfdd.conf', ['bfd', ...neighbours.flatMap(frrPeer), ''].join('\n'));
    await this.#daemons.run('chown', '-R', 'frr:frr', this.#daemons.folder);
    this.#start('zebra');
    // bfdd would try again only ten seconds later, and knows no interface until then.
    await waitFor('zebra', async () => await access(this.#daemons.file('zserv.api')).then(() => true), {
      withinMs: STARTS_WITHIN_MS,
      everyMs: 20,
    });
    this.#start('bfdd');
    this.#isRunning = true;
    await waitFor('FRR', async () => (await this.#ask('show bfd peers json')).includes('['), {
      withinMs: STARTS_WITHIN_MS,
    });
  }

  /** In the mode for BFD. */
  async command(...commands: string[]): Promise<void> {
    await this.#ask('configure terminal', 'bfd', ...commands);
  }

  async view(neighbour: string): Promise<BfdRouterView> {
    const peers = JSON.parse(await this.#ask('show bfd peers json')) as { peer: string; status: string }[];
    const found = peers.find(({ peer }) => peer === neighbour);
    if (found === undefined) throw new Error(`FRR has no BFD peer ${neighbour}`);
    return { state: found.status as BfdRouterView['state'], text: JSON.stringify(found) };
  }

  /** Of all peers, by FRR's own names. */
  async counters(): Promise<readonly FrrCounters[]> {
    return JSON.parse(await this.#ask('show bfd peers counters json')) as FrrCounters[];
  }

  /** Of bfdd. */
  async pid(): Promise<number> {
    return Number(await readFile(this.#daemons.file('bfdd.pid'), 'utf8'));
  }

  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#daemons.signal(signal);
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#daemons.stop('at-once');
  }

  log(): Promise<string> {
    return this.#daemons.log();
  }

  #start(program: string): void {
    const { folder } = this.#daemons;
    this.#daemons.start(`/usr/lib/frr/${program}`, [
      ...['-f', this.#daemons.file(`${program}.conf`), '-i', this.#daemons.file(`${program}.pid`)],
      ...['-z', this.#daemons.file('zserv.api'), '--vty_socket', folder, '-P', '0', '--log', 'stdout'],
      ...(program === 'bfdd' ? ['--bfdctl', this.#daemons.file('bfdd.sock')] : []),
    ]);
  }

  async #ask(...commands: string[]): Promise<string> {
    const options = commands.flatMap((command) => ['-c', command]);
    return (await this.#daemons.run('vtysh', '--vty_socket', this.#daemons.folder, ...options)).stdout;
  }
}

export function frrPeerLine({ address, local, isMultihop }: BfdRouterNeighbour): string {
  return isMultihop
    ? `peer ${address} multihop local-address ${local}`
    : `peer ${address} local-address ${local} interface eth0`;
}

function frrPeer(neighbour: BfdRouterNeighbour): string[] {
  const { intervalMs, multiplier, isPassive, isMultihop, echoMs } = neighbour;
  return [
    frrPeerLine(neighbour),
    `detect-multiplier ${multiplier}`,
    `receive-interval ${intervalMs}`,
    `transmit-interval ${intervalMs}`,
    isPassive ? 'passive-mode' : 'no passive-mode',
    ...(isMultihop ? ['minimum-ttl 250'] : []),
    ...(echoMs === undefined
      ? []
      : [`echo transmit-interval ${echoMs}`, `echo receive-interval ${echoMs}`, 'echo-mode']),
    'exit',
  ];
}
