/**
 * `./install sandbox …`: boots, shows and removes a real cluster on this machine, and runs commands in it. Joins argv to
 * src/sandbox and prints what it reports; no logic of its own.
 */
import { Command } from 'commander';
import { SandboxError } from '../../sandbox/errors.ts';
import { type Fault, readFaults } from '../../sandbox/faults.ts';
import {
  down,
  exec,
  open,
  type SandboxHandle,
  type SandboxOptions,
  type SandboxStatus,
  status,
  up,
} from '../../sandbox/sandbox.ts';
import { sandboxPrinter } from '../sandbox-printer.ts';
import { faultCommand, healCommand } from './sandbox-faults.ts';

interface Flags {
  readonly name?: string;
  readonly subnet?: string;
  readonly nodes?: number;
  readonly ipv4Only?: boolean;
  readonly binDir?: string;
}

export function sandboxCommand(): Command {
  const sandbox = new Command('sandbox')
    .description('A real Kubernetes cluster in network namespaces on this machine, to try the addon on (needs root).')
    .enablePositionalOptions();
  sandbox
    .command('up')
    .description('boot the cluster, or say that it runs')
    .option('--name <name>', 'name of the cluster, for more than one (default: metallb)')
    .option('--subnet <cidr>', 'the nodes’ LAN (default: 10.6.204.0/24)')
    .option('--nodes <count>', 'how many nodes, the master included (default: 3)', Number)
    .option('--ipv4-only', 'without IPv6; otherwise LAN, pods and Services have both')
    .option('--bin-dir <dir>', 'where to look for Kubernetes’ programs first (or METALLB_SANDBOX_BIN)')
    .action(async (flags: Flags) => {
      const handle = await up({ ...optionsOf(flags), reporter: sandboxPrinter() });
      process.stdout.write(formatHandle(handle));
    });
  sandbox
    .command('down')
    .description('remove the cluster and all it left; the cache of programs stays')
    .option('--name <name>', 'which cluster (default: metallb)')
    .action((flags: Flags) => down({ ...optionsOf(flags), reporter: sandboxPrinter() }));
  sandbox
    .command('status')
    .description('say whether the cluster runs, and where its kubeconfig and logs are')
    .option('--name <name>', 'which cluster (default: metallb)')
    .action(async (flags: Flags) => {
      const found = await status(optionsOf(flags));
      const faults = found.handle === undefined ? [] : await readFaults(found.handle);
      process.stdout.write(formatStatus(found, faults));
      if (found.state !== 'running') process.exitCode = 1;
    });
  sandbox
    .command('exec')
    .description('run a command on a node, on "client" or on "host": sandbox exec node1 -- ip address')
    .option('--name <name>', 'which cluster (default: metallb)')
    .argument('<node>', 'master, node1, …, client or host')
    .argument('<command...>', 'the command and its arguments')
    .passThroughOptions()
    .action(async (node: string, command: string[], flags: Flags) => runIn(flags, node, command));
  sandbox
    .command('kubectl')
    .description('run kubectl against the cluster: sandbox kubectl -- get nodes')
    .option('--name <name>', 'which cluster (default: metallb)')
    .argument('[arguments...]', 'kubectl’s arguments')
    .passThroughOptions()
    .action(async (args: string[], flags: Flags) => runIn(flags, 'host', ['kubectl', ...args]));
  sandbox.addCommand(faultCommand(openRunning)).addCommand(healCommand(openRunning));
  return sandbox;
}

async function runIn(flags: Flags, host: string, argv: readonly string[]): Promise<void> {
  const { exitCode } = await exec(await openRunning(flags), host, argv, { stdio: 'inherit' });
  process.exitCode = exitCode;
}

async function openRunning(flags: Flags): Promise<SandboxHandle> {
  const handle = await open(optionsOf(flags));
  if (handle !== undefined) return handle;
  throw new SandboxError({
    problem: `no sandbox "${flags.name ?? 'metallb'}" is running`,
    hint: 'boot it with "./install sandbox up"; "./install sandbox status" says more',
  });
}

function optionsOf(flags: Flags): SandboxOptions {
  return {
    ...(flags.name === undefined ? {} : { name: flags.name }),
    ...(flags.subnet === undefined ? {} : { subnet: flags.subnet }),
    ...(flags.nodes === undefined ? {} : { nodes: flags.nodes }),
    ...(flags.ipv4Only === true ? { families: 'ipv4' } : {}),
    ...(flags.binDir === undefined ? {} : { binDir: flags.binDir }),
  };
}

function formatHandle(handle: SandboxHandle): string {
  const hosts = [...handle.nodes, handle.client].map(
    ({ name, ip, ip6 }) => `${name} ${[ip, ip6 ?? []].flat().join(' ')}`,
  );
  return [
    ...hosts.map((host, index) => `${(index === 0 ? 'hosts' : '').padEnd(12)}${host}`),
    `kubeconfig  ${handle.kubeconfigPath}`,
    `kubectl     ${handle.bin.kubectl}`,
    `inventory   ${handle.inventoryDir}/hosts`,
    '',
  ].join('\n');
}

function formatStatus(found: SandboxStatus, faults: readonly Fault[]): string {
  const head = `sandbox "${found.name}" is ${found.state === 'absent' ? 'not there' : found.state}`;
  if (found.state === 'absent') return `${head}\n`;
  const nodes = (found.nodes ?? []).map((node) => `  ${node.name}: ${node.ready ? 'Ready' : 'not Ready'}\n`);
  return [
    `${head}\n`,
    ...nodes,
    ...found.problems.map((problem) => `  problem: ${problem}\n`),
    ...faults.map(({ host, what }) => `  fault: ${host} ${what}\n`),
    `logs        ${found.logsDir}\n`,
    found.handle === undefined ? '' : formatHandle(found.handle),
  ].join('');
}
