/**
 * A short name for everything that goes into a build: the same inputs give the same key, so a key names a finished
 * result in the cache.
 */
import { createHash, type Hash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Hashes texts and the contents of files and folders (whole, ordered by name), in the order given. */
export async function contentKey(texts: readonly string[], paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(texts));
  for (const path of paths) await addPath(hash, path, '');
  return hash.digest('hex').slice(0, 24);
}

/** `name` is relative to the path asked for, so that where a checkout lies does not matter. */
async function addPath(hash: Hash, path: string, name: string): Promise<void> {
  if ((await stat(path)).isDirectory()) {
    const names = (await readdir(path)).sort();
    for (const inner of names) await addPath(hash, join(path, inner), `${name}/${inner}`);
    return;
  }
  const content = await readFile(path);
  hash.update(`${name}\0${content.length}\0`).update(content);
}
