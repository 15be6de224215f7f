/**
 * Writes a folder as a tar stream that depends on names and contents alone: entries ordered by name, owner 0:0, time 0,
 * and of the modes only whether a file is a program and whether a folder is sticky (/tmp), so no umask counts. Only what an image layer here holds: folders, files and symbolic links with short names.
 *
 * Implements: POSIX.1-1988 ustar (pax and GNU extensions are not needed).
 */
import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';

const BLOCK = 512;
/** A byte length that ustar's eleven octal digits hold: 8 GiB. */
const MAX_SIZE = 8 ** 11;

export interface TarHeader {
  /** Without a leading slash; at most 100 bytes. */
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'link';
  /** Permission bits, 0o755. */
  readonly mode: number;
  /** Bytes; 0 for folders and links. */
  readonly size: number;
  /** Where a link points to, at most 100 bytes. */
  readonly target?: string;
}

const typeFlags = { file: '0', link: '2', folder: '5' } as const;

/** The 512-byte header of one entry. Throws a RangeError where a name or size does not fit. */
export function encodeTarHeader({ path, kind, mode, size, target = '' }: TarHeader): Uint8Array {
  const header = Buffer.alloc(BLOCK);
  if (Buffer.byteLength(path) > 100 || Buffer.byteLength(target) > 100)
    throw new RangeError(`"${path}" is too long a name for ustar`);
  if (size >= MAX_SIZE) throw new RangeError(`"${path}" is too large for ustar`);
  const octal = (value: number, at: number, digits: number) =>
    header.write(value.toString(8).padStart(digits, '0'), at);
  header.write(path, 0);
  octal(mode & 0o7777, 100, 7);
  octal(0, 108, 7); // owner
  octal(0, 116, 7); // group
  octal(size, 124, 11);
  octal(0, 136, 11); // time of change
  header.write(' '.repeat(8), 148); // the checksum counts as spaces in its own sum
  header.write(typeFlags[kind], 156);
  header.write(target, 157);
  header.write('ustar\u000000', 257);
  octal(0, 329, 7); // device numbers, for devices only
  octal(0, 337, 7);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

/** The folder's contents, the folder itself left out. */
export async function* tarFolder(folder: string): AsyncGenerator<Uint8Array> {
  for (const path of await listSorted(folder, '')) yield* tarEntry(folder, path);
  yield Buffer.alloc(2 * BLOCK); // the end: two empty blocks
}

async function* tarEntry(folder: string, path: string): AsyncGenerator<Uint8Array> {
  const from = join(folder, path);
  const stat = await lstat(from);
  if (stat.isDirectory()) {
    const mode = stat.mode & 0o1000 ? 0o1777 : 0o755;
    yield encodeTarHeader({ path: `${path}/`, kind: 'folder', mode, size: 0 });
  } else if (stat.isSymbolicLink()) {
    yield encodeTarHeader({ path, kind: 'link', mode: 0o777, size: 0, target: await readlink(from) });
  } else {
    const mode = stat.mode & 0o100 ? 0o755 : 0o644;
    yield encodeTarHeader({ path, kind: 'file', mode, size: stat.size });
    yield* createReadStream(from, { highWaterMark: 1 << 20 });
    yield Buffer.alloc((BLOCK - (stat.size % BLOCK)) % BLOCK);
  }
}

/** Relative paths, parents before children, ordered by code unit whatever the locale. */
async function listSorted(folder: string, under: string): Promise<string[]> {
  const entries = await readdir(join(folder, under), { withFileTypes: true });
  const paths: string[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = under === '' ? entry.name : `${under}/${entry.name}`;
    paths.push(path, ...(entry.isDirectory() ? await listSorted(folder, path) : []));
  }
  return paths;
}
