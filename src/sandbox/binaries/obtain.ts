/**
 * Finds or gets every program of the catalogue, in this order: the directory the user names and PATH (when the version
 * fits), this program's cache, official releases, Go modules. What is downloaded or built is made in a folder of its
 * own and renamed into the cache, so a run that is cut short leaves nothing half done and two runs at once do no harm.
 */
import { constants } from 'node:fs';
import { access, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { tryCommand } from '../command.ts';
import { errorText, SandboxError } from '../errors.ts';
import type { Reporter } from '../progress.ts';
import { withWorkFolder } from '../work-folder.ts';
import {
  acceptsVersion,
  COMPONENT_NAMES,
  type Component,
  type ComponentName,
  componentByName,
  type GoArch,
  parseVersion,
} from './catalog.ts';
import { downloadComponent } from './download.ts';
import { buildComponents, hasGo } from './go-modules.ts';

/** Absolute path of every program. */
export type Binaries = Readonly<Record<ComponentName, string>>;

export interface ObtainOptions {
  /** A directory that the user named; searched before PATH. */
  readonly binDir?: string;
  /** Holds bin/<component>-<version>/<component>. */
  readonly cacheDir: string;
  readonly reporter: Reporter;
}

const PROGRESS_EVERY_MS = 15_000;

export async function obtainBinaries(options: ObtainOptions): Promise<Binaries> {
  const found = new Map<ComponentName, string>();
  const components = COMPONENT_NAMES.map(componentByName);
  await Promise.all(
    components.map(async (component) => {
      const path = (await findInstalled(component, options)) ?? (await findCached(component, options.cacheDir));
      if (path !== undefined) found.set(component.name, path);
    }),
  );
  const missing = () => components.filter((component) => !found.has(component.name));
  if (missing().length > 0) await download(missing(), options, found);
  if (missing().length > 0) await build(missing(), options, found);
  return Object.fromEntries(found) as Binaries;
}

async function findInstalled(component: Component, options: ObtainOptions): Promise<string | undefined> {
  const named = options.binDir === undefined ? [] : [options.binDir];
  const directories = [...named, ...(process.env['PATH'] ?? '').split(':')].filter((directory) =>
    directory.startsWith('/'),
  );
  for (const directory of new Set(directories)) {
    const path = join(directory, component.name);
    if (!(await isExecutable(path))) continue;
    const { stdout } = await tryCommand([path, ...component.versionArgs], { timeoutMs: 10_000 });
    const version = parseVersion(stdout);
    if (version !== undefined && acceptsVersion(component.name, version)) return path;
    if (directory === options.binDir) {
      options.reporter.note(
        `${path} is version ${version ?? 'unknown'}, the sandbox needs ${component.acceptedVersions}: not used`,
      );
    }
  }
  return undefined;
}

async function findCached(component: Component, cacheDir: string): Promise<string | undefined> {
  const path = cachedPath(component, cacheDir);
  return (await isExecutable(path)) ? path : undefined;
}

async function download(
  components: readonly Component[],
  options: ObtainOptions,
  found: Map<ComponentName, string>,
): Promise<void> {
  const arch = goArch();
  for (const component of components) {
    const outcome = await withWorkFolder(join(options.cacheDir, 'bin'), async (folder) => {
      const result = await told(`downloading ${component.name} ${component.version}`, options.reporter, () =>
        downloadComponent(component, arch, folder),
      );
      if (result.kind === 'got') found.set(component.name, await keep(component, folder, options.cacheDir));
      return result;
    });
    if (outcome.kind === 'unreachable') {
      options.reporter.note(`release downloads are out of reach (${outcome.reason}): building from Go modules instead`);
      return;
    }
  }
}

async function build(
  components: readonly Component[],
  options: ObtainOptions,
  found: Map<ComponentName, string>,
): Promise<void> {
  if (!(await hasGo())) {
    const names = components.map((component) => `${component.name} ${component.version}`).join(', ');
    throw new SandboxError({
      problem: `no way to get ${names}: not installed, downloads out of reach, and no Go compiler to build with`,
      hint: 'put these programs in a directory and name it with --bin-dir (or METALLB_SANDBOX_BIN), or install Go 1.24 or newer',
    });
  }
  for (const module of new Set(components.map((component) => component.goModule))) {
    const group = components.filter((component) => component.goModule === module);
    await withWorkFolder(join(options.cacheDir, 'bin'), async (folder) => {
      const names = group.map((component) => component.name).join(', ');
      await told(`building ${names} ${module.version}`, options.reporter, () => buildComponents(group, folder));
      for (const component of group) found.set(component.name, await keep(component, folder, options.cacheDir));
    });
  }
}

/** Moves a finished program into the cache; where another run was quicker, its copy is used. */
async function keep(component: Component, folder: string, cacheDir: string): Promise<string> {
  const path = cachedPath(component, cacheDir);
  const staged = join(folder, `${component.name}-staged`);
  await mkdir(staged);
  await rename(join(folder, component.name), join(staged, component.name));
  try {
    await rename(staged, join(path, '..'));
  } catch (error) {
    if (!(await isExecutable(path))) {
      throw new SandboxError({
        problem: `${path} could not be put in the cache: ${errorText(error)}`,
        hint: `make ${cacheDir} writable, or point XDG_CACHE_HOME elsewhere`,
        cause: error,
      });
    }
  }
  return path;
}

/** Does the work and tells every few seconds that it goes on, and how long it took. */
async function told<T>(what: string, reporter: Reporter, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const seconds = () => Math.round((performance.now() - started) / 1000);
  reporter.note(`${what} …`);
  const timer = setInterval(() => reporter.note(`${what}: ${seconds()} s so far`), PROGRESS_EVERY_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

function cachedPath(component: Component, cacheDir: string): string {
  return join(cacheDir, 'bin', `${component.name}-${component.version}`, component.name);
}

function goArch(): GoArch {
  if (process.arch === 'x64') return 'amd64';
  if (process.arch === 'arm64') return 'arm64';
  throw new SandboxError({
    problem: `the sandbox has no programs for this processor (${process.arch})`,
    hint: 'run it on x86-64 or arm64, or name a directory with your own builds by --bin-dir',
  });
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
