/**
 * `./install addon metallb`: arguments → AddonRequest → progress lines → a closing line. Errors are thrown; main.ts
 * prints them.
 */
import { Argument, Command, InvalidArgumentError } from 'commander';
import { InstallError } from '../../installer/errors.ts';
import { type AddonReport, type AddonRequest, installAddon } from '../../installer/install-addon.ts';
import { didYouMean } from '../../installer/plan/nearest-name.ts';
import { progressPrinter, standardPrinterOptions } from '../progress-printer.ts';

const ADDONS = ['metallb'];

/** How the command is extended without this file knowing by what; the sandbox's option joins here. */
export interface AddonHooks {
  /** Adds options before the command line is parsed. */
  readonly configure?: (command: Command) => void;
  /** Runs in place of the plain installation, with the options as parsed and the plain installation at hand. */
  readonly run?: (
    request: AddonRequest,
    options: Readonly<Record<string, unknown>>,
    install: (request: AddonRequest) => Promise<AddonReport>,
  ) => Promise<AddonReport>;
  /** Runs at the end, when the closing line stands. */
  readonly after?: () => Promise<void>;
}

interface AddonOptions {
  readonly inventory?: string;
  readonly extraVars: Readonly<Record<string, string>>;
  readonly check: boolean;
  readonly remove: boolean;
  readonly purge: boolean;
  readonly verbose: boolean;
}

export function addonCommand(hooks: AddonHooks = {}): Command {
  const command = new Command('addon')
    .description('Installs an addon into the cluster that an inventory describes, or brings it up to date.')
    .addArgument(new Argument('<name>', `the addon: ${ADDONS.join(', ')}`))
    .option(
      '-i, --inventory <dir>',
      'directory with hosts and config.yml; kubeasz: clusters/NAME (default: ./inventory)',
    )
    .option(
      '-e, --extra-vars <key=value>',
      'set a variable over whatever the inventory says; may be repeated',
      collectVariable,
      {},
    )
    .option('--check', 'only say what would change', false)
    .option('--remove', 'take the addon out of the cluster', false)
    .option('--purge', 'with --remove: also the resource definitions and everything made of them', false)
    .option('--verbose', 'show every object, what is sent, and the causes of errors', false)
    .addHelpText('after', EXIT_CODE_HELP)
    .action(async (name: string, options: AddonOptions) => runAddon(name, options, hooks));
  hooks.configure?.(command);
  return command;
}

const EXIT_CODE_HELP = `
Exit codes: 0 done, 2 wrong usage, 3 something is missing on this machine, 4 faulty inventory, 5 faulty template,
6 the cluster refused or is not reached, 7 no permission, 8 no image, 9 waited too long.

Examples:
  cp -r inventory.example inventory && ./install addon metallb
  ./install addon metallb -i clusters/prod --check
  ./install addon metallb -e metallb_vip_pool=10.6.204.20-10.6.204.22`;

function collectVariable(text: string, previous: Readonly<Record<string, string>>): Record<string, string> {
  const equals = text.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('write it as name=value.');
  return { ...previous, [text.slice(0, equals).trim()]: text.slice(equals + 1) };
}

async function runAddon(name: string, options: AddonOptions, hooks: AddonHooks): Promise<void> {
  checkUsage(name, options);
  const { verbose, check } = options;
  const reporter = progressPrinter(standardPrinterOptions({ verbose, showChanges: check }));
  const request: AddonRequest = {
    ...(options.inventory === undefined ? {} : { inventoryDir: options.inventory }),
    extraVars: options.extraVars,
    check,
    remove: options.remove,
    purge: options.purge,
    verbose,
    reporter,
    // The shell wrapper changes nothing, but npm does: it says where the user stood.
    workingDirectory: process.env['INSTALL_CWD'] ?? process.cwd(),
  };
  try {
    const report = await (hooks.run?.(request, { ...options }, installAddon) ?? installAddon(request));
    process.stdout.write(`${closingLine(report, options)}\n`);
    await hooks.after?.();
  } finally {
    reporter.close();
  }
}

function checkUsage(name: string, options: AddonOptions): void {
  if (!ADDONS.includes(name)) {
    throw new InstallError({
      kind: 'usage',
      step: 'read the command line',
      problem: `there is no addon "${name}"${didYouMean(name, ADDONS)}`,
      hint: `the addons are: ${ADDONS.join(', ')}`,
    });
  }
  if (options.purge && !options.remove) {
    throw new InstallError({
      kind: 'usage',
      step: 'read the command line',
      problem: '--purge only goes with --remove',
      hint: 'to take everything away: ./install addon metallb --remove --purge',
    });
  }
}

function closingLine({ outcome, changes, pools, warnings }: AddonReport, { remove }: AddonOptions): string {
  const changed = changes.filter(({ action }) => action !== 'unchanged').length;
  const addresses = pools.map((pool) => `${pool.name} ${pool.addresses.join(', ')}`).join('; ');
  switch (outcome) {
    case 'declined':
      return warnings.join('\n');
    case 'removed':
      return 'metallb is removed.';
    case 'checked':
      if (changed === 0) return remove ? 'Nothing is there to remove.' : 'Nothing would change.';
      return `${changed} object${changed === 1 ? '' : 's'} would change; nothing was written.`;
    case 'installed':
      return changed === 0
        ? `metallb was up to date. Pools: ${addresses}`
        : `metallb is installed. Pools: ${addresses}`;
  }
}
