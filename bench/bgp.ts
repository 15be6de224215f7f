/**
 * Routes to a router: 10,000 and 100,000 prefixes to BIRD's table, ours beside BIRD and GoBGP sending the same over the same
 * link; and one more among 10,000.
 *
 *     first octet of the sender's OPEN on the wire (kernel's stamp, at the router) ─▶ BIRD says that it has imported all
 *
 * BIRD receives in every run, and takes of each figure what it takes to read the routes: on one machine the two share the
 * cores. It is asked every millisecond or so, which is part of the figure too.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { MESSAGE_UPDATE } from '../src/runtime/protocols/bgp/iana.ts';
import { BIRD } from '../tests/support/interop/bird.ts';
import { makeFolder } from '../tests/support/interop/folder.ts';
import type { Router } from '../tests/support/interop/router.ts';
import { Speaker } from '../tests/support/interop/speaker.ts';
import { createLan, type Lan } from '../tests/support/netns.ts';
import { BirdTable } from './bird-table.ts';
import { formatRow, MILLISECONDS, percentiles } from './percentiles.ts';
import {
  BIRD_SENDER,
  GOBGP_SENDER,
  NODE,
  OURS,
  plannedSession,
  ROUTER,
  type Sender,
  SOURCE,
  startRouter,
} from './route-senders.ts';
import { watchWire } from './wire.ts';

const SIZES = [
  { count: 10_000, runs: 5, gobgpRuns: 3 },
  { count: 100_000, runs: 5, gobgpRuns: 1 },
] as const;
const CHANGES = 10;
const WITHIN_MS = 120_000;
/** What the interop tests' BIRD calls its session with the first neighbour. */
const PROTOCOL = 'p0';

/** Needs root. Takes about two minutes. */
export async function benchBgp(): Promise<string[]> {
  const folder = await makeFolder();
  const lan = await createLan({
    node: [`${NODE.address}/24`],
    router: [`${ROUTER.address}/24`],
    source: [`${SOURCE.address}/24`],
  });
  const router = BIRD.create(lan.host('router'), path.join(folder, 'router'));
  const site = { lan, folder, router };
  const lines: string[] = [];
  try {
    for (const { count, runs, gobgpRuns } of SIZES) {
      lines.push(`${count.toLocaleString('en')} prefixes, from the OPEN on the wire to the last in BIRD's table`);
      for (const [sender, times] of [
        [BIRD_SENDER, runs],
        [GOBGP_SENDER, gobgpRuns],
        [OURS, runs],
      ] as const) {
        lines.push(`  ${await measureSender(site, sender, count, times)}`);
      }
    }
    lines.push('one more among 10,000, from the plan at the sessions to BIRD’s table');
    lines.push(...(await measureChange(site)).map((line) => `  ${line}`));
  } finally {
    await router.stop('at-once');
    await lan.remove();
    await rm(folder, { recursive: true, force: true });
  }
  return lines;
}

interface Site {
  readonly lan: Lan;
  readonly folder: string;
  readonly router: Router;
}

async function measureSender(site: Site, sender: Sender, count: number, runs: number): Promise<string> {
  const samples: number[] = [];
  for (let run = 0; run < runs; run += 1) samples.push(await sendOnce(site, sender, count));
  return `${formatRow(sender.name, percentiles(samples), MILLISECONDS)}   ${runs} runs`;
}

async function sendOnce({ lan, folder, router }: Site, sender: Sender, count: number): Promise<number> {
  await startRouter(router);
  const table = await BirdTable.connect(path.join(folder, 'router', 'ctl'));
  const wire = await watchWire(lan.host('router'), path.join(folder, 'wire'));
  const running = await sender.start(lan, folder, count);
  try {
    const doneMs = await table.reaches(PROTOCOL, count, WITHIN_MS);
    const [open] = await wire.messagesFrom(NODE.address);
    if (open === undefined) throw new Error(`nothing was heard of ${sender.name}`);
    return doneMs - open.beganMs;
  } finally {
    table.close();
    await running.stop();
  }
}

async function measureChange({ lan, folder, router }: Site): Promise<readonly string[]> {
  const count = 10_000;
  await startRouter(router);
  const table = await BirdTable.connect(path.join(folder, 'router', 'ctl'));
  const speaker = new Speaker(lan.host('node'), folder);
  speaker.start();
  try {
    await speaker.setPlan(plannedSession(count));
    await table.reaches(PROTOCOL, count, WITHIN_MS);
    const wire = await watchWire(lan.host('router'), path.join(folder, 'wire'));
    const samples: number[] = [];
    for (let change = 1; change <= CHANGES; change += 1) {
      const { takenMs } = await speaker.setPlan(plannedSession(count + change));
      samples.push((await table.reaches(PROTOCOL, count + change, WITHIN_MS)) - takenMs);
    }
    const updates = (await wire.messagesFrom(NODE.address)).filter(({ type }) => type === MESSAGE_UPDATE);
    const bytes = updates.reduce((sum, update) => sum + update.bytes, 0);
    return [
      formatRow('ours', percentiles(samples), MILLISECONDS),
      `${updates.length / CHANGES} UPDATE each, of ${bytes / updates.length} bytes`,
    ];
  } finally {
    table.close();
    await speaker.kill();
  }
}

if (import.meta.main) console.log((await benchBgp()).join('\n'));
