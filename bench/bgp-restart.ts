/**
 * A speaker dies (SIGKILL) and begins anew with 1,000 addresses: how long until the router has them all again, and whether
 * it had to do without them meanwhile, with graceful restart and without. The floor is BIRD in its place with 1,000 static
 * routes.
 *
 *     the new process is started ─▶ BIRD, the router, says that it has imported all 1,000
 *
 * "ours" is the speaker's BGP alone, whose sessions are given their plan at once; "the whole speaker" is the image's
 * program, which reads the cluster before there is a plan: 1,000 Services on a real API server on the same cores.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { BIRD } from '../tests/support/interop/bird.ts';
import { makeFolder } from '../tests/support/interop/folder.ts';
import type { Router } from '../tests/support/interop/router.ts';
import { createLan, type Lan } from '../tests/support/netns.ts';
import { BenchCluster } from './bench-cluster.ts';
import { BirdTable, epochMs } from './bird-table.ts';
import { formatRatio, formatRow, MILLISECONDS, type Percentiles, percentiles } from './percentiles.ts';
import { BIRD_SENDER, NODE, OURS, OURS_GRACEFUL, ROUTER, type Sender, startRouter } from './route-senders.ts';
import { SpeakerCluster } from './speaker-cluster.ts';

const ADDRESSES = 1000;
const ROUNDS = 5;
const WITHIN_MS = 60_000;
const PROTOCOL = 'p0';

/** Needs root, and the cluster's programs. Takes about two minutes. */
export async function benchBgpRestart(bench: BenchCluster): Promise<string[]> {
  const folder = await makeFolder();
  const lan = await createLan({ node: [`${NODE.address}/24`], router: [`${ROUTER.address}/24`] });
  const site = { lan, folder, router: BIRD.create(lan.host('router'), path.join(folder, 'router')) };
  try {
    const floor = await restart(site, BIRD_SENDER);
    return [
      formatRow('BIRD 2.0 (the floor)', floor.took, MILLISECONDS),
      ...(await restartBoth(site, [OURS, OURS_GRACEFUL], floor)),
      ...(await restartProgram(site, bench, floor)),
    ];
  } finally {
    await site.router.stop('at-once');
    await lan.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The same sender without and with graceful restart. */
async function restartBoth(
  site: Site,
  [plain, graceful]: readonly [Sender, Sender],
  floor: Restarts,
): Promise<string[]> {
  const without = await restart(site, plain);
  const kept = await restart(site, graceful);
  return [
    formatRow(plain.name, without.took, MILLISECONDS),
    formatRatio(without.took, floor.took),
    formatRow(graceful.name, kept.took, MILLISECONDS),
    `the fewest routes that the router had between: ${without.fewest}, with graceful restart ${kept.fewest}`,
  ];
}

async function restartProgram(site: Site, bench: BenchCluster, floor: Restarts): Promise<string[]> {
  const cluster = new SpeakerCluster(site.lan.host('node'), ADDRESSES);
  bench.alsoClose(() => cluster.stop());
  try {
    await cluster.ready();
    const plain = cluster.sender({ name: 'the whole speaker' });
    const graceful = cluster.sender({ name: '  with graceful restart', gracefulRestart: true });
    return await restartBoth(site, [plain, graceful], floor);
  } finally {
    await cluster.stop();
  }
}

interface Site {
  readonly lan: Lan;
  readonly folder: string;
  readonly router: Router;
}

interface Restarts {
  readonly took: Percentiles;
  /** Routes that the router had at least, from the death on. */
  readonly fewest: number;
}

async function restart({ lan, folder, router }: Site, sender: Sender): Promise<Restarts> {
  await startRouter(router, { gracefulRestart: sender.gracefulRestart === true });
  const table = await BirdTable.connect(path.join(folder, 'router', 'ctl'));
  let running = await sender.start(lan, folder, ADDRESSES);
  try {
    await table.reaches(PROTOCOL, ADDRESSES, WITHIN_MS);
    const samples: number[] = [];
    let fewest = ADDRESSES;
    for (let round = 0; round < ROUNDS; round += 1) {
      await running.stop();
      const beganMs = epochMs();
      const [next, again] = await Promise.all([sender.start(lan, folder, ADDRESSES), whenFresh(table)]);
      running = next;
      samples.push(again.atMs - beganMs);
      fewest = Math.min(fewest, again.fewest);
    }
    return { took: percentiles(samples), fewest };
  } finally {
    table.close();
    await running.stop();
  }
}

/** Watches the router's table from the death on, until all is told again. */
async function whenFresh(table: BirdTable): Promise<{ readonly atMs: number; readonly fewest: number }> {
  const lateMs = epochMs() + WITHIN_MS;
  let fewest = ADDRESSES;
  // The router has heard of the death by the time that the process is gone.
  while (epochMs() < lateMs) {
    const { imported, isFresh } = await table.status(PROTOCOL);
    fewest = Math.min(fewest, imported);
    if (isFresh && imported === ADDRESSES) return { atMs: epochMs(), fewest };
    await new Promise((done) => setTimeout(done, 1));
  }
  throw new Error(`the router has not all of the routes again after ${WITHIN_MS} ms`);
}

if (import.meta.main) console.log((await benchBgpRestart(new BenchCluster())).join('\n'));
