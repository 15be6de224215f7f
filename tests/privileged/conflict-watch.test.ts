/** The watch over conflicts against real kernels that hold an address, and against another program that probes for one. */
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { WatchEvent } from '../support/conflict-watch-process.ts';
import { createLan, type Lan, type LanHost } from '../support/netns.ts';
import { describePrivileged } from '../support/privileged.ts';

const program = path.resolve(import.meta.dirname, '../support/conflict-watch-process.ts');
const ADDRESS = '192.0.2.7';
const ADDRESS6 = '2001:db8::7';

describePrivileged('the watch over conflicts on a real LAN', () => {
  let lan: Lan;
  let speaker: LanHost;
  let other: LanHost;
  beforeAll(async () => {
    lan = await createLan({ speaker: ['192.0.2.2/24'], other: ['192.0.2.1/24'] });
    [speaker, other] = [lan.host('speaker'), lan.host('other')];
    // An unsolicited advertisement when the link's address changes, as an appliance sends that takes an address over.
    await other.run('sysctl', '-qw', 'net.ipv6.conf.eth0.ndisc_notify=1');
  });
  afterAll(async () => lan?.remove());
  afterEach(async () => {
    await other.tryRun('ip', 'addr', 'del', `${ADDRESS}/24`, 'dev', 'eth0');
    await other.tryRun('ip', 'addr', 'del', `${ADDRESS6}/64`, 'dev', 'eth0');
  });

  /** One gratuitous request; nobody answers it, which arping takes for a failure. */
  const claim = () => other.tryRun('arping', '-U', '-c', '1', '-S', ADDRESS, '-i', 'eth0', ADDRESS);

  /** Runs it for so long; `meanwhile` happens as soon as it watches. */
  async function run(
    held: string,
    runMs: number,
    meanwhile?: () => Promise<unknown>,
    address = ADDRESS,
  ): Promise<readonly WatchEvent[]> {
    const args = ['--disable-warning=ExperimentalWarning', program, address, held, String(runMs)];
    const child = speaker.spawn(process.execPath, ...args);
    if (child.stdout === null) throw new Error('the program has no output');
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe('ready');
    await meanwhile?.();
    const { events } = JSON.parse((await lines.next()).value ?? '') as { events: readonly WatchEvent[] };
    return events;
  }

  test('RFC 5227 §2.1: nobody has the address: announceable after 200 ms', async () => {
    const [event, ...more] = await run('by-nobody', 1000);
    expect([event?.what, more]).toEqual(['announceable', []]);
    expect(event?.atMs).toBeGreaterThanOrEqual(200);
    expect(event?.atMs).toBeLessThan(500);
  });

  test('RFC 5227 §2.1.1: a kernel that has it answers the probe', async () => {
    await other.ip('addr', 'add', `${ADDRESS}/24`, 'dev', 'eth0');
    const events = await run('by-nobody', 1000);
    expect(events.map(({ what }) => what)).toEqual([`conflicts ${await other.mac()}`]);
    expect(events[0]?.atMs).toBeLessThan(150);
  });

  test('RFC 5227 §2.4: a kernel that takes what is announced is found out by its first frame and its answer', async () => {
    const events = await run('by-a-speaker', 3000, async () => {
      await other.ip('addr', 'add', `${ADDRESS}/24`, 'dev', 'eth0');
      await claim();
    });
    expect(events.map(({ what }) => what)).toEqual([`conflicts ${await other.mac()}`, 'not announceable']);
  });

  test('one claim that nobody stands by is answered by one defence', async () => {
    const events = await run('by-a-speaker', 3000, claim);
    expect(events.map(({ what }) => what)).toEqual(['defend']);
  });

  const take6 = () => other.ip('addr', 'add', `${ADDRESS6}/64`, 'dev', 'eth0', 'nodad');

  test('RFC 4862 §5.4: nobody has the IPv6 address: announceable after 200 ms', async () => {
    const [event, ...more] = await run('by-nobody', 1000, undefined, ADDRESS6);
    expect([event?.what, more]).toEqual(['announceable', []]);
    expect(event?.atMs).toBeGreaterThanOrEqual(200);
    expect(event?.atMs).toBeLessThan(500);
  });

  test('RFC 4862 §5.4.4: a kernel that has it answers the probe', async () => {
    await take6();
    const events = await run('by-nobody', 1000, undefined, ADDRESS6);
    expect(events.map(({ what }) => what)).toEqual([`conflicts ${await other.mac()}`]);
    expect(events[0]?.atMs).toBeLessThan(150);
  });

  test('RFC 4862 §5.4: a kernel that takes what is announced is found out by its advertisement', async () => {
    const before = await other.mac();
    const events = await run(
      'by-a-speaker',
      3000,
      async () => {
        await take6();
        await other.ip('link', 'set', 'eth0', 'address', '02:00:00:00:00:99');
      },
      ADDRESS6,
    );
    await other.ip('link', 'set', 'eth0', 'address', before);
    expect(events.map(({ what }) => what)).toEqual(['conflicts 02:00:00:00:00:99', 'not announceable']);
  });

  test('RFC 5227 §2.1.1 last paragraph: another program that probes for it at the same time', async () => {
    let isOver = false;
    const probing = (async () => {
      while (!isOver) await other.tryRun('arping', '-0', '-c', '1', '-W', '0.02', '-i', 'eth0', ADDRESS);
    })();
    const events = await run('by-nobody', 1000);
    isOver = true;
    await probing;
    expect(events[0]?.what).toBe(`conflicts ${await other.mac()}`);
  });
});
