/**
 * What all sandboxes of this machine share, in /run/metallb-sandbox: which instance lives where (a name is taken once,
 * whatever its state folder), and which empty folders were made on the host for the nodes to mount theirs on. The last
 * instance to go takes them along.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SandboxError } from './errors.ts';
import type { Layout } from './layout.ts';
import { withLock } from './lock.ts';
import { NODE_DIRECTORIES } from './node-machine.ts';

const CLAIMS_DIR = '/run/metallb-sandbox';
const INSTANCES_DIR = join(CLAIMS_DIR, 'instances');
const MADE_FILE = join(CLAIMS_DIR, 'made-directories');

/** Instance name → its state folder. */
export async function readClaims(): Promise<Map<string, string>> {
  const claims = new Map<string, string>();
  for (const name of await readdir(INSTANCES_DIR).catch(() => [])) {
    claims.set(name, (await readFile(join(INSTANCES_DIR, name), 'utf8').catch(() => '')).trim());
  }
  return claims;
}

/** Takes the instance's name and makes the folders. Repeatable. */
export async function claimHost(layout: Layout): Promise<void> {
  await locked(async () => {
    const owner = (await readClaims()).get(layout.name);
    if (owner !== undefined && owner !== layout.stateDir) {
      throw new SandboxError({
        problem: `a sandbox "${layout.name}" exists already, with its state in ${owner}`,
        hint: `choose another --name, or set METALLB_SANDBOX_STATE to ${join(owner, '..')} and run "sandbox down" first`,
      });
    }
    await mkdir(INSTANCES_DIR, { recursive: true });
    await writeFile(join(INSTANCES_DIR, layout.name), `${layout.stateDir}\n`);
    for (const directory of NODE_DIRECTORIES) {
      if (existsSync(directory)) continue;
      // Written first: after a crash in between, a folder that is not there is simply not removed.
      await writeFile(MADE_FILE, `${directory}\n`, { flag: 'a' });
      await mkdir(directory, { recursive: true });
    }
  });
}

/** Gives the name back; with the last one go the folders, as far as they are still empty. */
export async function releaseHost(layout: Layout): Promise<void> {
  await locked(async () => {
    if ((await readClaims()).get(layout.name) !== layout.stateDir) return;
    await rm(join(INSTANCES_DIR, layout.name), { force: true });
    if ((await readClaims()).size > 0) return;
    const made = (await readFile(MADE_FILE, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
    for (const directory of made) await rmdir(directory).catch(() => undefined);
    await rm(CLAIMS_DIR, { recursive: true, force: true });
  });
}

function locked<T>(work: () => Promise<T>): Promise<T> {
  return withLock({ name: 'host', timeoutMs: 30_000 }, work);
}
