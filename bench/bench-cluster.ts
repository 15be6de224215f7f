/**
 * The measurements' own sandbox: booted when the first measurement asks for it, with the addon when the first one asks
 * for that, and taken down at the end. It never touches another instance.
 */
import path from 'node:path';
import { execa } from 'execa';
import { down, type SandboxHandle, up } from '../src/sandbox/sandbox.ts';
import { monotonicMs } from './machine.ts';

export const INSTANCE = 'bench';
/** A /16, so that addresses by the thousand lie in the nodes' own subnet. */
const SUBNET = '10.215.0.0/16';
/** What the measurements may give out: 16,384 addresses, none of them a host's. */
const POOL = '10.215.64.0/18';
/** For a pool of a measurement's own, beside that one: 4,096 addresses. */
export const SPARE_RANGE = '10.215.128.0/20';

const root = path.resolve(import.meta.dirname, '..');

/** Beyond this, looking for programs and images was not looking but fetching: the caches had been cold. */
const WARM_SEARCH_MS = 10_000;
const SEARCH_STEP = 'finding programs and images';

export interface Step {
  readonly name: string;
  readonly milliseconds: number;
}

export interface Boot {
  readonly handle: SandboxHandle;
  readonly milliseconds: number;
  readonly steps: readonly Step[];
}

export class BenchCluster {
  #boot: Promise<Boot> | undefined;
  #addon: Promise<SandboxHandle> | undefined;
  readonly #others: (() => Promise<void>)[] = [];

  /** The cluster alone, and how long it took to boot with warm caches. */
  boot(): Promise<Boot> {
    this.#boot ??= bootWarm();
    return this.#boot;
  }

  /** The cluster with the addon and the demo's nginx, but not its Service. */
  withAddon(): Promise<SandboxHandle> {
    this.#addon ??= this.boot().then(async ({ handle }) => {
      await installAddon();
      await kubectl(handle, 'delete', 'service', 'nginx');
      return handle;
    });
    return this.#addon;
  }

  /** For what else a measurement has started: ended by it as a rule, and here after an interrupt. Called twice, then. */
  alsoClose(end: () => Promise<void>): void {
    this.#others.push(end);
  }

  /** Takes down what measurements have asked for. */
  async close(): Promise<void> {
    for (const end of this.#others.reverse()) await end();
    if (this.#boot === undefined) return;
    await down({ name: INSTANCE });
  }
}

/** An address to ask for, 0 to 4095: from the pool's last quarter, as those that ask for none are given the lowest. */
export function reservedAddress(index: number): string {
  return `10.215.${112 + (index >> 8)}.${index & 255}`;
}

/** Rejects with what kubectl said. */
export async function kubectl(handle: SandboxHandle, ...args: readonly string[]): Promise<string> {
  const env = { KUBECONFIG: handle.kubeconfigPath };
  return (await execa(handle.bin.kubectl, args, { env, stdin: 'ignore' })).stdout;
}

async function bootWarm(): Promise<Boot> {
  // What an interrupted run has left would be found running, and the boot not measured.
  await down({ name: INSTANCE });
  const first = await boot();
  const search = first.steps.find(({ name }) => name === SEARCH_STEP);
  if (search === undefined || search.milliseconds < WARM_SEARCH_MS) return first;
  await down({ name: INSTANCE });
  return boot();
}

async function boot(): Promise<Boot> {
  const steps: Step[] = [];
  let current = { name: '', beganMs: 0 };
  const reporter = {
    step: (name: string) => {
      current = { name, beganMs: monotonicMs() };
    },
    done: () => {
      steps.push({ name: current.name, milliseconds: monotonicMs() - current.beganMs });
    },
    note: () => {},
  };
  const beganMs = monotonicMs();
  const handle = await up({ name: INSTANCE, subnet: SUBNET, reporter });
  return { handle, milliseconds: monotonicMs() - beganMs, steps };
}

/** As a user would; it finds the cluster running. */
async function installAddon(): Promise<void> {
  const sandbox = ['--sandbox', '--name', INSTANCE, '--subnet', SUBNET];
  const { exitCode, all } = await execa(
    path.join(root, 'install'),
    ['addon', 'metallb', ...sandbox, '-e', `metallb_vip_pool=${POOL}`],
    { cwd: root, reject: false, all: true, stdin: 'ignore', timeout: 600_000, env: { NO_COLOR: '1' } },
  );
  if (exitCode !== 0) throw new Error(`./install addon metallb ended with ${exitCode}:\n${all}`);
}
