/**
 * The packet path while interfaces come, go and fail under it, on a real link: how soon it answers, and that nothing a link
 * does ends it. Times are the kernel's, of frames that another host hears. Needs root and iproute2.
 */
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { monotonicMs, type Probe, recordNeighbours } from '../support/client-probes.ts';
import type { LanHost } from '../support/netns.ts';
import type { PacketPathChild } from '../support/packet-path-child.ts';
import { describePrivileged } from '../support/privileged.ts';
import { createSpeakerLan, type SpeakerLan } from '../support/speaker-lan.ts';
import { waitFor } from '../support/wait-for.ts';

const VIP4 = '192.0.2.100';
const VIP6 = '2001:db8::100';
const REQUEST = 'ffffffffffff 02000000000a 0806 0001 0800 06 04 0001 02000000000a c0000201 000000000000 c0000264';
const frameSender = path.resolve(import.meta.dirname, '../support/frame-sender.ts');

/** A new interface answers within so long. */
const SOON_MS = 100;
/** Each is done so often, and the median counts: a test must not fail because its machine stopped for a moment. */
const ROUNDS = 5;

describePrivileged('interfaces that come and go', () => {
  let lan: SpeakerLan;
  let speaker: LanHost;
  let client: LanHost;
  let child: PacketPathChild;

  beforeEach(async () => {
    lan = await createSpeakerLan({ speaker: ['192.0.2.2/24'], client: ['192.0.2.1/24', '2001:db8::1/64'] });
    ({ speaker, client, child } = lan);
    await child.announce({ ip: VIP4 }, { ip: VIP6 });
  });

  afterEach(async () => lan?.remove());

  async function answers(): Promise<boolean> {
    return await lan.arping('-c', '1', VIP4);
  }

  /** From before the last change until the client hears the address claimed: the median of some rounds. */
  async function expectSoonClaimed(
    ip: string,
    prepare: () => Promise<void>,
    lastChange: () => Promise<unknown>,
  ): Promise<void> {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await prepare();
      const probe: Probe<{ atMs: number }> = await recordNeighbours((...command) => client.spawn(...command), [ip]);
      const began = monotonicMs();
      await lastChange();
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const heard = (await probe.stop()).find(({ atMs }) => atMs >= began);
      times.push(heard === undefined ? Number.POSITIVE_INFINITY : heard.atMs - began);
    }
    const median = times.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.POSITIVE_INFINITY;
    expect({ times, isSoon: median < SOON_MS }).toEqual({ times, isSoon: true });
  }

  async function replug(): Promise<void> {
    await speaker.unplug();
    await waitFor('the loss to be seen', async () => (await child.interfaces()).length === 0, { withinMs: 5000 });
    await speaker.plugIn([]);
  }

  test('a new interface announces within 100 ms of getting its IPv4 address', async () => {
    await expectSoonClaimed(VIP4, replug, () => speaker.ip('addr', 'add', '192.0.2.2/24', 'dev', 'eth0'));
  });

  test('likewise of getting its IPv6 address, while that is still being tried for duplicates', async () => {
    await expectSoonClaimed(VIP6, replug, () => speaker.ip('addr', 'add', '2001:db8::2/64', 'dev', 'eth0'));
  });

  test('an interface that is set up announces within 100 ms', async () => {
    await expectSoonClaimed(
      VIP4,
      async () => {
        await speaker.ip('link', 'set', 'eth0', 'down');
        await waitFor('the loss to be seen', async () => !(await child.interfaces())[0]?.running, { withinMs: 5000 });
      },
      () => speaker.ip('link', 'set', 'eth0', 'up'),
    );
  });

  test('the bridge that an interface is put into takes over both families', async () => {
    const mac = '02:00:00:00:00:b7';
    await speaker.ip('link', 'add', 'br7', 'address', mac, 'type', 'bridge');
    await speaker.ip('link', 'set', 'br7', 'up');
    await speaker.ip('addr', 'flush', 'dev', 'eth0');
    await speaker.ip('addr', 'add', '192.0.2.2/24', 'dev', 'br7');
    await speaker.ip('addr', 'add', '2001:db8::2/64', 'dev', 'br7', 'nodad');
    await speaker.ip('link', 'set', 'eth0', 'master', 'br7');
    for (const ip of [VIP4, VIP6]) {
      const isBridge = async () => {
        await client.tryRun('bash', '-c', `echo > /dev/udp/${ip}/9`);
        return (await client.neighbour(ip))?.lladdr === mac;
      };
      await waitFor(`the bridge's MAC for ${ip}`, isBridge, { withinMs: 10_000 });
    }
    expect((await child.interfaces()).map(({ name }) => name)).toEqual(['br7']);
    await speaker.ip('link', 'set', 'eth0', 'nomaster');
    await waitFor('the port to be an interface again', async () => (await child.interfaces()).length === 2, {
      withinMs: 5000,
    });
  });

  test('an interface on top of another, with a MAC of its own, is one like any other', async () => {
    await speaker.ip('addr', 'flush', 'dev', 'eth0');
    await speaker.ip('link', 'add', 'link', 'eth0', 'name', 'mv0', 'type', 'macvlan', 'mode', 'bridge');
    await speaker.ip('link', 'set', 'mv0', 'up');
    await speaker.ip('addr', 'add', '192.0.2.2/24', 'dev', 'mv0');
    await waitFor('an answer', answers, { withinMs: 5000 });
    const { addresses } = await child.snapshot();
    expect(addresses.find((row) => row.ip === VIP4 && row.interface === 'mv0')?.repliesSent).toBeGreaterThan(0);
  });

  test('deleted and made anew under the same name, ten times, while requests pour in', async () => {
    const options = ['--disable-warning=ExperimentalWarning', frameSender, 'for', '8', REQUEST];
    const flood = client.run(process.execPath, ...options);
    for (let round = 0; round < 10; round++) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      await speaker.unplug();
      await speaker.plugIn(['192.0.2.2/24']);
    }
    expect(Number((await flood).stdout)).toBeGreaterThan(5000);
    await waitFor('an answer', answers, { withinMs: 5000 });
    const { interfaces, addresses } = await child.snapshot();
    expect(interfaces).toMatchObject([{ name: 'eth0', listening: true }]);
    expect(addresses.find(({ ip }) => ip === VIP4)?.repliesSent).toBeGreaterThan(500);
  });

  test('a queue that is full (ENOBUFS) loses frames, which are counted and made up for', async () => {
    await speaker.ip('addr', 'add', '2001:db8::2/64', 'dev', 'eth0', 'nodad');
    const qdisc = ['dev', 'eth0', 'root'];
    await speaker.run('tc', 'qdisc', 'add', ...qdisc, 'tbf', 'rate', '8kbit', 'burst', '200', 'limit', '200');
    const many = Array.from({ length: 200 }, (_, i) => ({ ip: `192.0.2.${i + 10}` }));
    await child.announce(...many);
    const errors = async () => (await child.snapshot()).interfaces[0]?.sendErrors ?? 0;
    await waitFor('frames to be refused', async () => (await errors()) > 100, { withinMs: 5000 });
    await speaker.run('tc', 'qdisc', 'del', ...qdisc);
    await waitFor('an answer', answers, { withinMs: 5000 });
    const rounds = async () => {
      const { addresses } = await child.snapshot();
      return many.every(({ ip }) => addresses.some((row) => row.ip === ip && row.gratuitousSent >= 2));
    };
    await waitFor('every address to be announced after all', rounds, { withinMs: 10_000 });
    expect((await child.snapshot()).interfaces).toMatchObject([{ listening: true, socketErrors: 0 }]);
  });
});
