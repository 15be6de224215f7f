/**
 * `./install addon metallb --sandbox`: a cluster, the addon, and the demo, in one command. It boots the sandbox, builds
 * the image, and then runs the very installation that any cluster gets, with the sandbox's inventory.
 */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { type BuiltImage, buildImage } from '../../../image/build.ts';
import { InstallError } from '../../installer/errors.ts';
import type { AddonReport, AddonRequest } from '../../installer/install-addon.ts';
import { type SandboxHandle, type SandboxOptions, up } from '../../sandbox/sandbox.ts';
import { fetchPage, nextSteps, runDemo, showCluster } from '../demo/demo.ts';
import { sandboxPrinter } from '../sandbox-printer.ts';
import type { AddonHooks } from './addon.ts';

interface SandboxFlags {
  readonly sandbox?: boolean;
  readonly name?: string;
  readonly subnet?: string;
  readonly nodes?: number;
  readonly ipv4Only?: boolean;
  readonly binDir?: string;
}

export function sandboxHooks(): AddonHooks {
  let handle: SandboxHandle | undefined;
  return {
    configure(command: Command) {
      command
        .option('--sandbox', 'boot a cluster on this machine, install into it, and show the demo (needs root)')
        .option('--name <name>', 'with --sandbox: the cluster’s name (default: metallb)')
        .option('--subnet <cidr>', 'with --sandbox: its LAN (default: 10.6.204.0/24)')
        .option('--nodes <count>', 'with --sandbox: how many nodes (default: 3)', Number)
        .option('--ipv4-only', 'with --sandbox: without IPv6')
        .option('--bin-dir <dir>', 'with --sandbox: where to look for Kubernetes’ programs first');
    },
    async run(request, options, install) {
      const flags = options as SandboxFlags;
      checkUsage(flags, request);
      if (flags.sandbox !== true) return install(request);
      const booted = await bootSandbox(flags);
      if (!request.check && !request.remove) handle = booted;
      return installInto(booted, request, install);
    },
    async after() {
      if (handle !== undefined) await showDemo(handle);
    },
  };
}

function checkUsage({ sandbox, ...rest }: SandboxFlags, request: AddonRequest): void {
  const stray = (['name', 'subnet', 'nodes', 'ipv4Only', 'binDir'] as const).find((flag) => rest[flag] !== undefined);
  if (sandbox !== true && stray !== undefined) {
    const flag = stray.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new InstallError({
      kind: 'usage',
      step: 'read the command line',
      problem: `--${flag} only goes with --sandbox`,
      hint: 'a cluster of your own is described by its inventory: -i DIR',
    });
  }
  if (sandbox === true && request.inventoryDir !== undefined) {
    throw new InstallError({
      kind: 'usage',
      step: 'read the command line',
      problem: '--sandbox brings an inventory of its own, so -i does not go with it',
      hint: 'leave one of the two out; the sandbox’s inventory can be edited and used by -i once it is up',
    });
  }
}

function bootSandbox({ name, subnet, nodes, ipv4Only, binDir }: SandboxFlags): Promise<SandboxHandle> {
  const options: SandboxOptions = {
    ...(name === undefined ? {} : { name }),
    ...(subnet === undefined ? {} : { subnet }),
    ...(nodes === undefined ? {} : { nodes }),
    ...(ipv4Only === true ? { families: 'ipv4' } : {}),
    ...(binDir === undefined ? {} : { binDir }),
  };
  return up({ ...options, reporter: sandboxPrinter(process.stdout) });
}

async function installInto(
  handle: SandboxHandle,
  request: AddonRequest,
  install: (request: AddonRequest) => Promise<AddonReport>,
): Promise<AddonReport> {
  const image = await imageFor(handle);
  await writeConfig(handle);
  return install({
    ...request,
    inventoryDir: handle.inventoryDir,
    extraVars: { ...machineVariables(handle, image), ...request.extraVars },
  });
}

/** Builds the image into the sandbox's own directory, so that its inventory goes on naming it. */
async function imageFor(handle: SandboxHandle): Promise<BuiltImage> {
  const reporter = sandboxPrinter(process.stdout);
  reporter.step('building the image');
  const image = await buildImage({ outTar: imagePath(handle), reporter });
  reporter.done(`${image.ref}, ${(image.compressedBytes / 1e6).toFixed(1)} MB`);
  return image;
}

function imagePath(handle: SandboxHandle): string {
  return path.join(handle.stateDir, 'metallb-addon.tar');
}

/** What depends on this machine and this build, whatever the inventory says. */
function machineVariables(handle: SandboxHandle, image: BuiltImage): Record<string, string> {
  const colon = image.ref.lastIndexOf(':');
  return {
    metallb_kubeconfig: handle.kubeconfigPath,
    metallb_helm: handle.bin.helm,
    metallb_offline: image.tar,
    metallb_image_repository: image.ref.slice(0, colon),
    metallb_ver: image.ref.slice(colon + 1),
  };
}

/** The sandbox's config.yml: the example's, with the sandbox's own values. Once there, it is the user's to edit. */
async function writeConfig(handle: SandboxHandle): Promise<void> {
  const file = path.join(handle.inventoryDir, 'config.yml');
  if (existsSync(file)) return;
  const example = await readFile(path.join(import.meta.dirname, '../../../inventory.example/config.yml'), 'utf8');
  const network = handle.subnet.replace(/\.\d+\/\d+$/, '');
  const values = {
    metallb_install: '"yes"',
    metallb_vip_pool: `"${network}.20-${network}.22"`,
    metallb_offline: JSON.stringify(imagePath(handle)),
    metallb_kubeconfig: JSON.stringify(handle.kubeconfigPath),
    metallb_helm: JSON.stringify(handle.bin.helm),
  };
  await writeFile(file, withValues(example, values));
}

/** Sets variables in a config.yml: in place where it has them, commented out or not, else at the end. */
function withValues(text: string, values: Readonly<Record<string, string>>): string {
  let result = text;
  for (const [name, value] of Object.entries(values)) {
    const line = new RegExp(`^(# ?)?${name}:.*$`, 'm');
    result = line.test(result) ? result.replace(line, `${name}: ${value}`) : `${result}\n${name}: ${value}\n`;
  }
  return result;
}

async function showDemo(handle: SandboxHandle): Promise<void> {
  const reporter = sandboxPrinter(process.stdout);
  reporter.step('demo: nginx behind a Service of type LoadBalancer');
  const address = await runDemo(handle);
  reporter.done(`it got ${address}`);
  const inside = handle.nodes[1]?.name ?? 'master';
  const pages = [
    { from: inside, where: `from inside the cluster (${inside})` },
    { from: 'client', where: 'from outside the cluster (client)' },
  ];
  const answers: string[] = [];
  for (const { from, where } of pages) {
    answers.push(`$ curl http://${address}   # ${where}\n${await fetchPage(handle, from, address)}\n`);
  }
  process.stdout.write(`\n${await showCluster(handle)}\n${answers.join('\n')}\n${nextSteps(handle, address)}\n`);
}
