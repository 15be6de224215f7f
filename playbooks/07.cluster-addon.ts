/**
 * Step 07 of a kubeasz setup, for the addon of this project: reads the inventory and installs what it asks for.
 *
 *     sh src/bootstrap.sh playbooks/07.cluster-addon.ts [-i clusters/NAME] [-e name=value]…
 *
 * Does nothing where metallb_install is "no". `./install addon metallb` is the same with more options.
 */
import { argv, chalk, echo } from 'zx';
import { InstallError } from '../src/installer/errors.ts';
import { installAddon } from '../src/installer/install-addon.ts';
import { silentReporter } from '../src/installer/progress.ts';

const assignments: readonly string[] = [argv['e'] ?? []].flat().map(String);
const extraVars = Object.fromEntries(assignments.map((text) => text.split(/=(.*)/s, 2)));
const reporter = {
  ...silentReporter,
  step: (number: number, total: number, title: string) => echo(chalk.dim(`${number}/${total}`), title),
  warn: (message: string) => echo(chalk.yellow('warning:'), message),
};

try {
  const inventory = argv['i'] === undefined ? {} : { inventoryDir: String(argv['i']) };
  const flags = { check: false, remove: false, purge: false, verbose: false };
  const workingDirectory = process.env['INSTALL_CWD'] ?? process.cwd();
  const report = await installAddon({ ...inventory, ...flags, extraVars, reporter, workingDirectory });
  const changed = report.changes.filter(({ action }) => action !== 'unchanged').length;
  echo(`metallb: ${report.outcome}, ${changed} objects changed`);
} catch (error) {
  if (!(error instanceof InstallError)) throw error;
  for (const problem of error.problem.split('\n')) console.error(`error: ${problem}`);
  console.error(`  hint: ${error.hint}`);
  process.exitCode = error.exitCode;
}
