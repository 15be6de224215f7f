/**
 * The command line: argv → command → exit code. The only place that prints help and errors; everything below it throws
 * or returns.
 *
 *     ./install addon metallb …      install, check, remove
 *     ./install explain service/NAME why a Service has the addresses it has
 *     ./install bgp                  the BGP sessions, and what the routers were told
 *     ./install migrate              the old ConfigMap as custom resources
 *     ./install sandbox up|down|…    a real cluster on this machine
 */
import { Command } from 'commander';
import { addonCommand } from './commands/addon.ts';
import { sandboxHooks } from './commands/addon-sandbox.ts';
import { bgpCommand } from './commands/bgp.ts';
import { explainCommand } from './commands/explain.ts';
import { migrateCommand } from './commands/migrate.ts';
import { sandboxCommand } from './commands/sandbox.ts';
import { reportFailure } from './report-failure.ts';

const program = new Command('install')
  .description('A LoadBalancer for bare-metal Kubernetes: installs the addon, and boots a cluster to try it on.')
  .showHelpAfterError('(./install --help shows the commands)')
  .enablePositionalOptions()
  .addCommand(addonCommand(sandboxHooks()))
  .addCommand(explainCommand())
  .addCommand(bgpCommand())
  .addCommand(migrateCommand())
  .addCommand(sandboxCommand());

try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.exitCode = reportFailure(error, { verbose: process.argv.includes('--verbose') });
}
