/**
 * Stages the image's lower layer: Node from its npm package, and from this machine what a dynamically linked program
 * needs to run: the loader, the libraries, and the few files in /etc that the C library reads. The machine must have
 * glibc, and the image is for its processor.
 */

import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, realpath, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { execa } from 'execa';
import { koffiBinary } from './bundle.ts';
import { ImageError } from './errors.ts';

/** Name resolution in glibc before 2.34 loads these when asked for a name; no program lists them. */
const NAME_SERVICE = ['libnss_files.so.2', 'libnss_dns.so.2', 'libresolv.so.2'];
const COPYRIGHTS = ['libc6', 'libstdc++6', 'libgcc-s1'];

const ETC: Readonly<Record<string, string>> = {
  passwd: 'root:x:0:0:root:/:/nonexistent\nnobody:x:65534:65534:nobody:/nonexistent:/nonexistent\n',
  group: 'root:x:0:\nnobody:x:65534:\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
};

/** What the layer is made from: paths on this machine. */
export interface BaseSources {
  readonly node: string;
  /** ELF loader, at the path that programs name it by. */
  readonly loader: string;
  readonly libraries: readonly string[];
  /** Folder in the image for the libraries: where this machine's loader looks for the C library. */
  readonly libraryFolder: string;
}

export async function findBaseSources(root: string): Promise<BaseSources> {
  const node = join(root, 'node_modules', `node-linux-${process.arch}`, 'bin/node');
  if (!existsSync(node)) {
    throw new ImageError(`there is no ${node}`, 'run npm ci on Linux on x64 or arm64 (without --omit=optional)');
  }
  const listed = await Promise.all([node, koffiBinary(root)].map(listLibraries));
  const paths = [...new Set(listed.flat())].sort();
  const loader = paths.find((path) => basename(path).startsWith('ld-linux'));
  const libc = paths.find((path) => basename(path) === 'libc.so.6');
  if (loader === undefined || libc === undefined) {
    throw new ImageError('this machine has no glibc', 'build the image on a glibc distribution, such as Debian');
  }
  const libraryFolder = dirname(libc);
  const nameService = NAME_SERVICE.map((name) => join(libraryFolder, name)).filter((path) => existsSync(path));
  return { node, loader, libraries: [...paths.filter((path) => path !== loader), ...nameService], libraryFolder };
}

/** Paths of the loader and the libraries that a program needs. */
async function listLibraries(program: string): Promise<string[]> {
  const { stdout, exitCode } = await execa('ldd', [program], { reject: false });
  const missing = /^\s*(\S+) => not found/m.exec(stdout);
  if (exitCode !== 0 || missing !== null) {
    throw new ImageError(
      `${program} does not run here: ${missing === null ? 'ldd cannot read it' : `${missing[1]} is missing`}`,
      'install the C++ runtime of this distribution (Debian: apt-get install libstdc++6)',
    );
  }
  return [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path = '']) => path);
}

/** Writes the layer's files into a new folder. */
export async function stageBase(sources: BaseSources, folder: string): Promise<void> {
  const put = async (from: string, to: string, mode: number) => {
    const path = join(folder, to);
    await mkdir(dirname(path), { recursive: true });
    await copyFile(await realpath(from), path);
    await chmod(path, mode);
  };
  await put(sources.node, 'usr/bin/node', 0o755);
  await strip(join(folder, 'usr/bin/node'));
  await put(sources.loader, sources.loader, 0o755);
  for (const library of sources.libraries) {
    await put(library, join(sources.libraryFolder, basename(library)), 0o644);
  }
  for (const name of COPYRIGHTS) {
    const copyright = join('/usr/share/doc', name, 'copyright');
    if (existsSync(copyright)) await put(copyright, copyright, 0o644);
  }
  await mkdir(join(folder, 'etc'));
  for (const [name, text] of Object.entries(ETC)) await writeFile(join(folder, 'etc', name), text);
  await mkdir(join(folder, 'tmp'));
  await chmod(join(folder, 'tmp'), 0o1777);
}

/** Takes the symbol table off, 18 MB; without binutils the image is that much larger and works as well. */
async function strip(program: string): Promise<void> {
  const done = await execa('strip', ['--strip-unneeded', program], { reject: false });
  if (done.exitCode === undefined) return;
  const { exitCode } = await execa(program, ['--version'], { reject: false });
  if (exitCode !== 0)
    throw new ImageError(`${program} does not run after strip`, 'is binutils of this machine broken?');
}
