/**
 * Our BGP sessions with the routers that others wrote, feature by feature; the table of it is printed at the end. All that
 * we send in the course of it is captured, and tshark finds nothing wrong with it.
 */
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { BIRD } from '../support/interop/bird.ts';
import { type Capture, capture } from '../support/interop/capture.ts';
import { EXABGP } from '../support/interop/exabgp.ts';
import { FEATURES, type Feature } from '../support/interop/features.ts';
import { makeFolder } from '../support/interop/folder.ts';
import { FRR } from '../support/interop/frr.ts';
import { GOBGP } from '../support/interop/gobgp.ts';
import { type Cell, formatMatrix } from '../support/interop/matrix-table.ts';
import { Speaker } from '../support/interop/speaker.ts';
import { FAR_NODE, FAR_ROUTER, NODE, ROUTER, type World } from '../support/interop/world.ts';
import { createLan, type Lan } from '../support/netns.ts';
import { describePrivileged } from '../support/privileged.ts';

const KINDS = [FRR, BIRD, GOBGP, EXABGP];
/** Each feature sends an OPEN, an UPDATE and a KEEPALIVE at the least. */
const LEAST_FRAMES = 60;
/** Characters of a log that a failure shows. */
const LOG_SHOWN = 1200;

describePrivileged('interop', () => {
  const cells: Cell[] = [];
  let folder: string;
  beforeAll(async () => {
    folder = await makeFolder();
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
    // Where jest's own report goes; its console would add a stack.
    const routers = KINDS.map(({ name }) => name);
    const features = FEATURES.map(({ name }) => name);
    process.stderr.write(`\n${formatMatrix(routers, features, cells)}\n\n`);
  });

  describe.each(KINDS)('$name', (kind) => {
    let lan: Lan;
    let world: World;
    let captured: Capture;
    beforeAll(async () => {
      lan = await createLan({ router: [], node: [], between: [] });
      await connect(lan);
      const own = path.join(folder, kind.name.replaceAll(' ', '-'));
      await mkdir(own);
      const router = kind.create(lan.host('router'), path.join(own, 'router'));
      world = { router, speaker: new Speaker(lan.host('node'), own) };
      captured = await capture(lan.host('node'), path.join(own, 'capture'));
    });
    afterEach(async () => {
      await world.speaker.kill();
      await world.router.stop('at-once');
    });
    afterAll(async () => {
      await lan.remove();
    });

    for (const feature of FEATURES) {
      const reason = feature.notFor?.[kind.name];
      if (reason !== undefined) {
        cells.push({ router: kind.name, feature: feature.name, outcome: { notApplicable: reason } });
        continue;
      }
      test(feature.name, () => record(feature));
    }

    test('tshark finds nothing wrong with what we sent', async () => {
      const { frames, complaints } = await captured.judge();
      expect(complaints).toEqual([]);
      expect(frames).toBeGreaterThan(LEAST_FRAMES);
    });

    async function record(feature: Feature): Promise<void> {
      const began = performance.now();
      const note = (outcome: Cell['outcome']) => cells.push({ router: kind.name, feature: feature.name, outcome });
      try {
        await feature.run(world);
        note({ seconds: (performance.now() - began) / 1000 });
      } catch (error) {
        note('failed');
        const logs = await Promise.all([world.router.log(), world.speaker.log()]);
        if (error instanceof Error) error.message += logs.map((log) => `\n── …${log.slice(-LOG_SHOWN)}`).join('');
        throw error;
      }
    }
  });
});

/** The router and the node on one link, and each with an address that the other reaches over the host between. */
async function connect(lan: Lan): Promise<void> {
  const between = lan.host('between');
  await between.forward();
  for (const address of ['192.0.2.254/24', 'fd00:192:0:2::fe/64']) await between.addAddress(address);
  for (const [name, near, far, other] of [
    ['router', ROUTER, FAR_ROUTER, FAR_NODE],
    ['node', NODE, FAR_NODE, FAR_ROUTER],
  ] as const) {
    const host = lan.host(name);
    for (const address of [`${near.v4}/24`, `${near.v6}/64`, `${far.v4}/32`, `${far.v6}/128`]) {
      await host.addAddress(address);
    }
    await host.ip('route', 'add', `${other.v4}/32`, 'via', '192.0.2.254', 'src', far.v4);
    await host.ip('route', 'add', `${other.v6}/128`, 'via', 'fd00:192:0:2::fe', 'src', far.v6);
  }
  await between.ip('route', 'add', `${FAR_ROUTER.v4}/32`, 'via', ROUTER.v4);
  await between.ip('route', 'add', `${FAR_NODE.v4}/32`, 'via', NODE.v4);
  await between.ip('route', 'add', `${FAR_ROUTER.v6}/128`, 'via', ROUTER.v6);
  await between.ip('route', 'add', `${FAR_NODE.v6}/128`, 'via', NODE.v6);
}
