/**
 * How long a host of the LAN waits for our ARP reply, against the floor: the kernel's own reply for an address of its
 * own, on the same link, from the same client, in the same run. Blocks of requests to the one and the other alternate,
 * so that whatever else the machine does meets both alike.
 */
import path from 'node:path';
import { createLan } from '../tests/support/netns.ts';
import { PacketPathChild } from '../tests/support/packet-path-child.ts';
import { formatRatio, formatRow, MICROSECONDS, type Percentiles, percentiles } from './percentiles.ts';

const KERNEL_IP = '192.0.2.2';
const OUR_IP = '192.0.2.100';
/** The first block of each warms up caches and compilers, and is left out. */
const ROUNDS = 11;
const REQUESTS_PER_ROUND = 500;

export interface ArpLatency {
  /** For people. */
  readonly lines: string[];
  readonly kernel: RoundTrips;
  readonly ours: RoundTrips;
}

/** Microseconds. */
interface RoundTrips extends Percentiles {
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
    const kernel = roundTrips(times[KERNEL_IP] ?? []);
    const ours = roundTrips(times[OUR_IP] ?? []);
    return { lines: describe(kernel, ours), kernel, ours };
  } finally {
    await child.stop().finally(() => lan.remove());
  }
}

function roundTrips(times: readonly number[]): RoundTrips {
  const counted = times.slice(REQUESTS_PER_ROUND);
  const answered = counted.filter((time) => time >= 0);
  return { ...percentiles(answered), lost: counted.length - answered.length };
}

function describe(kernel: RoundTrips, ours: RoundTrips): string[] {
  const row = (name: string, times: RoundTrips) => `${formatRow(name, times, MICROSECONDS)}   lost ${times.lost}`;
  return [
    row('the kernel’s own reply (the floor)', kernel),
    row('packet path', ours),
    formatRatio(ours, kernel),
    `${(ROUNDS - 1) * REQUESTS_PER_ROUND} requests each, one at a time`,
  ];
}

if (import.meta.main) console.log((await benchArpLatency()).lines.join('\n'));
