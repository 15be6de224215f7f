/**
 * How long a host of the LAN waits for our ARP reply, against the floor: the kernel's own reply for an address of its
 * own, on the same link, from the same client, in the same run. Blocks of requests to the one and the other alternate,
 * so that whatever else the machine does meets both alike.
 */
import path from 'node:path';
import { createLan } from '../tests/support/netns.ts';
import { PacketPathChild } from '../tests/support/packet-path-child.ts';

const KERNEL_IP = '192.0.2.2';
const OUR_IP = '192.0.2.100';
/** The first block of each warms up caches and compilers, and is left out. */
const ROUNDS = 11;
const REQUESTS_PER_ROUND = 500;

export interface ArpLatency {
  /** For people. */
  readonly lines: string[];
  /** Microseconds. */
  readonly kernel: Percentiles;
  readonly ours: Percentiles;
}

interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  /** Requests without an answer within a second. */
  readonly lost: number;
}

/** Needs root. Takes about five seconds. */
export async function benchArpLatency(): Promise<ArpLatency> {
  const lan = await createLan({ speaker: [`${KERNEL_IP}/24`], client: ['192.0.2.1/24'] });
  const child = new PacketPathChild(lan.host('speaker'));
  try {
    // Other announced addresses, as there would be: the table is looked up, not walked.
    const others = Array.from({ length: 1000 }, (_, i) => ({ ip: `10.0.${i >> 8}.${i & 255}` }));
    await child.announce({ ip: OUR_IP }, ...others);
    const program = path.resolve(import.meta.dirname, 'arp-requester.ts');
    const options = ['--disable-warning=ExperimentalWarning', program, String(ROUNDS), String(REQUESTS_PER_ROUND)];
    const { stdout } = await lan.host('client').run(process.execPath, ...options, KERNEL_IP, OUR_IP);
    const times = JSON.parse(stdout) as Record<string, number[]>;
    const kernel = percentiles(times[KERNEL_IP] ?? []);
    const ours = percentiles(times[OUR_IP] ?? []);
    return { lines: describe(kernel, ours), kernel, ours };
  } finally {
    await child.stop().finally(() => lan.remove());
  }
}

function percentiles(times: readonly number[]): Percentiles {
  const counted = times.slice(REQUESTS_PER_ROUND);
  const answered = counted.filter((time) => time >= 0).sort((a, b) => a - b);
  const at = (share: number) => answered[Math.floor(answered.length * share)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), lost: counted.length - answered.length };
}

function describe(kernel: Percentiles, ours: Percentiles): string[] {
  const row = (name: string, { p50, p99, lost }: Percentiles) =>
    `  ${name.padEnd(22)} p50 ${p50.toFixed(0).padStart(5)} µs   p99 ${p99.toFixed(0).padStart(6)} µs   lost ${lost}`;
  return [
    `ARP round trip, ${(ROUNDS - 1) * REQUESTS_PER_ROUND} requests each, one at a time`,
    row('kernel (the floor)', kernel),
    row('packet path', ours),
    `  ratio                  p50 ${(ours.p50 / kernel.p50).toFixed(1).padStart(5)} ×    p99 ${(ours.p99 / kernel.p99).toFixed(1).padStart(6)} ×`,
  ];
}

if (import.meta.main) console.log((await benchArpLatency()).lines.join('\n'));
