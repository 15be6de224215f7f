/** What a client sees of an address, against real kernels: requests that fail while it is away, frames that claim it. */
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  firstFrameAfter,
  type HeardFrame,
  monotonicMs,
  type Probe,
  probeRequests,
  recordNeighbours,
} from '../support/client-probes.ts';
import { createLan, type Lan, type LanHost } from '../support/netns.ts';
import { type Attempt, longestPauseMs, outagesOf } from '../support/outages.ts';
import { describePrivileged } from '../support/privileged.ts';
import { waitFor } from '../support/wait-for.ts';

const V4 = '192.0.2.2';
const V6 = '2001:db8::2';
const CLIENT_V6 = '2001:db8::1';
const SERVER = `
  const { createServer } = require('node:http');
  createServer((_, answer) => answer.end('page')).listen(80, '::', () => console.log('listening'));`;

describePrivileged('probes on a client', () => {
  let lan: Lan;
  let server: LanHost;
  let client: LanHost;
  let web: ReturnType<LanHost['spawn']>;
  beforeAll(async () => {
    lan = await createLan({ server: [`${V4}/24`], client: ['192.0.2.1/24'] });
    server = lan.host('server');
    client = lan.host('client');
    await server.ip('address', 'add', `${V6}/64`, 'dev', 'eth0', 'nodad');
    await client.ip('address', 'add', `${CLIENT_V6}/64`, 'dev', 'eth0', 'nodad');
    web = server.spawn(process.execPath, '-e', SERVER);
    await new Promise((resolve) => web.stdout?.once('data', resolve));
  });
  afterAll(async () => {
    web?.kill();
    await lan?.remove();
  });

  test.each([
    { name: 'IPv4', ip: V4 },
    { name: 'IPv6', ip: V6 },
  ])('requests over $name: answered, then an outage as long as the carrier was away', async ({ ip }) => {
    const probe = await probeRequests(client.spawn.bind(client), { ip });
    await answers(probe, 20);
    const offMs = monotonicMs();
    await server.setCarrier('off');
    await waitFor('failures', async () => outagesOf(probe.soFar()).length === 1, { withinMs: 5000, everyMs: 20 });
    await server.setCarrier('on');
    const onMs = monotonicMs();
    await answers(probe, probe.soFar().length + 20);
    const attempts = await probe.stop();
    const [outage, ...others] = outagesOf(attempts);
    expect(others).toEqual([]);
    // A request that began just before the carrier went may fail, and the neighbour entry may have to be renewed.
    const pause = longestPauseMs(attempts);
    expect(outage?.beganMs).toBeGreaterThan(offMs - 500);
    expect(outage?.endedMs).toBeGreaterThan(offMs + 400);
    expect(outage?.endedMs).toBeLessThan(onMs + 2000 + pause);
    expect(outage?.outcomes).toEqual(expect.arrayContaining(['timeout']));
  });

  test('frames that claim an address, with the kernel’s time of them on the clock that all share', async () => {
    const before = await server.mac();
    const probe = await recordNeighbours(client.spawn.bind(client), [V4, V6]);
    await server.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/conf/eth0/arp_notify');
    await server.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/eth0/ndisc_notify');
    const changedMs = monotonicMs();
    const mac = '02:00:00:00:00:99';
    await server.ip('link', 'set', 'eth0', 'address', mac);
    const doneMs = monotonicMs();
    await waitFor('both claims', async () => new Set(probe.soFar().map(({ ip }) => ip)).size === 2, { withinMs: 5000 });
    const frames = await probe.stop();
    const first = (ip: string) => firstFrameAfter(framesOf(frames, ip), changedMs, before);
    expect(first(V4)).toMatchObject({ kind: 'arp-request', ip: V4, mac, source: mac, gratuitous: true });
    expect(first(V6)).toMatchObject({
      kind: 'advertisement',
      ip: V6,
      mac,
      source: mac,
      gratuitous: true,
      flags: { router: false, solicited: false, override: true },
    });
    // The kernel sends them within the very call that changes the address.
    for (const ip of [V4, V6]) {
      const atMs = first(ip)?.atMs ?? Number.NaN;
      expect(atMs).toBeGreaterThan(changedMs);
      expect(atMs).toBeLessThan(doneMs);
    }
  });

  test('a solicitation: who has the address answers, and nobody for one that nobody has', async () => {
    const asker = path.resolve(import.meta.dirname, '../support/neighbour-asker.ts');
    const ask = async (target: string) =>
      (await client.run(process.execPath, '--disable-warning=ExperimentalWarning', asker, CLIENT_V6, target)).stdout;
    expect(await ask(V6)).toBe(`${await server.mac()}\n`);
    expect(await ask('2001:db8::77')).toBe('');
  });
});

async function answers(probe: Probe<Attempt>, count: number): Promise<void> {
  const isBack = () => probe.soFar().length >= count && probe.soFar().at(-1)?.outcome === 'answered';
  await waitFor('answers', async () => isBack(), { withinMs: 10_000, everyMs: 20 });
}

function framesOf(frames: readonly HeardFrame[], ip: string): readonly HeardFrame[] {
  return frames.filter((frame) => frame.ip === ip);
}
