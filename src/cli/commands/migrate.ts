/**
 * `./install migrate`: the old ConfigMap's equivalent on standard output, or in its place. What is not YAML goes to
 * standard error, so that the output can be piped into kubectl. Errors are thrown; main.ts prints them.
 */
import { Command } from 'commander';
import { silentReporter } from '../../installer/progress.ts';
import { type MigrationRequest, migrate } from '../../installer/run-migration.ts';
import { toServiceView } from '../../runtime/adapters/kube/read-service.ts';
import { progressPrinter, standardPrinterOptions } from '../progress-printer.ts';

interface MigrateOptions {
  readonly inventory?: string;
  readonly file?: string;
  readonly apply: boolean;
  readonly verbose: boolean;
}

export function migrateCommand(): Command {
  return new Command('migrate')
    .description('Shows the ConfigMap of MetalLB 0.7 to 0.12 as custom resources, or puts them in its place.')
    .option(
      '-i, --inventory <dir>',
      'directory with hosts and config.yml (default: ./inventory, else the usual kubeconfig)',
    )
    .option(
      '--file <file>',
      'convert this file (the ConfigMap’s manifest, or the YAML in it) in place of the cluster’s',
    )
    .option(
      '--apply',
      'create the custom resources, check that every Service keeps its address, delete the ConfigMap',
      false,
    )
    .option('--verbose', 'show every object, and the causes of errors', false)
    .addHelpText('after', EXAMPLES)
    .action(runMigrate);
}

const EXAMPLES = `
Examples:
  ./install migrate --file old-config.yaml > metallb.yaml
  ./install migrate -i clusters/prod
  ./install migrate -i clusters/prod --apply`;

async function runMigrate({ inventory, file, apply, verbose }: MigrateOptions): Promise<void> {
  const request: Omit<MigrationRequest, 'reporter'> = {
    ...(inventory === undefined ? {} : { inventoryDir: inventory }),
    ...(file === undefined ? {} : { file }),
    apply,
    workingDirectory: process.env['INSTALL_CWD'] ?? process.cwd(),
    readService: toServiceView,
  };
  if (!apply) {
    const { text, warnings } = await migrate({ ...request, reporter: silentReporter });
    for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
    process.stdout.write(text);
    return;
  }
  const reporter = progressPrinter(standardPrinterOptions({ verbose, showChanges: true }));
  try {
    const { backup } = await migrate({ ...request, reporter });
    process.stdout.write(`The custom resources are in force; the ConfigMap is deleted and saved as ${backup}.\n`);
  } finally {
    reporter.close();
  }
}
