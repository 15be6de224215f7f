/**
 * 128 sessions on one node, each with the same 1,000 routes: memory, and processor time while nothing happens but KEEPALIVEs.
 * The floor is BIRD with the same sessions in our place; the other side is one BIRD in both cases.
 *
 * Ours is the sessions alone, without what a speaker has beside them (the cluster, ARP): its memory before the first plan is
 * told as well.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { BIRD } from '../tests/support/interop/bird.ts';
import { makeFolder } from '../tests/support/interop/folder.ts';
import type { Router } from '../tests/support/interop/router.ts';
import { Speaker } from '../tests/support/interop/speaker.ts';
import { createLan, type Lan } from '../tests/support/netns.ts';
import { ip } from '../tests/support/views.ts';
import { waitFor } from '../tests/support/wait-for.ts';
import { BirdTable } from './bird-table.ts';
import { monotonicMs } from './machine.ts';
import { readCpuMs } from './process-cpu.ts';
import { formatMemory, readResidentMemory } from './process-memory.ts';
import { HOLD_TIME_SECONDS, NODE, plannedSession, ROUTER, startBird } from './route-senders.ts';

const PEERS = 128;
const ROUTES = 1000;
const REST_MS = 20_000;
/** Until what was sent at the beginning is no longer in the way. */
const SETTLE_MS = 3000;
const UP = { withinMs: 60_000, everyMs: 500 };

/** Of the node and of the router, for each session: BIRD has one session with an address, and no second. */
const links = Array.from({ length: PEERS }, (_, index) => ({
  local: `10.9.2.${index + 1}`,
  remote: `10.9.1.${index + 1}`,
}));

/** Needs root. Takes about a minute. */
export async function benchBgpPeers(): Promise<string[]> {
  const folder = await makeFolder();
  const lan = await createLan({
    node: links.map(({ local }) => `${local}/16`),
    router: links.map(({ remote }) => `${remote}/16`),
  });
  const router = BIRD.create(lan.host('router'), path.join(folder, 'router'));
  try {
    return [...(await runFloor(lan, folder, router)), ...(await runOurs(lan, folder, router))];
  } finally {
    await router.stop('at-once');
    await lan.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

async function runFloor(lan: Lan, folder: string, router: Router): Promise<string[]> {
  await startRouter(router);
  const to = links.map(({ local, remote }) => ({ address: remote, asn: ROUTER.asn, from: local }));
  const sender = await startBird(lan, path.join(folder, 'sender'), { from: NODE, to, count: ROUTES });
  try {
    await waitFor('all routes at the router', () => hasAll(folder), UP);
    sender.rest();
    return await atRest('BIRD 2.0', sender.pid);
  } finally {
    await sender.stop();
  }
}

async function runOurs(lan: Lan, folder: string, router: Router): Promise<string[]> {
  await startRouter(router);
  const speaker = new Speaker(lan.host('node'), folder);
  speaker.start();
  try {
    await speaker.setPlan();
    const before = formatMemory('ours before the first session', await readResidentMemory(speaker.pid));
    const session = plannedSession(ROUTES);
    const sessions = links.map(({ local, remote }) => ({
      ...session,
      peer: { ...session.peer, name: remote, remote: { address: ip(remote) }, sourceAddress: ip(local) },
    }));
    await speaker.setPlan(...sessions);
    await waitFor('all routes at the router', () => hasAll(folder), UP);
    return [before, ...(await atRest('ours', speaker.pid))];
  } finally {
    await speaker.kill();
  }
}

/** Every address of it waits for the node. */
async function startRouter(router: Router): Promise<void> {
  await router.start({
    asn: ROUTER.asn,
    identifier: ROUTER.address,
    neighbours: links.map(({ local, remote }) => ({
      address: local,
      asn: NODE.asn,
      localAddress: remote,
      families: ['ipv4'],
      passive: true,
      holdTimeSeconds: HOLD_TIME_SECONDS,
    })),
  });
}

async function hasAll(folder: string): Promise<boolean> {
  const table = await BirdTable.connect(path.join(folder, 'router', 'ctl'));
  try {
    for (const index of links.keys()) if ((await table.imported(`p${index}`)) !== ROUTES) return false;
    return true;
  } finally {
    table.close();
  }
}

async function atRest(name: string, pid: number): Promise<string[]> {
  await new Promise((done) => setTimeout(done, SETTLE_MS));
  const [cpuMs, beganMs] = [await readCpuMs(pid), monotonicMs()];
  await new Promise((done) => setTimeout(done, REST_MS));
  const share = ((await readCpuMs(pid)) - cpuMs) / (monotonicMs() - beganMs);
  const memory = formatMemory(`${name}, ${PEERS} sessions of ${ROUTES} routes`, await readResidentMemory(pid));
  return [memory, `${name}, at rest for ${REST_MS / 1000} s: ${(share * 100).toFixed(2)} % of a core`];
}

if (import.meta.main) console.log((await benchBgpPeers()).join('\n'));
