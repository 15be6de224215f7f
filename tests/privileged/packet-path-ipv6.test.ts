/**
 * The packet path's IPv6 on a real link, judged by others: the neighbour table, duplicate address detection and ping
 * sockets of another host's kernel, and the multicast tables of the switch between them. Needs root and iproute2.
 */
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { LanHost } from '../support/netns.ts';
import type { PacketPathChild } from '../support/packet-path-child.ts';
import { describePrivileged } from '../support/privileged.ts';
import { createSpeakerLan, type SpeakerLan } from '../support/speaker-lan.ts';
import { waitFor } from '../support/wait-for.ts';

const VIP = '2001:db8::100';
const GROUP = 'ff02::1:ff00:100';
const VIP4 = '192.0.2.100';
const PROGRAM = ['--disable-warning=ExperimentalWarning'];
const support = path.resolve(import.meta.dirname, '../support');

describePrivileged('IPv6 on a real link', () => {
  let lan: SpeakerLan;
  let speaker: LanHost;
  let client: LanHost;
  let child: PacketPathChild;

  beforeEach(async () => {
    lan = await createSpeakerLan({
      speaker: ['192.0.2.2/24', '2001:db8::2/64'],
      client: ['192.0.2.1/24', '2001:db8::1/64'],
    });
    ({ speaker, client, child } = lan);
  });

  afterEach(async () => lan?.remove());

  const resolve = (ip: string): Promise<string | undefined> => client.resolve(ip);

  async function announced(): Promise<string> {
    const mac = await speaker.mac();
    await child.announce({ ip: VIP });
    await waitFor('the address to be found', async () => (await resolve(VIP)) === mac, { withinMs: 10_000 });
    return mac;
  }

  async function counted(): Promise<{ requestsReceived: number; repliesSent: number; gratuitousSent: number }> {
    const row = (await child.snapshot()).addresses.find(({ ip }) => ip === VIP);
    return row ?? { requestsReceived: 0, repliesSent: 0, gratuitousSent: 0 };
  }

  test("RFC 4861 §7.2: the kernel of another host learns the speaker's MAC, and of nothing else", async () => {
    expect(await resolve(VIP)).toBeUndefined();
    await announced();
    expect(await resolve('2001:db8::101')).toBeUndefined();
    await child.announce();
    expect(await resolve(VIP)).toBeUndefined();
  });

  test('RFC 4861 §7.3: the kernel confirms its entry by unicast, and finds it reachable', async () => {
    const mac = await announced();
    const before = await counted();
    await client.ip('neigh', 'replace', VIP, 'lladdr', mac, 'dev', 'eth0', 'nud', 'probe');
    await waitFor('the entry to be confirmed', async () => (await client.neighbour(VIP))?.state.includes('REACHABLE'), {
      withinMs: 5000,
    });
    expect((await counted()).repliesSent).toBeGreaterThan(before.repliesSent);
  });

  test('RFC 4862 §5.4: a host that wants the address for itself finds it taken', async () => {
    await announced();
    await client.ip('addr', 'add', `${VIP}/128`, 'dev', 'eth0');
    await waitFor(
      'duplicate address detection to fail',
      async () => (await client.ip('addr', 'show', 'dev', 'eth0')).stdout.includes('dadfailed'),
      { withinMs: 5000 },
    );
    await client.ip('addr', 'del', `${VIP}/128`, 'dev', 'eth0');
    await child.announce();
    await client.ip('addr', 'add', `${VIP}/128`, 'dev', 'eth0');
    await waitFor(
      'it to succeed where nobody announces the address',
      async () => !/tentative|dadfailed/.test((await client.ip('addr', 'show', 'to', VIP)).stdout),
      { withinMs: 5000 },
    );
  });

  test('RFC 4861 §7.2.6: announcing replaces a neighbour entry without being asked, a reachable one too', async () => {
    await child.snapshot();
    const mac = await speaker.mac();
    await client.ip('neigh', 'replace', VIP, 'lladdr', '02:00:00:00:00:99', 'dev', 'eth0', 'nud', 'reachable');
    await child.announce({ ip: VIP });
    await waitFor('the entry to change', async () => (await client.neighbour(VIP))?.lladdr === mac, { withinMs: 3000 });
    expect(await counted()).toMatchObject({ requestsReceived: 0, repliesSent: 0 });
  });

  test('a switch that snoops MLD learns of the group, as long as the address is announced', async () => {
    await client.onSwitch('ip', 'link', 'set', 'br0', 'type', 'bridge', 'mcast_querier', '1', 'mcast_snooping', '1');
    const groups = async () => (await client.onSwitch('bridge', 'mdb', 'show')).stdout;
    const isForwarded = async () => (await groups()).includes(`port speaker grp ${GROUP} `);
    expect(await isForwarded()).toBe(false);
    await announced();
    await waitFor('the switch to know the group', isForwarded, { withinMs: 5000 });
    await child.announce();
    await waitFor('the switch to forget it', async () => !(await isForwarded()), { withinMs: 10_000 });
  });

  test('an interface made anew joins the groups of what is announced already, and answers', async () => {
    await announced();
    await speaker.unplug();
    await waitFor('the loss to be seen', async () => (await child.interfaces()).length === 0, { withinMs: 5000 });
    await speaker.plugIn([]);
    await speaker.addAddress('2001:db8::2/64');
    const mac = await speaker.mac();
    await waitFor('an answer', async () => (await resolve(VIP)) === mac, { withinMs: 5000 });
    const { stdout } = await speaker.ip('maddr', 'show', 'dev', 'eth0');
    expect(stdout).toContain(GROUP);
    expect(stdout).toContain('33:33:ff:00:01:00');
  });

  test('where IPv6 is off on the interface, the frames come in all the same', async () => {
    await speaker.run('sysctl', '-qw', 'net.ipv6.conf.eth0.disable_ipv6=1');
    await child.announce({ ip: VIP, interfaces: ['eth0'] });
    const mac = await speaker.mac();
    await waitFor('an answer', async () => (await resolve(VIP)) === mac, { withinMs: 5000 });
  });

  test('5,000 addresses, with CAP_NET_RAW alone: all groups are joined, however little a socket holds', async () => {
    // What older kernels have for good: some 360 groups a socket. Some let it be changed for the machine only.
    await speaker.tryRun('sysctl', '-qw', 'net.core.optmem_max=20480');
    child = await lan.restart([], 'net-raw');
    const ips = Array.from({ length: 5000 }, (_, i) => `2001:db8::1:${(i + 1).toString(16)}`);
    await child.announce(...ips.map((ip) => ({ ip })));
    const mac = await speaker.mac();
    for (const ip of [ips[0], ips[2500], ips[4999]]) {
      await waitFor(`an answer for ${ip}`, async () => (await resolve(ip ?? '')) === mac, { withinMs: 20_000 });
    }
    const joined = async () => (await speaker.ip('-6', 'maddr', 'show', 'dev', 'eth0')).stdout.match(/ff02::1:ff01:/g);
    await waitFor('all groups to be joined', async () => (await joined())?.length === 5000, { withinMs: 10_000 });
    expect((await child.snapshot()).interfaces).toMatchObject([{ groupErrors: 0, kernelDrops: 0 }]);
    await child.announce({ ip: VIP });
    await waitFor('the others to be left', async () => (await joined()) === null, { withinMs: 10_000 });
  });

  test('where the kernel refuses groups, all multicast frames are let in, and it is said', async () => {
    // Below IPv6's smallest MTU the kernel takes IPv6 off the interface altogether.
    await speaker.ip('link', 'set', 'eth0', 'mtu', '1000');
    await child.announce({ ip: VIP, interfaces: ['eth0'] });
    const mac = await speaker.mac();
    await waitFor('an answer', async () => (await resolve(VIP)) === mac, { withinMs: 5000 });
    expect((await child.snapshot()).interfaces[0]?.groupErrors).toBeGreaterThan(0);
    const details = async () => (await speaker.ip('-d', 'link', 'show', 'dev', 'eth0')).stdout;
    expect(await details()).toContain('allmulti 1');
    await speaker.ip('link', 'set', 'eth0', 'mtu', '1500');
    await speaker.addAddress('2001:db8::3/64');
    await waitFor('the group to be joined after all', async () => (await details()).includes('allmulti 0'), {
      withinMs: 5000,
    });
  });

  describe('pings', () => {
    async function ping(ip: string, count: number, dataBytes = 8): Promise<number> {
      await client.run('sysctl', '-qw', 'net.ipv4.ping_group_range=0 0');
      const command = [...PROGRAM, path.join(support, 'ping.ts'), ip, String(count), String(dataBytes)];
      const { stdout } = await client.tryRun(process.execPath, ...command);
      return stdout.split('\n').filter((line) => line !== '').length;
    }

    test('off: none is answered', async () => {
      await announced();
      await child.announce({ ip: VIP }, { ip: VIP4 });
      expect(await ping(VIP, 1)).toBe(0);
      expect(await ping(VIP4, 1)).toBe(0);
    });

    test('on: the kernel of another host takes the answers, of both families, up to what fits a frame', async () => {
      child = await lan.restart(['--answer-ping']);
      await child.announce({ ip: VIP }, { ip: VIP4 });
      await waitFor('an answer', async () => (await ping(VIP, 1)) === 1, { withinMs: 10_000 });
      expect(await ping(VIP, 5)).toBe(5);
      expect(await ping(VIP, 2, 1452)).toBe(2);
      expect(await ping(VIP4, 5)).toBe(5);
      expect(await ping(VIP4, 2, 1472)).toBe(2);
      expect(await ping(VIP4, 1, 1473)).toBe(0);
      expect(await ping('192.0.2.2', 1)).toBe(1);
      const { addresses, interfaces } = await child.snapshot();
      expect(addresses.find(({ ip }) => ip === VIP4)?.pingsAnswered).toBe(7);
      expect(interfaces[0]?.drops.echo).toMatchObject({ fragment: 1, malformed: 0, 'rate-limited': 0 });
      expect(interfaces[0]?.drops.echo['target-not-announced']).toBeGreaterThanOrEqual(1);
    });

    test('an address that the node holds itself, as with kube-proxy in mode ipvs, is answered once, by the kernel', async () => {
      child = await lan.restart(['--answer-ping', '^lo$']);
      await speaker.ip('addr', 'add', `${VIP4}/32`, 'dev', 'lo');
      await child.announce({ ip: VIP4 });
      await waitFor('an answer', async () => (await ping(VIP4, 1)) === 1, { withinMs: 10_000 });
      const { addresses } = await child.snapshot();
      expect(addresses.find(({ ip }) => ip === VIP4)?.pingsAnswered ?? 0).toBe(0);
    });
  });
});
