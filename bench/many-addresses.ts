/**
 * 5,000 addresses on one node, half of either family: how long until each was announced once, how long a reply takes
 * then, and what they cost in memory and, once the first rounds are over, in processor time. The floor of each is the same
 * process with one address.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { monotonicMs, recordNeighbours } from '../tests/support/client-probes.ts';
import { createLan, type Lan } from '../tests/support/netns.ts';
import { type Announced, PacketPathChild } from '../tests/support/packet-path-child.ts';
import { formatRow, MICROSECONDS, percentiles } from './percentiles.ts';
import { formatMemory, readResidentMemory } from './process-memory.ts';

const HALF = 2500;
/** The rounds last 4.4 s, and the rate of 5,000 a second holds each back by a second at most. */
const ROUNDS_MS = 12_000;
const REST_MS = 30_000;
const REQUESTS = 2000;
/** Of /proc/PID/stat on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Needs root. Takes about two minutes. */
export async function benchManyAddresses(): Promise<string[]> {
  const few = [{ ip: '192.0.2.100' }];
  const many = Array.from({ length: HALF }, (_, i) => [
    { ip: `10.0.${i >> 8}.${i & 255}` },
    { ip: `2001:db8::1:${i.toString(16)}` },
  ]).flat();
  return [...(await measure('1 address', few)), ...(await measure('5,000 addresses', many))];
}

async function measure(name: string, addresses: readonly Announced[]): Promise<string[]> {
  const lan = await createLan({ speaker: ['192.0.2.2/24', '10.0.0.2/16'], client: ['192.0.2.1/24', '10.0.255.1/16'] });
  await lan.host('client').ip('addr', 'add', '2001:db8::1/64', 'dev', 'eth0', 'nodad');
  await lan.host('speaker').ip('addr', 'add', '2001:db8::2/64', 'dev', 'eth0', 'nodad');
  const child = new PacketPathChild(lan.host('speaker'));
  try {
    await child.interfaces();
    const burstMs = await burst(lan, child, addresses);
    await pause(ROUNDS_MS);
    const before = await readCpuSeconds(child.pid);
    await pause(REST_MS);
    const share = ((await readCpuSeconds(child.pid)) - before) / (REST_MS / 1000);
    const memory = await readResidentMemory(child.pid);
    const replies = await replyTimes(lan, addresses[addresses.length - 2]?.ip ?? addresses[0]?.ip ?? '');
    return [
      `${name}: each announced once within ${burstMs.toFixed(0)} ms; at rest ${(share * 100).toFixed(2)} % of a core`,
      formatRow(`${name}, ARP reply`, percentiles(replies), MICROSECONDS),
      formatMemory(`${name}, resident`, memory),
    ];
  } finally {
    await child.stop().finally(() => lan.remove());
  }
}

/** From before the table is handed over until the client has heard every address claimed. */
async function burst(lan: Lan, child: PacketPathChild, addresses: readonly Announced[]): Promise<number> {
  const probe = await recordNeighbours((...command) => lan.host('client').spawn(...command), []);
  const began = monotonicMs();
  await child.announce(...addresses);
  await pause(5000);
  const first = new Map<string, number>();
  for (const { ip, atMs } of await probe.stop()) if (atMs >= began && !first.has(ip)) first.set(ip, atMs - began);
  const missing = addresses.filter(({ ip }) => !first.has(ip)).length;
  if (missing > 0) throw new Error(`${missing} addresses were not announced within five seconds`);
  return Math.max(...addresses.map(({ ip }) => first.get(ip) ?? 0));
}

async function replyTimes(lan: Lan, ip: string): Promise<readonly number[]> {
  const program = path.resolve(import.meta.dirname, 'neighbour-requester.ts');
  const options = ['--disable-warning=ExperimentalWarning', program, '10.0.255.1', '1', String(REQUESTS), ip];
  const { stdout } = await lan.host('client').run(process.execPath, ...options);
  return ((JSON.parse(stdout) as Record<string, number[]>)[ip] ?? []).slice(REQUESTS / 10).filter((time) => time >= 0);
}

/** User and system time of all its threads so far. */
async function readCpuSeconds(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

if (import.meta.main) console.log((await benchManyAddresses()).join('\n'));
