/**
 * `npm test`: every tier that this machine can run, cheapest first, and one line at the end that counts them all.
 *
 *     npm test                     everything
 *     npm test -- unit e2e         these tiers
 *     npm test -- e2e --keep       and leave the cluster running afterwards
 *
 * A tier that cannot run here says why and counts as skipped; with CI=true it counts as failed, because a skip nobody
 * reads is a test nobody has. What a tier needs (Debian packages, the cluster's binaries) is installed on the way.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Argument, Command } from 'commander';
import { execa } from 'execa';
import { prepareMachine } from './support/prepare-machine.ts';

interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface Tier {
  readonly name: string;
  /** Why this machine cannot run it; undefined: it can. */
  readonly obstacle: () => string | undefined;
  readonly run: () => Promise<Count>;
}

const root = path.resolve(import.meta.dirname, '..');
const bin = path.join(root, 'node_modules/.bin');
const inCi = process.env['CI'] === 'true';

const tiers: readonly Tier[] = [
  { name: 'check', obstacle: () => undefined, run: runChecks },
  { name: 'unit', obstacle: () => undefined, run: () => runJest('unit', []) },
  { name: 'privileged', obstacle: needsRoot, run: () => withMachine(() => runJest('privileged', ['--runInBand'])) },
  { name: 'interop', obstacle: needsRoot, run: () => withMachine(() => runJest('interop', ['--runInBand'])) },
  { name: 'chart', obstacle: needsRoot, run: () => withMachine(() => runJest('chart', ['--runInBand'])) },
  { name: 'integration', obstacle: needsRoot, run: () => withMachine(() => runJest('integration', ['--runInBand'])) },
  { name: 'e2e', obstacle: needsRoot, run: () => withMachine(() => runJest('e2e', ['--runInBand'])) },
];

const command = new Command('npm test --')
  .description('runs every tier that this machine can run, and counts them all at the end')
  .addArgument(new Argument('[tiers...]', 'these alone').choices(tiers.map(({ name }) => name)))
  .option('--keep', 'leave the cluster running afterwards')
  .parse();
const keep = command.opts<{ keep?: true }>().keep ?? false;

async function main(wanted: readonly string[]): Promise<number> {
  const total = { passed: 0, failed: 0, skipped: 0 };
  const lines: string[] = [];
  for (const tier of tiers.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
    const began = performance.now();
    const count = await runTier(tier);
    total.passed += count.passed;
    total.failed += count.failed;
    total.skipped += count.skipped;
    lines.push(`  ${tier.name.padEnd(12)} ${format(count)} in ${((performance.now() - began) / 1000).toFixed(0)} s`);
  }
  console.log(`\n${lines.join('\n')}\n${format(total)}`);
  return total.failed === 0 ? 0 : 1;
}

async function runTier(tier: Tier): Promise<Count> {
  console.log(`\n── ${tier.name} ${'─'.repeat(Math.max(0, 70 - tier.name.length))}`);
  const obstacle = tier.obstacle();
  if (obstacle !== undefined) {
    console.log(`${inCi ? 'failed' : 'skipped'}: ${obstacle}`);
    return inCi ? { passed: 0, failed: 1, skipped: 0 } : { passed: 0, failed: 0, skipped: 1 };
  }
  try {
    const count = await tier.run();
    return inCi ? { passed: count.passed, failed: count.failed + count.skipped, skipped: 0 } : count;
  } catch (error) {
    console.error(error);
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

function format({ passed, failed, skipped }: Count): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`;
}

function needsRoot(): string | undefined {
  if (os.platform() !== 'linux') return `network namespaces need Linux, this is ${os.platform()}`;
  if (process.getuid?.() !== 0) return 'network namespaces need root: run it with sudo';
  return undefined;
}

let machine: Promise<void> | undefined;

/** Prepares the machine once, whichever tier comes first. */
async function withMachine(run: () => Promise<Count>): Promise<Count> {
  machine ??= prepareMachine();
  await machine;
  return run();
}

/** Formatting, lint, types (twice: everything, and the core without Node's types) and the walls between the rooms. */
async function runChecks(): Promise<Count> {
  const checks: readonly (readonly [string, ...string[]])[] = [
    ['biome', 'check', '--error-on-warnings', '.'],
    ['tsc', '-p', 'tsconfig.json'],
    ['tsc', '-p', 'tsconfig.core.json'],
    ['depcruise', '--config', '.dependency-cruiser.mjs', 'src', 'tests', 'bench', 'playbooks', 'image'],
  ];
  let failed = 0;
  for (const [command, ...args] of checks) {
    const result = await execa(path.join(bin, command), args, {
      cwd: root,
      reject: false,
      all: true,
      env: { PATH: `${bin}:${process.env['PATH']}` },
    });
    console.log(`${result.exitCode === 0 ? 'ok    ' : 'FAILED'} ${command} ${args.join(' ')}`);
    if (result.exitCode === 0) continue;
    failed += 1;
    console.log(result.all);
  }
  return { passed: checks.length - failed, failed, skipped: 0 };
}

async function runJest(tier: string, extra: readonly string[]): Promise<Count> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'metallb-tests-'));
  const report = path.join(directory, 'report.json');
  try {
    const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
    const jest = path.join(root, 'node_modules/jest/bin/jest.js');
    const sequence = ['--testSequencer', path.join(root, 'tests/support/sequencer.mjs')];
    await execa(
      process.execPath,
      [...flags, jest, '--roots', `tests/${tier}`, '--json', '--outputFile', report, ...sequence, ...extra],
      {
        cwd: root,
        reject: false,
        stdin: 'ignore',
        stdout: 'ignore',
        stderr: 'inherit',
        env: { METALLB_TEST_KEEP: keep ? '1' : '' },
      },
    );
    return countReport(JSON.parse(await readFile(report, 'utf8')));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

interface JestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly numRuntimeErrorTestSuites: number;
}

/** A file that does not even load counts as a failed test, and so does a tier without a single test. */
function countReport(report: JestReport): Count {
  const passed = report.numPassedTests;
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
  const skipped = report.numPendingTests + report.numTodoTests;
  return passed + failed + skipped === 0 ? { passed, failed: 1, skipped } : { passed, failed, skipped };
}

process.exitCode = await main(command.args);
