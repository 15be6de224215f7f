/**
 * The packet path on a real link, judged by others: the kernel's neighbour table and arping on another host of the LAN.
 * Needs root, iproute2 and arping (Thomas Habets').
 */

import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { LanHost } from '../support/netns.ts';
import type { PacketPathChild } from '../support/packet-path-child.ts';
import { describePrivileged } from '../support/privileged.ts';
import { createSpeakerLan, type SpeakerLan } from '../support/speaker-lan.ts';
import { waitFor } from '../support/wait-for.ts';

const VIP = '192.0.2.100';
const frameSender = path.resolve(import.meta.dirname, '../support/frame-sender.ts');

describePrivileged('the packet path on a real link', () => {
  let lan: SpeakerLan;
  let speaker: LanHost;
  let client: LanHost;
  let child: PacketPathChild;

  beforeEach(async () => {
    lan = await createSpeakerLan({ speaker: ['192.0.2.2/24'], client: ['192.0.2.1/24'] });
    ({ speaker, client, child } = lan);
  });

  afterEach(async () => lan?.remove());

  const resolve = (ip: string): Promise<string | undefined> => client.resolve(ip);

  async function answers(): Promise<boolean> {
    return await lan.arping('-c', '1', VIP);
  }

  async function announced(): Promise<void> {
    await child.announce({ ip: VIP });
    await waitFor('an answer for the address', answers, { withinMs: 5000 });
  }

  test("the kernel of another host learns the speaker's MAC, and forgets nothing else", async () => {
    expect(await resolve(VIP)).toBeUndefined();
    await announced();
    const mac = await speaker.mac();
    await waitFor('a neighbour entry', async () => (await resolve(VIP)) === mac, { withinMs: 5000 });
    expect(await resolve('192.0.2.101')).toBeUndefined();
    await child.announce();
    expect(await resolve(VIP)).toBeUndefined();
  });

  test('the kernel confirms its entry by unicast', async () => {
    await announced();
    const mac = await speaker.mac();
    await client.ip('neigh', 'replace', VIP, 'lladdr', mac, 'dev', 'eth0', 'nud', 'probe');
    await waitFor('the entry to be confirmed', async () => (await client.neighbour(VIP))?.state.includes('REACHABLE'), {
      withinMs: 5000,
    });
  });

  test('arping gets every reply, from one station only', async () => {
    await announced();
    expect(await lan.arping('-c', '20', '-W', '0.02', '-w', '10', '-d', VIP)).toBe(true);
    const { addresses, interfaces } = await child.snapshot();
    expect(addresses).toMatchObject([{ interface: 'eth0', ip: VIP }]);
    expect(addresses[0]?.repliesSent).toBeGreaterThanOrEqual(21);
    expect(addresses[0]?.repliesSent).toBe(addresses[0]?.requestsReceived);
    expect(interfaces).toMatchObject([{ name: 'eth0', listening: true, kernelDrops: 0, sendErrors: 0 }]);
  });

  test('RFC 5227 §2.1.1: a probe from 0.0.0.0 is answered, so that the address counts as taken', async () => {
    await announced();
    expect(await lan.arping('-0', '-c', '1', VIP)).toBe(true);
  });

  test('announcing replaces a stale neighbour entry without being asked', async () => {
    // The announcement must find the child running: it is sent once it is told, and again within 100 ms.
    await child.snapshot();
    await client.ip('neigh', 'replace', VIP, 'lladdr', '02:00:00:00:00:99', 'dev', 'eth0', 'nud', 'stale');
    const mac = await speaker.mac();
    await child.announce({ ip: VIP });
    await waitFor('the entry to change', async () => (await client.neighbour(VIP))?.lladdr === mac, { withinMs: 3000 });
    const { addresses } = await child.snapshot();
    expect(addresses).toMatchObject([{ requestsReceived: 0, repliesSent: 0 }]);
  });

  test('announcing makes a new entry where the kernel accepts such (arp_accept)', async () => {
    await child.snapshot();
    await client.run('sysctl', '-qw', 'net.ipv4.conf.eth0.arp_accept=1');
    await child.announce({ ip: VIP });
    const mac = await speaker.mac();
    await waitFor('an entry', async () => (await client.neighbour(VIP))?.lladdr === mac, { withinMs: 3000 });
  });

  test('the carrier goes and comes back: facts follow, answers and announcements resume', async () => {
    await announced();
    const sent = async () => (await child.snapshot()).addresses[0]?.gratuitousSent ?? 0;
    await waitFor('the announcements to end', async () => (await sent()) === 12, { withinMs: 10_000 });
    await speaker.setCarrier('off');
    await waitFor('the loss to be seen', async () => !(await child.interfaces())[0]?.running, { withinMs: 5000 });
    await speaker.setCarrier('on');
    await waitFor('an answer', answers, { withinMs: 5000 });
    expect(await sent()).toBeGreaterThan(12);
  });

  test('the interface flaps faster than anybody looks', async () => {
    await announced();
    for (let flap = 0; flap < 20; flap++) {
      await speaker.ip('link', 'set', 'eth0', 'down');
      await speaker.ip('link', 'set', 'eth0', 'up');
    }
    await waitFor('an answer', answers, { withinMs: 5000 });
    expect((await child.snapshot()).interfaces).toMatchObject([{ listening: true }]);
  });

  test('the interface is deleted and made anew, with another MAC', async () => {
    await announced();
    const before = await speaker.mac();
    await speaker.unplug();
    await waitFor('the loss to be seen', async () => (await child.interfaces()).length === 0, { withinMs: 5000 });
    await speaker.plugIn(['192.0.2.2/24']);
    await waitFor('an answer', answers, { withinMs: 5000 });
    const after = await speaker.mac();
    expect(after).not.toBe(before);
    await waitFor('the new MAC', async () => (await resolve(VIP)) === after, { withinMs: 5000 });
  });

  test('the MAC changes: answers carry the new one', async () => {
    await announced();
    await speaker.ip('link', 'set', 'eth0', 'address', '02:00:00:00:00:77');
    await waitFor('the new MAC', async () => (await resolve(VIP)) === '02:00:00:00:00:77', { withinMs: 5000 });
  });

  test('the subnet goes and comes back: the address is answered only while the interface holds it', async () => {
    await announced();
    await speaker.ip('addr', 'del', '192.0.2.2/24', 'dev', 'eth0');
    await waitFor('no answer', async () => !(await answers()), { withinMs: 5000 });
    await speaker.ip('addr', 'add', '192.0.2.3/24', 'dev', 'eth0');
    await waitFor('an answer', answers, { withinMs: 5000 });
  });

  test('an interface put into a bridge hands over to the bridge', async () => {
    await announced();
    await speaker.ip('link', 'add', 'br7', 'address', '02:00:00:00:00:b7', 'type', 'bridge');
    await speaker.ip('addr', 'flush', 'dev', 'eth0');
    await speaker.ip('link', 'set', 'eth0', 'master', 'br7');
    await speaker.ip('addr', 'add', '192.0.2.2/24', 'dev', 'br7');
    await speaker.ip('link', 'set', 'br7', 'up');
    await waitFor('the MAC of the bridge', async () => (await resolve(VIP)) === '02:00:00:00:00:b7', {
      withinMs: 10_000,
    });
    expect((await child.interfaces()).map(({ name }) => name)).toEqual(['br7']);
  });

  test('a flood of 50,000 broken frames changes nothing', async () => {
    await announced();
    const { stdout } = await client.run(
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      frameSender,
      'garbage',
      '50000',
    );
    expect(Number(stdout)).toBeGreaterThan(49_000);
    expect(await answers()).toBe(true);
    const { interfaces, addresses } = await child.snapshot();
    const dropped = Object.values(interfaces[0]?.drops.arp ?? {}).reduce((sum, count) => sum + count, 0);
    expect(dropped).toBeGreaterThan(1000);
    expect(interfaces).toMatchObject([{ listening: true, sendErrors: 0, socketErrors: 0 }]);
    expect(addresses.map(({ ip }) => ip)).toEqual([VIP]);
  });

  test('a request tagged for a VLAN that the interface does not carry is not answered', async () => {
    await announced();
    const counted = async () => (await child.snapshot()).addresses[0]?.requestsReceived ?? 0;
    const send = async (...frames: string[]) =>
      await client.run(process.execPath, '--disable-warning=ExperimentalWarning', frameSender, 'hex', ...frames);
    const link = 'ffffffffffff 02000000000a';
    const question = '0806 0001 0800 06 04 0001 02000000000a c0000201 000000000000 c0000264';
    const before = await counted();
    await send(`${link} 8100 0007 ${question}`, `${link} ${question}`);
    await waitFor('the untagged request', async () => (await counted()) > before, { withinMs: 5000 });
    expect(await counted()).toBe(before + 1);
  });
});
