/**
 * A folder to make something in that is then renamed into place: work that is cut short leaves nothing half done there.
 * What a killed run left of its folder goes when a later one comes by.
 */
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

const PREFIX = '.work-';
/** No build takes as long. */
const ABANDONED_AFTER_MS = 3 * 60 * 60_000;

/** Lends `work` a fresh folder inside `parent`, on the same file system, and removes it in the end. */
export async function withWorkFolder<T>(parent: string, work: (folder: string) => Promise<T>): Promise<T> {
  await mkdir(parent, { recursive: true });
  await removeAbandoned(parent);
  const folder = await mkdtemp(join(parent, PREFIX));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function removeAbandoned(parent: string): Promise<void> {
  for (const entry of await readdir(parent)) {
    if (!entry.startsWith(PREFIX)) continue;
    const folder = join(parent, entry);
    const made = await stat(folder).catch(() => undefined);
    if (made !== undefined && Date.now() - made.mtimeMs > ABANDONED_AFTER_MS) {
      await rm(folder, { recursive: true, force: true });
    }
  }
}
