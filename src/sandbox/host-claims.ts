/**
 * What all sandboxes of this machine share, in /run/metallb-sandbox: which instance lives where (a name is taken once,
 * whatever its state folder), and what was made on the host for all of them: empty folders for the nodes to mount theirs
 * on, and the mount that `ip netns` makes of /run/netns. The last instance to go takes them along.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { tryCommand } from './command.ts';
import { SandboxError } from './errors.ts';
import type { Layout } from './layout.ts';
import { withLock } from './lock.ts';
import { NODE_DIRECTORIES } from './node-machine.ts';

const CLAIMS_DIR = '/run/metallb-sandbox';
const INSTANCES_DIR = join(CLAIMS_DIR, 'instances');
const MADE_FILE = join(CLAIMS_DIR, 'made');
/** `ip netns add` mounts it on itself when it finds it as a plain folder. */
const NETNS_DIR = '/run/netns';

/** Instance name → its state folder. */
export async function readClaims(): Promise<Map<string, string>> {
  const claims = new Map<string, string>();
  for (const name of await readdir(INSTANCES_DIR).catch(() => [])) {
    claims.set(name, (await readFile(join(INSTANCES_DIR, name), 'utf8').catch(() => '')).trim());
  }
  return claims;
}

/** Throws when an instance of the same name has its state elsewhere. */
export async function assertNameFree(layout: Layout): Promise<void> {
  const owner = (await readClaims()).get(layout.name);
  if (owner === undefined || owner === layout.stateDir) return;
  throw new SandboxError({
    problem: `a sandbox "${layout.name}" exists already, with its state in ${owner}`,
    hint: `choose another --name, or set METALLB_SANDBOX_STATE to ${dirname(owner)} and run "sandbox down" first`,
  });
}

/** Takes the instance's name and makes the folders. Repeatable. */
export async function claimHost(layout: Layout): Promise<void> {
  await locked(async () => {
    await assertNameFree(layout);
    await mkdir(INSTANCES_DIR, { recursive: true });
    await writeFile(join(INSTANCES_DIR, layout.name), `${layout.stateDir}\n`);
    if (!(await isMountPoint(NETNS_DIR))) await remember(NETNS_DIR);
    for (const directory of [...NODE_DIRECTORIES, dirname(layout.stateDir)]) {
      // Remembered first: after a crash in between, a folder that is not there is simply not removed.
      for (const missing of missingFolders(directory)) await remember(missing);
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
    for (const path of made.reverse()) {
      if (path === NETNS_DIR && (await readdir(NETNS_DIR).catch(() => [])).length === 0)
        await tryCommand(['umount', path]);
      await rmdir(path).catch(() => undefined);
    }
    await rm(CLAIMS_DIR, { recursive: true, force: true });
  });
}

/** A path and its parents, as far as they do not exist, the topmost first. */
function missingFolders(path: string): string[] {
  return existsSync(path) ? [] : [...missingFolders(dirname(path)), path];
}

async function remember(path: string): Promise<void> {
  await writeFile(MADE_FILE, `${path}\n`, { flag: 'a' });
}

async function isMountPoint(path: string): Promise<boolean> {
  const mountinfo = await readFile('/proc/self/mountinfo', 'utf8');
  return mountinfo.split('\n').some((line) => line.split(' ')[4] === path);
}

function locked<T>(work: () => Promise<T>): Promise<T> {
  return withLock({ name: 'host', timeoutMs: 30_000 }, work);
}
