/**
 * The watch over descriptors against the failures that koffi's poll was seen to have. Each runs in a process of its own:
 * most of them would otherwise end in a crash. Here rather than among the unit tests because it needs real descriptors.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import path from 'node:path';
import { expect, test } from '@jest/globals';

const program = path.resolve(import.meta.dirname, '../support/readable-process.ts');
const node = ['--disable-warning=ExperimentalWarning', '--expose-gc', program];

const scenarios = JSON.parse(execFileSync(process.execPath, [...node, 'list'], { encoding: 'utf8' })) as string[];
if (scenarios.length < 6) throw new Error(`only ${scenarios.length} scenarios`);

test.each(scenarios)('%s', (scenario) => {
  const run = spawnSync(process.execPath, [...node, scenario], { encoding: 'utf8', timeout: 20_000 });
  expect(`${run.stdout}${run.stderr}`).toBe('ok\n');
  expect(run.status).toBe(0);
});
