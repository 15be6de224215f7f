/**
 * Brings the machine to where the privileged tiers can run: Debian packages, the routers to test against among them, and
 * the cluster's programs in their cache. The first run on a machine may have to build the programs, which takes a
 * quarter of an hour; it says so.
 */
import { homedir } from 'node:os';
import path from 'node:path';
import { obtainBinaries } from '../../src/sandbox/binaries/obtain.ts';
import { type Commands, ensurePackages } from '../../src/sandbox/packages.ts';
import type { Reporter } from '../../src/sandbox/progress.ts';

/** Implementations of BGP and BFD that others wrote, and the judge of what we send. */
const ROUTERS: Commands = {
  vtysh: 'frr',
  birdc: 'bird2',
  gobgpd: 'gobgpd',
  exabgp: 'exabgp',
  tshark: 'tshark',
};

const reporter: Reporter = {
  step: (name) => console.log(`  ${name}`),
  done: (detail) => console.log(`  ready${detail === undefined ? '' : `: ${detail}`}`),
  note: (text) => console.log(`  ${text}`),
};

export async function prepareMachine(): Promise<void> {
  await installRouters();
  const cacheDir = path.join(process.env['XDG_CACHE_HOME'] || path.join(homedir(), '.cache'), 'metallb-addon');
  const binDir = process.env['METALLB_SANDBOX_BIN'];
  await obtainBinaries({ cacheDir, reporter, ...(binDir ? { binDir: path.resolve(binDir) } : {}) });
}

/** The Debian packages alone: for what needs routers, and no cluster. */
export async function installRouters(): Promise<void> {
  await ensurePackages(reporter, ROUTERS);
}
