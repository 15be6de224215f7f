/**
 * Builds the programs from their Go modules, for machines that reach a Go module proxy but not the release servers.
 * Kubernetes is used as an ordinary module: its go.mod names the "staging" modules as v0.0.0 and replaces them by
 * folders of its own repository, which a dependent module does not see; they are published as v0.X.Y for Kubernetes
 * v1.X.Y, and the go.mod written here says so. The versions are pinned and Go's checksum database guards the content.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lastLines, tryCommand } from '../command.ts';
import { SandboxError } from '../errors.ts';
import type { Component, GoModule } from './catalog.ts';

/** A first build of Kubernetes on two cores takes a quarter of an hour; an hour means that it hangs. */
const BUILD_TIMEOUT_MS = 60 * 60_000;

/** Builds components of one module into `folder`/<name>, all in one run of the compiler. The folder belongs to this call. */
export async function buildComponents(components: readonly Component[], folder: string): Promise<void> {
  const module = components[0]?.goModule;
  if (module === undefined) return;
  const source = join(folder, 'source');
  await mkdir(source, { recursive: true });
  await writeFile(join(source, 'go.mod'), goModText(module, await stagingModules(module, source)));
  // Only packages that go.mod needs may be compiled under these flags; the user's GOFLAGS and workspaces stay outside.
  const linkerFlags = ['-s', '-w', ...module.linkerVariables.flatMap((variable) => ['-X', variable])].join(' ');
  // Go names a program after its package (etcd's would be "server"); several at once can only go to a folder.
  const target = components.length === 1 ? join(folder, components[0]?.name ?? '') : `${folder}/`;
  await goCommand(
    [
      'build',
      '-mod=mod',
      '-trimpath',
      '-buildvcs=false',
      `-ldflags=${linkerFlags}`,
      '-o',
      target,
      ...components.map((component) => component.goPackage),
    ],
    { cwd: source, what: components.map((component) => component.name).join(', ') },
  );
}

/** Whether there is a Go compiler to build with. */
export async function hasGo(): Promise<boolean> {
  return (await tryCommand(['go', 'version'])).exitCode === 0;
}

/** The modules that `module` requires as v0.0.0, read from its own go.mod. */
async function stagingModules(module: GoModule, cwd: string): Promise<string[]> {
  const described = await goCommand(['mod', 'download', '-json', `${module.path}@${module.version}`], {
    cwd,
    what: `${module.path} ${module.version}`,
    env: { GOFLAGS: '' },
  });
  const { GoMod: goMod } = JSON.parse(described) as { GoMod: string };
  return stagingModulesIn(await readFile(goMod, 'utf8'));
}

/** Modules required as v0.0.0 in the text of a go.mod. */
export function stagingModulesIn(goMod: string): string[] {
  return [...goMod.matchAll(/^\s*(?:require\s+)?([\w./-]+)\s+v0\.0\.0(?:\s+\/\/.*)?$/gm)].flatMap(
    (match) => match[1] ?? [],
  );
}

/** The text of a go.mod that depends on nothing but `module`. */
export function goModText(module: GoModule, staging: readonly string[]): string {
  const published = module.version.replace(/^v1\./, 'v0.');
  return [
    'module sandbox.local/build',
    '',
    'go 1.24.0',
    '',
    `require ${module.path} ${module.version}`,
    '',
    ...staging.map((path) => `replace ${path} v0.0.0 => ${path} ${published}`),
    '',
  ].join('\n');
}

async function goCommand(
  args: readonly string[],
  run: { cwd: string; what: string; env?: Record<string, string> },
): Promise<string> {
  const { exitCode, stdout, stderr } = await tryCommand(['go', ...args], {
    cwd: run.cwd,
    timeoutMs: BUILD_TIMEOUT_MS,
    env: { CGO_ENABLED: '0', GOWORK: 'off', GOOS: 'linux', ...run.env },
  });
  if (exitCode === 0) return stdout;
  throw new SandboxError({
    problem: `building ${run.what} with Go did not succeed: ${lastLines(stderr, 2) || `go ended with ${exitCode}`}`,
    hint: 'check that "go env GOPROXY" can be reached, or put the programs in a directory and name it with --bin-dir',
    cause: new Error(stderr.trim()),
  });
}
