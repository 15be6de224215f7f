/**
 * Builds the one image of controller and speaker, without a container engine and without root:
 *
 *     npm run image                          → image/build/metallb-addon-v0.1.0.tar
 *     npm run image -- --tag v2 --out x.tar
 *     npm run image -- --context folder      the same files as a build context for docker or buildah
 *
 * Results are kept in ${XDG_CACHE_HOME:-~/.cache}/metallb-addon/images under a key made of all inputs; a build with
 * nothing new is a copy. It reads the network never: everything comes from node_modules and this machine's C library.
 */
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { fileSize, type Layer, packLayer, writeArchive } from './archive.ts';
import { type BaseSources, findBaseSources, stageBase } from './base-layer.ts';
import { bundlePrograms } from './bundle.ts';
import { parseContainerfile } from './containerfile.ts';
import { contentKey } from './content-key.ts';
import { ImageError } from './errors.ts';

const root = resolve(import.meta.dirname, '..');
const REPOSITORY = 'localhost/metallb-addon';
/** Results that the cache keeps of each kind, newest first; one takes 45 MB. */
const KEPT = 3;

export interface BuildOptions {
  /** Defaults to the package's version, "v0.1.0". */
  readonly tag?: string;
  /** Where to put the archive. Without it the archive stays in the cache, and later builds may remove it. */
  readonly outTar?: string;
  /** Is told what is being done. */
  readonly reporter?: { note(text: string): void };
  /** Sources of the programs; src/runtime/programs unless a test has its own. */
  readonly programs?: string;
}

export interface BuiltImage {
  /** "localhost/metallb-addon:v0.1.0" */
  readonly ref: string;
  /** Path of the archive, for `docker load -i` or `ctr images import`. */
  readonly tar: string;
  /** Size of the archive in bytes; its layers are compressed. */
  readonly compressedBytes: number;
  /** Digest of the manifest, "sha256:…". */
  readonly digest: string;
}

export async function buildImage(options: BuildOptions = {}): Promise<BuiltImage> {
  const ref = `${REPOSITORY}:${options.tag ?? (await defaultTag())}`;
  const programs = options.programs ?? join(root, 'src/runtime/programs');
  const sources = await findBaseSources(root);
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'metallb-addon/images');
  const inputs = [dirname(programs), join(root, 'package-lock.json'), ...imageSources()];
  const baseKey = await contentKey(
    [process.arch],
    [sources.node, sources.loader, ...sources.libraries, ...imageSources()],
  );
  const key = await contentKey([ref, baseKey], inputs);
  const archive = join(cache, `image-${key}`, 'image.tar');
  const digest = await inCache(cache, `image-${key}`, async (folder) => {
    const base = await baseLayer(cache, baseKey, sources, options);
    options.reporter?.note('bundling controller and speaker');
    await bundlePrograms({ root, programs, folder: join(folder, 'app') });
    const app = await packLayer(join(folder, 'app'), join(folder, 'app.tar.gz'));
    const layers: Readonly<Record<string, Layer>> = { base, app };
    const { config, layers: order } = parseContainerfile(await readFile(join(root, 'image/Containerfile'), 'utf8'));
    const made = await writeArchive({
      ref,
      config,
      layers: order.flatMap((name) => layers[name] ?? []),
      folder: join(folder, 'archive'),
      path: join(folder, 'image.tar'),
    });
    for (const leftover of ['app', 'app.tar.gz', 'archive']) await rm(join(folder, leftover), { recursive: true });
    return made;
  });
  const tar = options.outTar === undefined ? archive : resolve(options.outTar);
  if (options.outTar !== undefined) {
    await mkdir(dirname(tar), { recursive: true });
    await copyFile(archive, tar);
  }
  return { ref, tar, compressedBytes: await fileSize(tar), digest };
}

async function defaultTag(): Promise<string> {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  return `v${version}`;
}

/** This folder's own files; image/build holds results. */
function imageSources(): string[] {
  const files = ['Containerfile', 'archive.ts', 'base-layer.ts', 'build.ts', 'bundle.ts', 'containerfile.ts', 'tar.ts'];
  return files.map((file) => join(root, 'image', file));
}

/** Node and its libraries, packed; the same until one of them changes, so that a change of the programs costs a second. */
async function baseLayer(cache: string, key: string, sources: BaseSources, { reporter }: BuildOptions): Promise<Layer> {
  const layer = await inCache(cache, `base-${key}`, async (folder) => {
    reporter?.note('packing Node and its libraries (once)');
    await mkdir(join(folder, 'base'));
    await stageBase(sources, join(folder, 'base'));
    const packed = await packLayer(join(folder, 'base'), join(folder, 'layer.tar.gz'));
    await rm(join(folder, 'base'), { recursive: true });
    return packed;
  });
  return { ...layer, path: join(cache, `base-${key}`, 'layer.tar.gz') };
}

/**
 * Gives the result kept under the name, or makes it. The work is done in a folder of its own that is renamed when it is
 * whole, so a build that is cut short leaves nothing half done and two at once do no harm.
 */
async function inCache<T>(cache: string, name: string, make: (folder: string) => Promise<T>): Promise<T> {
  const kept = join(cache, name);
  const found = await readFile(join(kept, 'result.json'), 'utf8').catch(() => undefined);
  if (found !== undefined) {
    await utimes(kept, new Date(), new Date());
    return JSON.parse(found) as T;
  }
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, '.unfinished-'));
  try {
    const result = await make(folder);
    await writeFile(join(folder, 'result.json'), JSON.stringify(result));
    await rename(folder, kept).catch(async (error: NodeJS.ErrnoException) => {
      // ENOTEMPTY: another build was faster, with the same bytes.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
    await prune(cache, name.slice(0, name.indexOf('-') + 1));
    return result;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function prune(cache: string, prefix: string): Promise<void> {
  const names = (await readdir(cache)).filter((name) => name.startsWith(prefix));
  const aged = await Promise.all(names.map(async (name) => ({ name, at: (await stat(join(cache, name))).mtimeMs })));
  const old = aged.sort((a, b) => b.at - a.at).slice(KEPT);
  await Promise.all(old.map(({ name }) => rm(join(cache, name), { recursive: true, force: true })));
}

/** Writes the files that the image is made of, and the Containerfile beside them, for another builder to use. */
export async function writeContext(folder: string, programs = join(root, 'src/runtime/programs')): Promise<void> {
  await mkdir(join(folder, 'base'), { recursive: true });
  await stageBase(await findBaseSources(root), join(folder, 'base'));
  await bundlePrograms({ root, programs, folder: join(folder, 'app') });
  await copyFile(join(root, 'image/Containerfile'), join(folder, 'Containerfile'));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { tag: { type: 'string' }, out: { type: 'string' }, context: { type: 'string' } },
  });
  const from = process.env['INSTALL_CWD'] ?? process.cwd();
  if (values.context !== undefined) {
    await writeContext(resolve(from, values.context));
    console.log(`the build context is in ${resolve(from, values.context)}`);
    return;
  }
  const tag = values.tag ?? (await defaultTag());
  const outTar =
    values.out === undefined ? join(root, `image/build/metallb-addon-${tag}.tar`) : resolve(from, values.out);
  const built = await buildImage({ tag, outTar, reporter: { note: (text) => console.log(text) } });
  console.log(`${built.ref} in ${built.tar}: ${(built.compressedBytes / 1e6).toFixed(1)} MB, ${built.digest}`);
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    console.error(`error: ${error.problem}\n  hint: ${error.hint}`);
    process.exitCode = 1;
  }
}
